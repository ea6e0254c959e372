"""The commands: which there are, how their arguments are told from a question, and the help for all of them.

The question needs no command word, and options stand before or behind one: ``whyblocked --snapshot DIR check FILE`` is
``whyblocked check FILE --snapshot DIR``. So arguments are put in order before click reads them.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import click

from whyblocked import __version__
from whyblocked.errors import UsageError, WhyblockedError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMPLETE = "_WHYBLOCKED_COMPLETE"
ASK = "ask"  # the question's command, which nobody types
WHAT_IF = "what-if"
DIFF = "diff"
QUESTION_AT = {ASK: 0, WHAT_IF: 0, DIFF: 2}
"""How many arguments stand before the question that a shell may have cut off."""

COMMANDS = {
    "rejects": ("rejects", "Explain every rejected flow of flow logs by the rule that did it."),
    WHAT_IF: ("what_if", "Answer a question as it would be after planned changes."),
    "check": ("check", "Answer a file of questions, and check what they should be."),
    "whois": ("whois", "Say who has an address: interface, owner, groups, subnet, VPC."),
    DIFF: ("diff", "Say what changed between two snapshots, and which of it changed an answer."),
    "snapshot": ("snapshot", "Save the account's configuration as a folder of JSON files."),
    "iam-policy": ("policy", "Print the least-privilege policy that whyblocked needs."),
    "athena-ddl": ("athena_ddl", "Print the statement that makes a table of flow logs in S3 for Athena."),
    "demo": ("demo", "Show a full report on an account that comes with the program."),
    "schema": ("schema", "Print the JSON Schema of an answer."),
    "completion": ("completion", "Print the completion script for bash, zsh or fish."),
}
_ARROWS = ("->", "→", "to")
_HELP = ("--help", "-h")


class Arranged(NamedTuple):
    """Arguments in the order that click wants: the command, then everything else; ``places`` of what is no option."""

    command: str
    arguments: list[str]
    places: list[int]


def arrange(arguments: Sequence[str], flags: frozenset[str]) -> Arranged:
    """Find the command among arguments; ``flags`` are the options that take no value.

    An option that nobody knows is taken for one with a value, so that a slip in its name does not hide an arrow.
    """
    arguments = list(arguments)
    places: list[int] = []
    at = 0
    while at < len(arguments):
        argument = arguments[at]
        if argument == "--":
            places += range(at + 1, len(arguments))
            break
        if re.match("-+>", argument):
            arguments[at] = argument.replace("->", "→", 1)  # else click takes it for an option
            places.append(at)
        elif argument.startswith("--") and "=" not in argument and argument not in flags:
            at += 1
        elif argument == "-" or not argument.startswith("-"):
            places.append(at)
        at += 1
    words = [arguments[place] for place in places]
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    is_command = bool(words) and words[0] in COMMANDS and words[1:2] not in ([a] for a in _ARROWS)
    if is_command and places[0] < len(options):
        del arguments[places[0]]
        return Arranged(words[0], arguments, [place - 1 for place in places[1:]])
    if words == ["help"] or any(option in _HELP for option in options):
        return Arranged("", ["--help"], [])
    if "--version" in options:
        return Arranged("", ["--version"], [])
    return Arranged(ASK, arguments, places)


class Commands(click.Group):
    """The group of all commands: imports the module of the one that runs, and shows the question's help as its own."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the arguments in order, then let click read them."""
        if ctx.resilient_parsing and not args:  # completing the first word: a command, or an option of the question
            return super().parse_args(ctx, args)
        found = arrange(args, flags())
        return super().parse_args(ctx, [found.command, *found.arguments] if found.command else found.arguments)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The commands in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as well
        """The command of that name, its module imported now."""
        return load(cmd_name)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Commands, and the question's options."""
        from click.shell_completion import CompletionItem

        found = super().shell_complete(ctx, incomplete)
        question = load(ASK)
        if question and incomplete.startswith("-"):
            found += [
                CompletionItem(name, help=getattr(param, "help", None))
                for param in question.params
                for name in param.opts
                if name.startswith(incomplete)
            ]
        return found

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as well
        """The forms of the program."""
        formatter.write_usage("whyblocked", "[OPTIONS] SOURCE -> DESTINATION[:PORT][/PROTOCOL]")
        formatter.write_usage("whyblocked", "COMMAND [OPTIONS] ...", prefix="       ")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The question's options, then the commands."""
        question = load(ASK)
        params = [p for p in (*(question.params if question else ()), *self.params) if isinstance(p, click.Option)]
        records = [record for param in params if (record := param.get_help_record(ctx))]
        help_option = self.get_help_option(ctx)
        if help_option and (record := help_option.get_help_record(ctx)):
            records.append(record)
        with formatter.section("Options"):
            formatter.write_dl(records, col_max=24)
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


def load(name: str) -> click.Command | None:
    """The command of that name, or None."""
    module = ASK if name == ASK else COMMANDS[name][0] if name in COMMANDS else None
    if module is None:
        return None
    command = importlib.import_module(f"whyblocked.cli.{module}").command
    return command if isinstance(command, click.Command) else None


def flags() -> frozenset[str]:
    """Every option of any command that takes no value."""
    question = load(ASK)
    params = question.params if question else []
    own = (name for p in params if isinstance(p, click.Option) and p.is_flag for name in (*p.opts, *p.secondary_opts))
    return frozenset((*own, *_HELP, "--version"))


@click.group(
    cls=Commands,
    invoke_without_command=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="whyblocked", message="%(prog)s %(version)s")
def program() -> None:
    """Explain why AWS network traffic is blocked: which rule, where, on which leg, and what the flow logs say.

    \b
    whyblocked 203.0.113.5 -> i-abc:22
    whyblocked 'web-1 -> 10.0.3.7:5432/tcp'
    whyblocked 10.0.0.0/16 to [web/1]:https --snapshot DIR

    An end is an address, a CIDR, an instance or interface id (also cut short), a Name tag, a DNS name that AWS gave,
    or internet. Without a port, the answer tells which ports are open.

    Exit status: 0 allowed, 1 blocked or partly blocked, 2 bad usage or input, 3 undetermined, 4 AWS failed.
    """


def execute(arguments: list[str]) -> int:
    """Run what the arguments say; a slip in the name of a command is told with what goes wrong for it."""
    if COMPLETE in os.environ:  # a shell asks what could be typed next
        return _complete()
    found = arrange(arguments, flags())
    try:
        return _execute(arguments, found)
    except WhyblockedError as error:
        if found.command == ASK and found.places and error.status == UsageError.status:
            from difflib import get_close_matches

            close = get_close_matches(found.arguments[found.places[0]][:64], COMMANDS, n=1, cutoff=0.75)
            if close:
                error.message = f"did you mean the command {close[0]}? As a question: {error.message}"
        raise


def _execute(arguments: list[str], found: Arranged) -> int:
    """Let click run it; its own errors become :class:`UsageError`."""
    if found.command in QUESTION_AT:
        from whyblocked.cli.redirect import recover

        typed = [found.command] if found.command != ASK else []
        named = ["BEFORE", "AFTER"] if found.command == DIFF else []
        places = found.places[QUESTION_AT[found.command] :]
        arguments = [*typed, *recover(found.arguments, places, " ".join(("whyblocked", *typed, *named)))]
    try:
        with program.make_context("whyblocked", arguments) as context:
            status = program.invoke(context)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.Abort:
        raise KeyboardInterrupt from None
    except click.ClickException as error:
        raise UsageError(_one_line(error)) from None
    sys.stdout.flush()
    return status if isinstance(status, int) else 0


def _complete() -> int:
    """Answer a shell that asks what could be typed next."""
    from click.shell_completion import shell_complete

    return shell_complete(program, {}, "whyblocked", COMPLETE, os.environ[COMPLETE])


def _one_line(error: click.ClickException) -> str:
    message = error.format_message().rstrip(".")
    message = re.sub(r"([:,])\n\t", r"\1 ", message)  # click lists choices on lines of their own
    if isinstance(error, click.NoSuchOption) and not error.possibilities:
        message += " (--help lists them all)"
    return message[:1].lower() + message[1:]
