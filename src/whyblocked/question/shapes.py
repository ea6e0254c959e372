"""What an endpoint is by its looks alone, before any account was asked."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_network
from typing import Literal

import msgspec

from whyblocked.errors import EndpointError
from whyblocked.question import aws_services
from whyblocked.question.balancers import is_balancer
from whyblocked.question.services import is_managed
from whyblocked.text import clean

ID_DIGITS = 17  # of an id made since 2016; older ones have 8

Kind = Literal[
    "internet", "network", "instance", "interface", "dns", "name", "managed", "load-balancer", "endpoint", "service"
]

_ID = re.compile(r"(i|eni)-([0-9a-f]{1,17})", re.IGNORECASE)
_EC2_ARN = re.compile(
    r"arn:[^:]*:ec2:[^:]*:[^:]*:(?:instance|network-interface|vpc-endpoint)/((?:i|eni|vpce)-[0-9a-f]+)", re.IGNORECASE
)

# https://docs.aws.amazon.com/vpc/latest/userguide/vpc-dns.html#vpc-dns-hostnames
_INTERNAL = r"\.(?:ec2|[a-z0-9-]+\.compute)\.internal"
_PRIVATE_DNS = re.compile(rf"ip-(\d+-\d+-\d+-\d+){_INTERNAL}", re.IGNORECASE)
_INSTANCE_DNS = re.compile(rf"(i-[0-9a-f]+){_INTERNAL}", re.IGNORECASE)
_PUBLIC_DNS = re.compile(
    r"ec2-(\d+-\d+-\d+-\d+)\.(?:compute-1|[a-z0-9-]+\.compute)\.amazonaws\.com(?:\.cn)?", re.IGNORECASE
)
_HOST_NAME = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+\.?", re.IGNORECASE)

_INSTEAD = "name one of its interfaces (eni-...) or an address"
_WHOSE = "name an address, an interface, an instance or a name"
_OTHER_IDS = {
    "nat": ("a NAT gateway", _INSTEAD),
    "tgw": ("a transit gateway", "name a host behind it by its address"),
    "tgw-attach": ("a transit gateway attachment", _INSTEAD),
    "igw": ("an internet gateway", "ask about an address behind it, or 'internet'"),
    "eigw": ("an egress-only internet gateway", "ask about an address behind it, or 'internet'"),
    "vgw": ("a virtual private gateway", "name a host behind it by its address"),
    "cgw": ("a customer gateway", "name a host behind it by its address"),
    "pcx": ("a peering connection", "name a host behind it by its address"),
    "sgr": ("a security group rule", "name an instance or interface whose group has it"),
    "sg": ("a security group", "name an instance or interface that carries it"),
    "acl": ("a network ACL", "name a host in one of its subnets"),
    "tgw-rtb": ("a transit gateway route table", "name a host behind it by its address"),
    "rtb": ("a route table", "name a host in one of its subnets"),
    "pl": ("a prefix list", "ask about one of its blocks"),
    "subnet": ("a subnet", "ask about its CIDR"),
    "vpc": ("a VPC", "ask about its CIDR"),
    "eipalloc": ("an Elastic IP address", "ask about the address itself"),
}
_OTHER_ID = re.compile(rf"({'|'.join(_OTHER_IDS)})-(?:[0-9a-f]{{8}}|[0-9a-f]{{17}})", re.IGNORECASE)
_OTHER_ID_CUT = re.compile(rf"({'|'.join(_OTHER_IDS)})-[0-9a-f]{{1,17}}", re.IGNORECASE)
_OTHER_ARN = re.compile(r"arn:[^:]*:ec2:[^:]*:[^:]*:[a-z-]+/([a-z-]+-[0-9a-f]+)", re.IGNORECASE)
_SERVICE_NAMES = (
    (re.compile(r"\.elb\.([a-z0-9-]+\.)?amazonaws\.com(\.cn)?\.?$", re.IGNORECASE), "a load balancer"),
    (re.compile(r"\.(amazonaws\.com(\.cn)?|on\.aws|api\.aws)\.?$", re.IGNORECASE), "an AWS service"),
)
_ARN_SERVICES = {
    "elasticloadbalancing": "a load balancer",
}
_BALANCING_ARN = re.compile(
    r"arn:[^:]*:elasticloadbalancing:[^:]*:[^:]*:(targetgroup|listener|listener-rule)/.*", re.IGNORECASE
)
_BALANCING = {
    "targetgroup": ("a target group", "name the load balancer that forwards to it, or one of its targets"),
    "listener": ("a listener", "name its load balancer, with the listener's port"),
    "listener-rule": ("a rule of a listener", "name its load balancer, with the listener's port"),
}


class Shape(msgspec.Struct, frozen=True):
    """``value`` is the id or host name in lower case, or the name as typed; ``network`` the addresses it means.

    ``rounded``: a block was typed with bits set behind its length; ``public``: a DNS name of a public address.
    ``arn`` names the account and Region as well, where it was typed; ``zone``: the zone in the DNS name of a VPC
    endpoint.
    """

    kind: Kind
    value: str
    network: IPv4Network | IPv6Network | None = None
    public: bool = False
    rounded: bool = False
    arn: str = ""
    zone: str | None = None


def shape_of(name: str, what: str) -> Shape:
    """What ``name`` looks like; :class:`EndpointError` for what can't be an end, or not yet."""
    if name.lower() == "internet":
        return Shape("internet", "internet")
    if name.lower() == "[internet]":
        return Shape("name", name[1:-1])
    if (network := _network(name)) is not None:
        _check_network(network, what)
        base = _network(name.partition("/")[0])
        rounded = base is not None and base.network_address != network.network_address
        return Shape("network", str(network), network, rounded=rounded)
    arn = ""
    if match := _EC2_ARN.fullmatch(name):
        name, arn = match[1], name
    if match := _ID.fullmatch(name):
        return Shape("instance" if match[1].lower() == "i" else "interface", name.lower(), arn=arn)
    if match := _INSTANCE_DNS.fullmatch(name):
        return Shape("instance", match[1].lower())
    if match := _PRIVATE_DNS.fullmatch(name) or _PUBLIC_DNS.fullmatch(name):
        network = _network(match[1].replace("-", "."))
        if network is not None:
            return Shape("dns", name.lower(), network, public=name.lower().startswith("ec2-"))
    if is_balancer(name):
        return Shape("load-balancer", name)
    if (service := aws_services.named(name)) is not None:
        return Shape(service.kind, service.value, arn=arn, zone=service.zone)
    if is_managed(name):
        return Shape("managed", name)
    _check_supported(name, what)
    return Shape("name", name)


def is_host_name(name: str) -> bool:
    """Whether a name could be one of DNS."""
    return _HOST_NAME.fullmatch(name) is not None


def looks_like(name: str, what: str) -> str:
    """What a name that nothing has may be the beginning of, with what to name instead; empty for any other."""
    match = _OTHER_ID_CUT.fullmatch(name)
    if match is None:
        return ""
    kind, instead = _OTHER_IDS[match[1].lower()]
    return f"it looks like the id of {kind}: {_WHOSE if what == 'whois' else instead}"


def _network(text: str) -> IPv4Network | IPv6Network | None:
    if "." not in text and ":" not in text:  # which is told sooner than by an exception
        return None
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return None
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    if mapped is not None and network.prefixlen >= 96:  # how a dual-stack socket shows an IPv4 peer
        return IPv4Network((mapped, network.prefixlen - 96))
    return network


def _check_network(network: IPv4Network | IPv6Network, what: str) -> None:
    if network.num_addresses > 1:
        return
    address = network.network_address
    if address.is_loopback or address.is_unspecified:
        raise EndpointError(f"{what}: {address} never leaves the machine that uses it: no rule of AWS's is asked")
    if address.is_multicast or address == IPv4Address("255.255.255.255"):
        raise EndpointError(f"{what}: {address} addresses many at once: ask about one of them")


def _check_supported(name: str, what: str) -> None:
    shown, ask_instead = clean(name, 120), _WHOSE if what == "whois" else _INSTEAD
    if match := _OTHER_ID.fullmatch(name):
        kind, instead = _OTHER_IDS[match[1].lower()]
        if what == "whois":
            raise EndpointError(f"{what}: {shown} is {kind}: {_WHOSE}")
        raise EndpointError(f"{what}: {shown} is {kind}, not yet resolved as an end of a question: {instead}")
    if name.lower().startswith("arn:"):
        if match := _OTHER_ARN.fullmatch(name):
            _check_supported(match[1], what)
        if match := _BALANCING_ARN.fullmatch(name):
            kind, instead = _BALANCING[match[1].lower()]
            ends = "" if what == "whois" else ", which is no end of a question"
            raise EndpointError(f"{what}: '{shown}' is {kind}{ends}: {_WHOSE if what == 'whois' else instead}")
        service = name.split(":", 3)[2] if name.count(":") >= 3 else ""
        kind = _ARN_SERVICES.get(service.lower(), f"an ARN of {clean(service, 30)}" if service else "an ARN")
        raise EndpointError(f"{what}: '{shown}' is {kind}, not yet resolved: {ask_instead}")
    for pattern, kind in _SERVICE_NAMES:
        if pattern.search(name):
            raise EndpointError(f"{what}: '{shown}' is the name of {kind}, not yet resolved: {ask_instead}")
