"""Who has an address: interface, owner, instance, groups, place; for what nobody has, where it lies."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from whyblocked.config.account import Account, Missing, Query
from whyblocked.config.addresses import Ip, delegated_prefixes, private_addresses, public_addresses
from whyblocked.config.ownership import ownership
from whyblocked.config.resources import NetworkInterface, Subnet, Vpc, name_tag
from whyblocked.config.services import services
from whyblocked.errors import UndeterminedError
from whyblocked.network.addresses import reserved, unfiltered
from whyblocked.network.asked import End
from whyblocked.network.supposed import Supposed
from whyblocked.question.managed import belongs_to
from whyblocked.question.resolve import locate


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """A resource by its id, with the name that people gave it."""

    id: str
    name: str | None = None


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """The instance that an interface is attached to."""

    id: str
    name: str | None = None
    state: str | None = None


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where an address lies: its subnet (null where no subnet of the VPC holds it), VPC, account and Region."""

    subnet: Named | None = None
    subnet_blocks: list[str] = []
    zone: str | None = None
    vpc: Named
    account_id: str | None = None
    region: str | None = None


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """An interface, and whose it is.

    ``service`` is the kind of AWS's service that made it ("RDS database"), ``resource`` which of its resources it
    belongs to, where that is told. ``public_addresses`` maps them to the private ones behind.
    """

    interface_id: str
    name: str | None = None
    interface_type: str | None = None
    status: str | None = None
    description: str | None = None
    requester_id: str | None = None
    service: str | None = None
    resource: str | None = None
    instance: Instance | None = None
    groups: list[Named] = []
    place: Place
    private_addresses: list[str] = []
    public_addresses: dict[str, str] = {}
    ipv6_addresses: list[str] = []
    prefixes: list[str] = []
    supposed: bool = False


class WhoIs(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked about, its owners, and for an address that nobody has the places that hold it."""

    schema_version: int = 1
    asked: str
    address: str | None = None
    owners: list[Owner] = []
    places: list[Place] = []
    summary: str
    warnings: list[str] = []
    missing: list[str] = []

    @property
    def exit_status(self) -> int:
        """0 where the account has it: an interface, or a place in a VPC; 2 where it has not."""
        return 0 if self.owners or self.places else 2


def whois(account: Account, text: str) -> WhoIs:
    """Who has the address, id or name ``text``."""
    while True:
        located = locate(text, account)
        if located is None:
            if not account.advance():
                raise AssertionError("looking up waits for what was never asked")
            continue
        ends, search = located
        look = _Look(account)
        interfaces = {i.network_interface_id: i for end in ends for i in end.interfaces}
        owners = [look.owner(interface) for _, interface in sorted(interfaces.items())]
        address = next((end.address for end in ends if end.address is not None), None)
        places = look.places(address) if address is not None and not owners else []
        if look.pending and account.advance():
            continue
        if not owners and not places and look.refused:
            reasons = tuple(dict.fromkeys(look.refused))
            raise UndeterminedError(f"where {address} lies could not be read: {', '.join(reasons)}", reasons)
        return WhoIs(
            asked=text,
            address=str(address) if address else None,
            owners=owners,
            places=[place for place, _ in places],
            summary=_summary(text, owners, places, ends),
            warnings=list(search.remarks),
            missing=list(dict.fromkeys(look.refused)),
        )


class _Look:
    """One pass over what is known; says whether more has been asked for."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.pending = False
        self.refused: list[str] = []

    def _known(self, found: object) -> object:
        if isinstance(found, Missing):
            self.pending |= found.pending
            if not found.pending and not found.absent:
                self.refused.append(str(found))
            return None
        return found

    def owner(self, interface: NetworkInterface) -> Owner:
        account = self.account
        instance_id = interface.attachment.instance_id if interface.attachment else None
        found = account.instance(instance_id) if instance_id else None
        instance = found if self._known(found) is not None and not isinstance(found, Missing) else None
        whose = ownership(interface)
        named = belongs_to(services(account), interface)
        subnet = account.subnet(interface.subnet_id)
        return Owner(
            interface_id=interface.network_interface_id,
            name=name_tag(interface.tag_set),
            interface_type=interface.interface_type,
            status=interface.status,
            description=interface.description or None,
            requester_id=interface.requester_id,
            service=named.what if named else whose.service if whose else None,
            resource=named.name if named else (whose.name or None) if whose else None,
            instance=Instance(
                id=instance_id,
                name=name_tag(instance.tags) if instance else None,
                state=instance.state.name if instance and instance.state else None,
            )
            if instance_id
            else None,
            groups=[Named(id=group.group_id, name=group.group_name) for group in interface.groups],
            place=self.place(interface.vpc_id, subnet if self._known(subnet) is not None else interface.subnet_id),
            private_addresses=[str(a) for a in private_addresses(interface) if a.version == 4],
            public_addresses={str(public): str(private) for private, public in public_addresses(interface)},
            ipv6_addresses=[str(a) for a in private_addresses(interface) if a.version == 6],
            prefixes=list(delegated_prefixes(interface)),
            supposed=isinstance(interface, Supposed),
        )

    def place(self, vpc_id: str, subnet: object) -> Place:
        found = self.account.vpc(vpc_id)
        self._known(found)
        vpc = found if isinstance(found, Vpc) else None
        known = subnet if isinstance(subnet, Subnet) else None
        named = Named(id=known.subnet_id, name=name_tag(known.tags)) if known else None
        if named is None and isinstance(subnet, str):
            named = Named(id=subnet)
        return Place(
            subnet=named,
            subnet_blocks=[str(block) for block in known.networks] if known else [],
            zone=known.availability_zone if known else None,
            vpc=Named(id=vpc_id, name=name_tag(vpc.tags) if vpc else None),
            account_id=self.account.account_id_of(vpc_id),
            region=self.account.region_of(vpc_id) or getattr(self.account.source, "region", None),
        )

    def places(self, address: Ip) -> list[tuple[Place, str]]:
        """Every subnet, and where none has it every VPC, that holds an address, with what is reserved of it."""
        account = self.account
        for call in ("DescribeSubnets", "DescribeVpcs"):
            self._known(account.source.ask(Query(call, "", "")))
        found: list[tuple[Place, str]] = []
        for subnet in account.all_subnets():
            block = next((block for block in subnet.networks if address in block), None)
            if block is not None:
                vpc = account.vpcs.get(subnet.vpc_id)
                found.append((self.place(subnet.vpc_id, subnet), reserved(address, block, subnet.networks, vpc)))
        held = {place.vpc.id for place, _ in found}
        found += [
            (self.place(vpc.vpc_id, None), unfiltered(address.version, vpc, ()).get(int(address), ""))
            for vpc in account.vpcs.values()
            if vpc.vpc_id not in held and any(address in block for block in vpc.networks)
        ]
        return sorted(found, key=lambda entry: (entry[0].vpc.id, entry[0].subnet.id if entry[0].subnet else ""))


def _summary(text: str, owners: list[Owner], places: list[tuple[Place, str]], ends: Sequence[End]) -> str:
    if len(owners) > 1:
        vpcs = {owner.place.vpc.id for owner in owners}
        among = f" in {len(vpcs)} VPCs" if len(vpcs) > 1 else ""
        return f"{text} is {len(owners)} interfaces{among}."
    if owners:
        return f"{text} is {words(owners[0])}."
    if not places and any(end.kind == "service" for end in ends):
        return f"{text} is a service of AWS's: no interface of this account has it."
    if not places:
        address = next((end.address for end in ends if end.address is not None), None)
        everywhere = unfiltered(address.version, None, ()).get(int(address)) if address else None
        if everywhere:
            return f"{text} is {everywhere}, which every VPC has; no rule filters it."
        return f"{text} is not in this account: no interface, subnet or VPC here has it."
    if len(places) > 1:
        return f"No interface has {text}; {len(places)} subnets or VPCs hold it."
    place, reserved = places[0]
    if reserved:
        return f"{text} is {reserved} of {place.subnet.id if place.subnet else place.vpc.id}, reserved by AWS."
    if place.subnet is None:
        return f"No interface has {text}; it lies in {place.vpc.id}, but in none of its subnets."
    return f"No interface has {text}; it is free in {place.subnet.id} of {place.vpc.id}."


def words(owner: Owner) -> str:
    """An owner in a phrase: ``i-0abc (web-1, running) at eni-0def``."""
    whose = " ".join(part for part in (owner.service, owner.resource) if part)
    if owner.instance:
        facts = ", ".join(fact for fact in (owner.instance.name, owner.instance.state) if fact)
        whose = f"{owner.instance.id}{f' ({facts})' if facts else ''}"
    if owner.supposed and owner.place.subnet:
        return f"{owner.description} in {owner.place.subnet.id}, which shows no interface of it"
    if whose:
        return f"{owner.interface_id} of {whose}"
    return owner.interface_id + (f" ({owner.name})" if owner.name else "")
