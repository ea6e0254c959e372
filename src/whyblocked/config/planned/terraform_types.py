"""How the types of Terraform's AWS provider are told: what each does, and in which order that can be made."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from whyblocked.config.edits import Edit
from whyblocked.config.planned.plan import Resource

NEW, GONE, RULE, PLACE = range(4)
"""First what others refer to, then what goes, then rules and routes, then who has them."""

Staged = tuple[int, Edit]


class Type(NamedTuple):
    """One type: what makes its edits, the attributes whose change matters and can't be applied; whether its end can."""

    make: Callable[[Resource], Iterable[Staged]]
    matters: frozenset[str] = frozenset()
    ends: bool = True
