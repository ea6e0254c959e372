"""Calls of the API as changes of an account.

A call that changes nothing about the network has none; one that would and is not known, or has a parameter that is not,
is an error: an answer that leaves out a part of the change would be none.
"""

from __future__ import annotations

from whyblocked.config.planned import balancer_calls, place_calls, rule_calls
from whyblocked.config.planned.arguments import Call
from whyblocked.config.planned.told import Edits, Told
from whyblocked.errors import EditError

_HARMLESS = (
    *("Describe", "Get", "List", "Search", "CreateTags", "DeleteTags", "AddTags", "RemoveTags"),
    *("UpdateSecurityGroupRuleDescriptions", "AllocateAddress"),
)
"""How the names begin of what changes nothing about the network."""

_MAKERS = {**rule_calls.MAKERS, **place_calls.MAKERS, **balancer_calls.MAKERS}


def edits_of(call: Call) -> Edits:
    """What ``call`` changes; empty where that is nothing about the network."""
    if call.operation.startswith(_HARMLESS):
        return []
    maker = _MAKERS.get(call.operation)
    if maker is None:
        raise EditError(f"{call.where}: {call.service} {call.operation} is no change that can be applied")
    told = Told(call)
    made = maker(told)
    told.finish()
    return made
