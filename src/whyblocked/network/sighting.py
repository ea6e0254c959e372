"""What a flow log should have seen of a question at one interface, according to the rules."""

from __future__ import annotations

from typing import Literal

import msgspec

from whyblocked.network.packets import Packets


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """The question's packets at one interface, on one leg, in one direction.

    ``packets`` are the boxes as they are on the wire there (source and destination in the packet's own direction,
    private addresses on the VPC's side of an internet gateway). ``accepted`` and ``rejected`` are the parts that the
    interface's security groups and its subnet's network ACL let pass and refuse, ``unknown`` what can't be decided.
    ``reached`` is False where an earlier blocker stops every packet before it gets here, so that no record is due.
    """

    interface_id: str
    subnet_id: str
    vpc_id: str
    leg: Literal["forward", "return"]
    direction: Literal["ingress", "egress"]
    packets: tuple[Packets, ...]
    accepted: tuple[Packets, ...]
    rejected: tuple[Packets, ...]
    unknown: tuple[Packets, ...] = ()
    reached: bool = True
