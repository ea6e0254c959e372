"""What a walk notes of packets: the resources that looked at them, and those that refused them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from whyblocked.network.flow import Leg
    from whyblocked.network.packets import Packets
    from whyblocked.network.rules import AclRule, Direction, GroupRule
    from whyblocked.network.suricata import FirewallRule
    from whyblocked.network.transit import Entry as TransitEntry

Action = Literal["allow", "deny", "forward", "translate", "deliver", "unknown"]


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """A resource that looked at or changed packets, and what it did; ``branch``: on which way (see ``forks``)."""

    leg: Leg
    kind: str
    id: str
    action: Action
    packets: tuple[Packets, ...]
    direction: Direction | None = None
    rule: dict[str, Any] | None = None
    detail: str | None = None
    resource_ids: tuple[str, ...] = ()
    interface_id: str | None = None
    subnet_id: str | None = None
    vpc_id: str | None = None
    branch: int = 0


class Blocker(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal: which layer refused which packets, by which rule, with the rules that it tried.

    ``peer_id`` is the interface at the other end, as far as the walk knows it; ``branch`` as in :class:`Passage`.
    ``gateway_id`` is the transit gateway whose own table refused: it may be another account's than the VPC that the
    packets come from.
    """

    leg: Leg
    layer: str
    code: str
    summary: str
    packets: tuple[Packets, ...]
    direction: Direction | None = None
    resource_ids: tuple[str, ...] = ()
    rule: dict[str, Any] | None = None
    tried: tuple[GroupRule | AclRule | FirewallRule | TransitEntry, ...] = ()
    interface_id: str | None = None
    subnet_id: str | None = None
    vpc_id: str | None = None
    gateway_id: str | None = None
    next_step: str | None = None
    goal: str | None = None  # the interface that the packets were on their way to
    peer_id: str | None = None
    branch: int = 0
