"""AWS Network Firewall: what the rules behind one of its endpoints make of packets.

https://docs.aws.amazon.com/network-firewall/latest/developerguide/firewall-policy-processing.html
https://docs.aws.amazon.com/network-firewall/latest/developerguide/asymmetric-routing.html
What the header of a packet does not decide (domain lists, TLS, deep rules) is named as a possible blocker.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from whyblocked.config.account import Missing
from whyblocked.config.resources import Firewall
from whyblocked.network.firewall import Engine, Outcome, decide, engine_of
from whyblocked.network.flow import Bundle, Node, Piece, flagged
from whyblocked.network.packets import ALL_PORTS, Packets, intersect, subtract_all
from whyblocked.network.protocols import is_icmp
from whyblocked.network.suricata import FirewallRule
from whyblocked.network.walk import Walk

_BROKEN = ("CREATING", "DELETING", "FAILED", "ERROR")
_NOT_ESTABLISHED = "drops what no rule passes as soon as a connection is established"


def inspect(walk: Walk, node: Node, firewall: Firewall, bundle: Bundle, interface_id: str | None) -> Iterator[Bundle]:
    """The bundle as it comes out: refused and undecided parts marked, those that the stateful engine saw apart."""
    here = _check_attachment(walk, node, firewall, bundle)
    reply = bundle.leg == "return"
    engine = _engine(walk, firewall, bundle.version, reply=reply)
    if isinstance(engine, Missing):
        walk.lack(engine)
        walk.note(here, "network-firewall", firewall.firewall_name, "unknown", detail="could not be read")
        yield here.but(pieces=flagged(here.pieces, unknown=True))
        return
    walk.lack(*(missing for missing in engine.missing if missing.pending))
    inspection = _Inspection(walk, node, firewall, engine, here, interface_id)
    untracked: list[Piece] = []
    tracked: list[Piece] = []
    for piece in here.pieces:
        for outcome in decide(engine.stateless, piece.packets, engine.stateless_default):
            part = piece.narrowed(outcome.packets)
            if outcome.action != "forward":
                if reply and outcome.action == "pass" and node.id in bundle.tracked:
                    walk.warn(
                        f"The stateful rules of network firewall {firewall.firewall_name} see the request, and its "
                        "stateless rules pass the reply: AWS does not support connections of which it sees one half."
                    )
                untracked.append(inspection.apply(part, outcome, "stateless rules"))
            elif not reply:
                tracked += inspection.stateful(part)
            elif node.id in bundle.tracked:
                tracked += inspection.stateful_reply(part)
            else:
                untracked.append(inspection.unseen(part))
    inspection.tell()
    if untracked:
        yield here.but(pieces=tuple(untracked))
    if tracked:
        yield here.but(pieces=tuple(tracked), tracked=here.tracked if reply else (*here.tracked, node.id))


def _engine(walk: Walk, firewall: Firewall, version: int, *, reply: bool) -> Engine | Missing:
    found: Engine | Missing = walk.rulebook.made(
        ("firewall", firewall.firewall_arn, version, reply),
        lambda: engine_of(walk.account, firewall, version, reply=reply),
    )
    return found


class _Inspection:
    """One bundle at one firewall; what became of it is told at the end, by rule."""

    def __init__(
        self, walk: Walk, node: Node, firewall: Firewall, engine: Engine, bundle: Bundle, interface_id: str | None
    ) -> None:
        self._walk, self._node, self._firewall, self._engine = walk, node, firewall, engine
        self._bundle, self._interface_id = bundle, interface_id
        self._told: dict[tuple[str, FirewallRule | None, str], list[Piece]] = {}

    def apply(self, piece: Piece, outcome: Outcome, stage: str) -> Piece:
        """The piece as an outcome leaves it."""
        self._told.setdefault((outcome.action, outcome.rule, stage), []).append(piece)
        if outcome.action == "drop":
            by_default = outcome.rule is None and stage == "stateful rules" and not piece.blocked
            leaks = by_default and "established" in self._engine.default_action
            return piece._replace(blocked=True, leaks=leaks)
        return piece._replace(unknown=True) if outcome.action == "unknown" else piece

    def stateful(self, piece: Piece) -> Iterator[Piece]:
        """A request before the stateful engine."""
        for outcome in decide(self._engine.stateful, piece.packets, self._engine.stateful_default):
            yield self.apply(piece.narrowed(outcome.packets), outcome, "stateful rules")

    def stateful_reply(self, piece: Piece) -> Iterator[Piece]:
        """A reply whose request the engine saw: a rule that passed it passes the whole flow."""
        box = piece.packets
        passed: list[Packets] = []
        request = box.turned()
        if is_icmp(box.protocol, box.version):  # an echo and its reply differ in type, at which headers do not look
            request = request._replace(source_ports=ALL_PORTS, destination_ports=ALL_PORTS)
        requests = _engine(self._walk, self._firewall, box.version, reply=False)
        if isinstance(requests, Engine):
            outcomes = decide(requests.stateful, request, requests.stateful_default)
            decided = [one.packets.turned() for one in outcomes if one.explicit or one.action == "drop"]
            passed = [part for one in decided if (part := intersect(box, one))]
        for part in passed:
            yield self.apply(piece.narrowed(part), Outcome(part, "pass"), "stateful rules")
        refusing = [rule for rule in self._engine.stateful if rule.action != "pass"]
        for part in subtract_all([box], passed):
            for outcome in decide(refusing, part, "pass"):
                yield self.apply(piece.narrowed(outcome.packets), outcome, "stateful rules")

    def unseen(self, piece: Piece) -> Piece:
        """A reply before the stateful engine, which did not see the request."""
        walk, bundle, name = self._walk, self._bundle, self._firewall.firewall_name
        if piece.blocked:
            return piece
        walk.note(bundle, "network-firewall", name, "deny", packets=(piece.packets,), detail="did not see the request")
        walk.block(
            bundle,
            [piece],
            layer="network-firewall",
            code="ASYMMETRIC_ROUTING",
            summary=f"The reply goes through {self._node.id}, whose firewall {name} did not see the request.",
            resource_ids=(self._firewall.firewall_arn,),
            interface_id=self._interface_id,
            next_step=f"Send both ways of the connection through {self._node.id}, or neither.",
        )
        return piece._replace(blocked=True)

    def tell(self) -> None:
        """Note and block, once a rule."""
        for (action, rule, stage), pieces in self._told.items():
            boxes = tuple(piece.packets for piece in pieces)
            shown = described(rule) if rule else None
            detail = None if rule else f"{stage}: default action"
            noted = {"pass": "allow", "drop": "deny"}.get(action, "unknown")
            name = self._firewall.firewall_name or self._firewall.firewall_arn
            self._walk.note(
                self._bundle,
                "network-firewall",
                name,
                noted,  # type: ignore[arg-type]
                packets=boxes,
                rule=shown,
                detail=detail,
                resource_ids=_ids(self._firewall, rule),
                interface_id=self._interface_id,
            )
            if action == "drop":
                self._block(name, rule, stage, pieces, shown)
            elif action == "unknown" and rule is not None:
                message = next((f" ({value})" for key, value in rule.details if key == "msg"), "")
                group = f" of rule group {rule.group}" if rule.group else ""
                what = f"{rule.label}{message}{group} of network firewall {name}"
                verb = {"pass": "may be all that passes it", "either": "may decide otherwise"}
                consequence = verb.get(rule.action, "may drop it")
                self._walk.lack(Missing(what, f"{consequence}: {rule.why}"))

    def _block(
        self, name: str, rule: FirewallRule | None, stage: str, pieces: list[Piece], shown: dict[str, Any] | None
    ) -> None:
        if rule is not None:
            message = next((f" ({value})" for key, value in rule.details if key == "msg"), "")
            why = f"{rule.label}{message} of rule group {rule.group} drops it"
        elif stage == "stateful rules":
            default = self._engine.default_action
            why = f"no rule passes it and the default action is {default}"
            if "established" in default:
                why += f", which {_NOT_ESTABLISHED}"
        else:
            why = "no stateless rule matches it and the default action drops it"
        self._walk.block(
            self._bundle,
            pieces,
            layer="network-firewall",
            code="FIREWALL_RULES_RESTRICTION",
            summary=f"Network firewall {name} at {self._node.id}: {why}.",
            resource_ids=_ids(self._firewall, rule),
            rule=shown,
            interface_id=self._interface_id,
            tried=() if rule else self._engine.stateful if stage == "stateful rules" else self._engine.stateless,
        )


def described(rule: FirewallRule) -> dict[str, Any]:
    """A firewall's rule as it stands in answers."""
    return {"rule_group": rule.group or None, "rule": rule.label, "action": rule.action, **dict(rule.details)}


def _ids(firewall: Firewall, rule: FirewallRule | None) -> tuple[str, ...]:
    return (firewall.firewall_arn, rule.group_arn) if rule and rule.group_arn else (firewall.firewall_arn,)


def _check_attachment(walk: Walk, node: Node, firewall: Firewall, bundle: Bundle) -> Bundle:
    """An endpoint that its firewall is not ready behind passes nothing."""
    attached = (state.attachment for state in firewall.sync_states.values())
    status = next((one.status or "" for one in attached if one and one.endpoint_id == node.id), "")
    if status not in _BROKEN:
        return bundle
    walk.note(bundle, "network-firewall", firewall.firewall_name, "deny", detail=status.lower())
    walk.block(
        bundle,
        bundle.pieces,
        layer="network-firewall",
        code="BAD_STATE",
        summary=f"Network firewall {firewall.firewall_name} is {status.lower()} at {node.id}, not ready.",
        resource_ids=(firewall.firewall_arn,),
    )
    return bundle.but(pieces=flagged(bundle.pieces, blocked=True))
