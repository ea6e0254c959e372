"""The JSON Schemas, made from the types: ``docs/answer.schema.json``, ``rejects``, ``whois`` and ``diff`` beside it."""

from __future__ import annotations

import sys
from typing import Any, Literal

import msgspec

from whyblocked.diagnosis.answer import Answer


def render(what: Literal["answer", "rejects", "whois", "diff"] = "answer") -> str:
    """The schema as an indented document."""
    if what == "rejects":
        from whyblocked.diagnosis.rejects import Document

        schema, title = msgspec.json.schema(Document), "whyblocked rejects"
    elif what == "whois":
        from whyblocked.diagnosis.whois import WhoIs

        schema, title = msgspec.json.schema(WhoIs), "whyblocked whois"
    elif what == "diff":
        from whyblocked.diagnosis.difference.telling import Difference

        schema, title = msgspec.json.schema(Difference), "whyblocked diff"
    else:
        schema, title = msgspec.json.schema(Answer), "whyblocked answer"
    for definition in schema["$defs"].values():
        _complete(definition)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    return msgspec.json.format(msgspec.json.encode(head | schema), indent=2).decode() + "\n"


def _complete(definition: dict[str, Any]) -> None:
    # A document always carries all its keys, also those that have a default here.
    definition["required"] = list(definition["properties"])
    for field in definition["properties"].values():
        field.pop("default", None)


if __name__ == "__main__":
    sys.stdout.write(render(sys.argv[1] if sys.argv[1:] else "answer"))  # type: ignore[arg-type]
