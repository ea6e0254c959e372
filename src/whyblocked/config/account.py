"""The account as the walk sees it: an index over resources that says what it lacks.

The walk asks; the account answers from its index. Whether the index is complete is the business of a
:class:`Source`: a snapshot has read everything it will ever have, a live source notes what was asked for and
fetches it in the next round. Neither shows in the answers: a resource, or a :class:`Missing` that says why not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import IPv4Address
from typing import NamedTuple, Protocol, TypeVar

import msgspec

from whyblocked.config import resources as r
from whyblocked.config.addresses import Ip, device_index
from whyblocked.config.index import Index
from whyblocked.config.operations import READ, permission_of
from whyblocked.errors import InputError

R = TypeVar("R", bound=r.Resource)

ANY = "*"
"""As the value of a filter: whatever has one."""


class Query(NamedTuple):
    """One thing to ask AWS: an operation and the filter (or parameter) that narrows it to one value.

    An empty ``filter`` asks for everything. ``about`` is a resource that lives where the answer does (its account and
    Region), where ``value`` does not tell that.
    """

    operation: str
    filter: str
    value: str
    about: str = ""


class Missing(msgspec.Struct, frozen=True):
    """What could not be read and why.

    ``pending`` while it has only not been fetched yet; ``absent`` where everything readable was read and it is not
    among it (a snapshot without it), as opposed to a refusal.
    """

    what: str
    reason: str
    pending: bool = False
    absent: bool = False

    def __str__(self) -> str:
        return f"{self.what}: {self.reason}"


class Source(Protocol):
    """Where resources come from."""

    def ask(self, query: Query) -> Missing | None:
        """None where everything AWS has for ``query`` is in the index, else why it is not."""

    def advance(self, account: Account) -> bool:
        """Fetch what was asked for since the last time; False where there was nothing to fetch."""

    def absent(self, query: Query) -> Missing:
        """How to say that the index holds no answer although all that ``query`` gives was read."""

    def hidden(self, account: Account, vpc_id: str) -> Missing | None:
        """Why not all of a VPC shows: it is another account's, shared with who reads it; None where all of it does."""


class Nothing:
    """A source that has nothing more to give: the index is all there is (for tests and hand-made accounts)."""

    def ask(self, query: Query) -> Missing | None:  # noqa: ARG002 - the protocol's signature
        return None

    def advance(self, account: Account) -> bool:  # noqa: ARG002 - the protocol's signature
        return False

    def absent(self, query: Query) -> Missing:
        return Missing(permission_of(query.operation), f"{query.value} not found", absent=True)

    def hidden(self, account: Account, vpc_id: str) -> Missing | None:  # noqa: ARG002 - the protocol's signature
        return None


class Account(Index):
    """Resources indexed by what a walk looks them up by: id, address, subnet, VPC, group."""

    def __init__(self, source: Source | None = None) -> None:
        super().__init__()
        self.source: Source = source or Nothing()

    def expect(self, queries: Iterable[Query]) -> None:
        """Say what will be needed, so that a live source fetches it together."""
        for query in queries:
            self.source.ask(query)

    def advance(self) -> bool:
        """Fetch what is pending; True where something new may be in the index."""
        self.version += 1  # what was derived from a look-up that found nothing yet is stale, too
        return self.source.advance(self)

    def _lacks(self, kind: str, query: Query, *mentions: str) -> Missing:
        """Why a look-up found nothing: not read, broken (an error), or not there."""
        for broken in self.broken.get(kind, ()):
            if not broken.mentions or any(mention in broken.mentions for mention in (query.value, *mentions)):
                raise InputError(broken.message)
        return self.source.ask(query) or self.source.absent(query)

    def vpc(self, vpc_id: str) -> r.Vpc | Missing:
        """The VPC with this id."""
        return self.vpcs.get(vpc_id) or self._lacks("Vpcs", Query("DescribeVpcs", "vpc-id", vpc_id))

    def subnet(self, subnet_id: str) -> r.Subnet | Missing:
        """The subnet with this id."""
        return self.subnets.get(subnet_id) or self._lacks("Subnets", Query("DescribeSubnets", "subnet-id", subnet_id))

    def subnets_of(self, vpc_id: str) -> tuple[r.Subnet, ...] | Missing:
        """All subnets of a VPC."""
        query = Query("DescribeSubnets", "vpc-id", vpc_id)
        missing = self.source.ask(query)
        if missing is not None:
            return missing
        return self._sorted_subnets(vpc_id) or self._lacks("Subnets", query)

    def all_subnets(self) -> tuple[r.Subnet, ...]:
        """The subnets that were read, those of a VPC together."""
        return tuple(subnet for vpc_id in sorted(self._subnets_of) for subnet in self._sorted_subnets(vpc_id))

    def _sorted_subnets(self, vpc_id: str) -> tuple[r.Subnet, ...]:
        """By address: the order in which AWS lists them says nothing."""
        found = self._in_order.get(vpc_id)
        if found is None:
            subnets = self._subnets_of.get(vpc_id, {}).values()
            found = tuple(sorted(subnets, key=lambda s: [(n.version, int(n.network_address)) for n in s.networks]))
            self._in_order[vpc_id] = found
        return found

    def route_table_of(self, subnet: r.Subnet) -> r.RouteTable | Missing:
        """The table explicitly associated with a subnet, else the main table of its VPC.

        https://docs.aws.amazon.com/vpc/latest/userguide/subnet-route-tables.html
        """
        query = Query("DescribeRouteTables", "vpc-id", subnet.vpc_id)
        missing = self.source.ask(query)
        if missing is not None:
            return missing
        table = self._table_of_subnet.get(subnet.subnet_id)
        if table is None and any(
            subnet.subnet_id in broken.mentions or not broken.mentions for broken in self.broken.get("RouteTables", ())
        ):
            return self._lacks("RouteTables", query, subnet.subnet_id)
        return table or self._main_table.get(subnet.vpc_id) or self._lacks("RouteTables", query, subnet.subnet_id)

    def edge_table_of(self, gateway_id: str) -> r.RouteTable | None:
        """The route table associated with a gateway (what it does with traffic that enters the VPC), or None."""
        return self._table_of_gateway.get(gateway_id)

    def network_acl_of(self, subnet: r.Subnet) -> r.NetworkAcl | Missing:
        """The one network ACL of a subnet: the default of its VPC where none says that it guards the subnet."""
        query = Query("DescribeNetworkAcls", "vpc-id", subnet.vpc_id)
        missing = self.source.ask(query)
        if missing is not None:
            return missing
        acl = self._acl_of_subnet.get(subnet.subnet_id)
        if acl is None and not self.broken.get("NetworkAcls"):
            acl = self._default_acl.get(subnet.vpc_id)
        return acl or self._lacks("NetworkAcls", query, subnet.subnet_id)

    def security_group(self, group_id: str) -> r.SecurityGroup | Missing:
        """A security group by its id, whichever VPC it belongs to."""
        return self.security_groups.get(group_id) or self._lacks(
            "SecurityGroups", Query("DescribeSecurityGroups", "group-id", group_id)
        )

    def vpcs_of_group(self, group_id: str) -> frozenset[str] | Missing:
        """The VPCs that a group is associated with, besides its own."""
        missing = self.source.ask(Query("DescribeSecurityGroupVpcAssociations", "group-id", group_id))
        states = self.group_vpcs.get(group_id, {})
        return missing or frozenset(
            vpc_id for vpc_id, state in states.items() if state in ("associated", "associating")
        )

    def rules_of(self, group_id: str) -> tuple[r.SecurityGroupRule, ...]:
        """The rules of a group with their ids; empty where they were not read."""
        self.source.ask(Query("DescribeSecurityGroupRules", "group-id", group_id))
        return tuple(self.security_group_rules.get(group_id, {}).values())

    def members(self, group_id: str) -> tuple[r.NetworkInterface, ...] | Missing:
        """Every interface that carries a security group."""
        missing = self.source.ask(Query("DescribeNetworkInterfaces", "group-id", group_id))
        return missing if missing is not None else tuple(self._members.get(group_id, {}).values())

    def interface(self, interface_id: str) -> r.NetworkInterface | Missing:
        """The interface with this id."""
        made_up = self.balancers.nodes.get(interface_id)
        return (
            made_up
            or self.interfaces.get(interface_id)
            or self._lacks(
                "NetworkInterfaces", Query("DescribeNetworkInterfaces", "network-interface-id", interface_id)
            )
        )

    def interfaces_of(self, instance_id: str) -> tuple[r.NetworkInterface, ...] | Missing:
        """Every interface attached to an instance, by device index."""
        query = Query("DescribeNetworkInterfaces", "attachment.instance-id", instance_id)
        missing = self.source.ask(query)
        if missing is not None:
            return missing
        found = self._of_instance.get(instance_id, {}).values()
        if not found:
            return self._lacks("NetworkInterfaces", query)
        return tuple(sorted(found, key=lambda i: (device_index(i), i.network_interface_id)))

    def owners(self, address: Ip, vpc_id: str = "") -> tuple[r.NetworkInterface, ...] | Missing:
        """Every interface that has a private (or IPv6) address; several where VPCs overlap.

        ``vpc_id``: that of this VPC is wanted, wherever the VPC is.
        """
        name = "addresses.private-ip-address" if address.version == 4 else "ipv6-addresses.ipv6-address"
        query = Query("DescribeNetworkInterfaces", name, str(address), about=vpc_id)
        found = self.known_owners(address)
        missing = self.source.ask(query)
        if missing is not None:
            return missing
        if not found and any(str(address) in b.mentions for b in self.broken.get("NetworkInterfaces", ())):
            return self._lacks("NetworkInterfaces", query)
        return tuple(found)

    def interface_at(self, vpc_id: str, address: Ip) -> r.NetworkInterface | Missing | None:
        """The interface of a VPC that has a private (or IPv6) address, delegated prefixes included."""
        number = int(address)
        found = self._private.get((vpc_id, address.version), {}).get(number)
        if found is not None:
            return found
        for low, high, version, interface in self._delegated.get(vpc_id, ()):
            if version == address.version and low <= number <= high:
                return interface
        owners = self.owners(address, vpc_id)
        if isinstance(owners, Missing):
            return owners
        return next((owner for owner in owners if owner.vpc_id == vpc_id), None) or self.hidden(vpc_id)

    def hidden(self, vpc_id: str) -> Missing | None:
        """Why there may be more in a VPC than shows: it is shared by another account, which was not read."""
        return self.source.hidden(self, vpc_id)

    def is_owned(self, vpc_id: str, address: Ip) -> bool:
        """Whether an interface of the VPC is known to have a private (or IPv6) address; asks nothing."""
        blocks = self._delegated.get(vpc_id, ())
        inside = any(v == address.version and low <= int(address) <= high for low, high, v, _ in blocks)
        return inside or int(address) in self._private.get((vpc_id, address.version), {})

    def known_owners(self, address: Ip) -> list[r.NetworkInterface]:
        """The interfaces that are known to have a private (or IPv6) address; asks nothing."""
        found = dict(self._owners.get(address, {}))
        for spans in self._delegated.values():
            found |= {
                interface.network_interface_id: interface
                for low, high, version, interface in spans
                if version == address.version and low <= int(address) <= high
            }
        return list(found.values())

    def known_public_owner(self, address: Ip) -> tuple[r.NetworkInterface, IPv4Address] | None:
        """The interface and private address that are known to be behind a public IPv4 address; asks nothing."""
        return self._public.get(address)

    def addresses_within(
        self, vpc_id: str, version: int, low: int, high: int
    ) -> list[tuple[tuple[int, int], r.NetworkInterface]] | Missing:
        """The owned addresses of a VPC in a span, delegated prefixes in one, smallest first."""
        missing = self.source.ask(Query("DescribeNetworkInterfaces", "vpc-id", vpc_id)) or self.hidden(vpc_id)
        if missing is not None:
            return missing
        owned = self._private.get((vpc_id, version), {})
        found = {(number, number): interface for number, interface in owned.items() if low <= number <= high}
        for first, last, of, interface in self._delegated.get(vpc_id, ()):
            if of == version and first <= high and low <= last:
                found[max(first, low), min(last, high)] = interface
        return sorted(found.items(), key=lambda entry: entry[0])

    def public_within(self, version: int, low: int, high: int) -> list[tuple[int, int]]:
        """The public IPv4 or the IPv6 addresses in a span that interfaces have, as far as they were read."""
        addresses = self._public if version == 4 else self._owners
        found = [(int(a), int(a)) for a in addresses if a.version == version and low <= int(a) <= high]
        for spans in self._delegated.values() if version == 6 else ():
            found += [(max(a, low), min(b, high)) for a, b, of, _ in spans if of == 6 and a <= high and low <= b]
        return sorted(found)

    def public_owner(self, address: Ip) -> tuple[r.NetworkInterface, IPv4Address] | Missing | None:
        """The interface and private address behind a public IPv4 address, or None where the account has none."""
        found = self._public.get(address)
        if found is not None:
            return found
        query = Query("DescribeNetworkInterfaces", "addresses.association.public-ip", str(address))
        missing = self.source.ask(query)
        if missing is not None:
            return missing
        if any(str(address) in b.mentions for b in self.broken.get("NetworkInterfaces", ())):
            return self._lacks("NetworkInterfaces", query)
        return self._public.get(address)

    def instance(self, instance_id: str) -> r.Instance | Missing:
        """The instance with this id."""
        return self.instances.get(instance_id) or self._lacks(
            "Reservations", Query("DescribeInstances", "instance-id", instance_id)
        )

    def internet_gateway_of(self, vpc_id: str) -> r.InternetGateway | Missing | None:
        """The internet gateway attached to a VPC, or None where it has none."""
        found = self._gateway_of_vpc.get(vpc_id)
        if found is not None:
            return found
        query = Query("DescribeInternetGateways", "attachment.vpc-id", vpc_id)
        if any(not b.mentions or vpc_id in b.mentions for b in self.broken.get("InternetGateways", ())):
            return self._lacks("InternetGateways", query)
        missing = self.source.ask(query)
        return missing if missing is not None else self._gateway_of_vpc.get(vpc_id)

    def nat_gateway(self, gateway_id: str) -> r.NatGateway | Missing:
        """The NAT gateway with this id."""
        return self.nat_gateways.get(gateway_id) or self._lacks(
            "NatGateways", Query("DescribeNatGateways", "nat-gateway-id", gateway_id)
        )

    def nat_gateway_behind(self, interface: r.NetworkInterface) -> r.NatGateway | Missing:
        """The NAT gateway whose interface this is."""

        def known() -> r.NatGateway | None:
            for gateway in self.nat_gateways.values():
                if any(a.network_interface_id == interface.network_interface_id for a in gateway.nat_gateway_addresses):
                    return gateway
            return None

        query = Query("DescribeNatGateways", "subnet-id", interface.subnet_id)
        return known() or self._lacks("NatGateways", query, interface.network_interface_id)

    def peering(self, peering_id: str) -> r.VpcPeeringConnection | Missing:
        """The peering connection with this id."""
        return self.peerings.get(peering_id) or self._lacks(
            "VpcPeeringConnections",
            Query("DescribeVpcPeeringConnections", "vpc-peering-connection-id", peering_id),
        )

    def peerings_between(self, one: str, other: str) -> tuple[r.VpcPeeringConnection, ...] | Missing:
        """The peering connections between two VPCs."""
        filters = ("requester-vpc-info.vpc-id", "accepter-vpc-info.vpc-id")
        asked = [self.source.ask(Query("DescribeVpcPeeringConnections", name, one)) for name in filters]
        for missing in asked:
            if missing is not None:
                return missing
        both = self.peerings_of.get(other, {})
        return tuple(peering for pcx, peering in self.peerings_of.get(one, {}).items() if pcx in both)

    def prefix_list(self, prefix_list_id: str) -> tuple[str, ...] | Missing:
        """The blocks of a managed prefix list."""
        found = self.prefix_lists.get(prefix_list_id)
        if found is not None:
            return found
        query = Query("GetManagedPrefixListEntries", "prefix-list-id", prefix_list_id)
        missing = self.source.ask(query)
        if missing is not None:
            return missing
        return self.prefix_lists.get(prefix_list_id) or self._lacks("PrefixLists", query)

    def block_public_access(self, vpc_id: str) -> r.PublicAccessOptions | Missing | None:
        """Block Public Access where a VPC is; None where nothing tells of it (captures older than the feature)."""
        missing = self.source.ask(Query("DescribeVpcBlockPublicAccessOptions", "", "", about=vpc_id))
        if missing is not None:
            return missing
        owner, region = self.account_id_of(vpc_id), self.region_of(vpc_id)
        there = [(of, o) for (of, where), o in self.public_access.items() if not where or region in (None, where)]
        return next((options for of, options in there if not of or owner in (None, of)), None)

    def exclusions(self, vpc_id: str = "") -> tuple[r.PublicAccessExclusion, ...] | Missing:
        """The exclusions from Block Public Access where a VPC is."""
        missing = self.source.ask(Query("DescribeVpcBlockPublicAccessExclusions", "", "", about=vpc_id))
        return missing if missing is not None else tuple(self.public_access_exclusions.values())

    def details_about(self, operation: str, about: str, kind: type[R], name: str = "") -> tuple[R, ...] | Missing:
        """What a call about one object gave; ``name`` is what its file in a snapshot may be called instead of its id.

        ``kind`` is the type of what the call gives; an object that has none of it gives an empty answer, no Missing.
        """
        known = READ[operation]
        broken = [b for b in self.broken.get(known.key, ()) if not b.mentions.isdisjoint((about, name))]
        if broken:
            raise InputError(broken[0].message)
        found = self.details.get((operation, about)) or (self.details.get((operation, name)) if name else None)
        if found is None:
            query = Query(operation, known.each.parameter if known.each else "", about)
            missing = self.source.ask(query)
            if missing is not None:
                return missing
            found = self.details.get((operation, about))
            if found is None:
                return self.source.absent(query)
        return tuple(one for one in found if isinstance(one, kind))

    def flow_logs_of(self, resource_ids: Iterable[str] | None) -> tuple[r.FlowLog, ...] | Missing:
        """The flow logs on any of these interfaces, subnets and VPCs; all there are where none are named.

        Missing where none can be told; :meth:`refused_flow_logs` says where there may be more.
        """
        wanted = None if resource_ids is None else frozenset(resource_ids)
        queries = [Query("DescribeFlowLogs", "", "")]
        if wanted is not None:
            queries = [Query("DescribeFlowLogs", "resource-id", resource_id) for resource_id in sorted(wanted)]
        missing = [m for query in queries if (m := self.source.ask(query))]
        found = tuple(log for log in self.flow_logs.values() if wanted is None or log.resource_id in wanted)
        pending = next((m for m in missing if m.pending), None)
        return pending or (missing[0] if missing and not found else found)

    def refused_flow_logs(self) -> tuple[Missing, ...]:
        """Where AWS refuses to list flow logs, in whichever account and Region."""
        refused: Callable[[str], tuple[Missing, ...]] | None = getattr(self.source, "refused", None)
        return refused("DescribeFlowLogs") if refused else ()
