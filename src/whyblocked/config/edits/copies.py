"""A copy of an account on which changes were made as AWS would make them; the original stays as it is.

The copy of a live account fetches through the original what was not fetched yet, and makes the changes again on what
came. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain, repeat, zip_longest
from typing import Any

from whyblocked.config.account import Account, Missing, Query
from whyblocked.config.edits import acls, balancers, exits, gateways, groups, interfaces, kinds, routes, transits
from whyblocked.config.edits.making import Waiting
from whyblocked.config.edits.regions import check_region
from whyblocked.config.operations import permission_of
from whyblocked.config.replacing import take_over
from whyblocked.errors import EditError, UndeterminedError, WhyblockedError

_MAKERS: dict[type, Callable[[Account, Any], None]] = {
    kinds.AuthorizeSecurityGroup: groups.authorize,
    kinds.RevokeSecurityGroup: groups.revoke,
    kinds.ModifySecurityGroupRule: groups.modify,
    kinds.CreateSecurityGroup: groups.create,
    kinds.SetSecurityGroupRules: groups.set_rules,
    kinds.CreateNetworkAcl: acls.create_acl,
    kinds.SetNetworkAclEntries: acls.set_entries,
    kinds.CreateNetworkAclEntry: acls.create,
    kinds.ReplaceNetworkAclEntry: acls.exchange,
    kinds.DeleteNetworkAclEntry: acls.delete,
    kinds.ReplaceNetworkAclAssociation: acls.associate,
    kinds.CreateRouteTable: routes.create_table,
    kinds.SetRoutes: routes.set_routes,
    kinds.CreateRoute: routes.create,
    kinds.ReplaceRoute: routes.exchange,
    kinds.DeleteRoute: routes.delete,
    kinds.AssociateRouteTable: routes.associate,
    kinds.DisassociateRouteTable: routes.disassociate,
    kinds.ReplaceRouteTableAssociation: routes.reassociate,
    kinds.AssociateAddress: interfaces.associate,
    kinds.DisassociateAddress: interfaces.disassociate,
    kinds.ModifyNetworkInterfaceAttribute: interfaces.modify_interface,
    kinds.ModifyInstanceAttribute: interfaces.modify_instance,
    kinds.StartInstances: interfaces.start,
    kinds.StopInstances: interfaces.stop,
    kinds.CreateInternetGateway: gateways.create,
    kinds.AttachInternetGateway: gateways.attach,
    kinds.DetachInternetGateway: gateways.detach,
    kinds.AcceptVpcPeeringConnection: gateways.accept_peering,
    kinds.DeleteVpcPeeringConnection: gateways.delete_peering,
    kinds.ModifyVpcBlockPublicAccessOptions: gateways.set_public_access,
    kinds.CreateVpcBlockPublicAccessExclusion: gateways.exclude,
    kinds.ModifyVpcBlockPublicAccessExclusion: gateways.modify_exclusion,
    kinds.DeleteVpcBlockPublicAccessExclusion: gateways.include,
    kinds.AttachVpnGateway: exits.attach_vpn_gateway,
    kinds.CreateVpnConnectionRoute: exits.create_vpn_route,
    kinds.AssociateNatGatewayAddress: exits.associate_nat_address,
    kinds.ModifyVpcEndpoint: exits.modify_endpoint,
    kinds.AddFirewallRule: exits.add_firewall_rule,
    kinds.AcceptTransitGatewayVpcAttachment: transits.accept,
    kinds.ModifyManagedPrefixList: gateways.modify_prefix_list,
    kinds.CreateTransitGatewayRoute: transits.create,
    kinds.ReplaceTransitGatewayRoute: transits.exchange,
    kinds.DeleteTransitGatewayRoute: transits.delete,
    kinds.AssociateTransitGatewayRouteTable: transits.associate,
    kinds.DisassociateTransitGatewayRouteTable: transits.disassociate,
    kinds.EnableTransitGatewayRouteTablePropagation: transits.enable,
    kinds.DisableTransitGatewayRouteTablePropagation: transits.disable,
    kinds.ModifyTransitGatewayVpcAttachment: transits.modify_attachment,
    kinds.ModifyTransitGateway: transits.modify_gateway,
    kinds.CreateListener: balancers.create_listener,
    kinds.ModifyListener: balancers.modify_listener,
    kinds.DeleteListener: balancers.delete_listener,
    kinds.RegisterTargets: balancers.register,
    kinds.DeregisterTargets: balancers.deregister,
    kinds.SetSubnets: balancers.set_subnets,
    kinds.SetSecurityGroups: balancers.set_groups,
    kinds.ModifyLoadBalancerAttributes: balancers.modify_balancer,
    kinds.ModifyTargetGroupAttributes: balancers.modify_target_group,
}


def apply(
    account: Account, edits: Iterable[kinds.Edit], places: Iterable[str] = (), regions: Iterable[str] = ()
) -> Account:
    """A copy of ``account`` with ``edits`` made one after the other.

    ``places`` say where each stands in a file, ``regions`` where it is asked for; empty is where its resource is.

    Raises :class:`EditError`, which holds the edit, where AWS would refuse one, and
    :class:`~whyblocked.errors.UndeterminedError` where what it is about can't be read.
    """
    overlay = Overlay(account, tuple(edits), tuple(places), tuple(regions))
    copied = Account(overlay)
    overlay.renew(copied)
    return copied


class Overlay:
    """The source of a copy: it asks as the original asks, and makes the edits on what the original knows."""

    def __init__(
        self,
        original: Account,
        edits: tuple[kinds.Edit, ...],
        places: tuple[str, ...] = (),
        regions: tuple[str, ...] = (),
    ) -> None:
        self.original = original
        self.edits = edits
        self._places = places
        self._regions = regions
        self._seen = original.version

    def __getattr__(self, name: str) -> Any:
        """What only some sources have (``look_up``, ``warnings``, ...) is the original's."""
        return getattr(self.original.source, name)

    def ask(self, query: Query) -> Missing | None:
        """As the original; pending while that knows more than was copied."""
        if self.original.version != self._seen:
            return Missing(permission_of(query.operation), "not fetched yet", pending=True)
        return self.original.source.ask(query)

    def advance(self, account: Account) -> bool:
        """Let the original fetch, and copy and edit once more what it knows then."""
        behind = self.original.version != self._seen
        fetched = self.original.advance()
        if behind or fetched:
            self.renew(account)
        self._seen = self.original.version
        return behind or fetched

    def absent(self, query: Query) -> Missing:
        """As the original."""
        return self.original.source.absent(query)

    def hidden(self, account: Account, vpc_id: str) -> Missing | None:
        """As the original."""
        return self.original.source.hidden(account, vpc_id)

    def renew(self, account: Account) -> None:
        """Copy what the original knows into ``account`` and make the edits, fetching what they are about."""
        while self._waits(account):
            if not self.original.advance():
                raise AssertionError("an edit waits for what was never asked")

    def _waits(self, account: Account) -> bool:
        self._seen = self.original.version
        take_over(self.original, account)
        waits = False
        said = zip_longest(self._places, self._regions, fillvalue="")
        for edit, (place, region) in zip(self.edits, chain(said, repeat(("", ""))), strict=False):
            try:
                if region:
                    check_region(account, edit, region)
                _MAKERS[type(edit)](account, edit)
                if region:  # which it may have had to fetch first
                    check_region(account, edit, region)
            except Waiting:
                waits = True
            except EditError as error:
                if not waits:  # else it may be about what an edit before it would have made
                    raise EditError(_at(place, error), edit) from None
            except UndeterminedError as error:
                raise UndeterminedError(_at(place, error), error.missing) from None
        return waits


def _at(place: str, error: WhyblockedError) -> str:
    return f"{place}: {error.message}" if place else error.message
