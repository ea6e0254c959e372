"""The flow logs that an account has on a path: which can be read, in which format, and what they can't show."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from whyblocked.config.account import Account, Missing
from whyblocked.config.resources import FlowLog
from whyblocked.errors import InputError
from whyblocked.flowlogs.fields import DEFAULT, Format, parse_format
from whyblocked.text import clean


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A CloudWatch Logs group that flow logs deliver to, with their formats and the kinds of traffic they hold."""

    name: str
    forms: tuple[Format, ...]
    traffic: frozenset[str]
    resources: frozenset[str]


class Configured(msgspec.Struct, frozen=True, kw_only=True):
    """What an account's flow logs on a path come to; ``logs`` counts all of them, readable or not."""

    logs: int = 0
    groups: tuple[Group, ...] = ()
    notes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def configured(account: Account, resource_ids: Iterable[str] | None) -> Configured:
    """The flow logs on these interfaces, subnets and VPCs (None: all), asked of AWS where the account is live."""
    wanted = None if resource_ids is None else tuple(dict.fromkeys(resource_ids))
    found = account.flow_logs_of(wanted)
    while isinstance(found, Missing) and found.pending and account.advance():
        found = account.flow_logs_of(wanted)
    if isinstance(found, Missing):
        note = f"which flow logs there are is not known ({found})"
        return Configured(notes=(note,), missing=() if found.absent else (str(found),))
    notes: list[str] = []
    groups: dict[str, Group] = {}
    for log in sorted(found, key=lambda log: log.flow_log_id):
        notes += _notes(log)
        group = group_name(log)
        form = _format(log, notes) if group else None
        if not group or form is None:
            continue
        known = groups.get(group)
        groups[group] = Group(
            name=group,
            forms=tuple(dict.fromkeys((*(known.forms if known else ()), form))),
            traffic=(known.traffic if known else frozenset()) | {(log.traffic_type or "ALL").upper()},
            resources=(known.resources if known else frozenset()) | {log.resource_id or ""},
        )
    return Configured(logs=len(found), groups=tuple(groups.values()), notes=tuple(notes))


def all_logs(account: Account) -> tuple[tuple[FlowLog, ...], list[str]]:
    """All flow logs that an account has; where they may not be read, none, and a note."""
    found = account.flow_logs_of(None)
    while isinstance(found, Missing) and found.pending and account.advance():
        found = account.flow_logs_of(None)
    return ((), [f"which flow logs there are is not known ({found})"]) if isinstance(found, Missing) else (found, [])


def group_name(log: FlowLog) -> str | None:
    """The log group that a flow log delivers to, or None where it delivers elsewhere."""
    if log.log_destination_type not in (None, "", "cloud-watch-logs"):
        return None
    if log.log_group_name:
        return log.log_group_name
    _, found, name = (log.log_destination or "").partition(":log-group:")
    return name.removesuffix(":*") if found and name else None


def _format(log: FlowLog, notes: list[str]) -> Format | None:
    """The format of a flow log; one that can't be used is no error of the asker's."""
    try:
        return parse_format(log.log_format, _named(log)) if log.log_format else DEFAULT
    except InputError as error:
        notes.append(error.message)
        return None


def _notes(log: FlowLog) -> list[str]:
    """What a reader of this flow log's records should know."""
    name = _named(log)
    notes = []
    if log.log_destination_type == "s3":
        notes.append(
            f"{name} delivers to Amazon S3, which is not read yet: copy the files of the time in question from "
            f"{clean(log.log_destination or 'there')} and name their folder with --flow-logs"
        )
    elif log.log_destination_type == "kinesis-data-firehose":
        notes.append(f"{name} delivers to Firehose, which can't be read back")
    elif group_name(log) is None:
        notes.append(f"{name} delivers to {clean(log.log_destination_type or 'an unknown place')}, which is not read")
    if log.flow_log_status and log.flow_log_status.upper() != "ACTIVE":
        notes.append(f"{name} is not active")
    if (log.deliver_logs_status or "").upper() == "FAILED":
        why = f" ({clean(log.deliver_logs_error_message)})" if log.deliver_logs_error_message else ""
        notes.append(f"{name} can't deliver its records{why}")
    if (log.traffic_type or "").upper() == "ACCEPT":
        notes.append(f"{name} records accepted traffic only: it never shows a rejection")
    if (log.traffic_type or "").upper() == "REJECT":
        notes.append(f"{name} records rejected traffic only: it never shows what was accepted")
    return notes


def _named(log: FlowLog) -> str:
    return f"flow log {clean(log.flow_log_id)} of {clean(log.resource_id or 'an unknown resource')}"
