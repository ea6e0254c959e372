"""The question: ``whyblocked SOURCE -> DESTINATION[:PORT][/PROTOCOL]``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from whyblocked.cli.options import (
    AccountSettings,
    EvidenceSettings,
    account_options,
    evidence_options,
    output_options,
    question_options,
    read_evidence,
)

if TYPE_CHECKING:
    from whyblocked.config.account import Account
    from whyblocked.network.asked import Question

FORMATS = ("text", "json", "markdown", "html")


@click.command("ask", hidden=True)
@click.argument("words", nargs=-1, metavar="SOURCE -> DESTINATION[:PORT][/PROTOCOL]")
@question_options
@account_options
@evidence_options
@output_options(*FORMATS)
def command(
    words: tuple[str, ...],
    protocol: str | None,
    source_port: str | None,
    icmp_type: str | None,
    icmp_code: str | None,
    profile: str | None,
    region: str | None,
    endpoint_url: str | None,
    snapshot: str | None,
    debug: bool,
    output: str,
    no_color: bool,
    **evidence: Any,
) -> int:
    """Answer one question."""
    wanted = read_evidence(**evidence)
    from whyblocked.question.grammar import parse

    question = parse(
        " ".join(words), protocol=protocol, source_port=source_port, icmp_type=icmp_type, icmp_code=icmp_code
    )
    account = AccountSettings(profile, region, endpoint_url, snapshot, debug).open()
    return answer(question, account, wanted, output, no_color)


def answer(question: Question, account: Account, evidence: EvidenceSettings, output: str, no_color: bool) -> int:
    """Answer ``question`` and print it; the verdict first, where it is for people, as evidence may take longer."""
    from whyblocked import api
    from whyblocked.cli.output import console, emit

    session = api.Session(account)
    found = session.explain(question)
    del evidence  # read here, between the two parts of the report
    if output == "text":
        from whyblocked.report import text

        out = console(no_color)
        text.render_verdict(found, out)
        out.file.flush()
        text.render_evidence(found, out)
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
