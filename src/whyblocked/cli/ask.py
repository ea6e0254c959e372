"""The question: ``whyblocked SOURCE -> DESTINATION[:PORT][/PROTOCOL]``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from whyblocked.cli.options import (
    AccountSettings,
    ChangesSettings,
    EvidenceSettings,
    QuestionSettings,
    account_options,
    changes_options,
    evidence_options,
    output_options,
    question_options,
    read_changes,
    read_evidence,
)

if TYPE_CHECKING:
    from whyblocked.api import Examined, Session
    from whyblocked.config.account import Account
    from whyblocked.diagnosis.answer import Answer
    from whyblocked.network.asked import Question

FORMATS = ("text", "json", "markdown", "html")


@click.command("ask", hidden=True)
@click.argument("words", nargs=-1, metavar="SOURCE -> DESTINATION[:PORT][/PROTOCOL]")
@question_options
@account_options
@evidence_options
@changes_options
@output_options(*FORMATS)
def command(
    words: tuple[str, ...],
    asked: QuestionSettings,
    settings: AccountSettings,
    changes: bool | None,
    changes_since: str | None,
    output: str,
    no_color: bool,
    **evidence: Any,
) -> int:
    """Answer one question."""
    wanted = read_evidence(settings, **evidence)
    changed = read_changes(changes, changes_since)
    return answer(asked.parse(words), settings.open(), wanted, changed, output, no_color)


def answer(
    question: Question,
    account: Account,
    evidence: EvidenceSettings,
    changes: ChangesSettings,
    output: str,
    no_color: bool,
) -> int:
    """Answer ``question`` and print it; the verdict first, where it is for people, as evidence may take longer."""
    from whyblocked import api
    from whyblocked.cli.output import console

    session = api.Session(account, flow_logs=evidence.wanted and not evidence.locations)
    examined = session.examine(question)
    if output == "text":
        from whyblocked.report import text

        out = console(no_color)
        text.render_verdict(examined.answer, out)
        out.file.flush()
        found = _completed(session, question, examined, evidence, changes, shown=True)
        text.render_evidence(found, out, examined.answer)
        return found.exit_status
    return shown(_completed(session, question, examined, evidence, changes, shown=False), output, no_color)


def shown(found: Answer, output: str, no_color: bool) -> int:
    """Print a whole answer; gives the exit status."""
    from whyblocked.cli.output import console, emit

    if output == "text":
        from whyblocked.report import text

        text.render(found, console(no_color))
    elif output == "json":
        from whyblocked.report import json

        emit(json.render(found))
    elif output == "markdown":
        from whyblocked.report import markdown

        emit(markdown.render(found))
    else:
        from whyblocked.report import html

        emit(html.render(found))
    return found.exit_status


def _completed(
    session: Session,
    question: Question,
    examined: Examined,
    evidence: EvidenceSettings,
    changes: ChangesSettings,
    *,
    shown: bool,
) -> Answer:
    """The answer with its evidence, its fixes, and with what changed, which is looked for meanwhile."""
    looking = None
    if changes.wanted:
        from datetime import UTC, datetime

        from whyblocked.diagnosis.request import ChangesRequest

        looking = session.look_for_changes(examined, ChangesRequest(datetime.now(UTC), changes.since, changes.always))
    found = session.fix(question, _weighed(session, examined, evidence, shown=shown), examined.walk)
    return found if looking is None else looking.told(found)


def _weighed(session: Session, examined: Examined, evidence: EvidenceSettings, *, shown: bool) -> Answer:
    """The answer with the evidence that was asked for; ``shown``: say on the terminal how far reading is."""
    if not evidence.wanted:
        return examined.answer
    from datetime import UTC, datetime

    from whyblocked.cli.output import Progress
    from whyblocked.diagnosis.evidence import EvidenceRequest

    with Progress(shown) as progress:
        request = EvidenceRequest(
            locations=evidence.locations,
            log_format=evidence.log_format,
            since=evidence.since,
            until=evidence.until,
            stdin=sys.stdin.buffer if "-" in evidence.locations else None,
            progress=progress.told,
            advise=progress.advise,
            client=evidence.client,
            request_payer=evidence.request_payer,
            max_scan=evidence.max_scan,
            work_group=evidence.work_group,
            confirm=progress.confirm,
        )
        return session.weigh(examined, request, datetime.now(UTC))
