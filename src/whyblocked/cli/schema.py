"""``whyblocked schema``: the JSON Schema of what the tool prints as JSON."""

from __future__ import annotations

from typing import Literal

import click


@click.command("schema", short_help="Print the JSON Schema of an answer.")
@click.argument("what", type=click.Choice(["answer", "rejects", "whois", "diff"]), default="answer")
def command(what: Literal["answer", "rejects", "whois", "diff"]) -> int:
    """Print the JSON Schema of what --output json prints: of an answer, of rejected flows, of whois, of diff."""
    from whyblocked.cli.output import emit
    from whyblocked.report.schema import render

    emit(render(what))
    return 0
