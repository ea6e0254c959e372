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


def _named(name: str, known: dict[str, Path]) -> Path:
    """The incident of that name, which may have its number in front, or be the number alone."""
    for short, folder in known.items():
        if name in (short, folder.name, folder.name.partition("-")[0]):
            return folder
    from difflib import get_close_matches

    close = get_close_matches(name[:64], known, n=1)
    folders = [folder.name for folder in known.values()]
    hint = f"did you mean {close[0]}?" if close else f"they are {folders[0]} to {folders[-1]}, see fixtures/README.md"
    raise UsageError(f"demo: no incident is called '{clean(name)}'; {hint}")


@click.command("demo", short_help="Show a full report on an embedded account.")
@click.argument("name", required=False)
@output_options(*FORMATS)
def command(name: str | None, output: str, no_color: bool) -> int:
    """Show what a report looks like, on an account that comes with the program: no AWS, no credentials.

    NAME is one of the incidents that it knows, or its number; without one it is the first.
    """
    known = incidents()
    if not known:
        raise UsageError("demo: no incidents were installed with the program")
    folder = _named(name, known) if name is not None else next(iter(known.values()))
    from whyblocked.question.lines import read_line, without_comment

    line = read_line(1, without_comment((folder / "question.txt").read_text(encoding="utf-8")).strip())
    if line.question is None:
        raise UsageError(f"demo {folder.name}: {line.error}")
    logs = folder / "flow.log"
    evidence = EvidenceSettings(logs.exists(), (str(logs),) if logs.exists() else ())
    account = AccountSettings(snapshot=str(folder / "snapshot")).open()
    answer(line.question, account, evidence, ChangesSettings(), output, no_color)
    return 0
