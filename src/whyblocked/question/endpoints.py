"""Finding VPC endpoints and AWS services as ends of a question."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network

import msgspec

from whyblocked.config.account import Account, Missing, Query
from whyblocked.config.endpoints import endpoints_of
from whyblocked.config.resources import NetworkInterface, VpcEndpoint, name_tag
from whyblocked.config.resources.endpoints import APPLIANCES, GATEWAY, INTERFACE
from whyblocked.errors import EndpointError, UndeterminedError
from whyblocked.network.asked import End
from whyblocked.question import arns
from whyblocked.question.aws_services import SHORT
from whyblocked.question.find import Search, id_patterns, short_id
from whyblocked.text import clean


def endpoints_like(search: Search, prefix: str, arn: str = "") -> list[VpcEndpoint]:
    """The VPC endpoints whose id begins with ``prefix``, leading zeros aside; ``arn`` where all of it was typed."""
    for pattern in id_patterns(prefix):
        search.ask(("DescribeVpcEndpoints", "vpc-endpoint-id", pattern), about=arn)
    search.check("VpcEndpoints", prefix)
    account = search.account
    known = {
        found: one
        for found, one in account.vpc_endpoints.items()
        if not arn or arns.may_be(arn, one.owner_id or account.account_id_of(one.vpc_id), account.region_of(one.vpc_id))
    }
    if prefix in known:
        return [known[prefix]]
    match = short_id(prefix).match
    return [known[found] for found in sorted(known) if match(found)]


def endpoints_named(search: Search, name: str) -> list[VpcEndpoint]:
    """The VPC endpoints with this ``Name`` tag; where endpoints can't be read, none."""
    missing = search.account.source.ask(Query("DescribeVpcEndpoints", "tag:Name", name))
    if missing is not None and missing.pending:
        search.note(missing)
    found = search.account.vpc_endpoints
    return [found[one] for one in sorted(found) if name_tag(found[one].tags) == name]


def end_of(search: Search, endpoint: VpcEndpoint, text: str, what: str, zone: str | None = None) -> list[End]:
    """A VPC endpoint as an end: its interfaces, or, for a gateway endpoint, the service that it leads to."""
    endpoint_id = endpoint.vpc_endpoint_id
    if endpoint.kind == GATEWAY:
        if what == "source":
            raise _opens_none(what, endpoint_id)
        return [End(text=text, label=endpoint.service_name, kind="service")]
    if endpoint.kind != INTERFACE:
        way = "behind it" if endpoint.kind == APPLIANCES else "that it leads to"
        raise EndpointError(
            f"{what}: {endpoint_id} is a VPC endpoint of type {clean(endpoint.vpc_endpoint_type)}, "
            f"a way and no end: name the host {way} by its address"
        )
    found = [search.account.interface(one) for one in endpoint.network_interface_ids]
    interfaces = tuple(one for one in found if isinstance(one, NetworkInterface))
    for one in found:
        if isinstance(one, Missing):
            search.note(one)
    if zone is not None:
        interfaces = tuple(one for one in interfaces if _zone(search.account, one) == zone) or interfaces
    if search.waits():
        return []
    if not interfaces:
        reasons = tuple(clean(str(one)) for one in found if isinstance(one, Missing))
        if reasons:
            raise UndeterminedError(
                f"{what}: the network interfaces of {endpoint_id} could not be read: {reasons[0]}", reasons
            )
        raise EndpointError(f"{what}: {endpoint_id} is {clean(endpoint.state)}: it has no network interface")
    return [End(text=text, label=endpoint_id, kind="host", interfaces=interfaces)]


def service(search: Search, value: str, text: str, what: str) -> list[End]:
    """A service by name; what it means to the source is settled by :func:`addressed`."""
    if what == "source":
        raise _opens_none(what, text)
    region = getattr(search.account.source, "region", "")
    name = f"com.amazonaws.{region}.{value}" if value in SHORT else value
    if region or value not in SHORT:  # in the first round already
        search.account.expect(_lists_of(name))
    return [End(text=text, label=value, kind="service")]


def _opens_none(what: str, name: str) -> EndpointError:
    return EndpointError(f"{what}: {clean(name)} is a service of AWS's, which opens no connections: ask the other way")


def _lists_of(name: str) -> list[Query]:
    return [Query("DescribeManagedPrefixLists", "prefix-list-name", listed) for listed in _list_names(name)]


def _list_names(name: str) -> tuple[str, str]:
    """The names of the prefix lists of a service: that with its IPv4 addresses, and that for IPv6."""
    head, _, last = name.rpartition(".")
    return name, f"{head}.ipv6.{last}"


def addressed(search: Search, source: End, destination: End, vpc_ids: Sequence[str]) -> tuple[End, tuple[str, ...]]:
    """What a service's name means to the source, with what has to be said about it.

    The interfaces of an interface endpoint with private DNS in the source's VPC, else the addresses in the service's
    prefix list. Everything but a service comes as it is, as does one that waits for what has to be fetched.
    """
    if destination.kind != "service":
        return _nearest_first(search.account, source, destination), ()
    account = search.account
    endpoints: list[VpcEndpoint] = []
    for vpc_id in vpc_ids:
        found = endpoints_of(account, vpc_id)
        if not isinstance(found, Missing):
            endpoints += found
        elif not search.note(found) and not found.pending:
            reason = clean(str(found))
            raise UndeterminedError(
                f"whether {destination.label} means an endpoint of {vpc_id} could not be read: {reason}", (reason,)
            )
    region = next((r for vpc_id in vpc_ids if (r := account.region_of(vpc_id))), getattr(account.source, "region", ""))
    name = _full_name(account, destination.label, region, endpoints)
    if search.waits():
        return destination, ()
    private = [one for one in endpoints if one.service_name == name and _answers_for_the_name(one)]
    if private:
        found_ends = end_of(search, private[0], destination.text, "destination")
        if not found_ends:
            return destination, ()
        end = _nearest_first(account, source, found_ends[0])
        endpoint_id = private[0].vpc_endpoint_id
        remark = (
            f"In {private[0].vpc_id}, {name} means {endpoint_id}: its private DNS is on (it answers while the VPC's "
            "enableDnsSupport and enableDnsHostnames are on, which was not read)."
        )
        return end, (remark,)
    return _by_prefix_list(search, destination, name), ()


def _full_name(account: Account, value: str, region: str | None, endpoints: Sequence[VpcEndpoint]) -> str:
    """The service's name with its Region, where a short one was given."""
    if value not in SHORT:
        return value
    if region:
        return f"com.amazonaws.{region}.{value}"
    known = {*account.prefix_list_names, *(one.service_name for one in endpoints)}
    matching = sorted(one for one in known if one.startswith("com.amazonaws.") and one.endswith(f".{value}"))
    matching = [one for one in matching if one.count(".") == 3]
    return matching[0] if len(matching) == 1 else value


def _answers_for_the_name(endpoint: VpcEndpoint) -> bool:
    """Whether the service's public name leads hosts in the VPC to this endpoint."""
    inbound_only = endpoint.dns_options and endpoint.dns_options.private_dns_only_for_inbound_resolver_endpoint
    return endpoint.kind == INTERFACE and endpoint.private_dns_enabled and not inbound_only


def _by_prefix_list(search: Search, destination: End, name: str) -> End:
    """The service's public addresses, as its prefix list in the Region has them."""
    account = search.account
    blocks: list[str] = []
    for query in _lists_of(name):
        search.note(account.source.ask(query))
    ids = [list_id for listed in _list_names(name) for list_id in account.prefix_list_names.get(listed, ())]
    for list_id in ids:
        found = account.prefix_list(list_id)
        if not isinstance(found, Missing):
            blocks += found
        elif not search.note(found) and not found.pending:
            reason = clean(str(found))
            raise UndeterminedError(f"the addresses of {name} could not be read: {reason}", (reason,))
    if search.waits():
        return destination
    if not blocks:
        reason = f"ec2:GetManagedPrefixListEntries: no prefix list is called {clean(name)}"
        raise UndeterminedError(
            f"the addresses of {clean(name)} are not known ({reason}); ask about one of its addresses, or 'internet'",
            (reason,),
        )
    networks = tuple(ip_network(block.strip(), strict=False) for block in dict.fromkeys(blocks))
    return msgspec.structs.replace(destination, label=name, networks=networks)


def _nearest_first(account: Account, source: End, end: End) -> End:
    """The interfaces of a service in the source's zone lead: DNS prefers them."""
    zones = {_zone(account, interface) for interface in source.interfaces}
    if len(end.interfaces) < 2 or not all(one.interface_type == "vpc_endpoint" for one in end.interfaces):
        return end
    ordered = sorted(end.interfaces, key=lambda one: _zone(account, one) not in zones)
    return msgspec.structs.replace(end, interfaces=tuple(ordered))


def _zone(account: Account, interface: NetworkInterface) -> str | None:
    subnet = account.subnets.get(interface.subnet_id)
    return interface.availability_zone or (subnet.availability_zone if subnet else None)
