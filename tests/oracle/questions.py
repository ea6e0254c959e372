"""Random questions, and the concrete packets that stand for the whole of one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from random import Random

from tests.oracle.account_rules import ICMP_TYPES, ICMPV6_TYPES, OUTSIDE_V4, OUTSIDE_V6
from tests.oracle.accounts import address_book
from tests.oracle.evaluator import NO_ADDRESS, Unanswerable, evaluate
from tests.oracle.model import ICMP, ICMPV6, TCP, UDP, Json, Outcome, address, protocol_number
from tests.oracle.snapshot import Snapshot

NAT_PORTS = (1024, 65535)  # facts 2.3
NAMES = {TCP: "tcp", UDP: "udp", ICMP: "icmp", ICMPV6: "icmpv6"}


@dataclass(frozen=True)
class Question:
    source: str
    destination: str
    protocol: int
    destination_port: int | None = None
    source_ports: tuple[int, int] | None = None  # always given for TCP and UDP, None elsewhere
    icmp_type: int | None = None
    icmp_code: int | None = None

    def arguments(self) -> list[str]:
        """The words of a `whyblocked` command line that ask it."""
        words = [self.source, "to", self.destination, "--protocol", NAMES.get(self.protocol, str(self.protocol))]
        if self.destination_port is not None:
            end = f"[{self.destination}]" if ":" in self.destination else self.destination
            words[2] = f"{end}:{self.destination_port}"
        if self.source_ports is not None:
            words += ["--source-port", "-".join(str(port) for port in dict.fromkeys(self.source_ports))]
        if self.icmp_type is not None:
            words += ["--icmp-type", str(self.icmp_type), "--icmp-code", str(self.icmp_code)]
        return words


@dataclass(frozen=True)
class Sample:
    """One packet of a question: `source_port` of the client, `nat_port` that a NAT gateway on the way would choose."""

    source_port: int | None
    nat_port: int | None


@dataclass(frozen=True)
class Answer:
    """`verdict`: allowed, blocked, partial, or undetermined where any packet is; `outcomes` in the order of the
    samples."""

    verdict: str
    outcomes: tuple[tuple[Sample, Outcome], ...]

    @property
    def doubts(self) -> set[str]:
        return {doubt for _, outcome in self.outcomes for doubt in outcome.doubts}

    @property
    def complete(self) -> bool:
        return all(outcome.complete for _, outcome in self.outcomes)

    @property
    def blocker_sets(self) -> set[tuple[tuple[str, str, str, int | None], ...]]:
        return {tuple(blocker.short() for blocker in outcome.blockers) for _, outcome in self.outcomes}


def port_edges(account: Json) -> set[int]:
    """Every port at which some rule of the account begins to match or stops: between two edges all packets fare
    alike."""
    edges: set[int] = set()
    for group in account["SecurityGroups"]:
        for rule in (*group["IpPermissions"], *group["IpPermissionsEgress"]):
            if protocol_number(rule["IpProtocol"]) in (TCP, UDP) and "FromPort" in rule:
                edges |= {rule["FromPort"], rule["ToPort"] + 1}
    for acl in account["NetworkAcls"]:
        for entry in acl["Entries"]:
            if "PortRange" in entry:
                edges |= {entry["PortRange"]["From"], entry["PortRange"]["To"] + 1}
    return edges


def representatives(account: Json, low: int, high: int) -> list[int]:
    """One port of every stretch of low..high in which all ports fare alike."""
    return sorted({low} | {edge for edge in port_edges(account) if low <= edge <= high})


def sample_packets(account: Json, question: Question) -> list[Sample]:
    """Enough packets to stand for every packet of the question; NAT ports only where the account has a NAT gateway."""
    if question.source_ports is None:
        return [Sample(None, None)]
    clients = representatives(account, *question.source_ports)
    if not account["NatGateways"]:
        return [Sample(port, None) for port in clients]
    return [Sample(*ports) for ports in product(clients, representatives(account, *NAT_PORTS))]


def evaluate_sample(account: Json, question: Question, sample: Sample) -> Outcome:
    return evaluate(
        account,
        question.source,
        question.destination,
        question.protocol,
        sample.source_port,
        question.destination_port,
        question.icmp_type,
        question.icmp_code,
        nat_port=sample.nat_port,
    )


def combine(verdicts: Iterable[str]) -> str:
    seen = set(verdicts)
    if "undetermined" in seen:
        return "undetermined"
    return seen.pop() if len(seen) == 1 else "partial"


def answer(account: Json, question: Question) -> Answer:
    """The whole question, packet by packet. Raises Unanswerable where the product should exit 2."""
    outcomes = tuple(
        (sample, evaluate_sample(account, question, sample)) for sample in sample_packets(account, question)
    )
    return Answer(combine(outcome.verdict for _, outcome in outcomes), outcomes)


def random_question(rng: Random, account: Json) -> Question:
    """At least one end in the account, both of one family; seldom the same machine twice; no NAT gateway by its
    address."""
    while True:
        question = draw_question(rng, account)
        if rng.random() < {"machine": 0.95, "subnet": 0.6, "": 0.0}[same_place(account, question)]:
            continue
        try:
            first = evaluate_sample(account, question, sample_packets(account, question)[0])
        except Unanswerable:
            continue
        if NO_ADDRESS in first.doubts and rng.random() < 0.9:
            continue
        return question


def draw_question(rng: Random, account: Json) -> Question:
    source, destination = random_end(rng, account, 0.25), random_end(rng, account, 0.25)
    versions = {address(end).version for end in (source, destination) if not end.startswith(("i-", "eni-"))}
    ipv6 = versions == {6}
    protocol = rng.choice((TCP, TCP, TCP, UDP, ICMPV6 if ipv6 else ICMP, 50))
    if protocol in (TCP, UDP):
        ports = rng.choice(((32768, 60999), (49152, 65535), (1024, 65535), (40000, 40000)))
        port = rng.choice((22, 80, 443, 1024, 65535))
        return Question(source, destination, protocol, destination_port=port, source_ports=ports)
    if protocol in (ICMP, ICMPV6):
        kind, code = rng.choice(ICMPV6_TYPES if ipv6 else ICMP_TYPES)
        kind, code = (128 if ipv6 else 8, 0) if kind == -1 or rng.random() < 0.5 else (kind, max(code, 0))
        return Question(source, destination, protocol, icmp_type=kind, icmp_code=code)
    return Question(source, destination, protocol)


def random_end(rng: Random, account: Json, outside: float) -> str:
    """An instance, an interface, an address of one, or (with the given probability) an address outside."""
    if rng.random() < outside:
        private = ("192.168.0.77", "10.0.0.200", "10.1.0.200", "10.200.0.1", "172.31.1.200")
        return rng.choice((*OUTSIDE_V4 * 4, *OUTSIDE_V6 * 2, *private))
    instances = [one["InstanceId"] for reservation in account["Reservations"] for one in reservation["Instances"]]
    interfaces = [
        row["NetworkInterfaceId"] for row in account["NetworkInterfaces"] if row["InterfaceType"] == "interface"
    ]
    held = [one for one in address_book(account) if not of_nat(account, one)]
    pools = [instances, instances, interfaces, held] if held else [instances, interfaces]
    return rng.choice(rng.choice(pools))


def interface_behind(account: Json, end: str) -> Json | None:
    snapshot = Snapshot(account)
    if end.startswith("i-"):
        return next(iter(snapshot.interfaces_of(end)), None)
    if end.startswith("eni-"):
        return snapshot.interface(end)
    public = snapshot.public_owner(end)
    return public[0] if public else next(iter(snapshot.owners(end)), None)


def same_place(account: Json, question: Question) -> str:
    """Are the two ends on one machine, or in one subnet?"""
    one, other = interface_behind(account, question.source), interface_behind(account, question.destination)
    if one is None or other is None:
        return ""
    machines = [row.get("Attachment", {}).get("InstanceId", row["NetworkInterfaceId"]) for row in (one, other)]
    if machines[0] == machines[1]:
        return "machine"
    return "subnet" if one["SubnetId"] == other["SubnetId"] else ""


def of_nat(account: Json, wanted: str) -> bool:
    snapshot = Snapshot(account)
    owners = snapshot.owners(wanted)
    public = snapshot.public_owner(wanted)
    rows = owners + ([public[0]] if public else [])
    return any(row["InterfaceType"] == "nat_gateway" for row in rows)
