"""The account as the walk sees it: an index over resources that says what it lacks.

The walk asks; the account answers from its index. Whether the index is complete is the business of a
:class:`Source`: a snapshot has read everything it will ever have, a live source notes what was asked for and
fetches it in the next round. Neither shows in the answers: a resource, or a :class:`Missing` that says why not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple, Protocol

import msgspec

from whyblocked.config import resources as r
from whyblocked.errors import InputError
from whyblocked.text import clean

Ip = IPv4Address | IPv6Address


class Query(NamedTuple):
    """One thing to ask AWS: an operation and the filter (or parameter) that narrows it to one value.

    An empty ``filter`` asks for everything; an empty ``region`` is the Region of the run.
    """

    operation: str
    filter: str
    value: str
    region: str = ""


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


class Nothing:
    """A source that has nothing more to give: the index is all there is (for tests and hand-made accounts)."""

    def ask(self, query: Query) -> Missing | None:  # noqa: ARG002 - the protocol's signature
        return None

    def advance(self, account: Account) -> bool:  # noqa: ARG002 - the protocol's signature
        return False

    def absent(self, query: Query) -> Missing:
        return Missing(f"ec2:{query.operation}", f"{query.value} not found", absent=True)


class Account:
    """Resources indexed by what a walk looks them up by: id, address, subnet, VPC, group."""

    def __init__(self, source: Source | None = None) -> None:
        self.source: Source = source or Nothing()
        self.vpcs: dict[str, r.Vpc] = {}
        self.subnets: dict[str, r.Subnet] = {}
        self.route_tables: dict[str, r.RouteTable] = {}
        self.network_acls: dict[str, r.NetworkAcl] = {}
        self.security_groups: dict[str, r.SecurityGroup] = {}
        self.security_group_rules: dict[str, dict[str, r.SecurityGroupRule]] = defaultdict(dict)
        self.interfaces: dict[str, r.NetworkInterface] = {}
        self.instances: dict[str, r.Instance] = {}
        self.internet_gateways: dict[str, r.InternetGateway] = {}
        self.egress_only_gateways: dict[str, r.EgressOnlyInternetGateway] = {}
        self.nat_gateways: dict[str, r.NatGateway] = {}
        self.peerings: dict[str, r.VpcPeeringConnection] = {}
        self.prefix_lists: dict[str, tuple[str, ...]] = {}
        self.public_access: dict[str, r.PublicAccessOptions] = {}
        self.public_access_exclusions: dict[str, r.PublicAccessExclusion] = {}
        self.flow_logs: dict[str, r.FlowLog] = {}
        self.broken: dict[str, list[r.Broken]] = defaultdict(list)
        self._account_of: dict[str, str] = {}  # as AWS says
        self._reader_of: dict[str, str] = {}  # as the path of the capture says, or who owns something in it
        self._region_of: dict[str, str] = {}
        self._subnets_of: dict[str, dict[str, r.Subnet]] = defaultdict(dict)
        self._table_of_subnet: dict[str, r.RouteTable] = {}
        self._table_of_gateway: dict[str, r.RouteTable] = {}
        self._main_table: dict[str, r.RouteTable] = {}
        self._acl_of_subnet: dict[str, r.NetworkAcl] = {}
        self._default_acl: dict[str, r.NetworkAcl] = {}
        self._private: dict[tuple[str, Ip], r.NetworkInterface] = {}
        self._owners: dict[Ip, dict[str, r.NetworkInterface]] = defaultdict(dict)
        self._delegated: dict[str, list[tuple[int, int, int, r.NetworkInterface]]] = defaultdict(list)
        self._public: dict[Ip, tuple[r.NetworkInterface, IPv4Address]] = {}
        self._members: dict[str, dict[str, r.NetworkInterface]] = defaultdict(dict)
        self._of_instance: dict[str, dict[str, r.NetworkInterface]] = defaultdict(dict)
        self._gateway_of_vpc: dict[str, r.InternetGateway] = {}
        self.version = 0  # grows with every resource added, so that what was derived from the index can tell

    # -- filling ---------------------------------------------------------------------------------------------

    def add(self, resource: r.Resource, account_id: str | None = None, region: str | None = None) -> None:
        """Index ``resource``; the first of several with one id stays. Unknown kinds are left alone."""
        adder = _ADDERS.get(type(resource))
        if adder is not None:
            self.version += 1
            adder(self, resource, account_id, region)

    def keep(
        self, kind: str, resource: r.Resource, where: str, account_id: str | None = None, region: str | None = None
    ) -> None:
        """Like :meth:`add`, but what has an address that is none is kept as broken, found ``where``."""
        try:
            self.add(resource, account_id, region)
        except ValueError as error:
            texts = frozenset(r.texts(msgspec.to_builtins(resource)))
            self.broken[kind].append(r.Broken(kind, texts, f"{where}: {clean(str(error))}"))

    def add_prefix_list(self, prefix_list_id: str, cidrs: Iterable[str]) -> None:
        """Index the entries of a managed prefix list; lists of several files are joined."""
        self.version += 1
        self.prefix_lists[prefix_list_id] = tuple(dict.fromkeys((*self.prefix_lists.get(prefix_list_id, ()), *cidrs)))

    def _add_vpc(self, vpc: r.Vpc, account_id: str | None, region: str | None) -> None:
        self.vpcs.setdefault(vpc.vpc_id, vpc)
        self._place(vpc.vpc_id, vpc.owner_id, account_id, region)

    def _add_subnet(self, subnet: r.Subnet, account_id: str | None, region: str | None) -> None:
        if self.subnets.setdefault(subnet.subnet_id, subnet) is subnet:
            self._subnets_of[subnet.vpc_id][subnet.subnet_id] = subnet
        self._place(subnet.vpc_id, subnet.owner_id, account_id, region)

    def _add_route_table(self, table: r.RouteTable, account_id: str | None, region: str | None) -> None:
        if self.route_tables.setdefault(table.route_table_id, table) is not table:
            return
        self._place(table.vpc_id, table.owner_id, account_id, region)
        for association in table.associations:
            if not association.active:
                continue
            if association.main:
                self._main_table[table.vpc_id] = table
            if association.subnet_id:
                self._table_of_subnet[association.subnet_id] = table
            if association.gateway_id:
                self._table_of_gateway[association.gateway_id] = table

    def _add_network_acl(self, acl: r.NetworkAcl, account_id: str | None, region: str | None) -> None:
        if self.network_acls.setdefault(acl.network_acl_id, acl) is not acl:
            return
        self._place(acl.vpc_id, acl.owner_id, account_id, region)
        for association in acl.associations:
            if association.subnet_id:
                self._acl_of_subnet[association.subnet_id] = acl
        if acl.is_default:
            self._default_acl[acl.vpc_id] = acl

    def _add_security_group(self, group: r.SecurityGroup, account_id: str | None, region: str | None) -> None:
        self.security_groups.setdefault(group.group_id, group)
        if group.vpc_id:
            self._place(group.vpc_id, None, account_id or group.owner_id, region)  # a shared VPC is another's

    def _add_security_group_rule(self, rule: r.SecurityGroupRule, *_: object) -> None:
        self.security_group_rules[rule.group_id].setdefault(rule.security_group_rule_id, rule)

    def _add_interface(self, interface: r.NetworkInterface, account_id: str | None, region: str | None) -> None:
        private, public = (
            private_addresses(interface),
            public_addresses(interface),
        )  # ValueError before anything is kept
        delegated = [r.block(text) for text in delegated_prefixes(interface)]
        if self.interfaces.setdefault(interface.network_interface_id, interface) is not interface:
            return
        self._place(interface.vpc_id, None, account_id or interface.owner_id, region)  # a shared VPC is another's
        self._place(interface.network_interface_id, interface.owner_id, account_id, region)
        for address in private:
            self._private.setdefault((interface.vpc_id, address), interface)
            self._owners[address][interface.network_interface_id] = interface
        for inside, outside in public:
            self._public.setdefault(outside, (interface, inside))
        for network in delegated:
            span = (int(network.network_address), int(network.broadcast_address), network.version)
            self._delegated[interface.vpc_id].append((*span, interface))
        for group in interface.groups:
            self._members[group.group_id][interface.network_interface_id] = interface
        if interface.attachment and interface.attachment.instance_id:
            self._of_instance[interface.attachment.instance_id][interface.network_interface_id] = interface

    def _add_instance(self, instance: r.Instance, *_: object) -> None:
        self.instances.setdefault(instance.instance_id, instance)

    def _add_internet_gateway(self, gateway: r.InternetGateway, *_: object) -> None:
        if self.internet_gateways.setdefault(gateway.internet_gateway_id, gateway) is not gateway:
            return
        for attachment in gateway.attachments:
            if attachment.vpc_id and (attachment.state or "available").lower() in ("available", "attached"):
                self._gateway_of_vpc[attachment.vpc_id] = gateway

    def _add_egress_only_gateway(self, gateway: r.EgressOnlyInternetGateway, *_: object) -> None:
        self.egress_only_gateways.setdefault(gateway.egress_only_internet_gateway_id, gateway)

    def _add_nat_gateway(self, gateway: r.NatGateway, *_: object) -> None:
        self.nat_gateways.setdefault(gateway.nat_gateway_id, gateway)

    def _add_peering(self, peering: r.VpcPeeringConnection, *_: object) -> None:
        self.peerings.setdefault(peering.vpc_peering_connection_id, peering)
        for side in (peering.requester_vpc_info, peering.accepter_vpc_info):
            if side.vpc_id:
                self._place(side.vpc_id, side.owner_id, None, side.region)

    def _add_public_access(self, options: r.PublicAccessOptions, _account_id: str | None, region: str | None) -> None:
        self.public_access[options.aws_region or region or ""] = options

    def _add_exclusion(self, exclusion: r.PublicAccessExclusion, *_: object) -> None:
        self.public_access_exclusions.setdefault(exclusion.exclusion_id or exclusion.resource_arn, exclusion)

    def _add_flow_log(self, flow_log: r.FlowLog, *_: object) -> None:
        self.flow_logs.setdefault(flow_log.flow_log_id, flow_log)

    def _place(self, key: str, owner_id: str | None, reader_id: str | None, region: str | None) -> None:
        if owner_id:
            self._account_of.setdefault(key, owner_id)
        if reader_id:
            self._reader_of.setdefault(key, reader_id)
        if region:
            self._region_of.setdefault(key, region)

    # -- asking ----------------------------------------------------------------------------------------------

    def expect(self, queries: Iterable[Query]) -> None:
        """Say what will be needed, so that a live source fetches it together."""
        for query in queries:
            self.source.ask(query)

    def advance(self) -> bool:
        """Fetch what is pending; True where something new may be in the index."""
        self.version += 1  # what was derived from a look-up that found nothing yet is stale, too
        return self.source.advance(self)

    def account_id_of(self, vpc_id: str) -> str | None:
        """The account that owns a VPC (or interface), where anything told it."""
        return self._account_of.get(vpc_id) or self._reader_of.get(vpc_id)

    def region_of(self, vpc_id: str) -> str | None:
        """The Region of a VPC, where anything told it."""
        return self._region_of.get(vpc_id)

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
        found = tuple(self._subnets_of.get(vpc_id, {}).values())
        return found or self._lacks("Subnets", query)

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
        return self.interfaces.get(interface_id) or self._lacks(
            "NetworkInterfaces", Query("DescribeNetworkInterfaces", "network-interface-id", interface_id)
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

    def owners(self, address: Ip) -> tuple[r.NetworkInterface, ...] | Missing:
        """Every interface that has a private (or IPv6) address; several where VPCs overlap."""
        name = "addresses.private-ip-address" if address.version == 4 else "ipv6-addresses.ipv6-address"
        query = Query("DescribeNetworkInterfaces", name, str(address))
        found = dict(self._owners.get(address, {}))
        number = int(address)
        for spans in self._delegated.values():
            for low, high, version, interface in spans:
                if version == address.version and low <= number <= high:
                    found[interface.network_interface_id] = interface
        missing = self.source.ask(query)
        if missing is not None:
            return missing
        if not found and any(str(address) in b.mentions for b in self.broken.get("NetworkInterfaces", ())):
            return self._lacks("NetworkInterfaces", query)
        return tuple(found.values())

    def interface_at(self, vpc_id: str, address: Ip) -> r.NetworkInterface | Missing | None:
        """The interface of a VPC that has a private (or IPv6) address, delegated prefixes included."""
        found = self._private.get((vpc_id, address))
        if found is not None:
            return found
        number = int(address)
        for low, high, version, interface in self._delegated.get(vpc_id, ()):
            if version == address.version and low <= number <= high:
                return interface
        owners = self.owners(address)
        if isinstance(owners, Missing):
            return owners
        return next((owner for owner in owners if owner.vpc_id == vpc_id), None)

    def addresses_within(
        self, vpc_id: str, version: int, low: int, high: int
    ) -> list[tuple[int, r.NetworkInterface]] | Missing:
        """The owned addresses of a VPC in a span, smallest first."""
        missing = self.source.ask(Query("DescribeNetworkInterfaces", "vpc-id", vpc_id))
        if missing is not None:
            return missing
        found = {
            int(address): interface
            for (vpc, address), interface in self._private.items()
            if vpc == vpc_id and address.version == version and low <= int(address) <= high
        }
        return sorted(found.items())

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

    def peering(self, peering_id: str) -> r.VpcPeeringConnection | Missing:
        """The peering connection with this id."""
        return self.peerings.get(peering_id) or self._lacks(
            "VpcPeeringConnections",
            Query("DescribeVpcPeeringConnections", "vpc-peering-connection-id", peering_id),
        )

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

    def block_public_access(self, region: str | None) -> r.PublicAccessOptions | Missing | None:
        """Block Public Access of the Region; None where nothing tells of it (captures older than the feature)."""
        found = self.public_access.get(region or "") or self.public_access.get("")
        if found is not None:
            return found
        missing = self.source.ask(Query("DescribeVpcBlockPublicAccessOptions", "", ""))
        return missing if missing is not None else self.public_access.get(region or "")

    def exclusions(self) -> tuple[r.PublicAccessExclusion, ...] | Missing:
        """The exclusions from Block Public Access."""
        missing = self.source.ask(Query("DescribeVpcBlockPublicAccessExclusions", "", ""))
        return missing if missing is not None else tuple(self.public_access_exclusions.values())

    def flow_logs_of(self, resource_ids: Iterable[str]) -> tuple[r.FlowLog, ...] | Missing:
        """The flow logs on any of these interfaces, subnets and VPCs."""
        wanted = tuple(resource_ids)
        missing = [m for i in wanted if (m := self.source.ask(Query("DescribeFlowLogs", "resource-id", i)))]
        if missing:
            return missing[0]
        return tuple(log for log in self.flow_logs.values() if log.resource_id in wanted)


def private_addresses(interface: r.NetworkInterface) -> tuple[Ip, ...]:
    """The addresses that the interface answers to inside AWS: private IPv4, primary first, then IPv6."""
    texts = [interface.private_ip_address] if interface.private_ip_address else []
    texts += [a.private_ip_address for a in sorted(interface.private_ip_addresses, key=lambda a: not a.primary)]
    texts += [a.ipv6_address for a in interface.ipv6_addresses]
    return tuple(dict.fromkeys(r.address(text) for text in texts))


def public_addresses(interface: r.NetworkInterface) -> tuple[tuple[IPv4Address, IPv4Address], ...]:
    """Pairs of private and public IPv4 address, primary first."""
    pairs: dict[str, str] = {}
    if interface.association and interface.association.public_ip and interface.private_ip_address:
        pairs[interface.private_ip_address] = interface.association.public_ip
    for address in interface.private_ip_addresses:
        if address.association and address.association.public_ip:
            pairs.setdefault(address.private_ip_address, address.association.public_ip)
    return tuple((_ipv4(private), _ipv4(public)) for private, public in pairs.items())


def _ipv4(text: str) -> IPv4Address:
    found = r.address(text)
    if not isinstance(found, IPv4Address):
        raise ValueError(f"{text!r} is not an IPv4 address")
    return found


def delegated_prefixes(interface: r.NetworkInterface) -> tuple[str, ...]:
    """Blocks delegated to the interface; their addresses count as its own."""
    blocks = [p.ipv4_prefix for p in interface.ipv4_prefixes] + [p.ipv6_prefix for p in interface.ipv6_prefixes]
    return tuple(block for block in blocks if block)


def device_index(interface: r.NetworkInterface) -> int:
    """The device index of an attached interface (0 is the primary); detached ones come last."""
    if interface.attachment is None or interface.attachment.device_index is None:
        return 1 << 16
    return interface.attachment.device_index


_ADDERS: dict[type[r.Resource], Callable[..., None]] = {
    r.Vpc: Account._add_vpc,
    r.Subnet: Account._add_subnet,
    r.RouteTable: Account._add_route_table,
    r.NetworkAcl: Account._add_network_acl,
    r.SecurityGroup: Account._add_security_group,
    r.SecurityGroupRule: Account._add_security_group_rule,
    r.NetworkInterface: Account._add_interface,
    r.Instance: Account._add_instance,
    r.InternetGateway: Account._add_internet_gateway,
    r.EgressOnlyInternetGateway: Account._add_egress_only_gateway,
    r.NatGateway: Account._add_nat_gateway,
    r.VpcPeeringConnection: Account._add_peering,
    r.PublicAccessOptions: Account._add_public_access,
    r.PublicAccessExclusion: Account._add_exclusion,
    r.FlowLog: Account._add_flow_log,
}
