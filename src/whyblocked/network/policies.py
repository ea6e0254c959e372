"""Endpoint policies: no packet filter, but worth a word where they refuse something.

https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html
"""

from __future__ import annotations

import json
from typing import Any


def restricts(document: str | None) -> bool:
    """Whether a policy refuses anything at all: the default one allows everybody everything."""
    if not document:
        return False
    try:
        policy = json.loads(document)
    except ValueError:
        return True
    statements = policy.get("Statement") if isinstance(policy, dict) else None
    listed: list[Any] = statements if isinstance(statements, list) else [statements]
    found = [one for one in listed if isinstance(one, dict)]
    return any(one.get("Effect") == "Deny" for one in found) or not any(map(_allows_everything, found))


def _allows_everything(statement: dict[str, Any]) -> bool:
    everybody = (statement.get("Principal") in ("*", {"AWS": "*"}, {"AWS": ["*"]})) and not statement.get("Condition")
    return everybody and all(statement.get(key) in ("*", ["*"]) for key in ("Action", "Resource"))
