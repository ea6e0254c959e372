"""Near misses against slow code that tries everything: each would allow once mended, nothing nearer is left out."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from random import Random
from typing import Any

import pytest

from tests.builders import OPEN, OUT_V6, Network, allow, deny, every, icmp, tcp, udp
from tests.properties.asking import SOAK
from whyblocked.diagnosis.answer import Answer, Finding, NearMiss

rounds = pytest.mark.parametrize("seed", range(60 * SOAK))

Json = dict[str, Any]
Block = IPv4Network | IPv6Network
Gap = tuple[frozenset[str], int | None, int]

CLIENT, SERVER = "10.0.1.10", "10.0.2.20"
CLIENT_V6, SERVER_V6 = "2001:db8:1:1::10", "2001:db8:1:2::20"
PORTS = (21, 22, 23, 80, 443, 2222, 8443, (20, 30), (8000, 8100), (0, 65535))
BLOCKS = ("10.0.1.8/31", "10.0.1.12/30", "10.0.0.0/24", "10.0.3.0/24", "10.0.1.10/32", "10.0.1.0/24", "192.0.2.0/24",
          "0.0.0.0/0", "2001:db8:1:1::/64", "2001:db8:1:2::/64", "2001:db8:1:1::10/128", "::/0")  # fmt: skip
LISTS = {"pl-near": ["10.0.1.0/29", "192.0.2.0/24"], "pl-holds": ["10.0.1.10/32"], "pl-v6": ["2001:db8::/64"]}
GROUPS = ("sg-client", "sg-other")
PROTOCOLS = ("tcp", "udp", "icmp", "50", "-1")
UNREAD = -1  # how far off a prefix list is whose entries were not looked at


def account(ingress: list[Json], inbound: list[Json] | None = None) -> Network:
    """``client`` (group sg-client) and ``server`` (group sg-server, a network ACL of its own) in one VPC."""
    net = Network(ipv6="2001:db8:1::/56")
    net.subnet("subnet-client", "10.0.1.0/24", ipv6="2001:db8:1:1::/64")
    net.subnet(
        "subnet-server", "10.0.2.0/24", ipv6="2001:db8:1:2::/64", acl=(OPEN if inbound is None else inbound, OPEN)
    )
    net.group("sg-client", [], OUT_V6)
    net.group("sg-server", ingress, OUT_V6)
    net.instance("client", CLIENT, ipv6=CLIENT_V6, groups=["sg-client"])
    net.instance("server", SERVER, ipv6=SERVER_V6, groups=["sg-server"])
    for list_id, blocks in LISTS.items():
        net.prefix_list(list_id, blocks)
    return net


def drawn_rule(rng: Random) -> Json:
    protocol = rng.choice(PROTOCOLS)
    peer = rng.choice((*BLOCKS, *BLOCKS, *LISTS, *GROUPS))
    if protocol in ("tcp", "udp"):
        return (tcp if protocol == "tcp" else udp)(rng.choice(PORTS), peer)
    if protocol == "icmp":
        return icmp(*rng.choice(((8, 0), (8, -1), (3, 4), (-1, -1))), peer)
    return every(protocol, peer)


def drawn_entry(rng: Random, number: int) -> Json:
    make = rng.choice((allow, allow, deny))
    protocol = rng.choice(("tcp", "udp", "icmp", "50", "all"))
    cidr = rng.choice(BLOCKS)
    if protocol in ("tcp", "udp"):
        return make(number, protocol, rng.choice(PORTS), cidr)
    if protocol == "icmp" and ":" not in cidr:
        return make(number, protocol, None, cidr, icmp=rng.choice(((8, 0), (8, -1), (3, 4), (-1, -1))))
    return make(number, "all" if protocol == "icmp" else protocol, None, cidr)


def drawn_question(rng: Random) -> tuple[str, Json]:
    """A question and what its packets are."""
    source, destination = rng.choice(((CLIENT, SERVER), (CLIENT, SERVER), (CLIENT_V6, SERVER_V6)))
    kind = rng.choice(("tcp", "tcp", "udp", "icmp")) if source == CLIENT else rng.choice(("tcp", "udp"))
    packet: Json = {"source": source, "protocol": kind}
    if kind == "icmp":
        return f"{source} -> {destination}/icmp", packet
    packet["port"] = rng.choice((22, 443, 8443))
    return f"{source} -> [{destination}]:{packet['port']}/{kind}", packet


# -- slow judgement -------------------------------------------------------------------------------------------------


def numbers(protocol: str) -> set[int]:
    named = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58, "all": -1}
    number = named[protocol] if protocol in named else int(protocol)
    return set(range(256)) if number == -1 else {number}


def reach(ports: str | None, port: int) -> int:
    """By how much a range of ports would have to grow, counted port by port."""
    if ports is None:
        return 0
    low, _, high = ports.partition("-")
    first, last = int(low), int(high or low)
    grown = 0
    while not first - grown <= port <= last + grown:
        grown += 1
    return grown


def bits(blocks: list[str], source: str) -> int | None:
    """How many bits shorter the best of the blocks has to be, found by shortening them; None: the other IP version."""
    found = []
    for text in blocks:
        block: Block = ip_network(text)
        if block.version != ip_address(source).version:
            continue
        steps = 0
        while ip_address(source) not in block:
            block, steps = block.supernet(), steps + 1
        found.append(steps)
    return min(found, default=None)


def slow_gap(rule: Json, packet: Json) -> Gap:
    """The dimensions in which a rule of an answer fails, with bits and ports; groups are looked up by hand."""
    failed = set()
    ours = next(iter(numbers(packet["protocol"])))
    theirs = numbers(rule["protocol"])
    with_ports = {"tcp", "udp"}
    ports = 0
    if ours not in theirs:
        failed.add("protocol")
    if packet["protocol"] in with_ports:
        if rule["protocol"] in with_ports:
            ports = reach(rule["ports"], packet["port"])
            if ports:
                failed.add("port")
        elif ours not in theirs and rule.get("icmp_type", -1) != -1:
            failed.add("port")
    elif ours in theirs:
        if (rule.get("icmp_type", -1), rule.get("icmp_code", -1)) not in ((-1, -1), (8, -1), (8, 0)):
            failed.add("icmp-type")
    elif rule["ports"] not in (None, "0-65535"):
        failed.add("icmp-type")
    if rule.get("prefix_list_id") and failed:
        return frozenset(failed), UNREAD, ports  # its entries are not looked at then
    if rule.get("referenced_group_id"):
        off = None if rule["referenced_group_id"] != "sg-client" else 0
    else:
        off = bits(LISTS.get(rule.get("prefix_list_id") or "", [rule.get("cidr") or ""]), packet["source"])
    if off != 0:
        failed.add("source")
    return frozenset(failed), off, ports


def rank(gap: Gap) -> tuple[int, bool]:
    return len(gap[0]), "protocol" in gap[0]


def described(found: Finding, packet: Json, everything: list[Json]) -> None:
    """What holds of the near misses of a security group, given all rules that there are."""
    gaps = [slow_gap(rule, packet) for rule in everything]
    shown = [slow_gap(miss.rule, packet) for miss in found.near_misses]
    for miss, (failed, off, ports) in zip(found.near_misses, shown, strict=True):
        assert set(miss.failed) == failed, miss
        assert miss.distance.get("port", 0) == (ports if "port" in failed else 0)
        if miss.rule.get("cidr") and "source" in failed:
            assert miss.distance.get("source") == off
    assert [rank(gap) for gap in shown] == sorted(rank(gap) for gap in shown)
    assert bool(shown) == bool(gaps)
    fewest = max(1, min((len(failed) for failed, *_ in gaps), default=1))
    assert all(len(failed) <= fewest for failed, *_ in shown)
    kinds = {failed for failed, *_ in gaps if len(failed) <= fewest}
    near = [gap for gap in gaps if len(gap[0]) <= fewest]
    assert len(shown) == min(3, len(near))
    assert len({failed for failed, *_ in shown}) >= min(3, len(kinds))
    for kind, way in ((frozenset({"source"}), bits_off), (frozenset({"port"}), ports_off)):
        told, have = (sorted(way(gap) for gap in some if gap[0] == kind and way(gap) >= 0) for some in (shown, near))
        assert told == have[: len(told)]  # of a kind, nothing nearer was left out


def bits_off(gap: Gap) -> int:
    return -1 if gap[1] is None else gap[1]


def ports_off(gap: Gap) -> int:
    return -1 if gap[1] == UNREAD else gap[2].bit_length()


# -- mended ---------------------------------------------------------------------------------------------------------


def mended(miss: NearMiss, packet: Json) -> Json:
    """The rule of a near miss with what failed made to match."""
    rule = miss.rule
    protocol = packet["protocol"] if "protocol" in miss.failed else str(rule["protocol"])
    peer = f"{packet['source']}/{ip_address(packet['source']).max_prefixlen}"
    if "source" not in miss.failed and not rule.get("prefix_list_id"):
        peer = rule.get("cidr") or rule["referenced_group_id"]
    if protocol == "icmp":
        return icmp(8, 0, peer) if {"icmp-type", "protocol"} & set(miss.failed) else every("icmp", peer)
    if protocol not in ("tcp", "udp"):
        return every("-1" if protocol == "all" else protocol, peer)
    ports: Any = packet.get("port")
    if "port" not in miss.failed:
        low, _, high = str(rule["ports"] or "0-65535").partition("-")
        ports = (int(low), int(high or low))
    return (tcp if protocol == "tcp" else udp)(ports, peer)


def group_finding(answer: Answer) -> Finding | None:
    return next((f for f in answer.blocked_by if f.layer == "security-group"), None)


@rounds
def test_a_near_miss_of_a_security_group_would_allow_once_mended_and_nothing_nearer_is_left_out(seed: int) -> None:
    rng = Random(seed)
    drawn = [drawn_rule(rng) for _ in range(rng.choice((1, 3, 8, 20)))]
    rules = list({str(rule): rule for rule in drawn}.values())
    question, packet = drawn_question(rng)
    found = group_finding(account(rules).ask(question))
    if found is None:
        return
    everything = [
        alone.near_misses[0].rule for rule in rules if (alone := group_finding(account([rule]).ask(question)))
    ]
    unlike = {str(rule): rule for rule in everything}
    described(found, packet, list(unlike.values()))
    for miss in found.near_misses:
        assert group_finding(account([mended(miss, packet)]).ask(question)) is None, miss


@rounds
def test_a_near_miss_of_a_network_acl_would_allow_once_mended_and_moved_to_the_front(seed: int) -> None:
    rng = Random(seed)
    entries = [drawn_entry(rng, number) for number in rng.sample(range(1, 200), rng.choice((1, 3, 8, 15)))]
    question, packet = drawn_question(rng)
    opened = [every("-1", "0.0.0.0/0", "::/0")]
    answer = account(opened, entries).ask(question)
    found = next((f for f in answer.blocked_by if f.layer == "network-acl"), None)
    if found is None:
        return
    assert found.rule is not None
    decided = found.rule["rule_number"]
    allowing = [e for e in entries if e["RuleAction"] == "allow"]
    assert bool(found.near_misses) == bool(allowing)
    for miss in found.near_misses:
        number = miss.rule["rule_number"]
        behind = number > decided
        assert not behind or miss.shadowed_by is not None or miss.failed
        protocol = packet["protocol"] if "protocol" in miss.failed else str(miss.rule["protocol"])
        ports = None
        if protocol in ("tcp", "udp"):
            low, _, high = str(miss.rule["ports"] or "0-65535").partition("-")
            ports = packet["port"] if "port" in miss.failed else (int(low), int(high or low))
        block = miss.rule["cidr"]
        if "source" in miss.failed:
            block = f"{packet['source']}/{ip_address(packet['source']).max_prefixlen}"
        others = [e for e in entries if e["RuleNumber"] != number]
        entry = allow(0 if behind else number, protocol, ports, block)
        if protocol == "icmp" and "icmp-type" not in miss.failed and "protocol" not in miss.failed:
            entry["IcmpTypeCode"] = {"Type": miss.rule["icmp_type"], "Code": miss.rule["icmp_code"]}
        again = account(opened, [*others, entry]).ask(question)
        assert not any(f.layer == "network-acl" for f in again.blocked_by), miss
    orders = [miss for miss in found.near_misses if not miss.failed]
    slow = [e for e in allowing if e["RuleNumber"] > decided and _takes(e, packet)]
    assert [m.rule["rule_number"] for m in orders] == sorted(e["RuleNumber"] for e in slow)[: len(orders)]
    assert bool(orders) == bool(slow)


def _takes(entry: Json, packet: Json) -> bool:
    """Whether an entry matches the packet, read from its raw form."""
    block = entry.get("CidrBlock") or entry["Ipv6CidrBlock"]
    if ip_address(packet["source"]) not in ip_network(block):
        return False
    number = {"tcp": "6", "udp": "17", "icmp": "1"}[packet["protocol"]]
    if entry["Protocol"] not in ("-1", number):
        return False
    if "PortRange" in entry and "port" in packet and entry["Protocol"] != "-1":
        return bool(entry["PortRange"]["From"] <= packet["port"] <= entry["PortRange"]["To"])
    if "IcmpTypeCode" in entry:
        return (entry["IcmpTypeCode"]["Type"], entry["IcmpTypeCode"]["Code"]) in ((-1, -1), (8, -1), (8, 0))
    return True


# -- routes ---------------------------------------------------------------------------------------------------------

ROUTED = ("10.1.0.0/16", "10.2.0.0/15", "10.64.0.0/10", "10.9.0.0/24", "192.168.0.0/16", "172.16.0.0/12",
          "2001:db8:2::/48", "pl-listed")  # fmt: skip
LISTED = ["10.3.0.0/16", "10.200.0.0/24", "198.51.100.0/24"]


@rounds
def test_a_near_miss_of_a_route_table_would_lead_on_once_mended_and_nothing_nearer_is_left_out(seed: int) -> None:
    rng = Random(seed)
    routed = rng.sample(ROUTED, rng.choice((1, 3, 6)))
    destination = rng.choice(("10.0.200.5", "10.1.0.1", "10.3.0.9", "10.65.0.1", "10.255.0.1", "192.169.0.1"))

    def ask(blocks: list[str]) -> Answer:
        net = Network("10.0.0.0/17")
        net.internet_gateway()
        net.subnet("subnet-a", "10.0.1.0/24", routes=dict.fromkeys(blocks, "igw-1"))
        net.prefix_list("pl-listed", LISTED)
        net.instance("client", "10.0.1.10")
        return net.ask(f"client -> {destination}:443")

    found = next(
        (f for f in ask(routed).blocked_by if f.code == "NO_ROUTE_TO_DESTINATION" and f.leg == "forward"), None
    )
    if found is None:
        return
    gaps: dict[str, int] = {}
    for route in routed:
        near = []
        for text in LISTED if route.startswith("pl-") else [route]:
            block: Block = ip_network(text)
            off = bits([text], destination)
            if block.version == 6 or (off is not None and block.prefixlen - off >= 8):
                near.append(1 + block.prefixlen if off is None else off)
        if near:
            gaps[route] = min(near)
    told = [miss.rule["destination"] for miss in found.near_misses]
    assert set(told) <= set(gaps)
    assert len(told) == min(3, len(gaps))
    version4 = [gaps[route] for route in told if ":" not in route]
    assert version4 == sorted(gap for route, gap in gaps.items() if ":" not in route)[: len(version4)]
    for miss in found.near_misses:
        assert miss.failed == ["destination"]
        others = [route for route in routed if route != miss.rule["destination"]]
        codes = [f.code for f in ask([*others, f"{destination}/32"]).blocked_by if f.leg == "forward"]
        assert "NO_ROUTE_TO_DESTINATION" not in codes
