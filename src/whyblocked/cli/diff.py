"""``whyblocked diff BEFORE AFTER [QUESTION]``: what changed, and which of it changed an answer."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from whyblocked.cli.options import AccountSettings, QuestionSettings, account_options, output_options, question_options
from whyblocked.errors import InputError, UsageError
from whyblocked.text import clean

if TYPE_CHECKING:
    from whyblocked.config.inventory import Inventory
    from whyblocked.diagnosis.difference.telling import Asking

LIVE = "live"


@click.command("diff", short_help="Say what changed between two snapshots.")
@click.argument("before")
@click.argument("after")
@click.argument("words", nargs=-1, metavar="[SOURCE -> DESTINATION[:PORT][/PROTOCOL]]")
@click.option(
    "--check", metavar="FILE", help="Ask the questions of a file, as the command check reads it (- for stdin)."
)
@question_options
@account_options
@output_options("text", "json", "markdown")
def command(
    before: str,
    after: str,
    words: tuple[str, ...],
    check: str | None,
    asked: QuestionSettings,
    settings: AccountSettings,
    output: str,
    no_color: bool,
) -> int:
    """Say what changed in the network configuration from BEFORE to AFTER: snapshot folders, or live for the account.

    With a question, or the questions of a file, also which answers changed, and which of the changes did it: the
    smallest set that turns the one answer into the other.

    Exit status: 0 nothing is different (with questions: no answer is), 1 something is, 2 bad usage or input, 3 no
    answer is different, but one can't be told, 4 AWS failed.
    """
    if settings.snapshot is not None:
        raise UsageError("--snapshot: name the two folders themselves: whyblocked diff BEFORE AFTER")
    if before == after == LIVE:
        raise UsageError("only one of the two can be live; save the other: whyblocked snapshot save DIR")
    if check is not None and words:
        raise UsageError("--check and a question contradict each other")
    from whyblocked import api

    asking, errors = _questions(words, check, asked)
    found = api.difference(_inventory(before, settings), _inventory(after, settings), asking, errors)
    from whyblocked.cli.output import console, emit, note

    for error in errors:
        note(f"whyblocked: {clean(error, 1000)}")
    if output == "json":
        from whyblocked.report import json

        emit(json.render_diff(found))
    elif output == "markdown":
        from whyblocked.report import diff

        emit(diff.markdown(found))
    else:
        from whyblocked.report import diff

        diff.render(found, console(no_color))
    return found.exit_status


def _questions(
    words: tuple[str, ...],
    check: str | None,
    asked: QuestionSettings,
) -> tuple[list[Asking], list[str]]:
    """What is asked of both, and the lines that are no question."""
    from whyblocked.diagnosis.difference.telling import Asking

    if check is None:
        if not words:
            return [], []
        question = asked.parse(words)
        return [Asking(question, question.text)], []
    from whyblocked.cli.check import read_file
    from whyblocked.question.lines import read_lines

    asking: list[Asking] = []
    errors: list[str] = []
    for line in read_lines(read_file(check)):
        if line.question is None:
            errors.append(f"line {line.number}: {line.error or 'no question'}")
        else:
            asking.append(Asking(line.question, line.text, line.number, line.expected))
    return asking, errors


def _inventory(place: str, settings: AccountSettings) -> Inventory:
    """A snapshot folder, or what the account is now."""
    from whyblocked.config.inventory import load_inventory

    if place != LIVE:
        try:
            return load_inventory(Path(place), settings.region)
        except ValueError as error:  # a null character in the name
            raise InputError(f"{clean(place)}: is no name for a folder: {error}") from None
    from whyblocked.cli.output import note
    from whyblocked.config.live import Live
    from whyblocked.config.save import save_snapshot

    source = settings.open().source
    assert isinstance(source, Live)
    with TemporaryDirectory(prefix="whyblocked-") as folder:  # readable by its owner alone
        for one in save_snapshot(Path(folder), source):
            for reason in one.skipped:
                note(f"whyblocked: skipped {clean(reason, 500)}")
        found = load_inventory(Path(folder))
    found.name = LIVE
    return found
