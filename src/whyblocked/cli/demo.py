"""``whyblocked demo``: full reports on incidents that come with the program."""

from __future__ import annotations

from pathlib import Path

import click

from whyblocked.cli.ask import FORMATS, answer
from whyblocked.cli.options import AccountSettings, ChangesSettings, EvidenceSettings, output_options
from whyblocked.errors import UsageError
from whyblocked.text import clean

_PACKAGE = Path(__file__).parents[1]
PLACES = (_PACKAGE / "fixtures", _PACKAGE.parents[1] / "fixtures")
"""Where the incidents are: in an installed package, in a checkout. Each is a folder with a ``snapshot``, a
``question.txt`` (a line as ``check`` reads it), and maybe a ``flow.log``."""


def incidents() -> dict[str, Path]:
    """The incidents by their names, without the number that orders them."""
    place = next((place for place in PLACES if place.is_dir()), None)
    folders = [f for f in sorted(place.iterdir()) if (f / "question.txt").is_file()] if place else []
    return {folder.name.lstrip("0123456789-"): folder for folder in folders}


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

    line = read_line(1, without_comment((folder / "question.txt").read_text(encoding="utf-8")).strip())
    if line.question is None:
        raise UsageError(f"demo {folder.name}: {line.error}")
    logs = folder / "flow.log"
    evidence = EvidenceSettings(logs.exists(), (str(logs),) if logs.exists() else ())
    account = AccountSettings(snapshot=str(folder / "snapshot")).open()
    answer(line.question, account, evidence, ChangesSettings(), output, no_color)
    return 0
