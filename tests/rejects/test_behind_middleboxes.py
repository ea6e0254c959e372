"""Rules that name the sender's group match nobody behind a middlebox, also where rejected records are explained.

https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.builders import ACCOUNT, Network, tcp
from tests.cli.programs import in_process


def tiers() -> Network:
    """``app`` reaches ``db`` through a firewall; ``near`` is in the subnet of ``db`` and reaches it straight."""
    net = Network()
    net.subnet("subnet-app", "10.0.1.0/24", routes={"10.0.2.0/24": "vpce-fw"})
    net.subnet("subnet-db", "10.0.2.0/24", routes={"10.0.1.0/24": "vpce-fw"})
    net.subnet("subnet-fw", "10.0.3.0/28")
    net.group("sg-app")
    net.group("sg-db", [tcp(5432, "sg-app")])
    for name, address, group in (("app", "10.0.1.10", "sg-app"), ("near", "10.0.2.11", "sg-app")):
        net.instance(name, address, groups=[group], interface_id=f"eni-0{len(name)}")
    net.instance("db", "10.0.2.20", groups=["sg-db"], interface_id="eni-0db")
    arn = net.firewall("inspection", {"subnet-fw": "vpce-fw"})
    service = "com.amazonaws.vpce.eu-west-1.vpce-svc-0a1b2c3d4e5f60718"
    net.endpoint("vpce-fw", service, "GatewayLoadBalancer", at={"subnet-fw": "10.0.3.5"}, firewall=arn)
    return net


@pytest.mark.parametrize(
    ("sender", "status", "code"),
    [("10.0.1.10", "explained", "SG_REFERENCES_NOT_PRESERVED"), ("10.0.2.11", "now-allowed", None)],
)
def test_the_senders_group_counts_only_where_nothing_stands_between(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, sender: str, status: str, code: str | None
) -> None:
    tiers().save(tmp_path / "snapshot")
    record = f"2 {ACCOUNT} eni-0db {sender} 10.0.2.20 47122 5432 6 4 240 1795424413 1795424470 REJECT OK\n"
    (tmp_path / "flow.log").write_text(record)
    arguments = ("--flow-logs", str(tmp_path / "flow.log"), "--snapshot", str(tmp_path / "snapshot"))
    found = in_process(capsys, "rejects", *arguments, "--output", "json")
    (group,) = json.loads(found.out)["groups"]
    assert (group["status"], (group["cause"] or {}).get("code")) == (status, code)
    if code:
        assert "vpce-fw" in group["cause"]["summary"]
