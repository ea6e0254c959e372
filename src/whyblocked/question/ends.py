"""Finding what an end as typed can mean in an account: an id, a name, an address, a load balancer, a service.

Each kind of end is looked for by its looks (:mod:`whyblocked.question.shapes`). Live, a look returns nothing while what
it asked for is still to be fetched, and is made again.
"""

from __future__ import annotations

from ipaddress import ip_network
from typing import NamedTuple

from whyblocked.config.account import Account, Missing
from whyblocked.config.resources import Balancer, Instance, NetworkInterface
from whyblocked.errors import EndpointError, UndeterminedError
from whyblocked.network.addresses import is_public
from whyblocked.network.asked import End
from whyblocked.question import endpoints, hints, managed
from whyblocked.question.aws_services import SHORT
from whyblocked.question.balancers import balancer_at, balancer_end, balancers_named, describe_balancer
from whyblocked.question.find import GONE, Search
from whyblocked.question.hints import ambiguous, not_found
from whyblocked.question.needs import around_instance
from whyblocked.question.shapes import Shape, is_host_name, looks_like
from whyblocked.text import clean


def find_ends(search: Search, shape: Shape, text: str, what: str) -> list[End]:
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
    return owners_of(search, shape, text) or [
        End(text=text, label=str(shape.network.network_address), kind="address", network=shape.network)
    ]


def _instance(search: Search, shape: Shape, text: str, what: str) -> list[End]:
    found = search.instances_like(shape.value, shape.arn)
    if search.waits():
        return []
    if not found:
        raise not_found(search, what, text, f"no instance {clean(text)}", shape.value)
    if len(found) > 1:
        lines = (hints.describe_instance(i) if i else key for key, i in sorted(found.items()))
        raise ambiguous(what, text, f"{len(found)} instances' ids begin like that", lines)
    ((instance_id, instance),) = found.items()
    return _host(search, text, what, instance_id, instance, asked=True)


def _host(
    search: Search, text: str, what: str, instance_id: str, instance: Instance | None, *, asked: bool
) -> list[End]:
    interfaces = search.interfaces_of(instance_id, asked=asked)
    if search.waits():
        if instance is not None:
            search.account.expect(around_instance(search, instance))
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
        raise not_found(search, what, text, f"no network interface {clean(text)}", shape.value)
    if len(found) > 1:
        lines = sorted(hints.describe_interface(i, search.account) for i in found)
        raise ambiguous(what, text, f"{len(found)} network interfaces' ids begin like that", lines)
    return [_of_interface(text, found[0])]


def _of_interface(text: str, interface: NetworkInterface) -> End:
    return End(text=text, label=interface.network_interface_id, kind="host", interfaces=(interface,))


def _name(search: Search, shape: Shape, text: str, what: str) -> list[End]:
    if shape.value in search.directory.attached:
        # An id that AWS would not give, as in hand-made snapshots, is an id all the same.
        return _host(search, text, what, shape.value, search.account.instances.get(shape.value), asked=False)
    if shape.value in search.account.interfaces:
        return [_of_interface(text, search.account.interfaces[shape.value])]
    instances, interfaces, balancers = own = _Own.named(search, shape.value)
    if search.waits() and not instances and not balancers:
        return []
    if len(lines := own.lines(search.account)) > 1:
        raise ambiguous(what, text, f"{len(lines)} have that name", lines)
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
        raise ambiguous(what, text, f"{len(gates)} have that name", [one.vpc_endpoint_id for one in gates])
    return _managed(search, shape, text, what)


class _Own(NamedTuple):
    """What of the account has a name, for which no service but EC2 and Elastic Load Balancing is asked."""

    instances: list[Instance]
    interfaces: list[NetworkInterface]
    balancers: list[Balancer]

    @classmethod
    def named(cls, search: Search, name: str) -> _Own:
        return cls(*search.named(name), balancers_named(search, name))

    def lines(self, account: Account) -> list[str]:
        """Each in a form that names it alone."""
        lines = [
            *map(hints.describe_instance, self.instances),
            *(hints.describe_interface(i, account) for i in self.interfaces),
            *map(describe_balancer, self.balancers),
        ]
        return sorted(lines)


def _managed(search: Search, shape: Shape, text: str, what: str) -> list[End]:
    """A resource of a service, by its name, ARN or DNS name."""
    found = managed.find(search, shape.value)
    if search.waits():
        return []
    if len(found) > 1:
        raise ambiguous(what, text, f"{len(found)} have that name", sorted(map(managed.describe, found)))
    if not found:
        return _in_dns(search, shape.value, text, what)
    end = managed.end_of(search, found[0], text, what)
    return [] if end is None else [end]


def _in_dns(search: Search, name: str, text: str, what: str) -> list[End]:
    """A name that neither EC2 nor a service knows: its addresses are what DNS says here."""
    nothing = f"nothing is called '{clean(name)}'"
    if not is_host_name(name):
        if not search.refused and (told := looks_like(name, what)):
            raise EndpointError(f"{what}: {nothing} in {hints.elsewhere(search.account)}; {told}")
        raise not_found(search, what, text, nothing, "")
    addresses = search.in_dns(name.lower().rstrip("."))
    if isinstance(addresses, Missing):
        if not addresses.absent:
            search.refused.append(addresses)
        raise not_found(search, what, text, f"{nothing} ({addresses.reason})", "")
    if not addresses:
        raise not_found(search, what, text, f"{nothing}, and DNS has no such name,", "")
    networks = [ip_network(address) for address in addresses]
    version = search.version or networks[0].version
    networks = [network for network in networks if network.version == version]
    if not networks:
        raise EndpointError(f"{what}: '{clean(name)}' has no IPv{version} address in DNS, as the other end has")
    ends = [(network, owners_of(search, Shape("network", str(network), network), text)) for network in networks]
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
    raise not_found(search, what, text, f"no load balancer {clean(text)}", "")


def _service(search: Search, shape: Shape, text: str, what: str) -> list[End]:
    """A VPC endpoint by its id or DNS name, or a service by its own, unless something of the account is called so."""
    if shape.kind == "service":
        own = _Own.named(search, text).lines(search.account) if shape.value == text.lower() in SHORT else []
        if own and not search.waits():
            region = getattr(search.account.source, "region", "") or "REGION"
            lines = [*own, f"com.amazonaws.{region}.{shape.value} (the service of AWS's)"]
            raise ambiguous(what, text, "an AWS service is called so as well", lines)
        return endpoints.service(search, shape.value, text, what)
    found = endpoints.endpoints_like(search, shape.value, shape.arn)
    if search.waits():
        return []
    if not found:
        raise not_found(search, what, text, f"no VPC endpoint {clean(text)}", "")
    if len(found) > 1:
        lines = [f"{one.vpc_endpoint_id}  {clean(one.service_name)} in {one.vpc_id}" for one in found]
        raise ambiguous(what, text, f"{len(found)} VPC endpoints' ids begin like that", lines)
    return endpoints.end_of(search, found[0], text, what, shape.zone)


def _dns(search: Search, shape: Shape, text: str, what: str) -> list[End]:
    """A DNS name that AWS gave holds the address; asked from inside, a public one means the private address."""
    found = owners_of(search, shape, text)
    if search.waits():
        return []
    if not found:
        raise not_found(search, what, text, f"nothing has the name {clean(text)}", "")
    return [_of_interface(text, end.interfaces[0]) for end in found] if shape.public else found


def owners_of(search: Search, shape: Shape, text: str) -> list[End]:
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
