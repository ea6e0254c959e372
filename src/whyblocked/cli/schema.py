"""``whyblocked schema``: the JSON Schema of an answer."""

from __future__ import annotations

import click


@click.command("schema", short_help="Print the JSON Schema of an answer.")
def command() -> int:
    """Print the JSON Schema of what --output json prints."""
    from whyblocked.cli.output import emit
    from whyblocked.report.schema import render

    emit(render())
    return 0
