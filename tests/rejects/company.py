"""A company with a bad morning: its network, and an hour of flow logs, for the tests of the report."""

from __future__ import annotations

from tests.builders import OPEN, OUT, Network, allow, deny, tcp
from tests.rejects.telling import record

OFFICE, HOST = "203.0.113.5", "192.0.2.80"


def company() -> Network:
    """Web servers, a database, workers behind a NAT gateway, a load balancer."""
    net = Network()
    net.internet_gateway()
    public = {"0.0.0.0/0": "igw-1"}
    net.subnet("subnet-web", "10.0.1.0/24", routes=public, acl=([deny(90, "tcp", 3389), *OPEN], OPEN))
    net.subnet("subnet-db", "10.0.2.0/24", acl=(OPEN, [allow(100, "tcp", (32768, 65535))]))
    net.subnet("subnet-nat", "10.0.3.0/24", routes=public, acl=([allow(100, "tcp", (32768, 65535))], OPEN))
    net.group("sg-web", [tcp(443, "0.0.0.0/0"), tcp(22, "203.0.113.0/30", note="office")], OUT, name="web")
    net.group("sg-db", [tcp(5432, "sg-web")], OUT, name="database")
    net.instance("web-1", "10.0.1.10", groups=["sg-web"], public="198.51.100.10", interface_id="eni-web1")
    net.instance("web-2", "10.0.1.11", groups=["sg-web"], public="198.51.100.11", interface_id="eni-web2")
    net.instance("orders", "10.0.2.20", groups=["sg-db"], interface_id="eni-orders")
    net.instance("worker", "10.0.1.30", groups=["sg-worker"], interface_id="eni-worker")
    net.group("sg-worker", [], OUT)
    net.nat_gateway("nat-1", "10.0.3.99", "198.51.100.99")
    net.interface(
        "eni-elb", "10.0.1.40", groups=["sg-web"], description="ELB app/shop/0123456789abcdef", requester="amazon-elb"
    )
    return net


def morning() -> list[str]:
    """Every kind of rejected flow, and some that passed."""
    found = [
        record("eni-web1", f"{OFFICE} 40000 -> 10.0.1.10 443", accepted=True, flags=2),
        record("eni-orders", "10.0.1.30 41000 -> 10.0.2.20 5432", flags=2, packets=42),
        record("eni-orders", "10.0.1.40 41000 -> 10.0.2.20 5432", flags=2, packets=12, at=60),
        record("eni-orders", "10.0.1.10 40001 -> 10.0.2.20 5432", accepted=True, flags=2),
        record("eni-orders", "10.0.2.20 5432 -> 10.0.1.10 1030", flags=18, packets=8),
        record("eni-web1", f"{OFFICE} 40100 -> 10.0.1.10 22", flags=2, packets=9),
        record("eni-web1", "203.0.113.1 40100 -> 10.0.1.10 22", flags=2, packets=6),
        record("eni-web2", f"{OFFICE} 40100 -> 10.0.1.11 3389", flags=2, packets=5),
        record("eni-web2", f"{HOST} 443 -> 10.0.1.11 45000", flags=1, packets=3),
        record("eni-nat-1", f"{HOST} 443 -> 10.0.3.99 2345", packets=7),
        record("eni-gone", "10.0.9.9 40000 -> 10.0.9.10 80", flags=2, packets=11),
    ]
    for number in range(25):
        stranger, target, eni = f"198.18.{number}.9", 10 + number % 2, 1 + number % 2
        found += [
            record(f"eni-web{eni}", f"{stranger} 50000 -> 10.0.1.{target} {port}", flags=2, packets=1)
            for port in (23, 2323, 8080)[: 1 + number % 3]
        ]
    return found
