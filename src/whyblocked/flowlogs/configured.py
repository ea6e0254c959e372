"""The flow logs that an account has on a path: which can be read, in which format, and what they can't show."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

import msgspec

from whyblocked.config.account import Account, Missing
from whyblocked.config.resources import FlowLog
from whyblocked.errors import InputError
from whyblocked.flowlogs.fields import DEFAULT, Format, parse_format
from whyblocked.flowlogs.overlap import BOTH, Log
from whyblocked.flowlogs.window import iso
from whyblocked.text import clean

_BUCKET = re.compile(r"arn:[^:]*:s3:::([^/]+)(?:/(.*))?\Z", re.DOTALL)


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Where flow logs deliver to: a CloudWatch Logs group, or one flow log's files below ``bucket/prefix``.

    With their formats, and the kinds of traffic that they hold (none: a transit gateway's, which have no action).
    ``account_id`` and ``region`` are where the flow logs are, empty where nothing tells.
    """

    kind: Literal["cloudwatch", "s3"] = "cloudwatch"
    name: str
    forms: tuple[Format, ...]
    traffic: frozenset[str]
    resources: frozenset[str]
    logs: tuple[Log, ...] = ()
    account_id: str = ""
    region: str = ""


class Configured(msgspec.Struct, frozen=True, kw_only=True):
    """What an account's flow logs on a path come to; ``logs`` counts all of them, readable or not."""

    logs: int = 0
    groups: tuple[Group, ...] = ()
    notes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def configured(account: Account, resource_ids: Iterable[str] | None, since: int | None = None) -> Configured:
    """The flow logs on these interfaces, subnets and VPCs (None: all), asked of AWS where the account is live.

    ``since`` is where the window begins, in Unix seconds.
    """
    wanted = None if resource_ids is None else tuple(dict.fromkeys(resource_ids))
    found = account.flow_logs_of(wanted)
    while isinstance(found, Missing) and found.pending and account.advance():
        found = account.flow_logs_of(wanted)
    refused = account.refused_flow_logs()
    if isinstance(found, Missing):
        refused, found = tuple(dict.fromkeys((found, *refused))), ()
    notes = [f"which flow logs there are is not known ({missing})" for missing in refused]
    groups: dict[tuple[str | None, ...], Group] = {}
    for log in sorted(found, key=lambda log: log.flow_log_id):
        notes += _notes(log, since)
        group, place = group_name(log), s3_place(log)
        form = _format(log, notes) if group or place else None
        if form is None:
            continue
        where = account.account_id_of(log.flow_log_id) or "", account.region_of(log.flow_log_id) or ""
        # Files tell whose they are, log groups do not; these have one name in many places.
        key = (group, *where) if group else (place, log.flow_log_id)
        known = groups.get(key)
        groups[key] = Group(
            kind="cloudwatch" if group else "s3",
            name=group or place or "",
            forms=tuple(dict.fromkeys((*(known.forms if known else ()), form))),
            traffic=(known.traffic if known else frozenset()) | _traffic(log),
            resources=(known.resources if known else frozenset()) | {log.resource_id or ""},
            logs=(*(known.logs if known else ()), _log(log)),
            account_id=where[0],
            region=where[1],
        )
    missing = tuple(str(one) for one in refused if not one.absent)
    return Configured(logs=len(found), groups=tuple(groups.values()), notes=tuple(notes), missing=missing)


def all_logs(account: Account) -> tuple[tuple[FlowLog, ...], list[str]]:
    """All flow logs that an account has; where they may not be read, none, and a note."""
    found = account.flow_logs_of(None)
    while isinstance(found, Missing) and found.pending and account.advance():
        found = account.flow_logs_of(None)
    return ((), [f"which flow logs there are is not known ({found})"]) if isinstance(found, Missing) else (found, [])


def s3_place(log: FlowLog) -> str | None:
    """``bucket/prefix`` of the files that a flow log delivers, or None where it delivers elsewhere."""
    found = _BUCKET.match(log.log_destination or "") if log.log_destination_type == "s3" else None
    if found is None:
        return None
    return f"{found[1]}/{(found[2] or '').strip('/')}".removesuffix("/")


def _traffic(log: FlowLog) -> frozenset[str]:
    if (log.resource_id or "").startswith("tgw-"):
        return frozenset()
    return frozenset({(log.traffic_type or "ALL").upper()})


def _log(log: FlowLog) -> Log:
    traffic = _traffic(log)
    return Log(
        flow_log_id=log.flow_log_id,
        resource_id=log.resource_id or "",
        actions=BOTH if "ALL" in traffic else traffic,
        created=_created(log),
        sound=_is_active(log) and not _fails(log),
    )


def _created(log: FlowLog) -> int | None:
    return int(log.creation_time.timestamp()) if log.creation_time else None


def _is_active(log: FlowLog) -> bool:
    return (log.flow_log_status or "ACTIVE").upper() == "ACTIVE"


def _fails(log: FlowLog) -> bool:
    return (log.deliver_logs_status or "").upper() == "FAILED"


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


def _notes(log: FlowLog, since: int | None) -> list[str]:
    """What a reader of this flow log's records should know."""
    name = _named(log)
    notes = []
    if log.log_destination_type == "kinesis-data-firehose":
        notes.append(f"{name} delivers to Firehose, which can't be read back")
    elif group_name(log) is None and s3_place(log) is None:
        notes.append(f"{name} delivers to {clean(log.log_destination_type or 'an unknown place')}, which is not read")
    if not _is_active(log):
        notes.append(f"{name} is not active")
    if _fails(log):
        why = f" ({clean(log.deliver_logs_error_message)})" if log.deliver_logs_error_message else ""
        notes.append(f"{name} can't deliver its records{why}")
    created = _created(log)
    if created is not None and since is not None and created > since:
        notes.append(f"{name} is younger than the window: it has nothing from before {iso(created)}")
    if (log.traffic_type or "").upper() == "ACCEPT":
        notes.append(f"{name} records accepted traffic only: it never shows a rejection")
    if (log.traffic_type or "").upper() == "REJECT":
        notes.append(f"{name} records rejected traffic only: it never shows what was accepted")
    return notes


def _named(log: FlowLog) -> str:
    return f"flow log {clean(log.flow_log_id)} of {clean(log.resource_id or 'an unknown resource')}"
