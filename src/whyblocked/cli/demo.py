"""``whyblocked demo``: full reports on incidents that come with the program."""

from __future__ import annotations

from pathlib import Path

import click

from whyblocked.cli.ask import FORMATS, answer
from whyblocked.cli.options import AccountSettings, EvidenceSettings, output_options
from whyblocked.errors import UsageError
from whyblocked.text import clean

INCIDENTS = Path(__file__).with_name("incidents")
"""A folder for each: ``snapshot``, ``question`` (a line as ``check`` reads it), and maybe ``flow-logs``."""


def incidents() -> dict[str, Path]:
    """The incidents by their names."""
    if not INCIDENTS.is_dir():
        return {}
    return {folder.name: folder for folder in sorted(INCIDENTS.iterdir()) if (folder / "question").is_file()}


@click.command("demo", short_help="Show a full report on an embedded account.")
@click.argument("name", required=False)
@output_options(*FORMATS)
def command(name: str | None, output: str, no_color: bool) -> int:
    """Show what a report looks like, on an account that comes with the program: no AWS, no credentials.

    NAME is one of the incidents that it knows; without one it is the first.
    """
    known = incidents()
    if not known:
        raise UsageError("demo: no incidents were installed with the program")
    folder = known.get(name or next(iter(known)))
    if folder is None:
        raise UsageError(f"demo: '{clean(name or '')}' is none of {', '.join(known)}")
    from whyblocked.question.lines import read_line, without_comment

    line = read_line(1, without_comment((folder / "question").read_text(encoding="utf-8")).strip())
    if line.question is None:
        raise UsageError(f"demo {folder.name}: {line.error}")
    logs = folder / "flow-logs"
    evidence = EvidenceSettings(logs.exists(), (str(logs),) if logs.exists() else ())
    answer(line.question, AccountSettings(snapshot=str(folder / "snapshot")).open(), evidence, output, no_color)
    return 0
