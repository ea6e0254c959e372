"""The listeners of a load balancer and the rules of a network firewall that came closest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from whyblocked.config.account import Account
from whyblocked.config.resources import ClassicLoadBalancer
from whyblocked.diagnosis.answer import NearMiss
from whyblocked.diagnosis.nearness import (
    DESTINATION,
    SOURCE,
    SOURCE_PORT,
    Gap,
    Wanted,
    block_gap,
    block_words,
    covers,
    dimensions,
    distances,
    traffic_gap,
    traffic_words,
)
from whyblocked.network.hops import load_balancer, network_firewall
from whyblocked.network.noted import Blocker
from whyblocked.network.packets import ALL_PORTS, TCP, Interval, Packets, interval_text, network_words
from whyblocked.network.protocols import has_ports
from whyblocked.network.suricata import FirewallRule

_MISMATCH = ("ELBV2_LISTENERS_MISMATCH", "ELB_LISTENERS_MISMATCH")


class Listeners:
    """The listeners of a load balancer, none of which takes the packets."""

    def __init__(self, account: Account, blocker: Blocker, want: Wanted) -> None:
        self._want = want
        balancer = account.balancers.by_id.get(blocker.resource_ids[0])
        found: set[tuple[str, int, int]] = set()
        if isinstance(balancer, ClassicLoadBalancer):
            described = (one.listener for one in balancer.listener_descriptions)
            found = {(one.protocol, one.load_balancer_port, TCP) for one in described}
        elif balancer is not None:
            for one in account.balancers.listeners.get(balancer.id, {}).values():
                port = load_balancer.port_of(balancer, one)
                found |= {(one.protocol or "", port, over) for over in load_balancer.protocols_of(balancer, one)}
        self._found = sorted(found, key=lambda one: (one[1], one[0], one[2]))

    def gaps(self) -> Iterator[Gap]:
        for place, (_, port, number) in enumerate(self._found):
            failed, way = traffic_gap(self._want, (number, number), (port, port), ALL_PORTS)
            if failed:
                yield Gap(failed, way, place)

    def told(self, gap: Gap) -> NearMiss:
        protocol, port, number = self._found[gap.place]
        ports, over = (port, port), (number, number)
        words = traffic_words(self._want, gap.failed, over, ports, ALL_PORTS)
        return NearMiss(
            rule={"listener_protocol": protocol, "listener_port": port},
            failed=dimensions(gap.failed),
            summary="; ".join(words).replace("allows", "takes"),
            distance=distances(self._want, gap.failed, over, ports),
        )


class FirewallRules:
    """The rules of a network firewall that pass something, as far as headers decide them."""

    def __init__(self, rules: Iterable[FirewallRule], want: Wanted) -> None:
        self._want = want
        passing = (rule for rule in rules if rule.action in ("pass", "forward") and rule.sure)
        boxes = ((rule, box) for rule in passing for box in rule.boxes if box.version == want.version)
        measured = ((self._measured(box), rule, box) for rule, box in boxes)
        nearest: dict[int, tuple[tuple[int, int], FirewallRule, Packets]] = {}
        for gap, rule, box in measured:
            best = nearest.get(id(rule))
            if best is None or _rank(*gap) < _rank(*best[0]):
                nearest[id(rule)] = gap, rule, box
        self._found = list(nearest.values())

    def _measured(self, box: Packets) -> tuple[int, int]:
        want = self._want
        failed, way = traffic_gap(want, box.protocol, box.destination_ports, box.source_ports)
        if has_ports(want.protocol) and not covers(box.source_ports, want.codes):
            failed, way = failed | SOURCE_PORT, way + 16
        source, outside = block_gap(want, "source", want.version, box.source)
        destination, beside = block_gap(want, "destination", want.version, box.destination)
        return failed | source | destination, way + outside + beside

    def gaps(self) -> Iterator[Gap]:
        for place, ((failed, way), _, _) in enumerate(self._found):
            if failed:
                yield Gap(failed, way, place)

    def told(self, gap: Gap) -> NearMiss:
        (failed, _), rule, box = self._found[gap.place]
        want = self._want
        words = traffic_words(want, failed, box.protocol, box.destination_ports, box.source_ports)
        if failed & SOURCE_PORT:
            words.append(f"allows source ports {interval_text([box.source_ports])}, not {interval_text([want.codes])}")
        distance: dict[str, int] = distances(want, failed, box.protocol, box.destination_ports)
        for side, bit, block in (("source", SOURCE, box.source), ("destination", DESTINATION, box.destination)):
            if failed & bit:
                words.append(_outside(want, side, block))
                distance[side] = block_gap(want, side, want.version, block)[1]  # type: ignore[arg-type]
        return NearMiss(
            rule=network_firewall.described(rule),
            failed=dimensions(failed),
            summary="; ".join(words),
            distance=distance,
        )


def _outside(want: Wanted, side: Any, block: Interval) -> str:
    return block_words(want, side, want.version, block, network_words(want.version, [block]))


def _rank(failed: int, way: int) -> tuple[int, int, int]:
    return failed.bit_count(), failed, way


def listeners(account: Account, blocker: Blocker, want: Wanted) -> Listeners | None:
    """The listeners of the load balancer that refused."""
    return Listeners(account, blocker, want) if blocker.code in _MISMATCH and blocker.resource_ids else None


def firewall(blocker: Blocker, want: Wanted) -> FirewallRules | None:
    """The rules of the firewall whose default action dropped."""
    rules = [rule for rule in blocker.tried if isinstance(rule, FirewallRule)]
    return FirewallRules(rules, want) if rules else None
