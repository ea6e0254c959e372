"""What CloudTrail tells of changes: management events as ``lookup-events`` prints them and as log files hold them.

Field names: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html.
In requests and answers of the EC2 API they begin with a small letter, lists stand under ``items``, and newer calls
stand under their own name with capitals (``ModifySecurityGroupRulesRequest``): :func:`plain` makes them alike.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec

from whyblocked.config.resources import texts
from whyblocked.text import clean

MOST_BYTES = 256 * 1024 * 1024  # of one unpacked log file; CloudTrail's own are far below

# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Operations.html, and the same pages of the other services.
_CHANGES = (
    r"(Authorize|Revoke)SecurityGroup(Ingress|Egress)|ModifySecurityGroupRules|(Create|Delete)SecurityGroup",
    r"(Associate|Disassociate)SecurityGroupVpc|Modify(NetworkInterface|Instance)Attribute|SetSecurityGroups",
    r"(Create|Replace|Delete)NetworkAclEntry|(Create|Delete)NetworkAcl|ReplaceNetworkAclAssociation",
    r"(Create|Replace|Delete)(TransitGateway)?Route|(Create|Delete)RouteTable",
    r"(Associate|Disassociate)(TransitGateway)?RouteTable|ReplaceRouteTableAssociation",
    r"(Enable|Disable)(VgwRoute|RouteServer|TransitGatewayRouteTable)Propagation",
    r"(Create|Attach|Detach|Delete)InternetGateway|(Create|Delete)EgressOnlyInternetGateway",
    r"(Attach|Detach)VpnGateway|(Create|Delete)VpnConnectionRoute|DeleteVpnConnection",
    r"(Create|Delete)NatGateway|(Associate|Disassociate)(NatGateway)?Address|ReleaseAddress",
    r"(Create|Accept|Reject|Delete)VpcPeeringConnection|ModifyVpcPeeringConnectionOptions",
    r"(Create|Accept|Reject|Modify|Delete)TransitGatewayVpcAttachment|ModifyTransitGateway",
    r"DeleteTransitGatewayPeeringAttachment|(Create|Modify|Delete)TransitGatewayPrefixListReference",
    r"(Create|Modify)VpcEndpoint|DeleteVpcEndpoints|(Accept|Reject)VpcEndpointConnections",
    r"(Modify|Delete)ManagedPrefixList|RestoreManagedPrefixListVersion",
    r"ModifyVpcBlockPublicAccessOptions|(Create|Modify|Delete)VpcBlockPublicAccessExclusion",
    r"(Create|Modify|Delete)VpcEncryptionControl|(Start|Stop|Terminate)Instances",
    r"(Attach|Detach|Delete)NetworkInterface|(Assign|Unassign)(PrivateIp|Ipv6)Addresses",
    r"Modify(Vpc|Subnet)Attribute|(Associate|Disassociate)(Vpc|Subnet)CidrBlock|AssociateDhcpOptions",
    r"(Create|Modify|Delete)(Listener|Rule)|(Register|Deregister)Targets|ModifyTargetGroup(Attributes)?",
    r"SetSubnets|ModifyLoadBalancerAttributes|(Register|Deregister)Instances(With|From)LoadBalancer",
    r"ApplySecurityGroupsToLoadBalancer|(Create|Delete)LoadBalancerListeners|(Attach|Detach)LoadBalancer\w+Subnets",
    r"UpdateRuleGroup|UpdateFirewallPolicy|AssociateFirewallPolicy|(Associate|Disassociate)Subnets",
    r"UpdateFunctionConfiguration\w*|ModifyDBInstance|UpdateService",
)
"""The events that can change whether packets pass; others are left out."""
_CHANGE = "|".join(_CHANGES)


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A change that was made: ``request`` and ``response`` as :func:`plain` gives them.

    ``by`` is who made it (``role/deploy (alice)``), ``agent`` with what program, ``console`` whether in the console;
    ``mentions`` are all the texts in it, ids of resources among them. Every text comes from outside.
    """

    event_id: str
    time: int
    name: str
    region: str = ""
    account_id: str = ""
    by: str = ""
    source_address: str = ""
    agent: str = ""
    console: bool = False
    request: Mapping[str, Any] = {}
    response: Mapping[str, Any] = {}
    mentions: frozenset[str] = frozenset()


class Lookup(msgspec.Struct, frozen=True):
    """One thing to ask CloudTrail, in the account and Region where ``about`` is.

    ``attribute`` is ``ResourceName`` (an id) or ``EventName``; ``otherwise`` are the names of events to ask for where
    nothing is found under it.
    """

    attribute: str
    value: str
    about: str
    otherwise: tuple[str, ...] = ()


class Heard(NamedTuple):
    """The events that were found, and what to know of how they were."""

    events: list[Event]
    notes: list[str]


class Trail(Protocol):
    """A look for events that is under way."""

    def heard(self) -> Heard:
        """What was found; waits for it as long as a reader would."""


class Told(msgspec.Struct, frozen=True):
    """What was there at once."""

    found: Heard

    def heard(self) -> Heard:
        """It."""
        return self.found


# -- decoding -----------------------------------------------------------------------------------------------------


def _items(document: object) -> Iterator[object]:
    """The records in what ``lookup-events`` printed (``Events``), or in a log file of CloudTrail's (``Records``)."""
    if not isinstance(document, dict):
        return
    for key in ("Events", "Records"):
        items = document.get(key)
        yield from items if isinstance(items, list) else ()


def decode(item: object) -> Event | None:
    """The change that a record tells of; None where it tells of none: a failed attempt, a reading call, no event."""
    record = _record(item)
    if record is None or record.get("errorCode") or record.get("readOnly") in (True, "true"):
        return None
    name, time = record.get("eventName"), _seconds(record.get("eventTime"))
    if time is None or not isinstance(name, str) or not re.fullmatch(_CHANGE, name):
        return None
    request, response = plain(record.get("requestParameters")), plain(record.get("responseElements"))
    named = [*texts(request), *texts(response), *texts(_named(item)), *texts(record.get("resources"))]
    return Event(
        event_id=_text(record.get("eventID")),
        time=time,
        name=name,
        region=_text(record.get("awsRegion")),
        account_id=_text(record.get("recipientAccountId")),
        by=_who(record.get("userIdentity"), item),
        source_address=_text(record.get("sourceIPAddress")),
        agent=_text(record.get("userAgent")),
        console=_by_console(record),
        request=request,
        response=response,
        mentions=frozenset(named),
    )


def is_unreadable(item: object) -> bool:
    """Whether an event is there of which nobody can tell what it did; records of other programs are none."""
    record = _record(item)
    listed = isinstance(item, dict) and not {"CloudTrailEvent", "EventName"}.isdisjoint(item)
    if record is None:
        return True
    name = record.get("eventName")
    if not isinstance(name, str):
        return listed
    counts = not record.get("errorCode") and re.fullmatch(_CHANGE, name) is not None
    return counts and _seconds(record.get("eventTime")) is None


def unread_words(number: int) -> str:
    """``2 events could not be read``."""
    return f"{number} event{'' if number == 1 else 's'} could not be read"


def _record(item: object) -> dict[str, Any] | None:
    """The record, which ``lookup-events`` prints as a text in ``CloudTrailEvent``; None where it is unreadable."""
    record = item
    if isinstance(item, dict) and "CloudTrailEvent" in item:
        try:
            record = msgspec.json.decode(item["CloudTrailEvent"])
        except (TypeError, ValueError, RecursionError):
            return None
    return record if isinstance(record, dict) else None


def plain(value: object) -> dict[str, Any]:
    """Parameters of a call in one form: keys that begin with a small letter, lists as lists."""
    found = _plain(value)
    if not isinstance(found, dict):
        return {}
    if len(found) == 1:
        ((key, inner),) = found.items()
        if key.endswith(("Request", "Response")) and isinstance(inner, dict):
            return inner
    return found


def rows(value: object) -> list[dict[str, Any]]:
    """What may be a list, one of its elements alone, or nothing, as a list of objects."""
    if isinstance(value, dict):
        return [value] if value else []
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _plain(value: object) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    items = value.get("items", value.get("item"))
    if len(value) == 1 and items is not None:
        return [_plain(item) for item in (items if isinstance(items, list) else [items])]
    return {f"{key[:1].lower()}{key[1:]}": _plain(item) for key, item in value.items()}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _named(item: object) -> object:
    return item.get("Resources") if isinstance(item, dict) else None


def _seconds(value: object) -> int | None:
    """A time of CloudTrail's, which are all UTC, as Unix seconds."""
    try:
        found = datetime.fromisoformat(_text(value))
        return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None


def _by_console(record: Mapping[str, Any]) -> bool:
    agent = _text(record.get("userAgent"))
    return record.get("sessionCredentialFromConsole") in (True, "true") or bool(
        re.match(r"(console|signin)\.(\w+\.)?amazonaws\.com", agent)
    )


def _who(identity: object, item: object) -> str:
    """Who made the call, as short as a person would say it.

    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
    """
    who = identity if isinstance(identity, dict) else {}
    arn, kind = _text(who.get("arn")), _text(who.get("type"))
    last = arn.rpartition("/")[2]
    through = _text(who.get("invokedBy"))
    context = who.get("sessionContext")
    issuer = context.get("sessionIssuer") if isinstance(context, dict) else None
    role = _text(issuer.get("userName")) if isinstance(issuer, dict) else ""
    if kind == "AssumedRole" and (role or arn.count("/") > 1):
        role = role or arn.split("/")[-2]
        found = f"role/{role}" + (f" ({last})" if last and last != role else "")
    elif kind == "Root":
        found = "the root user"
    elif kind == "AWSService":
        return through or "a service of AWS's"
    else:
        name = _text(who.get("userName")) or last
        prefix = {"IAMUser": "user/", "FederatedUser": "federated-user/", "IdentityCenterUser": "user/"}.get(kind, "")
        fallback = _text(item.get("Username")) if isinstance(item, dict) else ""
        account = _text(who.get("accountId"))
        found = f"{prefix}{name}" if name else fallback or (f"account {account}" if account else "somebody")
    return f"{found} through {through}" if through and not through.startswith("AWS Internal") else found


# -- files ----------------------------------------------------------------------------------------------------------


class TrailFile(msgspec.Struct, frozen=True):
    """A file of a snapshot that may hold events: its content, or where that is, where it is packed."""

    name: str
    content: bytes | Path


class TrailFiles:
    """The events in files, read when they are asked for first."""

    def __init__(self, files: Iterable[TrailFile]) -> None:
        self._files = tuple(files)
        self._heard: Heard | None = None

    def __bool__(self) -> bool:
        return bool(self._files)

    @property
    def found(self) -> Heard:
        """All of them, each once, and a note on every file that can't be read."""
        if self._heard is None:
            events: dict[object, Event] = {}
            notes: list[str] = []
            unread = 0
            for file in self._files:
                try:
                    for item in _items(msgspec.json.decode(_unpacked(file.content))):
                        event = decode(item)
                        if event is not None:
                            events.setdefault(event.event_id or len(events), event)
                        elif is_unreadable(item):
                            unread += 1
                except (OSError, EOFError, ValueError, RecursionError, zlib.error) as error:
                    reason = getattr(error, "strerror", None) or str(error) or "it ends too early"
                    notes.append(f"{file.name} can't be read: {clean(reason, 120)}")
            if unread:
                notes.append(unread_words(unread))
            self._heard = Heard(list(events.values()), notes)
        return self._heard

    def since(self, first: int | None) -> Heard:
        """Those from a time on."""
        found = self.found
        return found._replace(events=[e for e in found.events if first is None or first <= e.time])


def _unpacked(content: bytes | Path) -> bytes:
    if isinstance(content, bytes):
        return content
    import gzip  # which few snapshots need

    with gzip.open(content) as file:
        found = file.read(MOST_BYTES + 1)
    if len(found) > MOST_BYTES:
        raise ValueError(f"it unpacks to more than {MOST_BYTES // 1024 // 1024} MiB")
    return found
