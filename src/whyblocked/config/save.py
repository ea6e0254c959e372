"""``snapshot save``: the responses of every call that whyblocked reads, in files as the AWS CLI prints them.

Import this module only where AWS is asked.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from whyblocked.config.account import Missing
from whyblocked.config.awserrors import Refusal, refusal
from whyblocked.config.clients import Clients
from whyblocked.config.confidential import without_secrets
from whyblocked.config.decode import decode_response
from whyblocked.config.fetch import concurrently, fetcher
from whyblocked.config.live import Live, parameters
from whyblocked.config.operations import ALWAYS_ALLOWED, MANAGED, READ, SAVED, Operation
from whyblocked.config.places import Place, Places
from whyblocked.config.resources import VpcPeeringConnection
from whyblocked.config.save_tasks import WRITTEN, read_clusters
from whyblocked.errors import AwsError, InputError, WhyblockedError
from whyblocked.text import clean

_UNSAFE_IN_A_NAME = re.compile(r"[^\w@+-]")


class Saved(NamedTuple):
    """What was written: the folder of the account and Region, its files; and what could not be read, and why.

    ``leads_to`` are the accounts and Regions that lie beside it.
    """

    folder: Path
    files: tuple[Path, ...]
    skipped: tuple[str, ...]
    account_id: str
    leads_to: tuple[Place, ...] = ()


class _Call(NamedTuple):
    operation: Operation
    parameters: dict[str, Any]
    name: str  # of the file


def save_snapshot(folder: Path, source: Live) -> list[Saved]:
    """Read everything where a walk from the Region of ``source`` can lead; write ``folder/<account>/<region>/`` each.

    That is the Region itself, the Regions of further profiles, and what peering connections, transit gateways and
    shared subnets lead to, as far as a profile or the role opens it. What may not be read, or is not offered, is
    skipped and named in the result.
    """
    source.clients.sign_in()
    home = _save(folder, source.clients, source.region)
    saved, closed = [home], dict[str, None]()
    ahead = [Place(home.account_id, source.region), *home.leads_to]
    if source.accounts.several or any(place.account != home.account_id for place in ahead):
        source.accounts.identify()
        ahead += [Place(*place) for place in source.accounts.of_profiles()]
    done = {ahead.pop(0)}
    while ahead:
        place = ahead.pop(0)
        if place in done:
            continue
        done.add(place)
        source.accounts.open([place.account])
        clients = source.clients if place.account == home.account_id else source.accounts.clients(place.account)
        if isinstance(clients, Missing):
            closed[str(clients)] = None
            continue
        try:
            there = _save(folder, clients, place.region)
        except AwsError as error:  # it is not where the question began
            closed[f"account {place.account} in {place.region}: {error.message}"] = None
            continue
        saved.append(there)
        ahead += there.leads_to
    saved[0] = home._replace(skipped=(*home.skipped, *closed, *source.accounts.warnings))
    return saved


def _save(folder: Path, clients: Clients, region: str) -> Saved:
    """Read everything in one Region of an account, and write it."""
    responses: dict[str, dict[str, Any]] = {}
    skipped: list[str] = []
    account_id = _account_id(clients)
    lists = [_Call(operation, {}, _file_name(operation)) for operation in SAVED if operation.each is None]
    by_operation = fresh = _read(clients, region, lists, responses, skipped)
    while details := [call for operation in SAVED for call in _one_each(operation, fresh)]:
        fresh = _read(clients, region, details, responses, skipped)
    _read_tasks(clients, region, by_operation, responses, skipped)
    account_id = account_id or _owner(by_operation) or "unknown-account"
    where = folder / account_id / region
    _make_folders(where)
    files = [_write(where / name, response) for name, response in responses.items()]
    _remove_stale(where, {file.name for file in files})
    leads_to = tuple(_leading(by_operation, Place(account_id, region)))
    return Saved(where, tuple(files), tuple(dict.fromkeys(skipped)), account_id, leads_to)


def _leading(by_operation: dict[str, list[dict[str, Any]]], here: Place) -> list[Place]:
    """The accounts and Regions that a walk from ``here`` can lead to."""
    places = Places()
    for name, responses in by_operation.items():
        if name in ("DescribeSubnets", "DescribeVpcPeeringConnections") or "TransitGateway" in name:
            operation = next(operation for operation in SAVED if operation.name == name)
            parts = [decode_response(operation, response, name) for response in responses] if operation.type else []
            for resource in (resource for part in parts for resource in part.resources):
                if not isinstance(resource, VpcPeeringConnection) or resource.status.code == "active":
                    places.learn(resource, here)
    return [place for place in places.told() if place != here]


def _read(
    clients: Clients, region: str, calls: list[_Call], responses: dict[str, dict[str, Any]], skipped: list[str]
) -> dict[str, list[dict[str, Any]]]:
    """Make ``calls`` at once, keep their responses by file name, and give those by operation."""
    made = {call.operation.service: clients.client(call.operation.service, region) for call in calls}
    jobs = [fetcher(made[call.operation.service], call.operation, call.parameters) for call in calls]
    by_operation: dict[str, list[dict[str, Any]]] = {}
    for call, outcome in zip(calls, concurrently(jobs), strict=True):
        if isinstance(outcome, Exception):
            reason = _reason(call.operation, outcome, region)
            if reason is not None:
                skipped.append(f"{call.operation.permission}: {reason}")
        else:
            responses[call.name] = without_secrets(outcome)
            by_operation.setdefault(call.operation.name, []).append(responses[call.name])
    return by_operation


def _read_tasks(
    clients: Clients,
    region: str,
    by_operation: dict[str, list[dict[str, Any]]],
    responses: dict[str, dict[str, Any]],
    skipped: list[str],
) -> None:
    """What runs in the clusters of ECS."""
    clusters = [arn for response in by_operation.get("ListClusters", ()) for arn in response.get("clusterArns", ())]
    for told in read_clusters(clients.client("ecs", region), clusters) if clusters else ():
        if isinstance(told.outcome, Exception):
            reason = _reason(told.operation, told.outcome, region)
            if reason is not None:
                skipped.append(f"{told.operation.permission}: {reason}")
        else:
            name = _file_name(told.operation, told.cluster.rpartition("/")[2])
            responses[name] = without_secrets(told.outcome)


def _reason(operation: Operation, error: Exception, region: str) -> str | None:
    """Why a call gave nothing; None where what it asked for is just gone. Raises what no snapshot can do without."""
    found = refusal(error, operation.permission, region)
    if isinstance(found, Refusal):
        unused = found.kind == "not offered" and operation.optional  # a feature that is not in use
        return None if found.kind == "not found" or unused else found.reason
    if operation.name in READ and operation.service == "ec2" and operation.name not in MANAGED:
        raise found from None
    return found.message


def _one_each(operation: Operation, by_operation: dict[str, list[dict[str, Any]]]) -> list[_Call]:
    """The calls for every resource that lists hold."""
    each = operation.each
    if each is None or each.operation not in by_operation:
        return []
    key = next(listing.key for listing in SAVED if listing.name == each.operation)
    return [
        _Call(
            operation, parameters(each.parameter, str(item[each.id])), _file_name(operation, str(item.get(each.name)))
        )
        for response in by_operation[each.operation]
        for item in response.get(key, ())
        if item.get(each.id)
    ]


def _file_name(operation: Operation, name: str = "") -> str:
    """``describe-vpcs.json``, ``get-managed-prefix-list-entries.pl-0a1.json``: as the AWS CLI spells the operation."""
    from botocore import xform_name

    return f"{xform_name(operation.name, '-')}{'.' + _UNSAFE_IN_A_NAME.sub('_', name) if name else ''}.json"


def _account_id(clients: Clients) -> str | None:
    """Whose credentials these are; None where not even that is told."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return clients.account_id()
    except (BotoCoreError, ClientError, NotImplementedError) as error:
        found = refusal(error, ALWAYS_ALLOWED, clients.region)
        if isinstance(error, ClientError) and isinstance(found, WhyblockedError):
            raise found from None
        return None


def _owner(by_operation: dict[str, list[dict[str, Any]]]) -> str | None:
    """The owner of the first VPC, as the account's id."""
    responses = by_operation.get("DescribeVpcs", ())
    vpcs = (vpc for response in responses for vpc in response.get("Vpcs", ()))
    return next((str(vpc["OwnerId"]) for vpc in vpcs if vpc.get("OwnerId")), None)


# -- files -------------------------------------------------------------------------------------------------------


def _make_folders(folder: Path) -> None:
    """``folder`` and those above it, new ones for their owner only."""
    try:
        for above in (*reversed(folder.parents), folder):
            if not above.is_dir():
                above.mkdir(mode=0o700)
    except OSError as error:
        raise InputError(f"{clean(str(folder))}: can't be made: {error.strerror}") from None


def _write(path: Path, response: dict[str, Any]) -> Path:
    """Write in one step: whoever reads the folder meanwhile sees the old file or the new one, whole."""
    text = json.dumps(response, indent=4, ensure_ascii=False, default=_as_cli)
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")  # mode 0600
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text + "\n")
        Path(temporary).replace(path)
        temporary = None
    except OSError as error:
        raise InputError(f"{clean(str(path))}: can't be written: {error.strerror}") from None
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
    return path


def _as_cli(value: object) -> str:
    """What JSON has no form for, as the AWS CLI prints it."""
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _remove_stale(folder: Path, written: set[str]) -> None:
    """Remove what an earlier save left of calls that gave nothing now: a mixture would be true of no moment."""
    ours = {_file_name(operation).removesuffix(".json") for operation in (*SAVED, *WRITTEN)}
    for path in folder.glob("*.json"):
        if path.name not in written and path.name.split(".")[0] in ours:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise InputError(f"{clean(str(path))}: can't be replaced: {error.strerror}") from None
