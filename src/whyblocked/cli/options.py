"""Options that several commands share, named as the AWS CLI names its own."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import click

from whyblocked.errors import UsageError
from whyblocked.text import clean

if TYPE_CHECKING:
    from whyblocked.config.account import Account
    from whyblocked.config.clients import Clients
    from whyblocked.network.asked import Question

_ROLE = re.compile(r"arn:[a-z-]+:iam::(?:\{account\}|\d{12}):role/[\w+=,.@/-]+")

F = TypeVar("F", bound=Callable[..., Any])


class AccountSettings(NamedTuple):
    """Which account is asked about, and where its configuration is read."""

    profile: tuple[str, ...] = ()
    region: str | None = None
    endpoint_url: str | None = None
    snapshot: str | None = None
    debug: bool = False
    role_arn: str | None = None

    def open(self) -> Account:
        """The account; nothing of it is read from AWS yet."""
        if self.snapshot is not None:
            from whyblocked.config.snapshot import load_snapshot

            return load_snapshot(Path(self.snapshot), self.region)
        from whyblocked import api

        return api.live(self.profile, self.region, self.endpoint_url, self.debug, self.role_arn)

    def clients(self) -> Callable[[str, str | None], Any]:
        """Makes clients of AWS's services, by service and Region, signed in with the first."""
        made: list[Clients] = []

        def client(service: str, region: str | None = None) -> Any:
            if not made:
                from whyblocked.config.clients import Clients

                clients = Clients(self.profile[0] if self.profile else None, self.region, self.endpoint_url, self.debug)
                clients.sign_in()
                made.append(clients)
            return made[0].client(service, region)

        return client


class QuestionSettings(NamedTuple):
    """What the options say of a question."""

    protocol: str | None = None
    source_port: str | None = None
    icmp_type: str | None = None
    icmp_code: str | None = None

    def parse(self, words: Sequence[str]) -> Question:
        """The question in these words."""
        from whyblocked.question.grammar import parse

        return parse(" ".join(words), **self._asdict())


class EvidenceSettings(NamedTuple):
    """Which flow logs are read, and for which time."""

    wanted: bool = True
    locations: tuple[str, ...] = ()
    log_format: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    request_payer: str | None = None
    client: Callable[[str, str | None], Any] | None = None
    max_scan: int | None = None
    work_group: str | None = None


def read_evidence(
    settings: AccountSettings,
    *,
    flow_logs: tuple[str, ...],
    no_flow_logs: bool,
    log_format: str | None,
    since: str | None,
    until: str | None,
    request_payer: str | None,
    max_scan: str,
    work_group: str | None,
) -> EvidenceSettings:
    """The evidence that the options of these names ask for; :class:`UsageError` where they contradict each other."""
    if no_flow_logs and flow_logs:
        raise UsageError("--no-flow-logs and --flow-logs contradict each other")
    from whyblocked.flowlogs.costs import parse_size

    limit = parse_size(max_scan)
    start = end = None
    if since is not None or until is not None:
        from whyblocked.flowlogs.window import moment

        now = datetime.now(UTC)
        start = None if since is None else moment(since, now, "--since")
        end = None if until is None else moment(until, now, "--until")
        if start and end and start >= end:
            raise UsageError(f"--since {since} is not before --until {until}: nothing lies between them")
    return EvidenceSettings(
        wanted=not no_flow_logs,
        locations=flow_logs,
        log_format=log_format,
        since=start,
        until=end,
        request_payer=request_payer,
        client=settings.clients(),
        max_scan=limit,
        work_group=work_group,
    )


class ChangesSettings(NamedTuple):
    """Whether it is looked for what changed, and from when on (None: a day at AWS, all that files hold).

    ``always``: also where nothing blocks, and no record says otherwise.
    """

    wanted: bool = True
    since: datetime | None = None
    always: bool = False


def read_changes(changes: bool | None, changes_since: str | None) -> ChangesSettings:
    """What the options of these names ask for."""
    if changes_since is None:
        return ChangesSettings(changes is not False, always=changes is True)
    if changes is False:
        raise UsageError("--no-changes and --changes-since contradict each other")
    from whyblocked.flowlogs.window import moment

    return ChangesSettings(True, moment(changes_since, datetime.now(UTC), "--changes-since"), always=True)


def changes_options(function: F) -> F:
    """``--changes``, ``--no-changes`` and ``--changes-since``."""
    return _all(
        function,
        click.option(
            "--changes/--no-changes",
            default=None,
            help="Look in CloudTrail for what changed: always, or never. Without it: where something blocks or did.",
        ),
        click.option("--changes-since", metavar="TIME", help="Look for changes from there on; default: 24h."),
    )


def account_options(function: F) -> F:
    """The options that say which account is asked about, and where its configuration is read, as ``settings``."""
    return _all(
        _gathered(function, "settings", AccountSettings),
        click.option(
            "--profile",
            metavar="NAME",
            multiple=True,
            help="Use this profile of the AWS configuration (repeatable: further ones open further accounts).",
        ),
        click.option(
            "--role-arn",
            metavar="PATTERN",
            callback=_role,
            help="Assume this role in the accounts that a path leads to: 'arn:aws:iam::{account}:role/NAME'.",
        ),
        click.option("--region", metavar="REGION", help="Ask about this Region."),
        click.option("--endpoint-url", metavar="URL", help="Send the calls there instead of to AWS."),
        click.option("--snapshot", metavar="DIR", help="Read the configuration from a folder, not from AWS."),
        click.option("--debug", is_flag=True, help="Show tracebacks, and what the AWS library does."),
    )


def _role(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """The ARN of a role, with ``{account}`` where the account's id belongs."""
    if value is not None and not _ROLE.fullmatch(value):
        raise UsageError(f"--role-arn {clean(value)}: is no ARN of a role like arn:aws:iam::{{account}}:role/NAME")
    return value


def evidence_options(function: F) -> F:
    """Those of :func:`record_options`, and ``--no-flow-logs``."""
    return _all(
        record_options(function),
        click.option("--no-flow-logs", is_flag=True, help="Read no flow logs."),
    )


def record_options(function: F) -> F:
    """Which flow logs are read, in which format, for which time, and what that may cost."""
    return _all(
        function,
        click.option(
            "--flow-logs",
            metavar="LOCATION",
            multiple=True,
            help="Read flow logs from a file, a folder, -, s3://BUCKET/PREFIX, cloudwatch:LOG-GROUP or "
            "athena:DATABASE.TABLE (repeatable). Without it: those that the account has.",
        ),
        click.option("--log-format", metavar="FIELDS", help="The fields of the records, as '${version} ...'."),
        click.option("--since", metavar="TIME", help="Begin there: 30m, 2d, 2026-11-23T09:00:00Z, Unix seconds."),
        click.option("--until", metavar="TIME", help="End there."),
        click.option(
            "--request-payer",
            metavar="PAYER",
            type=click.Choice(("requester",)),
            help="With requester: pay for what is read from a bucket of somebody else's.",
        ),
        click.option(
            "--max-scan",
            metavar="SIZE",
            default="10GB",
            help="Ask before Athena reads more than this (10GB): 500MB, 2GB, 1TB or none.",
        ),
        click.option("--work-group", metavar="NAME", help="Run Athena's queries in this workgroup."),
    )


def question_options(function: F) -> F:
    """The options that belong to a question (protocol, source port, ICMP type and code), as ``asked``."""
    return _all(
        _gathered(function, "asked", QuestionSettings),
        click.option("--protocol", metavar="NAME", help="tcp (default), udp, icmp, icmpv6, all or a number."),
        click.option("--source-port", metavar="PORT", help="A port or range; default: the client's ephemeral ports."),
        click.option("--icmp-type", metavar="TYPE", help="A number or all; default: echo request."),
        click.option("--icmp-code", metavar="CODE", help="A number or all."),
    )


def apply_option(function: F) -> F:
    """``--apply``."""
    return _all(
        function,
        click.option(
            "--apply",
            metavar="FILE",
            multiple=True,
            help="Suppose these changes: AWS CLI commands or terraform show -json of a plan; - for standard input "
            "(repeatable).",
        ),
    )


def output_options(*formats: str) -> Callable[[F], F]:
    """``--output`` with these formats, the first the default, and ``--no-color``."""
    return lambda function: _all(
        function,
        click.option(
            "--output", metavar="FORMAT", type=click.Choice(formats), default=formats[0], help=f"{_listed(formats)}."
        ),
        click.option("--no-color", is_flag=True, help="No colours (as with NO_COLOR set)."),
    )


def _listed(formats: tuple[str, ...]) -> str:
    return f"{', '.join((f'{formats[0]} (default)', *formats[1:-1]))} or {formats[-1]}"


def _gathered(function: F, name: str, kind: type[AccountSettings | QuestionSettings]) -> F:
    """The function, which gets the options that are called as the fields of ``kind`` as one argument of this name."""

    @functools.wraps(function)
    def gathering(*args: Any, **options: Any) -> Any:
        options[name] = kind(**{field: options.pop(field) for field in kind._fields})
        return function(*args, **options)

    return cast(F, gathering)


def _all(function: F, *options: Callable[[F], F]) -> F:
    for option in reversed(options):
        function = option(function)
    return function
