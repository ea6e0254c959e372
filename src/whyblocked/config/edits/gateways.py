"""Internet gateways, peering connections, Block Public Access and prefix lists.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AttachInternetGateway.html
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AcceptVpcPeeringConnection.html
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcBlockPublicAccessExclusion.html
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyManagedPrefixList.html
"""

from __future__ import annotations

import msgspec

from whyblocked.config import resources as r
from whyblocked.config.account import Account, Missing, Query
from whyblocked.config.edits.kinds import (
    AcceptVpcPeeringConnection,
    AttachInternetGateway,
    CreateInternetGateway,
    CreateVpcBlockPublicAccessExclusion,
    DeleteVpcBlockPublicAccessExclusion,
    DeleteVpcPeeringConnection,
    DetachInternetGateway,
    ModifyManagedPrefixList,
    ModifyVpcBlockPublicAccessExclusion,
    ModifyVpcBlockPublicAccessOptions,
)
from whyblocked.config.edits.making import canonical, known, readable, refuse, subnet, vpc
from whyblocked.config.replacing import forget, replace
from whyblocked.text import clean

_EXCLUSION_MODES = ("allow-bidirectional", "allow-egress")
_MODES = ("off", "block-bidirectional", "block-ingress")
_GONE = ("delete-complete", "delete-in-progress", "disable-complete", "disable-in-progress")


def create(account: Account, edit: CreateInternetGateway) -> None:
    """A gateway that is attached to nothing."""
    replace(account, r.InternetGateway(internet_gateway_id=edit.internet_gateway_id, attachments=()))


def attach(account: Account, edit: AttachInternetGateway) -> None:
    """Give a VPC its internet gateway; routes to it work from then on."""
    gateway = _internet_gateway(account, edit.internet_gateway_id)
    vpc(account, edit.vpc_id)
    attached = next((a.vpc_id for a in gateway.attachments if a.vpc_id), None)
    if attached is not None:
        refuse(f"{gateway.internet_gateway_id} is attached to {attached} already")
    other = readable(edit.vpc_id, account.internet_gateway_of(edit.vpc_id))
    if other is not None:
        refuse(f"{edit.vpc_id} has {other.internet_gateway_id} already")
    made = r.GatewayAttachment(vpc_id=edit.vpc_id, state="available")
    replace(account, msgspec.structs.replace(gateway, attachments=(made,)))
    set_routes(account, gateway.internet_gateway_id, "active", edit.vpc_id)


def detach(account: Account, edit: DetachInternetGateway) -> None:
    """Leave a VPC without its internet gateway."""
    gateway = _internet_gateway(account, edit.internet_gateway_id)
    left = tuple(a for a in gateway.attachments if a.vpc_id != edit.vpc_id)
    if len(left) == len(gateway.attachments):
        refuse(f"{gateway.internet_gateway_id} is not attached to {clean(edit.vpc_id, 60)}")
    replace(account, msgspec.structs.replace(gateway, attachments=left))
    set_routes(account, gateway.internet_gateway_id, "blackhole", edit.vpc_id)


def _internet_gateway(account: Account, gateway_id: str) -> r.InternetGateway:
    query = Query("DescribeInternetGateways", "internet-gateway-id", gateway_id)
    return known(account, account.internet_gateways, query)


def accept_peering(account: Account, edit: AcceptVpcPeeringConnection) -> None:
    """Make a peering connection active that waits for it, and with it the routes that lead to it already."""
    peering = _peering(account, edit.vpc_peering_connection_id)
    if peering.status.code != "pending-acceptance":
        refuse(f"{peering.vpc_peering_connection_id} is {peering.status.code or 'without a status'}: nothing to accept")
    replace(account, msgspec.structs.replace(peering, status=r.PeeringStatus(code="active")))
    for side in (peering.requester_vpc_info, peering.accepter_vpc_info):
        if side.vpc_id:
            set_routes(account, peering.vpc_peering_connection_id, "active", side.vpc_id)


def delete_peering(account: Account, edit: DeleteVpcPeeringConnection) -> None:
    """End a peering connection."""
    peering = _peering(account, edit.vpc_peering_connection_id)
    replace(account, msgspec.structs.replace(peering, status=r.PeeringStatus(code="deleted")))
    for side in (peering.requester_vpc_info, peering.accepter_vpc_info):
        if side.vpc_id:
            set_routes(account, peering.vpc_peering_connection_id, "blackhole", side.vpc_id)


def _peering(account: Account, peering_id: str) -> r.VpcPeeringConnection:
    query = Query("DescribeVpcPeeringConnections", "vpc-peering-connection-id", peering_id)
    return known(account, account.peerings, query)


def set_routes(account: Account, target: str, state: str, vpc_id: str) -> None:
    """The state of all routes of a VPC to a target that comes or goes."""
    missing = account.source.ask(Query("DescribeRouteTables", "vpc-id", vpc_id))
    if missing is not None and missing.pending:
        readable(vpc_id, missing)
    for table in list(account.route_tables.values()):
        if table.vpc_id == vpc_id and any(route.target == target for route in table.routes):
            routes = (msgspec.structs.replace(x, state=state) if x.target == target else x for x in table.routes)
            replace(account, msgspec.structs.replace(table, routes=tuple(routes)))


# -- Block Public Access -----------------------------------------------------------------------------------------------


def set_public_access(account: Account, edit: ModifyVpcBlockPublicAccessOptions) -> None:
    """Another mode in an account and Region."""
    if edit.internet_gateway_block_mode not in _MODES:
        refuse(f"mode '{clean(edit.internet_gateway_block_mode, 40)}': it is one of {', '.join(_MODES)}")
    readable("Block Public Access", account.source.ask(Query("DescribeVpcBlockPublicAccessOptions", "", "")))
    there = [key for key in account.public_access if not key[1] or edit.region in ("", key[1])]
    for key in there or [("", edit.region)]:
        old = account.public_access.get(key, r.PublicAccessOptions())
        account.public_access[key] = msgspec.structs.replace(
            old, internet_gateway_block_mode=edit.internet_gateway_block_mode, state="update-complete"
        )
    account.version += 1


def exclude(account: Account, edit: CreateVpcBlockPublicAccessExclusion) -> None:
    """Leave a VPC or subnet out."""
    mode = edit.internet_gateway_exclusion_mode
    if mode not in _EXCLUSION_MODES:
        refuse(f"exclusion mode '{clean(mode, 40)}': it is one of {', '.join(_EXCLUSION_MODES)}")
    of = edit.vpc_id or subnet(account, edit.subnet_id or "").vpc_id
    vpc(account, of)
    arn = f"{'subnet' if edit.subnet_id else 'vpc'}/{edit.subnet_id or edit.vpc_id}"
    exclusions = readable("exclusions from Block Public Access", account.exclusions(of))
    for one in exclusions:
        if one.state not in _GONE and one.resource_arn.rpartition(":")[2] == arn:
            refuse(f"{edit.subnet_id or edit.vpc_id} has the exclusion {one.exclusion_id} already")
    replace(
        account,
        r.PublicAccessExclusion(
            exclusion_id=f"vpcbpa-exclude-{(edit.subnet_id or of).partition('-')[2]}",
            internet_gateway_exclusion_mode=mode,
            resource_arn=f"arn:aws:ec2:{account.region_of(of) or ''}:{account.owner_of(of) or ''}:{arn}",
            state="create-complete",
        ),
    )


def modify_exclusion(account: Account, edit: ModifyVpcBlockPublicAccessExclusion) -> None:
    """Another mode for an exclusion."""
    mode = edit.internet_gateway_exclusion_mode
    if mode not in _EXCLUSION_MODES:
        refuse(f"exclusion mode '{clean(mode, 40)}': it is one of {', '.join(_EXCLUSION_MODES)}")
    readable(edit.exclusion_id, account.source.ask(Query("DescribeVpcBlockPublicAccessExclusions", "", "")))
    old = account.public_access_exclusions.get(edit.exclusion_id)
    if old is None:
        refuse(f"no exclusion from Block Public Access is called {clean(edit.exclusion_id, 60)}")
    changed = msgspec.structs.replace(old, internet_gateway_exclusion_mode=mode, state="update-complete")
    replace(account, changed)


def include(account: Account, edit: DeleteVpcBlockPublicAccessExclusion) -> None:
    """End an exclusion."""
    readable(edit.exclusion_id, account.source.ask(Query("DescribeVpcBlockPublicAccessExclusions", "", "")))
    if edit.exclusion_id not in account.public_access_exclusions:
        refuse(f"no exclusion from Block Public Access is called {clean(edit.exclusion_id, 60)}")
    forget(account, account.public_access_exclusions, (edit.exclusion_id,))


# -- prefix lists ------------------------------------------------------------------------------------------------------


def modify_prefix_list(account: Account, edit: ModifyManagedPrefixList) -> None:
    """Take blocks out of a list and put others in."""
    found = account.prefix_list(edit.prefix_list_id)
    if isinstance(found, Missing):
        readable(edit.prefix_list_id, found)
    blocks = {canonical(cidr): None for cidr in readable(edit.prefix_list_id, found)}
    for cidr in map(canonical, edit.remove):
        if cidr not in blocks:
            refuse(f"{edit.prefix_list_id} has no entry {cidr}")
        del blocks[cidr]
    blocks |= dict.fromkeys(map(canonical, edit.add))
    if len({r.block(cidr).version for cidr in blocks}) > 1:
        refuse(f"{edit.prefix_list_id} would hold IPv4 and IPv6 blocks: a list holds one kind only")
    listed = account.managed_lists.get(edit.prefix_list_id)
    if listed is not None and listed.version is not None:
        if edit.version not in (None, listed.version):
            refuse(f"{edit.prefix_list_id} is at version {listed.version}, not {edit.version}")
        account.managed_lists[edit.prefix_list_id] = msgspec.structs.replace(listed, version=listed.version + 1)
    account.prefix_lists[edit.prefix_list_id] = tuple(blocks)
    account.version += 1
