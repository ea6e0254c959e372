"""From the two ends as typed to what they mean in an account.

:func:`resolve` is called again after each round of fetching, until it no longer waits. It looks both ends up before it
waits for either, and once it knows where they are it says what a walk from there will need, so that a live account
is read in as few rounds as can be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_network

import msgspec

from whyblocked.config.account import Account, Missing, Query
from whyblocked.config.resources import Instance, NetworkInterface
from whyblocked.errors import EndpointError, UndeterminedError
from whyblocked.network.addresses import is_public
from whyblocked.network.asked import Asked, End, Question
from whyblocked.network.packets import ICMP, ICMPV6
from whyblocked.question import endpoints, hints, managed
from whyblocked.question.balancers import balancer_at, balancer_end, balancers_named, describe_balancer
from whyblocked.question.find import GONE, Search
from whyblocked.question.peers import as_resolved
from whyblocked.question.shapes import Shape, is_host_name, shape_of
from whyblocked.text import clean

_ECHO = {8: 128, 0: 129, -1: -1}
_MOST_CANDIDATES = 20


def resolve(question: Question, account: Account) -> Asked | None:
    """The question with its ends found; None where something has to be fetched first (``account.advance()``).

    Raises :class:`EndpointError` for an end that is not found, ambiguous or not supported, and
    :class:`UndeterminedError` for one that could not be read.
    """
    shapes = shape_of(question.source, "source"), shape_of(question.destination, "destination")
    question, warnings = _fitting(question, shapes)
    version = next((shape.network.version for shape in shapes if shape.network is not None), None)
    search = Search(account, block=any(map(_may_be_inside, shapes)), version=version)
    sources = _find(search, shapes[0], question.source, "source")
    destinations = _find(search, shapes[1], question.destination, "destination")
    if search.waits():
        ends = (*sources, *destinations)
        account.expect(_needed(search, [end for end in ends if end.interfaces]))
        account.expect(_public_access(search, ends))
        return None
    source, destination = _choose(account, sources, destinations)
    if shapes[1].public:
        by_address = [end for end in _owners(search, shapes[1], question.destination) if end.public]
        destination, told = as_resolved(search, source, destination, by_address)
        warnings += (told,) if told else ()
    destination, remarks = endpoints.addressed(search, source, destination, _vpcs_around(account, source))
    if not _inside(search, source, destination) and not search.waits():
        if search.refused:
            reasons = tuple(clean(str(missing)) for missing in search.refused)
            ends_read = f"whether {source.label} or {destination.label} is in the account could not be read"
            raise UndeterminedError(f"{ends_read}: {', '.join(reasons)}", reasons)
        raise EndpointError(
            f"both ends lie outside the account: no interface and no subnet has {source.label} or {destination.label} "
            f"in {hints.elsewhere(account)}"
        )
    source, destination = _with_instance(search, source), _with_instance(search, destination)
    account.expect(_needed(search, (source, destination)))
    account.expect(_public_access(search, (source, destination)))
    if search.waits():
        return None
    warnings = (*warnings, *search.remarks, *remarks)
    return Asked(question=question, source=source, destination=destination, warnings=warnings)


def locate(text: str, account: Account) -> tuple[list[End], Search] | None:
    """What an address, id or name means: an end for each VPC that has the address; None while it waits."""
    search = Search(account)
    shape = shape_of(text, "whois")
    if shape.kind == "internet" or (shape.network is not None and shape.network.num_addresses > 1):
        raise EndpointError(f"whois: '{clean(text)}' is no single address: name an address, an id or a name")
    ends = _find(search, shape, text, "whois")
    return None if search.waits() else (ends, search)


# -- what the looks of the two ends settle ---------------------------------------------------------------------------


def _fitting(question: Question, shapes: tuple[Shape, Shape]) -> tuple[Question, tuple[str, ...]]:
    """The question as its ends' IP version wants it, with what has to be said about that."""
    versions = {
        shape.network.version: shape.value.removesuffix(f"/{shape.network.max_prefixlen}")
        for shape in shapes
        if shape.network is not None
    }
    if len(versions) > 1:
        raise EndpointError(f"{versions[4]} is IPv4 and {versions[6]} is IPv6: they can't talk to each other")
    warnings = [
        f"{clean(typed)} was read as {shape.network}, the block that it lies in"
        for typed, shape in zip((question.source, question.destination), shapes, strict=True)
        if shape.rounded
    ]
    if 6 in versions and question.protocol == ICMP:
        if question.icmp_type not in _ECHO:
            raise EndpointError(
                f"{versions[6]} is IPv6, and ICMPv6 numbers its types differently: use icmpv6 and its type"
            )
        kind = _ECHO[question.icmp_type]
        question = msgspec.structs.replace(question, protocol=ICMPV6, icmp_type=kind)
        warnings.append(f"{versions[6]} is IPv6: icmp was read as icmpv6")
    if 4 in versions and question.protocol == ICMPV6:
        raise EndpointError(f"{versions[4]} is IPv4, and icmpv6 is IPv6 only: use icmp")
    return question, tuple(warnings)


# -- finding ---------------------------------------------------------------------------------------------------------


def _find(search: Search, shape: Shape, text: str, what: str) -> list[End]:
    """What ``text`` can mean: one end, several where an address is used in several VPCs, none while it waits."""
    if shape.kind == "internet":
        return [End(text=text, label="internet", kind="internet")]
    if shape.kind == "instance":
        return _instance(search, shape, text, what)
    if shape.kind == "interface":
        return _interface(search, shape, text, what)
    if shape.kind == "name":
        return _name(search, shape, text, what)
    if shape.kind in ("endpoint", "service"):
        return _service(search, shape, text, what)
    if shape.kind == "dns":
        return _dns(search, shape, text, what)
    if shape.kind == "load-balancer":
        return _balancer(search, shape, text, what)
    if shape.kind == "managed":
        return _managed(search, shape, text, what)
    assert shape.network is not None
    if shape.network.prefixlen == 0:  # what AWS calls "anywhere" is the internet, of one IP version
        return [End(text=text, label=str(shape.network), kind="internet", network=shape.network)]
    if shape.network.num_addresses > 1:
        if what == "destination":
            search.public_owners(shape.network)
        return [End(text=text, label=str(shape.network), kind="network", network=shape.network)]
    return _owners(search, shape, text) or [
        End(text=text, label=str(shape.network.network_address), kind="address", network=shape.network)
    ]


def _instance(search: Search, shape: Shape, text: str, what: str) -> list[End]:
    found = search.instances_like(shape.value, shape.arn)
    if search.waits():
        return []
    if not found:
        raise _not_found(search, what, text, f"no instance {clean(text)}", shape.value)
    if len(found) > 1:
        lines = (hints.describe_instance(i) if i else key for key, i in sorted(found.items()))
        raise _ambiguous(what, text, f"{len(found)} instances' ids begin like that", lines)
    ((instance_id, instance),) = found.items()
    return _host(search, text, what, instance_id, instance, asked=True)


def _host(
    search: Search, text: str, what: str, instance_id: str, instance: Instance | None, *, asked: bool
) -> list[End]:
    interfaces = search.interfaces_of(instance_id, asked=asked)
    if search.waits():
        if instance is not None:
            search.account.expect(_around_instance(search, instance))
        return []
    if not interfaces:
        state = instance.state.name if instance and instance.state else ""
        if state in GONE:
            raise EndpointError(f"{what}: {instance_id} is {state}, it has no network interface any more")
        search.check("NetworkInterfaces", instance_id)
        reason = clean(str(search.refused[0])) if search.refused else "ec2:DescribeNetworkInterfaces: gave none"
        raise UndeterminedError(
            f"{what}: the network interfaces of {instance_id} could not be read: {reason}", (reason,)
        )
    return [End(text=text, label=instance_id, kind="host", interfaces=interfaces, instance=instance)]


def _interface(search: Search, shape: Shape, text: str, what: str) -> list[End]:
    found = search.interfaces_like(shape.value, shape.arn)
    if search.waits():
        return []
    if not found:
        raise _not_found(search, what, text, f"no network interface {clean(text)}", shape.value)
    if len(found) > 1:
        lines = sorted(hints.describe_interface(i, search.account) for i in found)
        raise _ambiguous(what, text, f"{len(found)} network interfaces' ids begin like that", lines)
    return [_of_interface(text, found[0])]


def _of_interface(text: str, interface: NetworkInterface) -> End:
    return End(text=text, label=interface.network_interface_id, kind="host", interfaces=(interface,))


def _name(search: Search, shape: Shape, text: str, what: str) -> list[End]:
    if shape.value in search.directory.attached:
        # An id that AWS would not give, as in hand-made snapshots, is an id all the same.
        return _host(search, text, what, shape.value, search.account.instances.get(shape.value), asked=False)
    if shape.value in search.account.interfaces:
        return [_of_interface(text, search.account.interfaces[shape.value])]
    instances, interfaces = search.named(shape.value)
    balancers = balancers_named(search, shape.value)
    if search.waits() and not instances and not balancers:
        return []
    if len(instances) + len(interfaces) + len(balancers) > 1:
        lines = [
            *map(hints.describe_instance, instances),
            *(hints.describe_interface(i, search.account) for i in interfaces),
            *map(describe_balancer, balancers),
        ]
        raise _ambiguous(what, text, f"{len(lines)} have that name", sorted(lines))
    if instances:
        return _host(search, text, what, instances[0].instance_id, instances[0], asked=False)
    if interfaces:
        return [_of_interface(text, interfaces[0])]
    if balancers:
        return balancer_end(search, text, what, balancers[0])
    gates = endpoints.endpoints_named(search, shape.value)
    if len(gates) == 1:
        return endpoints.end_of(search, gates[0], text, what)
    if gates:
        raise _ambiguous(what, text, f"{len(gates)} have that name", [one.vpc_endpoint_id for one in gates])
    return _managed(search, shape, text, what)


def _managed(search: Search, shape: Shape, text: str, what: str) -> list[End]:
    """A resource of a service, by its name, ARN or DNS name."""
    found = managed.find(search, shape.value)
    if search.waits():
        return []
    if len(found) > 1:
        raise _ambiguous(what, text, f"{len(found)} have that name", sorted(map(managed.describe, found)))
    if not found:
        return _in_dns(search, shape.value, text, what)
    end = managed.end_of(search, found[0], text, what)
    return [] if end is None else [end]


def _in_dns(search: Search, name: str, text: str, what: str) -> list[End]:
    """A name that neither EC2 nor a service knows: its addresses are what DNS says here."""
    nothing = f"nothing is called '{clean(name)}'"
    if not is_host_name(name):
        raise _not_found(search, what, text, nothing, "")
    addresses = search.in_dns(name.lower().rstrip("."))
    if isinstance(addresses, Missing):
        if not addresses.absent:
            search.refused.append(addresses)
        raise _not_found(search, what, text, f"{nothing} ({addresses.reason})", "")
    if not addresses:
        raise _not_found(search, what, text, f"{nothing}, and DNS has no such name,", "")
    networks = [ip_network(address) for address in addresses]
    version = search.version or networks[0].version
    networks = [network for network in networks if network.version == version]
    if not networks:
        raise EndpointError(f"{what}: '{clean(name)}' has no IPv{version} address in DNS, as the other end has")
    ends = [(network, _owners(search, Shape("network", str(network), network), text)) for network in networks]
    if search.waits():
        return []
    for network, owned in ends:
        whose = " or ".join(hints.describe_owner(end.interfaces[0]) for end in owned)
        search.remark(f"{clean(name)} is {network.network_address}{f', {whose}' if whose else ''} (as DNS says here).")
    found = [end for _, owned in ends for end in owned]
    if len(networks) > 1 and found:
        interfaces = {i.network_interface_id: i for end in found for i in end.interfaces}
        return [End(text=text, label=clean(name), kind="host", interfaces=tuple(interfaces.values()), every=True)]
    if len(networks) > 1:
        search.remark(f"{clean(name)} has {len(networks)} addresses, none of this account; the first is asked about.")
    label = str(networks[0].network_address)
    return found or [End(text=text, label=label, kind="address", network=networks[0])]


def _balancer(search: Search, shape: Shape, text: str, what: str) -> list[End]:
    found = balancer_at(search, shape.value)
    if found:
        return balancer_end(search, text, what, found[0])
    if search.waits():
        return []
    raise _not_found(search, what, text, f"no load balancer {clean(text)}", "")


def _service(search: Search, shape: Shape, text: str, what: str) -> list[End]:
    """A VPC endpoint by its id or DNS name, or a service by its own; what has that ``Name`` comes before a service."""
    if shape.kind == "service":
        instances, interfaces = search.named(text) if shape.value == text.lower() else ([], [])
        if instances or interfaces:
            return _name(search, shape._replace(value=text), text, what)
        return endpoints.service(search, shape.value, text, what)
    found = endpoints.endpoints_like(search, shape.value)
    if search.waits():
        return []
    if not found:
        raise _not_found(search, what, text, f"no VPC endpoint {clean(text)}", "")
    if len(found) > 1:
        lines = [f"{one.vpc_endpoint_id}  {clean(one.service_name)} in {one.vpc_id}" for one in found]
        raise _ambiguous(what, text, f"{len(found)} VPC endpoints' ids begin like that", lines)
    return endpoints.end_of(search, found[0], text, what, shape.zone)


def _dns(search: Search, shape: Shape, text: str, what: str) -> list[End]:
    """A DNS name that AWS gave holds the address; asked from inside, a public one means the private address."""
    found = _owners(search, shape, text)
    if search.waits():
        return []
    if not found:
        raise _not_found(search, what, text, f"nothing has the name {clean(text)}", "")
    return [_of_interface(text, end.interfaces[0]) for end in found] if shape.public else found


def _owners(search: Search, shape: Shape, text: str) -> list[End]:
    """An address as each of its owners has it: a private address once for every VPC that uses it."""
    assert shape.network is not None
    address = shape.network.network_address
    ends: list[End] = []
    if address.is_link_local:
        return ends
    label = str(address)
    owners = search.account.owners(address)
    public = search.account.public_owner(address) if address.version == 4 and is_public(address) else None
    if not isinstance(owners, Missing):
        of_vpcs = {owner.vpc_id: owner for owner in reversed(owners)}
        ends += [
            End(text=text, label=label, kind="address", network=shape.network, interfaces=(owner,))
            for owner in reversed(of_vpcs.values())
        ]
    elif not search.note(owners) and not owners.pending:
        reason = clean(str(owners))
        raise UndeterminedError(f"who has the address {address} could not be read: {reason}", (reason,))
    if isinstance(public, Missing):
        search.note(public)
    elif public is not None:
        owner = (public[0],)
        ends.append(End(text=text, label=label, kind="address", network=shape.network, interfaces=owner, public=True))
    return ends


# -- choosing --------------------------------------------------------------------------------------------------------


def _choose(account: Account, sources: Sequence[End], destinations: Sequence[End]) -> tuple[End, End]:
    """One end each: of several owners of an address, the one in the VPC of the other end, or in one peered with it."""
    if len(sources) == len(destinations) == 1:
        return sources[0], destinations[0]
    shared = [(s, d) for s in sources for d in destinations if _vpcs(s) & _vpcs(d)]
    if len(shared) == 1:
        return shared[0]
    peered = [(s, d) for s in sources for d in destinations if _peered(account, s, d)]
    if len(sources) == 1 and sources[0].interfaces and destinations[0].kind == "address":
        # Routes lead from where the source is to one of them; which one is for the walk to find.
        likely = [end for _, end in peered]
        owners = tuple(owner for end in (*likely, *destinations) for owner in end.interfaces)
        owners = tuple({owner.network_interface_id: owner for owner in owners}.values())
        return sources[0], msgspec.structs.replace(destinations[0], interfaces=owners)
    if len(peered) == 1:
        return peered[0]
    what, ends = ("source", sources) if len(sources) > 1 else ("destination", destinations)
    lines = (hints.describe_interface(owner, account) for end in ends for owner in end.interfaces)
    raise _ambiguous(what, ends[0].text, f"{len(ends)} VPCs use that address", sorted(lines))


def _peered(account: Account, one: End, other: End) -> bool:
    """Whether a peering connection joins the VPCs of two ends, as far as those that were read tell."""
    theirs = {pcx for vpc_id in _vpcs(other) for pcx in account.peerings_of.get(vpc_id, ())}
    return any(pcx in theirs for vpc_id in _vpcs(one) for pcx in account.peerings_of.get(vpc_id, ()))


def _vpcs(end: End) -> set[str]:
    return {interface.vpc_id for interface in end.interfaces}


def _inside(search: Search, *ends: End) -> bool:
    """Whether one of the ends is in the account: as an interface, or as a place in the range of a subnet."""
    if any(end.interfaces for end in ends):
        return True
    search.ask(("DescribeSubnets", "", ""))
    return any(_subnets_around(search.account, end) for end in ends)


def _subnets_around(account: Account, end: End) -> list[str]:
    """The VPCs that have a subnet whose range an address or block touches; a default route is nowhere."""
    network = end.network
    if network is None or not network.prefixlen:
        return []
    return [
        subnet.vpc_id
        for subnet in account.subnets.values()
        if any(block.version == network.version and block.overlaps(network) for block in subnet.networks)
    ]


def _vpcs_around(account: Account, end: End) -> list[str]:
    """The VPCs that an end is in: those of its interfaces, or of the subnets that its addresses touch."""
    return sorted(_vpcs(end)) or sorted(set(_subnets_around(account, end)))


def _with_instance(search: Search, end: End) -> End:
    """An end with the instance that its one interface belongs to: its state and operating system matter."""
    if _instance_wanted(end) is None:
        return end
    instance = search.instance_of(end.interfaces[0])
    return end if instance is None else msgspec.structs.replace(end, instance=instance)


def _instance_wanted(end: End) -> str | None:
    """The id of the one instance that an end without one belongs to."""
    ids = {i.attachment.instance_id if i.attachment else None for i in end.interfaces}
    return ids.pop() if end.instance is None and len(ids) == 1 else None


# -- what comes next -------------------------------------------------------------------------------------------------


def _needed(search: Search, ends: Sequence[End]) -> Iterator[Query]:
    """What a walk between these ends will look up."""
    interfaces = [interface for end in ends for interface in end.interfaces]
    vpcs = [interface.vpc_id for interface in interfaces]
    if not vpcs:
        vpcs = [vpc_id for end in ends for vpc_id in _subnets_around(search.account, end)]
    yield from _bundle(search, vpcs, [group.group_id for interface in interfaces for group in interface.groups])
    for end in ends:
        if instance_id := _instance_wanted(end):
            yield Query("DescribeInstances", "instance-id", instance_id)


def _public_access(search: Search, ends: Sequence[End]) -> Iterator[Query]:
    """What Block Public Access says of traffic with the outside."""
    if any(_outside(end) for end in ends):
        yield Query("DescribeVpcBlockPublicAccessOptions", "", "")
        modes = {options.internet_gateway_block_mode for options in search.account.public_access.values()}
        if modes - {None, "off"}:
            yield Query("DescribeVpcBlockPublicAccessExclusions", "", "")


def _outside(end: End) -> bool:
    if end.kind == "network":
        return end.network is not None and is_public(end.network.network_address)
    return end.kind in ("internet", "service") or end.public or (end.address is not None and is_public(end.address))


def _may_be_inside(shape: Shape) -> bool:
    """Whether an end is a block that may hold interfaces of a VPC."""
    network = shape.network
    return network is not None and network.num_addresses > 1 and network.prefixlen > 0 and not is_public(network[0])


def _around_instance(search: Search, instance: Instance) -> Iterator[Query]:
    """What its interfaces will need, as far as the instance itself shows them."""
    shown = instance.network_interfaces
    vpcs = [vpc_id for vpc_id in (instance.vpc_id, *(i.vpc_id for i in shown)) if vpc_id]
    yield from _bundle(search, vpcs, [group.group_id for i in shown for group in i.groups or ()])


def _bundle(search: Search, vpc_ids: Sequence[str], group_ids: Sequence[str]) -> Iterator[Query]:
    for vpc_id in dict.fromkeys(vpc_ids):
        yield Query("DescribeVpcs", "vpc-id", vpc_id)
        yield Query("DescribeSubnets", "vpc-id", vpc_id)
        yield Query("DescribeRouteTables", "vpc-id", vpc_id)
        yield Query("DescribeNetworkAcls", "vpc-id", vpc_id)
        yield Query("DescribeInternetGateways", "attachment.vpc-id", vpc_id)
        if search.block:  # who is in it, and behind which groups, would take two rounds more
            yield Query("DescribeNetworkInterfaces", "vpc-id", vpc_id)
            yield Query("DescribeSecurityGroups", "vpc-id", vpc_id)
    for group_id in dict.fromkeys(group_ids):
        if not search.block:
            yield Query("DescribeSecurityGroups", "group-id", group_id)
        yield Query("DescribeSecurityGroupRules", "group-id", group_id)


# -- what went wrong -------------------------------------------------------------------------------------------------


def _not_found(
    search: Search, what: str, text: str, message: str, resource_id: str
) -> EndpointError | UndeterminedError:
    if search.refused:
        reasons = tuple(dict.fromkeys(clean(str(missing)) for missing in search.refused))
        return UndeterminedError(f"{what}: '{clean(text)}' could not be looked up: {', '.join(reasons)}", reasons)
    similar = hints.similar(search, text)
    return EndpointError(f"{what}: {message} in {hints.elsewhere(search.account, resource_id)}", similar)


def _ambiguous(what: str, text: str, message: str, lines: Iterator[str] | list[str]) -> EndpointError:
    candidates = list(lines)
    if len(candidates) > _MOST_CANDIDATES:
        candidates[_MOST_CANDIDATES:] = [f"and {len(candidates) - _MOST_CANDIDATES} more"]
    return EndpointError(f"{what}: '{clean(text)}' is ambiguous, {message}; use one of these:", tuple(candidates))
