"""The answer as data: what every renderer, the exit status and other programs read (contract, ``schema_version`` 1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

Verdict = Literal["allowed", "blocked", "partial", "undetermined"]
Leg = Literal["forward", "return"]
Layer = Literal[
    "security-group",
    "network-acl",
    "route-table",
    "internet-gateway",
    "egress-only-internet-gateway",
    "nat-gateway",
    "vpc-peering",
    "transit-gateway",
    "vpn-gateway",
    "vpc-endpoint",
    "load-balancer",
    "target-group",
    "network-firewall",
    "block-public-access",
    "interface",
    "instance",
    "host",
]

EXIT_STATUS: dict[str, int] = {"allowed": 0, "blocked": 1, "partial": 1, "undetermined": 3}


class PacketSet(msgspec.Struct, frozen=True, kw_only=True):
    """A set of packets in words: comma-separated CIDRs and ranges; ports are null where the protocol has none."""

    source: str
    destination: str
    protocol: str
    source_ports: str | None = None
    destination_ports: str | None = None
    icmp_type: str | None = None
    icmp_code: str | None = None


class NearMiss(msgspec.Struct, frozen=True, kw_only=True):
    """A rule (or route, or listener) that almost matched: the dimensions that failed, and how in words.

    ``distance`` says how far, where that can be measured: for an address the bits by which the prefix would have to be
    shorter, for a port by how much the range would have to grow. ``owner`` is who to ask (a tag of the rule or of what
    it stands in). ``shadowed_by`` is what comes before it and leaves it nothing to decide: a rule with a lower number,
    a more specific route. Where nothing ``failed``, that alone keeps it from these packets.
    """

    rule: dict[str, Any]
    failed: list[Literal["source", "destination", "port", "protocol", "icmp-type"]]
    summary: str
    description: str | None = None
    owner: str | None = None
    distance: dict[str, int] = {}
    shadowed_by: dict[str, Any] | None = None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One blocker: what refused which part of the question, where, by which rule.

    ``next_step`` says what to change there, ``command`` is the AWS CLI command for it where one is enough. ``owner`` is
    who to ask about it: a tag of what refused.

    The layer ``host`` refuses nothing by rules: where these allow, it is what the records say of the host behind them,
    with a ``confidence``, its reason, and ``checks``, the commands to run there.
    """

    layer: Layer
    leg: Leg
    direction: Literal["ingress", "egress"] | None
    resource_ids: list[str]
    interface_id: str | None = None
    subnet_id: str | None = None
    vpc_id: str | None = None
    account_id: str | None = None
    region: str | None = None
    rule: dict[str, Any] | None = None
    code: str
    summary: str
    near_misses: list[NearMiss] = []
    packets: PacketSet
    next_step: str | None = None
    command: str | None = None
    owner: str | None = None
    confidence: Literal["high", "medium", "low"] | None = None
    confidence_reason: str | None = None
    checks: list[str] = []


class Hop(msgspec.Struct, frozen=True, kw_only=True):
    """One resource that looked at or changed the packet. ``packet`` is what reached it, or what a rule decided on.

    ``action`` ``deny`` and ``unknown`` mark what stops the packet; the walk went on behind it as if it had not.
    ``detail`` says in a few words what happened ("to 10.0.1.10", "tracked connection", "no rule allows it").
    """

    kind: str
    id: str
    direction: Literal["ingress", "egress"] | None = None
    action: Literal["allow", "deny", "forward", "translate", "deliver", "unknown"]
    rule: dict[str, Any] | None = None
    packet: PacketSet
    detail: str | None = None
    resource_ids: list[str] = []
    name: str | None = None
    interface_id: str | None = None
    subnet_id: str | None = None
    vpc_id: str | None = None


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """What stops packets by way of a target: ``finding`` is its place in ``blocked_by``, the rest says briefly what."""

    finding: int
    leg: Leg
    layer: Layer
    code: str
    resource_ids: list[str]


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A registered target that a load balancer may send to, and the verdict of the whole question by way of it.

    ``id`` is what AWS calls it: an instance, an address, a function or the ARN of a load balancer, whose nodes are one
    target. ``load_balancer`` is what sends to it, ``target_group`` null with a Classic Load Balancer. Where that load
    balancer is a target itself, ``behind`` are its places in ``targets``. ``health`` is what AWS tells; it decides
    nothing. ``forward`` and ``return`` are the places in the answer's lists of the hops of the load balancer's own
    connection to it; all others are on the client's, or on those to other targets.
    """

    id: str
    port: int | None
    name: str | None = None
    load_balancer: str
    target_group: str | None = None
    behind: list[int] = []
    availability_zone: str | None = None
    interface_id: str | None = None
    address: str | None = None
    health: str | None = None
    health_reason: str | None = None
    verdict: Verdict
    blocked_by: list[Stop] = []
    forward: list[int] = []
    return_: list[int] = msgspec.field(name="return", default_factory=list)


def last_of(targets: Sequence[Target]) -> list[Target]:
    """The targets that packets are for in the end: without load balancers whose own targets are among them."""
    passing_on = {place for target in targets for place in target.behind}
    return [target for place, target in enumerate(targets) if place not in passing_on]


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """One bar of the evidence's timeline: a span of time and what was seen in it."""

    start: str
    accepted: int
    rejected: int


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Records of the question at one interface and direction, with what the rules say should be seen there."""

    interface_id: str
    leg: Leg
    direction: Literal["ingress", "egress"]
    expected: Literal["accept", "reject", "partial", "nothing", "unknown"]
    accepted: int
    rejected: int
    packets: int
    bytes: int
    first_seen: str | None = None
    last_seen: str | None = None


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """When the records of the question at one interface changed: the last of the one action, the first of the other."""

    interface_id: str
    direction: Literal["ingress", "egress"]
    before: Literal["ACCEPT", "REJECT"]
    until: str
    after: Literal["ACCEPT", "REJECT"]
    since: str


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What the flow logs say of the question (``unavailable`` where none could be read)."""

    status: Literal["confirms", "contradicts", "silent", "unavailable"]
    summary: str
    records: int = 0
    accepted: int = 0
    rejected: int = 0
    packets: int = 0
    bytes: int = 0
    first_seen: str | None = None
    last_seen: str | None = None
    scanned: dict[str, int] = {}
    sources: list[str] = []
    seen: list[Seen] = []
    timeline: list[Moment] = []
    turn: Turn | None = None
    notes: list[str] = []
    enable_command: str | None = None


class FixStep(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a fix, for one blocker: in words, as commands, and in whose account and Region."""

    summary: str
    commands: list[str]
    account_id: str | None = None
    region: str | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A change that CloudTrail tells of, on a resource that decides the question (``resource_ids``).

    ``by`` is who made it, from ``source_address`` with ``user_agent``, or in the AWS ``console``. ``may_have_caused``:
    by what it did, it may be why the verdict is what it is; ``why`` says how.
    """

    time: str
    event_name: str
    event_id: str | None
    resource_ids: list[str]
    by: str
    source_address: str | None = None
    user_agent: str | None = None
    console: bool = False
    account_id: str | None = None
    region: str | None = None
    summary: str
    may_have_caused: bool = False
    why: str | None = None


class Fix(msgspec.Struct, frozen=True, kw_only=True):
    """A change that was applied to a copy of the account and made the whole question pass.

    ``then`` is the verdict with it: ``undetermined`` where nothing that AWS shows blocks any more, and the rest can't
    be told. ``also_allows`` says what else it lets pass, ``warnings`` where AWS's semantics surprise or a quota is
    passed, ``room`` how much of the quotas is used then; not ``fits``: AWS refuses it until a quota is raised.
    ``terraform`` are the lines of a file that does the same.
    """

    summary: str
    commands: list[str]
    also_allows: str | None = None
    terraform: list[str] = []
    then: Literal["allowed", "undetermined"] = "allowed"
    steps: list[FixStep] = []
    warnings: list[str] = []
    room: list[str] = []
    fits: bool = True


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """The question as it was understood."""

    text: str
    source: str
    destination: str
    protocol: str
    destination_port: int | str | None = None
    source_port: int | str | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None
    source_name: str | None = None
    destination_name: str | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Everything whyblocked found out about one question.

    ``open_ports`` are those of which every packet passes, both ways, where every port was asked about (else null).
    ``partly_open`` are the packets to other ports that surely pass too, if only on some ways: at those ports the rest
    is refused or not known. Where there are more than a few such sets it is one that holds them all.
    ``targets`` are those of the load balancers on the way, each with a verdict of its own.
    ``changes`` are recent ones of what decides, those that may have caused the verdict first; ``change_summary`` joins
    the first of them with the records, ``change_notes`` say what of CloudTrail was not read.
    ``no_fix`` says why there are no ``fixes``.
    ``applied`` are planned changes, in words, with which this would be the answer; ``before`` is the verdict without
    them, ``before_summary`` that in a sentence. Null where an end of the question is not there yet.
    """

    schema_version: Literal[1] = 1
    question: Asking
    verdict: Verdict
    summary: str
    open_ports: str | None = None
    partly_open: list[PacketSet] = []
    blocked_by: list[Finding]
    forward: list[Hop]
    return_: list[Hop] = msgspec.field(name="return")
    targets: list[Target] = []
    evidence: Evidence
    fixes: list[Fix] = []
    no_fix: str | None = None
    warnings: list[str] = []
    missing: list[str] = []
    changes: list[Change] = []
    change_summary: str | None = None
    change_notes: list[str] = []
    applied: list[str] = []
    before: Verdict | None = None
    before_summary: str | None = None

    @property
    def blockers(self) -> list[Finding]:
        """What refuses by rules, routes and states: all findings but those of the host."""
        return [finding for finding in self.blocked_by if finding.layer != "host"]

    @property
    def hosts(self) -> list[Finding]:
        """What the records say of the host, where the rules allow."""
        return [finding for finding in self.blocked_by if finding.layer == "host"]

    @property
    def exit_status(self) -> int:
        """0 allowed, 1 blocked or partly blocked, 3 undetermined."""
        return EXIT_STATUS[self.verdict]
