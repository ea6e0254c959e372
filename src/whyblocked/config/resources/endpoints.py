"""VPC endpoints of every type.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_VpcEndpoint.html
"""

from whyblocked.config.resources.base import Resource, Tag
from whyblocked.config.resources.interfaces import GroupIdentifier

INTERFACE, GATEWAY, APPLIANCES = "interface", "gateway", "gatewayloadbalancer"
"""The types of endpoints that packets are followed through, as :attr:`VpcEndpoint.kind` has them."""


class DnsEntry(Resource, frozen=True):
    """A name that leads to an interface endpoint."""

    dns_name: str | None = None


class DnsOptions(Resource, frozen=True):
    """How the names of an endpoint are answered."""

    private_dns_only_for_inbound_resolver_endpoint: bool = False


class VpcEndpoint(Resource, frozen=True):
    """A VPC endpoint: a way to a service (interface, gateway), or through appliances (Gateway Load Balancer)."""

    vpc_endpoint_id: str
    vpc_id: str
    service_name: str = ""
    vpc_endpoint_type: str = ""
    state: str = ""
    route_table_ids: tuple[str, ...] = ()
    subnet_ids: tuple[str, ...] = ()
    groups: tuple[GroupIdentifier, ...] = ()
    network_interface_ids: tuple[str, ...] = ()
    private_dns_enabled: bool = False
    dns_entries: tuple[DnsEntry, ...] = ()
    dns_options: DnsOptions | None = None
    ip_address_type: str | None = None
    policy_document: str | None = None
    owner_id: str | None = None
    tags: tuple[Tag, ...] = ()

    @property
    def kind(self) -> str:
        """The type in lower case; captures older than interface endpoints have none and mean ``Gateway``."""
        return (self.vpc_endpoint_type or GATEWAY).lower()

    @property
    def available(self) -> bool:
        """Whether it carries packets, as far as its state tells: documents and API differ in its spelling."""
        return self.state.lower() in ("available", "partial", "")
