"""Comparing two networks of tests, by way of their snapshot folders."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.builders import Json, Network, question_of
from whyblocked.api import difference
from whyblocked.config.inventory import Inventory, load_inventory
from whyblocked.diagnosis.difference.telling import Asking, Difference


def inventory(net: Network, name: str = "") -> Inventory:
    with tempfile.TemporaryDirectory() as folder:
        found = load_inventory(net.save(Path(folder)))
    found.name = name
    return found


def compared(before: Network, after: Network, *lines: str) -> Difference:
    """What changed, and what that means for these questions."""
    asking = [Asking(question_of(line), line) for line in lines]
    return difference(inventory(before, "before"), inventory(after, "after"), asking)


def after(net: Network, change: Callable[[Network], object]) -> Network:
    """The network with a change made."""
    changed = copy.deepcopy(net)
    change(changed)
    return changed


def told(before: Network, change: Callable[[Network], object]) -> list[str]:
    """The changes in words: ``+ security group sg-web (web): ingress tcp/22 from ...``."""
    signs = {"added": "+", "removed": "-", "changed": "~"}
    return [
        f"{signs[one.change]} {one.kind} {one.resource_id}: {one.what}".rstrip(": ")
        for one in compared(before, after(before, change)).changes
    ]


def row(net: Network, key: str, name: str, value: str) -> Json:
    """The one resource of that id, to be changed in place."""
    (found,) = [one for one in net.responses[key] if one[name] == value]
    return found
