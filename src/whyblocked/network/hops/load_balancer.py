"""Load balancers: a listener takes a connection, and the load balancer makes another one to a target.

Both connections are walked like any: packets arrive at a node (an interface), here their listener is found, and they
leave the node again for a target; replies come back to the node and go on to the client.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-listeners.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-listeners.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-listener-config.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_network

from whyblocked.config.account import Account, Missing
from whyblocked.config.balancers import expected, known_nodes, listeners_of, rules_of
from whyblocked.config.resources import Action, Balancer, ClassicLoadBalancer, Listener, ListenerRule, LoadBalancer
from whyblocked.network.flow import Bundle, Node, Piece, flagged, split
from whyblocked.network.hops.classic_balancer import to_instances
from whyblocked.network.packets import (
    DESTINATION_PORTS,
    SOURCE,
    TCP,
    UDP,
    Interval,
    intersect,
    interval_text,
    span,
)
from whyblocked.network.protocols import is_icmp, protocol_text
from whyblocked.network.walk import Step, Walk

GENEVE = 6081  # where the targets of a Gateway Load Balancer get their packets
_OVER = {"UDP": (UDP,), "QUIC": (UDP,), "GENEVE": (UDP,), "TCP_UDP": (TCP, UDP), "TCP_QUIC": (TCP, UDP)}
_ECHO = {4: 8, 6: 128}
_USABLE = ("active", "active_impaired", "")
_ANSWERS = {"fixed-response": "answers by itself", "redirect": "redirects the client"}


def cross(walk: Walk, node: Node, bundle: Bundle) -> Iterator[Step]:
    """From a listener to its target groups, and replies back to the client."""
    balancer = walk.account.balancers.by_id[node.id]
    if bundle.established:
        yield from _reply(walk, balancer, bundle)
        return
    walk.account.expect(expected(walk.account, balancer))
    here = _check_state(walk, balancer, bundle)
    pings, others = _pings(balancer, here)
    if pings:
        walk.note(here.but(pieces=pings), "load-balancer", balancer.id, "deliver", detail="answers pings by itself")
        walk.arrive(Node("interface", here.at or ""), here.but(pieces=pings))
    if not others:
        return
    here = here.but(pieces=others)
    if isinstance(balancer, ClassicLoadBalancer):
        for listened, taken in _classic(walk, balancer, here):
            yield from to_instances(walk, balancer, listened, taken)
        return
    listeners = listeners_of(walk.account, balancer)
    if isinstance(listeners, Missing):
        walk.note(here, "load-balancer", balancer.id, "unknown", detail="its listeners could not be read")
        yield from walk.lose(here, listeners)
        return
    rest = list(here.pieces)
    for listener in listeners:
        taken_pieces, rest = _accepted(rest, protocols_of(balancer, listener), port_of(balancer, listener))
        if taken_pieces:
            yield from _listened(walk, balancer, listener, here.but(pieces=tuple(taken_pieces)))
    _refuse(walk, balancer, here, rest, [(protocols_of(balancer, one), port_of(balancer, one)) for one in listeners])


def neighbours(account: Account, here: Node) -> Iterator[Node]:
    """Its nodes, and the target groups that its listeners lead to."""
    balancer = account.balancers.by_id.get(here.id)
    if balancer is None:
        return
    yield from (Node("interface", node_id) for node_id in known_nodes(account, balancer))
    if isinstance(balancer, LoadBalancer):
        for listener in account.balancers.listeners.get(balancer.id, {}).values():
            rules = account.balancers.rules.get(listener.listener_arn or "", {}).values()
            for actions in (listener.default_actions, *(rule.actions for rule in rules)):
                yield from (Node("target-group", arn) for action in actions for arn in action.shares)


def _check_state(walk: Walk, balancer: Balancer, bundle: Bundle) -> Bundle:
    state = balancer.state.code if isinstance(balancer, LoadBalancer) and balancer.state else ""
    if state in _USABLE:
        return bundle
    walk.note(bundle, "load-balancer", balancer.id, "deny", detail=state)
    walk.block(
        bundle,
        bundle.pieces,
        layer="load-balancer",
        code="BAD_STATE",
        summary=f"Load balancer {balancer.name} is {state}, not active.",
        resource_ids=(balancer.id,),
        interface_id=bundle.at,
    )
    return bundle.but(pieces=flagged(bundle.pieces, blocked=True))


def _pings(balancer: Balancer, bundle: Bundle) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Echo requests to a load balancer that has to have security groups: it answers them itself.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-update-security-groups.html
    """
    if balancer.kind not in ("application", "classic"):
        return (), bundle.pieces
    echo = _ECHO[bundle.version]
    icmp = [p for p in bundle.pieces if is_icmp(p.packets.protocol, bundle.version)]
    pings, others = split(icmp, DESTINATION_PORTS, [(echo, echo)])
    return tuple(pings), tuple(p for p in bundle.pieces if p not in icmp) + tuple(others)


# -- listeners -------------------------------------------------------------------------------------------------------


def protocols_of(balancer: LoadBalancer, listener: Listener) -> tuple[int, ...]:
    """The numbers of the protocols that a listener takes."""
    protocol = listener.protocol or ("GENEVE" if balancer.kind == "gateway" else "")
    return _OVER.get(protocol.upper(), (TCP,))


def port_of(balancer: LoadBalancer, listener: Listener) -> int:
    """The port that a listener listens on."""
    return listener.port or (GENEVE if balancer.kind == "gateway" else 0)


def _accepted(pieces: Sequence[Piece], over: Sequence[int], port: int) -> tuple[list[Piece], list[Piece]]:
    """The pieces that a listener takes, and the others."""
    alike = [piece for piece in pieces if piece.packets.protocol in [(number, number) for number in over]]
    taken, others = split(alike, DESTINATION_PORTS, [(port, port)])
    return taken, [piece for piece in pieces if piece not in alike] + others


def _classic(walk: Walk, balancer: ClassicLoadBalancer, bundle: Bundle) -> Iterator[tuple[int, Bundle]]:
    """What each listener of a Classic Load Balancer takes, with the port of the instances that it goes to."""
    rest = list(bundle.pieces)
    listening: list[tuple[tuple[int, ...], int]] = []
    for described in balancer.listener_descriptions:
        listener = described.listener
        listening.append(((TCP,), listener.load_balancer_port))
        taken, rest = _accepted(rest, (TCP,), listener.load_balancer_port)
        if taken:
            here = bundle.but(pieces=tuple(taken))
            where = f"{listener.protocol} {listener.load_balancer_port}"
            walk.note(
                here,
                "load-balancer",
                balancer.id,
                "forward",
                detail=f"listener {where}, to port {listener.instance_port}",
                resource_ids=(balancer.id,),
                interface_id=here.at,
            )
            yield listener.instance_port, here
    _refuse(walk, balancer, bundle, rest, listening)


def _refuse(
    walk: Walk,
    balancer: Balancer,
    bundle: Bundle,
    rest: Sequence[Piece],
    listening: Sequence[tuple[tuple[int, ...], int]],
) -> None:
    """No listener takes these: there is no other connection that could be followed."""
    if not rest:
        return
    refused = bundle.but(pieces=tuple(rest))
    code = "ELB_LISTENERS_MISMATCH" if balancer.kind == "classic" else "ELBV2_LISTENERS_MISMATCH"
    if balancer.kind == "gateway":
        udp = all(piece.packets.protocol == (UDP, UDP) for piece in rest)
        code = "GWLB_DESTINATION_PORT_RESTRICTION" if udp else "GWLB_PROTOCOL_RESTRICTION"
    has = ", ".join(f"{'/'.join(protocol_text((n, n)) for n in over)} {port}" for over, port in listening)
    what = _words(rest)
    refused = refused.but(subnet_id=None)  # the same at every node
    walk.note(refused, "load-balancer", balancer.id, "deny", detail=f"no listener for {what}")
    walk.block(
        refused,
        rest,
        layer="load-balancer",
        code=code,
        summary=f"Load balancer {balancer.name} has no listener for {what}"
        + (f", it listens on {has}." if has else ", it has none at all."),
        resource_ids=(balancer.id,),
        next_step=f"Ask about a port that {balancer.name} listens on, or give it a listener for {what}.",
    )
    walk.end(refused, flagged(refused.pieces, blocked=True))


def _words(pieces: Sequence[Piece]) -> str:
    """``tcp 8080, icmp`` for these packets."""
    found: dict[str, list[Interval]] = {}
    for piece in pieces:
        found.setdefault(protocol_text(piece.packets.protocol), []).append(piece.packets.destination_ports)
    ports = {"tcp", "udp"}
    return ", ".join(
        f"{name} {interval_text(sorted(set(spans)))}" if name in ports else name for name, spans in found.items()
    )


# -- actions ---------------------------------------------------------------------------------------------------------


def _listened(walk: Walk, balancer: LoadBalancer, listener: Listener, bundle: Bundle) -> Iterator[Step]:
    """To each target group that a request may be forwarded to."""
    where = f"{listener.protocol or 'GENEVE'} {port_of(balancer, listener)}"
    groups: dict[str, dict[Piece, None]] = {}
    answered: dict[Piece, None] = {}
    for action, pieces, rule in _ways(walk, balancer, listener, bundle):
        if action.type in _ANSWERS:
            by = f"rule {rule.priority}" if rule else "the default action"
            walk.warn(f"{by.capitalize()} of listener {where} of {balancer.name} {_ANSWERS[action.type]}.")
            answered.update(dict.fromkeys(pieces))
        for arn, weight in action.shares.items():
            if weight:
                groups.setdefault(arn, {}).update(dict.fromkeys(pieces))
    walk.note(
        bundle,
        "load-balancer",
        balancer.id,
        "forward" if groups else "deliver" if answered else "deny",
        detail=f"listener {where}",
        resource_ids=(balancer.id,),
        interface_id=bundle.at,
    )
    if answered:
        walk.arrive(Node("interface", bundle.at or ""), bundle.but(pieces=tuple(answered)))
    if not groups and not answered:
        walk.block(
            bundle,
            bundle.pieces,
            layer="load-balancer",
            code="ELBV2_LISTENER_HAS_NO_TG",
            summary=f"Listener {where} of {balancer.name} forwards to no target group.",
            resource_ids=(balancer.id,),
            interface_id=bundle.at,
        )
        walk.end(bundle, flagged(bundle.pieces, blocked=True))
    for arn, taken in groups.items():
        yield Node("target-group", arn), bundle.but(pieces=tuple(taken))


def _ways(
    walk: Walk, balancer: LoadBalancer, listener: Listener, bundle: Bundle
) -> Iterator[tuple[Action, Sequence[Piece], ListenerRule | None]]:
    """Every action that may take the packets. Of a request the packets tell its source only, so a rule with other
    conditions may hold or not, and what comes after it is possible as well."""
    rest: list[Piece] = list(bundle.pieces)
    rules = rules_of(walk.account, listener) if balancer.kind == "application" else ()
    if isinstance(rules, Missing):
        if rules.pending:
            walk.lack(rules)
        walk.warn(f"The rules of the listeners of {balancer.name} could not be read; default actions are taken.")
        rules = ()
    unclear: list[str] = []
    for rule in rules:
        pieces = rest
        for condition in rule.conditions:
            if condition.field == "source-ip" and condition.compared:
                blocks = [ip_network(block, strict=False) for block in condition.compared]
                spans = [span(block) for block in blocks if block.version == bundle.version]
                pieces, _ = split(pieces, SOURCE, spans)
        if not pieces:
            continue
        others = [condition for condition in rule.conditions if condition.field != "source-ip"]
        if others:
            said = " and ".join(f"{c.field} {', '.join(c.compared)}".rstrip() for c in others)
            unclear.append(f"rule {rule.priority} ({said})")
        else:
            rest = [part for whole in rest for part in _without(whole, pieces)]
        for action in rule.actions:
            yield action, pieces, rule
        if not rest:
            break
    if unclear:
        port = port_of(balancer, listener)
        shown = ", ".join(unclear[:5]) + (f" and {len(unclear) - 5} more" if len(unclear) > 5 else "")
        walk.warn(
            f"Which action of listener {port} of {balancer.name} takes a request is not told by its packets: {shown}; "
            "every target group that it may go to is followed."
        )
    for action in listener.default_actions if rest else ():
        yield action, rest, None


def _without(whole: Piece, taken: Iterable[Piece]) -> list[Piece]:
    spans = [piece.packets.source for piece in taken]
    return split([whole], SOURCE, spans)[1]


# -- replies ---------------------------------------------------------------------------------------------------------


def _reply(walk: Walk, balancer: Balancer, bundle: Bundle) -> Iterator[Step]:
    """On the client's connection, out of the node that took it; once, however many targets answer."""
    relay = bundle.bindings[-1]
    restored: dict[Piece, None] = {}
    for piece in walk.seen_by_firewalls(bundle):
        for before in relay.pieces:
            asked = intersect(before.asked, piece.asked)
            if asked is not None:
                restored[before.standing_for(asked).turned().sharing(piece)] = None
    back_there = bundle.but(
        pieces=tuple(restored),
        bindings=bundle.bindings[:-1],
        inspected=(),
        tracked=relay.tracked,
        at=None,
        inbound=False,
        heading=None,
        resumed=False,
    )
    out = Node("interface", relay.node or "")
    back_there, is_new = walk.rejoin(out, back_there)
    detail = "back to the client"
    walk.note(back_there, "load-balancer", balancer.id, "translate", detail=detail, interface_id=relay.node)
    if is_new:
        yield out, back_there.but(goal=walk.sender(back_there))
