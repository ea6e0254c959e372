"""AWS Network Firewall: stateless rules, default actions, stateful 5-tuples (facts 4.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.oracle.model import TCP, Host, Json, Packet, inside, protocol_number
from tests.oracle.snapshot import vpc_cidrs
from tests.oracle.walk import Arrival

if TYPE_CHECKING:
    from tests.oracle.crossing.walk import Crossing

ORDER = ("PASS", "DROP", "REJECT", "ALERT")


def pass_by(walk: Crossing, packet: Packet, endpoint: Json) -> Arrival | None:
    """Into the endpoint's subnet, past the rules, and on by the endpoint's own route table. Network ACLs count even
    within one subnet (facts 2.4)."""
    endpoint_id, subnet = endpoint["VpcEndpointId"], endpoint["SubnetIds"][0]
    walk.passed.append((walk.leg, endpoint_id))
    walk.acl(subnet, packet, "ingress")
    if endpoint["State"].lower() != "available":
        walk.block("vpc-endpoint", endpoint_id)
    firewall = behind(walk, endpoint_id)
    if firewall is None:
        walk.unknown(f"what is behind {endpoint_id}")
        return walk.lost()
    inspect(walk, packet, firewall, endpoint_id)
    return walk.leave(Host("", subnet, endpoint["VpcId"]), packet)


def finish(walk: Crossing) -> None:
    """Where both legs are known, each endpoint of a stateful firewall must have seen both (facts 4.7)."""
    if walk.leg == "return" and walk.complete and set(walk.inspected) - walk.seen_again:
        missed = [one for one in walk.inspected if one not in walk.seen_again]
        walk.block("network-firewall", *missed)
        last = walk.segments[-1].arrival.packet if walk.segments else None
        if last is None or last.protocol != TCP:
            walk.doubt("half a connection that is not TCP, at a stateful firewall")


def behind(walk: Crossing, endpoint_id: str) -> Json | None:
    for stem, document in walk.snapshot.raw["Files"].items():
        if stem.startswith("describe-firewall.") and endpoint_id in str(document["FirewallStatus"].get("SyncStates")):
            found: Json = document
            return found
    return None


def inspect(walk: Crossing, packet: Packet, firewall: Json, endpoint_id: str) -> None:
    files = walk.snapshot.raw["Files"]
    name = firewall["Firewall"]["FirewallPolicyArn"].rpartition("/")[2]
    policy = files[f"describe-firewall-policy.{name}"]["FirewallPolicy"]
    action = stateless(files, policy, packet)
    if action == "aws:drop":
        walk.block("network-firewall", endpoint_id)
    if action != "aws:forward_to_sfe":
        if walk.leg == "return" and endpoint_id in walk.inspected and action == "aws:pass":
            walk.doubt("the stateful rules see the request, and the reply passes without them")
        return
    vpc = walk.snapshot.find("Vpcs", "VpcId", firewall["Firewall"]["VpcId"])
    home = vpc_cidrs(vpc) if vpc else []
    if walk.leg == "return":
        walk.seen_again.add(endpoint_id)
        if endpoint_id not in walk.inspected:
            walk.block("network-firewall", endpoint_id)
            if packet.protocol != TCP:
                walk.doubt("half a connection that is not TCP, at a stateful firewall")
        elif endpoint_id not in walk.explicit and dropped(files, policy, packet, home):
            walk.block("network-firewall", endpoint_id)  # no rule passed the flow, and one is about its replies
        return
    walk.inspected.append(endpoint_id)
    action = stateful(walk, files, policy, packet, home)
    if action in ("DROP", "REJECT"):
        walk.block("network-firewall", endpoint_id)
    if action != "":
        walk.explicit.add(endpoint_id)


def stateless(files: Json, policy: Json, packet: Packet) -> str:
    groups = sorted(policy.get("StatelessRuleGroupReferences", []), key=lambda one: int(one["Priority"]))
    for reference in groups:
        group = rule_group(files, reference)["StatelessRulesAndCustomActions"]
        for rule in sorted(group["StatelessRules"], key=lambda one: int(one["Priority"])):
            if matches(rule["RuleDefinition"]["MatchAttributes"], packet):
                return main_action(rule["RuleDefinition"]["Actions"])
    return main_action(policy["StatelessDefaultActions"])


def main_action(actions: list[str]) -> str:
    return next(one for one in actions if one.startswith("aws:"))


def matches(wanted: Json, packet: Packet) -> bool:
    """An absent list means any; ports count for TCP and UDP only."""
    if wanted.get("Protocols") and packet.protocol not in wanted["Protocols"]:
        return False
    for key, one in (("Sources", packet.source), ("Destinations", packet.destination)):
        if wanted.get(key) and not any(inside(one, entry["AddressDefinition"]) for entry in wanted[key]):
            return False
    for key, port in (("SourcePorts", packet.source_port), ("DestinationPorts", packet.destination_port)):
        spans = wanted.get(key)
        if spans and (port is None or not any(one["FromPort"] <= port <= one["ToPort"] for one in spans)):
            return False
    return True


def rule_group(files: Json, reference: Json) -> Json:
    found: Json = files[f"describe-rule-group.{reference['ResourceArn'].rpartition('/')[2]}"]["RuleGroup"]
    return found.get("RulesSource", found)


def stateful(walk: Crossing, files: Json, policy: Json, packet: Packet, home: list[str]) -> str:
    """PASS, DROP or REJECT where a rule or the default action says so, else nothing: it passes."""
    found = [one for one in matching(files, policy, packet, home) if one != "ALERT"]
    if found and not is_strict(policy):
        return min(found, key=ORDER.index)
    if found:
        return found[0]
    defaults = policy.get("StatefulDefaultActions", []) if is_strict(policy) else []
    if "aws:drop_established" in defaults:
        walk.doubt("the default action drop established")
    return "DROP" if "aws:drop_strict" in defaults else ""


def dropped(files: Json, policy: Json, packet: Packet, home: list[str]) -> bool:
    return any(one in ("DROP", "REJECT") for one in matching(files, policy, packet, home))


def is_strict(policy: Json) -> bool:
    return policy.get("StatefulEngineOptions", {}).get("RuleOrder") == "STRICT_ORDER"


def matching(files: Json, policy: Json, packet: Packet, home: list[str]) -> list[str]:
    """The actions of all rules whose header fits, in the order of the policy."""
    references = list(policy.get("StatefulRuleGroupReferences", []))
    if is_strict(policy):
        references.sort(key=lambda one: int(one["Priority"]))
    rules = [rule for reference in references for rule in rule_group(files, reference)["StatefulRules"]]
    return [rule["Action"] for rule in rules if header(rule["Header"], packet, home)]


def header(wanted: Json, packet: Packet, home: list[str]) -> bool:
    protocol = wanted["Protocol"]
    if protocol != "IP" and protocol_number(protocol.lower()) != packet.protocol:
        return False
    ends = (packet.source, packet.source_port), (packet.destination, packet.destination_port)
    if one_way(wanted, *ends, home):
        return True
    return wanted["Direction"] == "ANY" and one_way(wanted, ends[1], ends[0], home)


def one_way(wanted: Json, source: tuple[str, int | None], destination: tuple[str, int | None], home: list[str]) -> bool:
    return (
        named(wanted["Source"], source[0], home)
        and named(wanted["Destination"], destination[0], home)
        and port_named(wanted["SourcePort"], source[1])
        and port_named(wanted["DestinationPort"], destination[1])
    )


def named(wanted: str, one: str, home: list[str]) -> bool:
    if wanted.upper() == "ANY":
        return True
    if wanted == "$HOME_NET":
        return any(inside(one, cidr) for cidr in home)
    if wanted == "$EXTERNAL_NET":
        return not any(inside(one, cidr) for cidr in home)
    return inside(one, wanted)


def port_named(wanted: str, port: int | None) -> bool:
    if wanted.upper() == "ANY":
        return True
    low, _, high = wanted.partition(":")
    return port is not None and int(low) <= port <= int(high or low)
