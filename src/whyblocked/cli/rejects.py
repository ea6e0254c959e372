"""``whyblocked rejects``: every rejected flow, explained by the rule that did it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_network
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from whyblocked.cli.options import (
    AccountSettings,
    account_options,
    changes_options,
    output_options,
    read_changes,
    read_evidence,
    record_options,
)
from whyblocked.errors import UsageError
from whyblocked.text import clean

if TYPE_CHECKING:
    from whyblocked.diagnosis.rejects import By, Rejects, RejectsRequest
    from whyblocked.flowlogs.groups import Filters

BY = ("rule", "source", "destination", "interface", "port")
FORMATS = ("text", "json", "markdown", "csv")


@click.command("rejects", short_help="Explain every rejected flow.")
@click.argument("words", nargs=-1, metavar="")
@click.option("--top", metavar="COUNT", type=click.IntRange(min=0), default=20, help="Show so many (20); 0: all.")
@click.option("--by", metavar="KEY", type=click.Choice(BY), default="rule", help=f"Put together by {', '.join(BY)}.")
@click.option("--source", metavar="ADDRESS", multiple=True, help="Only from this address or block (repeatable).")
@click.option("--destination", metavar="ADDRESS", multiple=True, help="Only to this address or block (repeatable).")
@click.option("--port", metavar="PORT", multiple=True, help="Only to this port or range (repeatable).")
@click.option("--protocol", metavar="NAME", help="Only tcp, udp, icmp, icmpv6 or a number.")
@click.option(
    "--interface", metavar="ID", multiple=True, help="Only at this interface, by its id or how it begins (repeatable)."
)
@click.option("--follow", is_flag=True, help="Go on as the file grows, and print each new flow as it comes.")
@record_options
@changes_options
@account_options
@output_options(*FORMATS)
def command(
    words: tuple[str, ...],
    top: int,
    by: By,
    source: tuple[str, ...],
    destination: tuple[str, ...],
    port: tuple[str, ...],
    protocol: str | None,
    interface: tuple[str, ...],
    follow: bool,
    settings: AccountSettings,
    changes: bool | None,
    changes_since: str | None,
    output: str,
    no_color: bool,
    **evidence: Any,
) -> int:
    """Explain the rejected records of flow logs, by the rules of the interface where they were rejected.

    Exit status: 0 nothing was rejected, 1 something was, 2 bad usage or input, 3 no flow log can be read, 4 AWS failed.
    """
    if words:
        raise UsageError(f"rejects: files of flow logs are named with --flow-logs {quote(clean(words[0]))}")
    wanted = read_evidence(settings, no_flow_logs=False, **evidence)
    if follow:
        _can_follow(wanted.locations, output)
    changed = read_changes(changes, changes_since)
    filters = _filters(source, destination, port, protocol, interface)
    from whyblocked.diagnosis.rejects import RejectsRequest
    from whyblocked.diagnosis.request import ChangesRequest

    request = RejectsRequest(
        locations=wanted.locations,
        log_format=wanted.log_format,
        since=wanted.since,
        until=wanted.until,
        filters=filters,
        top=top,
        stdin=sys.stdin.buffer if "-" in wanted.locations else None,
        client=wanted.client,
        request_payer=wanted.request_payer,
        max_scan=wanted.max_scan,
        work_group=wanted.work_group,
        changes=ChangesRequest(datetime.now(UTC), changed.since) if changed.wanted else None,
    )
    if follow:
        return _follow(settings, request, output, no_color)
    found = _found(settings, request, shown=output == "text")
    _print(found, by, output, no_color)
    return found.exit_status


def _found(settings: AccountSettings, request: RejectsRequest, *, shown: bool) -> Rejects:
    """Everything; ``shown``: say on the terminal how far reading is."""
    import msgspec

    from whyblocked import api
    from whyblocked.cli.output import Progress

    account = settings.open()
    with Progress(shown) as progress:
        request = msgspec.structs.replace(
            request, progress=progress.told, advise=progress.advise, confirm=progress.confirm
        )
        return api.Session(account).rejects(request, datetime.now(UTC))


def _can_follow(locations: tuple[str, ...], output: str) -> None:
    if output not in ("text", "json"):
        raise UsageError(f"--follow prints text, or JSON lines with --output json: it can't print {output}")
    if len(locations) != 1:
        raise UsageError("--follow reads one file, or - for standard input: name it with --flow-logs")


def _follow(settings: AccountSettings, request: RejectsRequest, output: str, no_color: bool) -> int:
    """Print every new group until Ctrl-C, or the end of standard input."""
    import gc

    from whyblocked import api
    from whyblocked.cli.output import check_pipe, console, emit, note
    from whyblocked.report import json, rejects

    gc.enable()  # the program leaves it out, as most runs are short
    out = console(no_color) if output == "text" else None
    status = 0
    for batch in api.Session(settings.open()).follow(request):
        for group in batch.groups:
            status = 1
            if out:
                rejects.render_group(group, batch.names, out)
            else:
                emit(json.render_group(group))
        for remark in batch.remarks:
            note(f"whyblocked: {clean(remark, 1000)}")
        check_pipe()
    return status


def _print(found: Rejects, by: By, output: str, no_color: bool) -> None:
    from whyblocked.cli.output import console, emit, note

    if output == "text":
        from whyblocked.report import rejects

        rejects.render(found, by, console(no_color))
        return
    if output == "json":
        from whyblocked.report import json

        emit(json.render_rejects(found))
    elif output == "csv":
        from whyblocked.report import rejects_csv

        emit(rejects_csv.render(found))
    else:
        from whyblocked.report import rejects_markdown

        emit(rejects_markdown.render(found, by))
        return
    for line in found.remarks:
        note(f"whyblocked: {clean(line, 1000)}")


def _filters(
    source: tuple[str, ...],
    destination: tuple[str, ...],
    port: tuple[str, ...],
    protocol: str | None,
    interface: tuple[str, ...],
) -> Filters:
    from whyblocked.flowlogs.groups import Filters

    return Filters(
        sources=tuple(_network(text, "--source") for text in source),
        destinations=tuple(_network(text, "--destination") for text in destination),
        ports=tuple(_ports(text) for text in port),
        protocol=None if protocol is None else _protocol(protocol),
        interfaces=frozenset(interface),
    )


def _network(text: str, option: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text.strip().removeprefix("[").removesuffix("]"), strict=False)
    except ValueError:
        raise UsageError(f"{option}: {clean(text, 60)!r} is no address or block") from None


def _ports(text: str) -> tuple[int, int]:
    from whyblocked.question.ports import parse_ports

    return parse_ports(text.strip(), "--port")


def _protocol(text: str) -> int:
    from whyblocked.network.protocols import protocol_number

    number = protocol_number(text)
    if number is None or number < 0:
        raise UsageError(f"--protocol: {clean(text, 60)!r} is no protocol; write tcp, udp, icmp, icmpv6 or a number")
    return number
