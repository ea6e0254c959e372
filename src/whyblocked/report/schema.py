"""The JSON Schema of an answer, made from its types: ``docs/answer.schema.json``."""

from __future__ import annotations

import sys
from typing import Any

import msgspec

from whyblocked.diagnosis.answer import Answer


def render() -> str:
    """The schema as an indented document."""
    schema = msgspec.json.schema(Answer)
    for definition in schema["$defs"].values():
        _complete(definition)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "whyblocked answer"}
    return msgspec.json.format(msgspec.json.encode(head | schema), indent=2).decode() + "\n"


def _complete(definition: dict[str, Any]) -> None:
    # An answer always carries all its keys, also those that have a default here.
    definition["required"] = list(definition["properties"])
    for field in definition["properties"].values():
        field.pop("default", None)


if __name__ == "__main__":
    sys.stdout.write(render())
