"""What proposals are made of, and what they are made from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec

from whyblocked.config.account import Account
from whyblocked.config.edits import Edit
from whyblocked.network.asked import Asked
from whyblocked.network.noted import Blocker
from whyblocked.network.walk import Walk

Clears = tuple[str, str, tuple[str, ...], str]
"""What tells one blocker from another, however the walk comes by it: leg, layer, resources, code."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Changes that belong together, for one blocker.

    ``says`` is an imperative sentence. ``place`` is the VPC (or gateway) in whose account and Region they are made.
    ``clears`` are the blockers that they are for. ``warns`` is what AWS's semantics may surprise with, ``also`` what is
    allowed beyond the question that the changes alone do not tell.
    """

    edits: tuple[Edit, ...]
    says: str
    place: str
    clears: tuple[Clears, ...] = ()
    warns: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


Option = tuple[Step, ...]
"""One way to get past what blocks: steps in the order in which they are made."""


class NoFix(Exception):
    """Why a blocker has no remedy that could be proposed, as a sentence."""


class Case(NamedTuple):
    """A question as it stands: the account with the plan so far, its ends there, and the walk."""

    account: Account
    asked: Asked
    walk: Walk


Proposer = Callable[[Case, Blocker], Sequence[Option]]
"""The ways past a blocker, the best first; :class:`NoFix` where there is none."""


def key_of(blocker: Blocker) -> Clears:
    """What a blocker is known by."""
    return blocker.leg, blocker.layer, blocker.resource_ids, blocker.code


def step(
    blockers: Iterable[Blocker],
    edits: Iterable[Edit],
    says: str,
    *warns: str,
    place: str | None = None,
    also: Iterable[str] = (),
) -> Step:
    """A step for these blockers, where the first of them is unless ``place`` says otherwise."""
    of = tuple(blockers)
    return Step(
        edits=tuple(edits),
        says=says,
        place=place or of[0].vpc_id or "",
        clears=tuple(dict.fromkeys(key_of(blocker) for blocker in of)),
        warns=warns,
        also=tuple(also),
    )
