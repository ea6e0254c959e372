"""``whyblocked what-if QUESTION --apply FILE``: the answer as it would be after changes that are planned."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from whyblocked.cli.ask import FORMATS, shown
from whyblocked.cli.options import (
    AccountSettings,
    QuestionSettings,
    account_options,
    apply_option,
    output_options,
    question_options,
)
from whyblocked.errors import EditError, UsageError
from whyblocked.text import clean

if TYPE_CHECKING:
    from whyblocked.config.planned import Planned


@click.command("what-if", short_help="Answer a question as it would be after planned changes.")
@click.argument("words", nargs=-1, metavar="SOURCE -> DESTINATION[:PORT][/PROTOCOL]")
@apply_option
@question_options
@account_options
@output_options(*FORMATS)
def command(
    words: tuple[str, ...],
    apply: tuple[str, ...],
    asked: QuestionSettings,
    settings: AccountSettings,
    output: str,
    no_color: bool,
) -> int:
    """Answer a question as it would be after the changes in FILE, and say what it is today.

    \b
    whyblocked what-if 203.0.113.5 -> i-abc:22 --apply open-ssh.sh
    terraform show -json plan | whyblocked what-if 'web -> db:5432' --apply -

    FILE holds commands of the AWS CLI (a shell script), or a plan as "terraform show -json" prints it. They are made
    on a copy of what is read: nothing is run, and nothing is changed in AWS. Flow logs tell of today and are not read.

    Exit status: that of the answer as it would be; 2 where AWS would refuse a change, or a file can't be understood.
    """
    if not apply:
        raise UsageError("what-if needs the planned changes: --apply FILE (repeatable, - for standard input)")
    question = asked.parse(words)
    planned = read_planned(apply)
    from whyblocked import api

    account = settings.open()
    supposed = api.WhatIf(account, planned)
    return shown(supposed.fix(question, supposed.explain(question)), output, no_color)


def read_planned(files: tuple[str, ...]) -> list[Planned]:
    """The changes in these files, - for standard input."""
    from whyblocked.config.planned import read

    if files.count("-") > 1:
        raise UsageError("--apply - stands there twice: standard input can be read once")
    return [read(_content(file), "standard input" if file == "-" else clean(file)) for file in files]


def _content(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except (OSError, AttributeError) as error:
        name = "standard input" if file == "-" else clean(file)
        raise EditError(f"{name}: can't be read: {getattr(error, 'strerror', None) or 'it is closed'}") from None
    except ValueError:  # a null character in the name
        raise EditError(f"{clean(file)}: no such file") from None
