"""Transit gateways: attachments, route tables and what stands in them."""

from whyblocked.config.resources.base import Resource, State, Tag, associated, block


class TransitGatewayOptions(Resource, frozen=True):
    """What a transit gateway was set to do for all of its attachments."""

    security_group_referencing_support: str | None = None


class TransitGateway(Resource, frozen=True):
    """A transit gateway; it belongs to one account, and others may attach their VPCs to it."""

    transit_gateway_id: str
    state: str = ""
    owner_id: str | None = None
    transit_gateway_arn: str | None = None
    options: TransitGatewayOptions | None = None
    tags: tuple[Tag, ...] = ()


class TransitGatewayAssociation(Resource, frozen=True):
    """The route table that decides about what comes in by an attachment; only the gateway's owner is shown it."""

    transit_gateway_route_table_id: str | None = None
    transit_gateway_policy_table_id: str | None = None
    state: str = ""

    @property
    def active(self) -> bool:
        """Only an ``associated`` table is looked at."""
        return associated(State(state=self.state))


class TransitGatewayAttachment(Resource, frozen=True):
    """What is attached to a transit gateway: a VPC, a VPN, a Direct Connect gateway, Connect, another gateway."""

    transit_gateway_attachment_id: str
    transit_gateway_id: str
    resource_type: str = ""
    resource_id: str | None = None
    state: str = ""
    transit_gateway_owner_id: str | None = None
    resource_owner_id: str | None = None
    association: TransitGatewayAssociation | None = None
    tags: tuple[Tag, ...] = ()


class TransitGatewayVpcAttachmentOptions(Resource, frozen=True):
    """How a VPC is attached; absent is what AWS did before the option existed."""

    appliance_mode_support: str | None = None
    security_group_referencing_support: str | None = None
    ipv6_support: str | None = None


class TransitGatewayVpcAttachment(Resource, frozen=True):
    """A VPC on a transit gateway, with the subnets (one a zone) that hold the attachment's interfaces."""

    transit_gateway_attachment_id: str
    transit_gateway_id: str
    vpc_id: str
    subnet_ids: tuple[str, ...] = ()
    state: str = ""
    vpc_owner_id: str | None = None
    options: TransitGatewayVpcAttachmentOptions | None = None
    tags: tuple[Tag, ...] = ()


class PeeringTransitGateway(Resource, frozen=True):
    """One side of a peering between transit gateways."""

    transit_gateway_id: str | None = None
    core_network_id: str | None = None
    owner_id: str | None = None
    region: str | None = None


class TransitGatewayPeeringAttachment(Resource, frozen=True):
    """Two transit gateways that are peered, in one Region or two."""

    transit_gateway_attachment_id: str
    requester_tgw_info: PeeringTransitGateway
    accepter_tgw_info: PeeringTransitGateway
    accepter_transit_gateway_attachment_id: str | None = None
    state: str = ""
    tags: tuple[Tag, ...] = ()


class TransitGatewayRouteTable(Resource, frozen=True):
    """A route table of a transit gateway; only its owner is shown it."""

    transit_gateway_route_table_id: str
    transit_gateway_id: str
    state: str = ""
    tags: tuple[Tag, ...] = ()


class TransitGatewayRouteAttachment(Resource, frozen=True):
    """An attachment that a route leads to."""

    transit_gateway_attachment_id: str | None = None
    resource_id: str | None = None
    resource_type: str = ""


class TransitGatewayRoute(Resource, frozen=True):
    """A route of a transit gateway: static or propagated, to one attachment or several that share the load."""

    destination_cidr_block: str | None = None
    prefix_list_id: str | None = None
    transit_gateway_attachments: tuple[TransitGatewayRouteAttachment, ...] = ()
    type: str = "static"
    state: str = "active"

    def __post_init__(self) -> None:
        if not self.destination:
            raise ValueError("Object missing required field `DestinationCidrBlock`")
        if self.destination_cidr_block:
            block(self.destination_cidr_block)

    @property
    def destination(self) -> str:
        """The destination as it was written: a block or a prefix list id."""
        return self.destination_cidr_block or self.prefix_list_id or ""


class TransitGatewayPropagation(Resource, frozen=True):
    """An attachment whose routes are entered into a table by themselves."""

    transit_gateway_attachment_id: str | None = None
    resource_id: str | None = None
    resource_type: str = ""
    state: str = ""

    @property
    def active(self) -> bool:
        """Only an ``enabled`` propagation has its routes in the table."""
        return self.state in ("enabled", "")


class TransitGatewayTableAssociation(Resource, frozen=True):
    """An attachment that a route table decides for, as the table lists it."""

    transit_gateway_attachment_id: str | None = None
    resource_id: str | None = None
    resource_type: str = ""
    state: str = ""


class TransitGatewayPrefixListReference(Resource, frozen=True):
    """A prefix list whose blocks are all routed to one attachment (or dropped)."""

    prefix_list_id: str
    state: str = ""
    blackhole: bool = False
    transit_gateway_attachment: TransitGatewayRouteAttachment | None = None
