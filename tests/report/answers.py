"""Answers as the reports get them: one small function a story."""

from __future__ import annotations

from typing import Any

import msgspec

from whyblocked.diagnosis.answer import (
    Answer,
    Asking,
    Evidence,
    Finding,
    Fix,
    FixStep,
    Hop,
    Moment,
    NearMiss,
    PacketSet,
    Seen,
    Stop,
    Target,
)

CLIENT, INSTANCE, PRIVATE, PUBLIC = "203.0.113.5", "i-0abc1234def567890", "10.0.1.10", "198.51.100.7"
ENI, SUBNET, VPC = "eni-0123456789abcdef0", "subnet-0b2c3d4e5f6071829", "vpc-0c3d4e5f607182930"
ACL, GROUP, TABLE, GATEWAY = (
    "acl-0d4e5f60718293041",
    "sg-0e5f6071829304152",
    "rtb-0f607182930415263",
    "igw-00718293041526374",
)
ACCOUNT, REGION = "123456789012", "eu-west-1"
WHERE: dict[str, Any] = {
    "interface_id": ENI,
    "subnet_id": SUBNET,
    "vpc_id": VPC,
    "account_id": ACCOUNT,
    "region": REGION,
}
EPHEMERAL = "1024-65535"


def acl_rule(number: int, action: str, protocol: str, cidr: str, ports: str | None = None) -> dict[str, Any]:
    return {"rule_number": number, "action": action, "protocol": protocol, "cidr": cidr, "ports": ports}


def group_rule(cidr: str, ports: str = "22", description: str | None = None, end: str = "1") -> dict[str, Any]:
    return {
        "rule_id": f"sgr-0a1b2c3d4e5f6071{end}",
        "group_id": GROUP,
        "protocol": "tcp",
        "ports": ports,
        "cidr": cidr,
        "description": description,
    }


def there(destination: str = PRIVATE, **changes: Any) -> PacketSet:
    words = {
        "source": f"{CLIENT}/32",
        "destination": f"{destination}/32",
        "protocol": "tcp",
        "source_ports": EPHEMERAL,
        "destination_ports": "22",
    }
    return PacketSet(**{**words, **changes})


def back(source: str = PRIVATE, **changes: Any) -> PacketSet:
    words = {
        "source": f"{source}/32",
        "destination": f"{CLIENT}/32",
        "protocol": "tcp",
        "source_ports": "22",
        "destination_ports": EPHEMERAL,
    }
    return PacketSet(**{**words, **changes})


def forward(**changes: Hop) -> list[Hop]:
    hops = {
        "gateway": Hop(
            kind="internet-gateway", id=GATEWAY, action="translate", packet=there(PUBLIC), detail=f"to {PRIVATE}"
        ),
        "acl": Hop(
            kind="network-acl",
            id=ACL,
            name="private",
            direction="ingress",
            action="allow",
            rule=acl_rule(100, "allow", "all", "0.0.0.0/0"),
            packet=there(),
        ),
        "group": Hop(
            kind="security-group",
            id=GROUP,
            name="web",
            direction="ingress",
            action="allow",
            rule=group_rule("203.0.113.0/24", description="office VPN"),
            packet=there(),
            resource_ids=[GROUP],
        ),
        "interface": Hop(kind="interface", id=ENI, action="forward", packet=there(), detail=f"to {INSTANCE}"),
        "instance": Hop(kind="instance", id=INSTANCE, name="web-1", action="deliver", packet=there()),
    }
    return list({**hops, **changes}.values())


def return_(**changes: Hop) -> list[Hop]:
    hops = {
        "group": Hop(
            kind="security-group",
            id=GROUP,
            name="web",
            direction="egress",
            action="allow",
            packet=back(),
            detail="tracked connection",
            resource_ids=[GROUP],
        ),
        "table": Hop(
            kind="route-table",
            id=TABLE,
            action="forward",
            rule={"destination": "0.0.0.0/0", "target": GATEWAY, "state": "active"},
            packet=back(),
        ),
        "acl": Hop(
            kind="network-acl",
            id=ACL,
            name="private",
            direction="egress",
            action="allow",
            rule=acl_rule(100, "allow", "tcp", "0.0.0.0/0", EPHEMERAL),
            packet=back(),
        ),
        "gateway": Hop(kind="internet-gateway", id=GATEWAY, action="translate", packet=back(), detail=f"from {PUBLIC}"),
    }
    return list({**hops, **changes}.values())


UNAVAILABLE = Evidence(
    status="unavailable",
    summary=f"No flow log covers {ENI}, its subnet or its VPC.",
    enable_command=(
        f"aws ec2 create-flow-logs --resource-type NetworkInterface --resource-ids {ENI} --traffic-type ALL"
        " --log-destination-type cloud-watch-logs --log-group-name flow-logs"
        " --deliver-logs-permission-arn arn:aws:iam::123456789012:role/flow-logs"
    ),
)
SILENT = Evidence(
    status="silent",
    summary="The packets did not arrive: 412 records of the last hour, none of this flow.",
    scanned={"records": 412, "accepted": 380, "rejected": 20, "no_data": 12, "malformed": 0, "files": 0},
    sources=["cloudwatch:/vpc/flow-logs"],
    notes=["Records appear up to ten minutes after the traffic."],
)


def timeline(rejected: list[int], accepted: list[int] | None = None) -> list[Moment]:
    return [
        Moment(start=f"2026-11-23T09:{5 * i:02}:00Z", accepted=(accepted or [0] * len(rejected))[i], rejected=count)
        for i, count in enumerate(rejected)
    ]


def confirms(leg: str = "return") -> Evidence:
    rejected = Seen(
        interface_id=ENI,
        leg=leg,  # type: ignore[arg-type]
        direction="egress" if leg == "return" else "ingress",
        expected="reject",
        accepted=0,
        rejected=31,
        packets=93,
        bytes=5580,
    )
    arrived = Seen(
        interface_id=ENI,
        leg="forward",
        direction="ingress",
        expected="accept",
        accepted=31,
        rejected=0,
        packets=31,
        bytes=1860,
    )
    return Evidence(
        status="confirms",
        summary="The instance's replies were rejected 31 times in the last hour.",
        records=62 if leg == "return" else 31,
        accepted=31 if leg == "return" else 0,
        rejected=31,
        packets=124,
        bytes=7440,
        first_seen="2026-11-23T09:00:01Z",
        last_seen="2026-11-23T09:54:59Z",
        scanned={"records": 1412, "accepted": 1380, "rejected": 31, "no_data": 1, "malformed": 0, "files": 2},
        sources=["cloudwatch:/vpc/flow-logs"],
        seen=[arrived, rejected] if leg == "return" else [rejected],
        timeline=timeline(
            [1, 1, 2, 4, 8, 6, 3, 2, 2, 1, 0, 1], [2, 2, 2, 3, 3, 5, 3, 3, 2, 2, 2, 2] if leg == "return" else None
        ),
    )


def answer(**changes: Any) -> Answer:
    fields: dict[str, Any] = {
        "question": Asking(
            text=f"{CLIENT} -> i-abc:22",
            source=CLIENT,
            destination=INSTANCE,
            protocol="tcp",
            destination_port=22,
            source_port=EPHEMERAL,
        ),
        "verdict": "allowed",
        "summary": f"{CLIENT} reaches {INSTANCE} on tcp/22, and its replies come back.",
        "blocked_by": [],
        "forward": forward(),
        "return_": return_(),
        "evidence": UNAVAILABLE,
    }
    return Answer(**{**fields, **changes})


def allowed() -> Answer:
    return answer()


def blocked_by_group() -> Answer:
    summary = f"No rule of security group {GROUP} (web) allows tcp/22 from {CLIENT}."
    closest = group_rule("203.0.113.0/30", description="office VPN")
    finding = Finding(
        layer="security-group",
        leg="forward",
        direction="ingress",
        resource_ids=[GROUP],
        **WHERE,
        code="ENI_SG_RULES_MISMATCH",
        summary=summary,
        near_misses=[
            NearMiss(rule=closest, failed=["source"], summary=f"{CLIENT} is outside 203.0.113.0/30"),
            NearMiss(rule=group_rule("0.0.0.0/0", "2222", end="2"), failed=["port"], summary="port 22 is not 2222"),
        ],
        packets=there(),
        next_step=f"Allow tcp/22 from {CLIENT}/32 in {GROUP}.",
    )
    denied = Hop(
        kind="security-group",
        id=GROUP,
        name="web",
        direction="ingress",
        action="deny",
        packet=there(),
        detail="no rule allows it",
        resource_ids=[GROUP],
    )
    says = f"Give {GROUP} (web) an inbound rule that allows tcp/22 from {CLIENT}."
    command = f"aws ec2 authorize-security-group-ingress --region {REGION} --group-id {GROUP} --cidr {CLIENT}/32"
    fix = Fix(
        summary=says,
        commands=[command],
        also_allows="the same source to 2 other interfaces that use the group",
        terraform=['resource "aws_vpc_security_group_ingress_rule" "web" {', '  cidr_ipv4 = "203.0.113.5/32"', "}"],
        steps=[FixStep(summary=says, commands=[command], region=REGION)],
        warnings=["A new rule counts for new connections at once."],
        room=[f"{GROUP}: 5 of 60 inbound rules"],
    )
    return answer(
        verdict="blocked",
        summary=summary,
        blocked_by=[finding],
        forward=forward(group=denied),
        evidence=msgspec.structs.replace(confirms("forward"), summary="31 of 31 records of this flow are REJECT."),
        fixes=[fix],
    )


def blocked_on_return() -> Answer:
    rule = acl_rule(90, "deny", "tcp", "0.0.0.0/0", EPHEMERAL)
    finding = Finding(
        layer="network-acl",
        leg="return",
        direction="egress",
        resource_ids=[ACL],
        **WHERE,
        rule=rule,
        code="SUBNET_ACL_RESTRICTION",
        summary=f"Rule 90 of network ACL {ACL} denies the replies' ports before rule 100 allows them.",
        packets=there(),
        near_misses=[
            NearMiss(
                rule=acl_rule(100, "allow", "tcp", "0.0.0.0/0", EPHEMERAL),
                failed=[],
                summary="rule 90 comes first and denies",
            )
        ],
        next_step=f"Remove rule 90 from {ACL}, or give the allow a lower number.",
    )
    denied = Hop(
        kind="network-acl",
        id=ACL,
        name="private",
        direction="egress",
        action="deny",
        rule=rule,
        packet=back(),
    )
    return answer(
        verdict="blocked",
        summary=f"{CLIENT} reaches {INSTANCE} on tcp/22, but the replies are dropped by network ACL {ACL}.",
        blocked_by=[finding],
        return_=return_(acl=denied),
        evidence=confirms(),
        warnings=["The rules are those of now; the records are up to an hour old."],
    )


def partial() -> Answer:
    rule = acl_rule(32767, "deny", "all", "0.0.0.0/0")
    passes = acl_rule(120, "allow", "tcp", "0.0.0.0/0", "32768-60999")
    acl: dict[str, Any] = {"kind": "network-acl", "id": ACL, "name": "private", "direction": "egress"}
    low = back(destination_ports="1024-32767,61000-65535")
    hops = return_()
    hops[2:3] = [
        Hop(**acl, action="allow", rule=passes, packet=back(destination_ports="32768-60999")),
        Hop(**acl, action="deny", rule=rule, packet=low),
    ]
    finding = Finding(
        layer="network-acl",
        leg="return",
        direction="egress",
        resource_ids=[ACL],
        **WHERE,
        rule=rule,
        code="SUBNET_ACL_RESTRICTION",
        summary=f"Network ACL {ACL} lets replies pass to ports 32768-60999 only.",
        near_misses=[NearMiss(rule=passes, failed=["port"], summary="it begins at 32768 and ends at 60999")],
        packets=there(source_ports="1024-32767,61000-65535"),
        next_step=f"Let {ACL} rule 120 cover tcp/1024-65535.",
    )
    return answer(
        verdict="partial",
        summary=f"{CLIENT} reaches {INSTANCE} on tcp/22 from source ports 32768-60999; clients on others get no reply.",
        blocked_by=[finding],
        return_=hops,
        evidence=SILENT,
    )


def undetermined() -> Answer:
    unknown = Hop(
        kind="network-acl",
        id=SUBNET,
        direction="ingress",
        action="unknown",
        packet=there(),
        detail="it could not be read",
    )
    return answer(
        verdict="undetermined",
        summary=f"The network ACL of {SUBNET} could not be read; everything else lets tcp/22 pass.",
        forward=forward(acl=unknown),
        return_=[],
        missing=["ec2:DescribeNetworkAcls: AccessDenied", "logs:FilterLogEvents: AccessDenied"],
        evidence=msgspec.structs.replace(UNAVAILABLE, summary="The flow logs could not be read.", enable_command=None),
    )


def every_port() -> Answer:
    asking = msgspec.structs.replace(allowed().question, text=f"{CLIENT} -> i-abc", destination_port=None)
    ports = "22,443,8000-8100"
    return answer(
        question=asking,
        verdict="partial",
        summary=f"{INSTANCE} answers {CLIENT} on tcp ports 22, 443 and 8000-8100.",
        open_ports=ports,
        forward=[
            *(msgspec.structs.replace(hop, packet=there(destination_ports="0-65535")) for hop in forward()[:2]),
            *(
                Hop(
                    kind="security-group",
                    id=GROUP,
                    direction="ingress",
                    action="allow" if rule else "deny",
                    rule=rule,
                    detail=None if rule else "no rule allows it",
                    packet=there(destination_ports=part),
                )
                for part, rule in (
                    ("22", group_rule("203.0.113.0/24")),
                    ("443", group_rule("0.0.0.0/0", "443", end="2")),
                    ("8000-8100", group_rule("203.0.113.5/32", "8000-8100", end="3")),
                    ("0-21,23-442,444-7999,8101-65535", None),
                )
            ),
            *(msgspec.structs.replace(hop, packet=there(destination_ports=ports)) for hop in forward()[3:]),
        ],
        return_=[msgspec.structs.replace(hop, packet=back(source_ports=ports)) for hop in return_()],
    )


def two_blockers() -> Answer:
    group, acl = blocked_by_group(), blocked_on_return()
    return answer(
        verdict="blocked",
        summary=f"{CLIENT} does not reach {INSTANCE} on tcp/22: two rules stand in the way.",
        blocked_by=group.blocked_by + acl.blocked_by,
        forward=group.forward,
        return_=acl.return_,
        evidence=SILENT,
    )


def contradicted() -> Answer:
    return answer(
        evidence=msgspec.structs.replace(
            confirms("forward"),
            status="contradicts",
            summary="The rules say allowed, but 31 records of the last hour are REJECT: they may have changed since.",
            seen=[msgspec.structs.replace(confirms("forward").seen[0], expected="accept")],
        ),
        warnings=["Records and rules disagree."],
    )


def ping() -> Answer:
    icmp: dict[str, Any] = {"protocol": "icmp", "source_ports": None, "destination_ports": None}
    request, reply = there(**icmp, icmp_type="8", icmp_code="0"), back(**icmp, icmp_type="0", icmp_code="0")
    rule = {"rule_number": 32767, "action": "deny", "protocol": "all", "cidr": "0.0.0.0/0", "ports": None}
    return answer(
        question=Asking(
            text=f"{CLIENT} -> i-abc/icmp",
            source=CLIENT,
            destination=INSTANCE,
            protocol="icmp",
            icmp_type=8,
            icmp_code=0,
        ),
        verdict="blocked",
        summary=f"Echo requests reach {INSTANCE}; the replies are dropped by network ACL {ACL}.",
        blocked_by=[
            msgspec.structs.replace(
                blocked_on_return().blocked_by[0],
                rule=rule,
                packets=there(**icmp, icmp_type="0", icmp_code="0"),
                near_misses=[],
                summary="No rule allows it.",
            )
        ],
        forward=[msgspec.structs.replace(hop, packet=request) for hop in forward()],
        return_=[msgspec.structs.replace(hop, packet=reply) for hop in return_()],
    )


def two_groups() -> Answer:
    """Two groups of one interface decide together; two blocked parts of one question are one blocker."""
    other = "sg-0a11b22c33d44e55f"
    base: dict[str, Any] = {"kind": "security-group", "direction": "ingress", "resource_ids": [GROUP, other]}
    base |= {"interface_id": ENI}
    parts = [there(source="203.0.113.0/25"), there(source="203.0.113.192/26")]
    summary = f"No inbound rule of {GROUP} or {other} allows it."
    finding = Finding(
        layer="security-group",
        leg="forward",
        direction="ingress",
        resource_ids=[GROUP, other],
        **WHERE,
        code="ENI_SG_RULES_MISMATCH",
        summary=summary,
        packets=parts[0],
    )
    rule = {"rule_id": None, "group_id": other, "protocol": "tcp", "ports": "22", "prefix_list_id": "pl-0a1b2c3d"}
    hops = [
        Hop(kind="internet", id="internet", action="forward", packet=there(PUBLIC, source="203.0.113.0/24")),
        Hop(**base, id=other, name="ops", action="allow", rule=rule, packet=there(source="203.0.113.128/26")),
        Hop(**base, id=GROUP, name="web", action="deny", packet=parts[0], detail="no rule allows it"),
        Hop(kind="instance", id=INSTANCE, name="web-1", action="deliver", packet=there(source="203.0.113.128/26")),
    ]
    return answer(
        question=msgspec.structs.replace(allowed().question, source="203.0.113.0/24"),
        verdict="partial",
        summary=f"203.0.113.0/24 -> {INSTANCE}:22 (tcp) is partly blocked: {summary}",
        blocked_by=[finding, msgspec.structs.replace(finding, packets=parts[1])],
        forward=hops,
    )


HOSTILE = "\x1b[31mred\x1b[0m\x9b2J [bold red]x[/] \n\r\u202egnp.exe <script>alert(1)</script> `@here` [a](http://b) "


def planned() -> Answer:
    """As it would be with two changes, of which one is not enough."""
    found = blocked_on_return()
    return msgspec.structs.replace(
        found,
        summary=f"With 2 planned changes: {found.summary} Today it is blocked.",
        evidence=Evidence(
            status="unavailable",
            summary="Flow logs tell of today; of changes that are still to be made they tell nothing.",
        ),
        applied=[
            "sg-09f81b0a85ba4e0cc (ops-ssh): add ingress tcp/22 from 203.0.113.5/32",
            "acl-0c774dc96870205f5 (shop-edge): add egress rule 140: allow tcp/49152-65535 to 203.0.113.0/24",
        ],
        before="blocked",
        before_summary=blocked_by_group().summary,
    )


def hostile(text: str = HOSTILE + "A" * 5000) -> Answer:
    """Every free string is somebody's trick."""
    hop = Hop(
        kind="security-group",
        id=text,
        name=text,
        direction="ingress",
        action="deny",
        rule={**group_rule("0.0.0.0/0"), "description": text, "rule_id": text},
        packet=there(),
        detail=text,
    )
    finding = Finding(
        layer="security-group",
        leg="forward",
        direction="ingress",
        resource_ids=[text],
        interface_id=text,
        rule={text: text},
        code=text,
        summary=text,
        near_misses=[NearMiss(rule={"destination": text, "target": text}, failed=["source"], summary=text)],
        packets=there(source=text, destination=text, source_ports=text, destination_ports=text),
        next_step=text,
    )
    return answer(
        question=Asking(text=text, source=text, destination=text, protocol=text, destination_port=text),
        verdict="blocked",
        summary=text,
        open_ports=text,
        blocked_by=[finding],
        forward=[hop, hop],
        return_=[],
        targets=[
            Target(
                id=text,
                port=80,
                name=text,
                load_balancer=text,
                target_group=text,
                availability_zone=text,
                interface_id=text,
                address=text,
                health=text,
                health_reason=text,
                verdict="blocked",
                blocked_by=[Stop(finding=0, leg="forward", layer="security-group", code=text, resource_ids=[text])],
                forward=[1],
            )
        ],
        evidence=Evidence(
            status="confirms",
            summary=text,
            records=1,
            first_seen=text,
            last_seen=text,
            sources=[text],
            scanned={text: 1},
            timeline=[Moment(start=text, accepted=1, rejected=0), Moment(start=text, accepted=0, rejected=1)],
            notes=[text],
            enable_command=text,
        ),
        fixes=[
            Fix(
                summary=text,
                commands=[text],
                also_allows=text,
                terraform=[text],
                steps=[FixStep(summary=text, commands=[text], account_id=text, region=text)],
                warnings=[text],
                room=[text],
            )
        ],
        no_fix=text,
        warnings=[text],
        missing=[text],
        applied=[text],
        before="allowed",
        before_summary=text,
    )


STORIES = {
    story.__name__: story
    for story in (
        allowed,
        blocked_by_group,
        blocked_on_return,
        partial,
        undetermined,
        every_port,
        two_blockers,
        contradicted,
        ping,
        two_groups,
        planned,
        hostile,
    )
}
