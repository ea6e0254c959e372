"""What all resources share: decoding, tags, states, blocks of addresses.

In this package annotations are not left as texts (``from __future__ import annotations``): msgspec needs what they
stand for, and would have to evaluate hundreds of texts at every start.
"""

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from socket import AF_INET, AF_INET6, inet_pton

import msgspec


@lru_cache(maxsize=1 << 16)
def block(text: str) -> IPv4Network | IPv6Network:
    """``text`` as a block of addresses, bits behind the prefix ignored; ValueError where it is none."""
    return ip_network(str(text), strict=False)  # a file may hold a number there, which would be an address


@lru_cache(maxsize=1 << 16)
def address(text: str) -> IPv4Address | IPv6Address:
    """``text`` as an address; ValueError where it is none."""
    try:  # the system reads it in a third of the time
        if ":" in text:
            return IPv6Address(int.from_bytes(inet_pton(AF_INET6, text)))
        return IPv4Address(int.from_bytes(inet_pton(AF_INET, text)))
    except (OSError, ValueError):
        return ip_address(text)  # whose error says what is wrong


class Resource(msgspec.Struct, frozen=True, rename="pascal", kw_only=True, gc=False):
    """Base of all shapes: immutable, PascalCase in JSON, unknown keys ignored; in no reference cycle, ever."""


class Tag(Resource, frozen=True):
    """One tag. Its text comes from outside and is data, never markup."""

    key: str = ""
    value: str = ""


def name_tag(tags: tuple[Tag, ...]) -> str | None:
    """The value of the ``Name`` tag, or None."""
    return next((tag.value for tag in tags if tag.key == "Name" and tag.value), None)


_OWNER_KEYS = ("owner", "team")
_STACK = "aws:cloudformation:stack-name"


def owner_tag(tags: tuple[Tag, ...]) -> str | None:
    """Who to ask about a resource: its ``Owner`` or ``Team`` tag, else the CloudFormation stack that it is part of."""
    found = {tag.key.lower(): tag.value for tag in reversed(tags) if tag.value}
    told = next((found[key] for key in _OWNER_KEYS if key in found), None)
    return told or (f"CloudFormation stack {found[_STACK]}" if _STACK in found else None)


class State(Resource, frozen=True):
    """The state of an association; its field is ``State`` or ``Code`` depending on the API."""

    state: str = ""
    code: str = ""


def associated(state: State | None) -> bool:
    return state is None or not state.state or state.state == "associated"


class CidrAssociation(Resource, frozen=True):
    """One IPv4 block of a VPC with the state of its association."""

    cidr_block: str
    cidr_block_state: State | None = None


class Ipv6CidrAssociation(Resource, frozen=True):
    """One IPv6 block of a VPC or subnet with the state of its association; ``private`` ones are never advertised."""

    ipv6_cidr_block: str
    ipv6_cidr_block_state: State | None = None
    ipv6_address_attribute: str | None = None


class PublicAccessStates(Resource, frozen=True):
    """Block Public Access as it shows on a VPC or subnet."""

    internet_gateway_block_mode: str = ""


class PublicAccessOptions(Resource, frozen=True):
    """Block Public Access of the account in a Region."""

    internet_gateway_block_mode: str = "off"
    state: str | None = None
    aws_account_id: str | None = None
    aws_region: str | None = None


class PublicAccessExclusion(Resource, frozen=True):
    """A VPC or subnet that Block Public Access leaves out."""

    exclusion_id: str | None = None
    internet_gateway_exclusion_mode: str = ""
    resource_arn: str = ""
    state: str = ""


class DestinationOptions(Resource, frozen=True):
    """How a flow log's files in S3 are written and laid out."""

    file_format: str | None = None
    hive_compatible_partitions: bool = False
    per_hour_partition: bool = False


class FlowLog(Resource, frozen=True):
    """A flow log: what it covers, where it delivers, in which format."""

    flow_log_id: str
    resource_id: str | None = None
    flow_log_status: str | None = None
    deliver_logs_status: str | None = None
    deliver_logs_error_message: str | None = None
    log_destination_type: str | None = None
    log_destination: str | None = None
    log_group_name: str | None = None
    log_format: str | None = None
    traffic_type: str | None = None
    max_aggregation_interval: int | None = None
    creation_time: datetime | None = None
    destination_options: DestinationOptions | None = None


class Address(Resource, frozen=True):
    """An Elastic IP address."""

    public_ip: str | None = None
    private_ip_address: str | None = None
    network_interface_id: str | None = None
    instance_id: str | None = None
    allocation_id: str | None = None
    association_id: str | None = None


class Broken(msgspec.Struct, frozen=True):
    """A resource that could not be decoded, kept until a question needs it.

    ``kind`` is its top-level key, ``mentions`` all the texts in it (its id and those of others, as far as they
    could be read), ``message`` the error that names file, place and key.
    """

    kind: str
    mentions: frozenset[str]
    message: str


def texts(value: object) -> Iterator[str]:
    """All the texts in plain data: the ids in a resource that could not be read are among them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts(item)
