"""The commands of the next steps: run on the account's own resources, they make the question pass."""

from __future__ import annotations

import re
import shlex

import pytest

from tests.builders import Json, Network, allow, deny, tcp, udp
from tests.semantics.scenes import public_server, two_subnets
from whyblocked.diagnosis.answer import Answer

V6 = "2001:db8:ffff::5 -> web:22"
QUESTIONS = [
    (public_server(ingress=[]), "203.0.113.5 -> web:22"),
    (public_server(ingress=[tcp(443, "0.0.0.0/0")]), "203.0.113.0/24 -> web:22"),
    (public_server(ingress=[udp(53, "0.0.0.0/0")]), "203.0.113.5 -> web:53-60/udp"),
    (public_server(ingress=[]), "203.0.113.5 -> web/icmp"),
    (public_server(ingress=[]), "2001:db8:ffff::5 -> web:22"),
    (public_server(acl=([deny(90), allow(100)], [allow(100)])), "203.0.113.5 -> web:22"),
    (public_server(acl=([allow(100)], [])), "203.0.113.5 -> web:22"),
    (public_server(acl=([allow(100)], [allow(100, "tcp", (32768, 65535))])), "203.0.113.5 -> web:22"),
    (public_server(acl=([deny(99, cidr="::/0"), allow(98), deny(97)], [allow(100), allow(101, cidr="::/0")])), V6),
    (two_subnets(egress=[], server_acl=([deny(2), allow(3)], [allow(100)])), "client -> server:5432"),
    (two_subnets(ingress=[], client_acl=([allow(100)], [deny(50), allow(100)])), "client -> server:5432"),
]


@pytest.mark.parametrize(("net", "question"), QUESTIONS, ids=lambda value: value if isinstance(value, str) else "")
def test_what_the_next_steps_say_makes_the_question_pass(net: Network, question: str) -> None:
    before = net.ask(question)
    assert before.verdict in ("blocked", "partial")
    for command in commands_of(before):
        apply(net, command)
    assert net.ask(question).verdict == "allowed"


def test_a_deny_with_no_number_in_front_of_it_says_so() -> None:
    step = public_server(acl=([deny(1), allow(2)], [allow(100)])).ask("203.0.113.5 -> web:22").blocked_by[0].next_step
    assert step is not None
    assert "Make room" in step


def commands_of(answer: Answer) -> list[list[str]]:
    """The AWS CLI commands in the next steps of an answer."""
    return [shlex.split(finding.command) for finding in answer.blocked_by if finding.command]


def apply(net: Network, command: list[str]) -> None:
    """Do to the account what the AWS CLI would do with a command."""
    options = dict(zip(command[3:], [*command[4:], ""], strict=True))
    if command[2].startswith("authorize-security-group"):
        key = "IpPermissions" if command[2].endswith("ingress") else "IpPermissionsEgress"
        group = _find(net, "SecurityGroups", "GroupId", options["--group-id"])
        group.setdefault(key, []).append(_permission(options["--ip-permissions"]))
    else:
        assert command[2] == "create-network-acl-entry"
        acl = _find(net, "NetworkAcls", "NetworkAclId", options["--network-acl-id"])
        entry: Json = {
            "RuleNumber": int(options["--rule-number"]),
            "Protocol": options["--protocol"],
            "Egress": "--egress" in command,
            "RuleAction": options["--rule-action"],
        }
        if "--port-range" in options:
            entry["PortRange"] = {k: int(v) for k, v in re.findall(r"(From|To)=(\d+)", options["--port-range"])}
        entry["CidrBlock" if "--cidr-block" in options else "Ipv6CidrBlock"] = options.get(
            "--cidr-block", options.get("--ipv6-cidr-block")
        )
        assert all(e["RuleNumber"] != entry["RuleNumber"] for e in acl["Entries"] if e["Egress"] == entry["Egress"]), (
            "the number is taken"
        )
        acl["Entries"].append(entry)


def _permission(shorthand: str) -> Json:
    """The CLI's shorthand of an IpPermission as JSON."""
    permission: Json = {"IpProtocol": re.findall(r"IpProtocol=([^,]+)", shorthand)[0]}
    for port in ("FromPort", "ToPort"):
        if found := re.findall(rf"{port}=(-?\d+)", shorthand):
            permission[port] = int(found[0])
    permission["IpRanges"] = [{"CidrIp": cidr} for cidr in re.findall(r"CidrIp=([^}]+)", shorthand)]
    permission["Ipv6Ranges"] = [{"CidrIpv6": cidr} for cidr in re.findall(r"CidrIpv6=([^}]+)", shorthand)]
    return permission


def _find(net: Network, key: str, field: str, value: str) -> Json:
    return next(row for row in net.responses[key] if row[field] == value)
