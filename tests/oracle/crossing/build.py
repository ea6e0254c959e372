"""A small account, put together by name, as raw JSON: rows of AWS's answers; under `Files` those about one object."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tests.oracle import shapes
from tests.oracle.account_rules import default_acl_entries
from tests.oracle.model import Json

ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")
ARN = f"arn:aws:{{}}:{shapes.REGION}:{shapes.OWNER}:{{}}"
ANY = ("0.0.0.0/0", "::/0")


class Net:
    """Everything is allowed and nothing is routed but what is local; `raw` is the account."""

    def __init__(self) -> None:
        self.raw: Json = {"Files": {}, "PrefixListEntries": {}}

    def rows(self, key: str) -> list[Json]:
        found: list[Json] = self.raw.setdefault(key, [])
        return found

    def add(self, key: str, row: Json) -> Json:
        self.rows(key).append(row)
        return row

    def one(self, key: str, field: str, wanted: str) -> Json:
        return next(row for row in self.rows(key) if row[field] == wanted)

    def vpc(self, name: str, cidr: str, ipv6: str | None = None, more: Sequence[str] = ()) -> Json:
        vpc = self.add("Vpcs", shapes.vpc(f"vpc-{name}", cidr, more, ipv6))
        allow = [shapes.permission("-1", peers=ANY)]
        self.add("SecurityGroups", shapes.group(f"sg-{name}", vpc["VpcId"], allow))
        main = shapes.route_table(f"rtb-{name}-main", vpc["VpcId"], self.local(vpc), main=True)
        self.add("RouteTables", main)
        return vpc

    def local(self, vpc: Json) -> list[Json]:
        routes = [shapes.route(one["CidrBlock"], "local") for one in vpc["CidrBlockAssociationSet"]]
        six = vpc.get("Ipv6CidrBlockAssociationSet", [])
        return routes + [shapes.route(one["Ipv6CidrBlock"], "local") for one in six]

    def subnet(
        self,
        name: str,
        vpc: str,
        cidr: str,
        zone: int = 0,
        routes: Iterable[tuple[str, str]] = (),
        ipv6: str | None = None,
    ) -> Json:
        """With a route table `rtb-NAME` and a network ACL `acl-NAME` of its own."""
        row = shapes.subnet(f"subnet-{name}", f"vpc-{vpc}", cidr, ipv6)
        row |= {"AvailabilityZone": ZONES[zone], "AvailabilityZoneId": f"use1-az{zone + 1}"}
        home = self.one("Vpcs", "VpcId", f"vpc-{vpc}")
        table = [*self.local(home), *(shapes.route(*one) for one in routes)]
        self.add("RouteTables", shapes.route_table(f"rtb-{name}", f"vpc-{vpc}", table, [row["SubnetId"]]))
        entries = default_acl_entries(ipv6=True)
        self.add("NetworkAcls", shapes.acl(f"acl-{name}", f"vpc-{vpc}", [row["SubnetId"]], entries))
        return self.add("Subnets", row)

    def interface(
        self,
        name: str,
        subnet: str,
        address: str,
        groups: Sequence[str] | None = None,
        public: str | None = None,
        ipv6: str | None = None,
        **more: str | bool,
    ) -> Json:
        """That AWS made for a service, attached."""
        place = self.one("Subnets", "SubnetId", f"subnet-{subnet}")
        chosen = [f"sg-{place['VpcId'][4:]}"] if groups is None else list(groups)
        publics = {address: public} if public else None
        row = shapes.interface(f"eni-{name}", place, [address], chosen, None, publics, [ipv6] if ipv6 else (), nat=True)
        row |= {"AvailabilityZone": place["AvailabilityZone"], "InterfaceType": "interface", **more}
        return self.add("NetworkInterfaces", row)

    def instance(
        self, name: str, subnet: str, address: str, public: str | None = None, ipv6: str | None = None
    ) -> Json:
        place = self.one("Subnets", "SubnetId", f"subnet-{subnet}")
        publics = {address: public} if public else None
        row = shapes.interface(
            f"eni-{name}", place, [address], [f"sg-{place['VpcId'][4:]}"], f"i-{name}", publics, [ipv6] if ipv6 else ()
        )
        row["AvailabilityZone"] = place["AvailabilityZone"]
        self.add("NetworkInterfaces", row)
        self.add("Reservations", shapes.reservation(f"i-{name}", [row]))
        return row

    def internet_gateway(self, vpc: str) -> str:
        self.add("InternetGateways", shapes.internet_gateway(f"igw-{vpc}", f"vpc-{vpc}"))
        return f"igw-{vpc}"

    def nat(self, name: str, subnet: str, address: str, public: str | None) -> str:
        row = self.interface(
            f"nat-{name}", subnet, address, (), public, InterfaceType="nat_gateway", SourceDestCheck=False
        )
        self.add("NatGateways", shapes.nat_gateway(f"nat-{name}", row, public) | {"AvailabilityMode": "zonal"})
        return f"nat-{name}"

    def regional_nat(self, vpc: str, publics: dict[int, str], expands: bool, routes: Iterable[tuple[str, str]]) -> str:
        home = self.one("Vpcs", "VpcId", f"vpc-{vpc}")
        table = [*self.local(home), *(shapes.route(*one) for one in routes)]
        self.add("RouteTables", shapes.route_table(f"rtb-nat-{vpc}", f"vpc-{vpc}", table))
        self.add(
            "NatGateways",
            {
                "NatGatewayId": f"nat-{vpc}",
                "VpcId": f"vpc-{vpc}",
                "State": "available",
                "ConnectivityType": "public",
                "AvailabilityMode": "regional",
                "AutoScalingIps": "enabled" if expands else "disabled",
                "AutoProvisionZones": "enabled" if expands else "disabled",
                "RouteTableId": f"rtb-nat-{vpc}",
                "NatGatewayAddresses": [
                    {
                        "PublicIp": public,
                        "AllocationId": f"eipalloc-{zone}",
                        "AssociationId": f"eipassoc-{zone}",
                        "Status": "succeeded",
                        "AvailabilityZone": ZONES[zone],
                        "AvailabilityZoneId": f"use1-az{zone + 1}",
                        "IsPrimary": False,
                    }
                    for zone, public in publics.items()
                ],
                "CreateTime": shapes.CREATED,
                "Tags": [],
            },
        )
        return f"nat-{vpc}"

    # Transit gateways

    def transit_gateway(self, name: str, references: str = "disable") -> str:
        self.add(
            "TransitGateways",
            {
                "TransitGatewayId": f"tgw-{name}",
                "TransitGatewayArn": ARN.format("ec2", f"transit-gateway/tgw-{name}"),
                "State": "available",
                "OwnerId": shapes.OWNER,
                "Options": {"SecurityGroupReferencingSupport": references, "DnsSupport": "enable"},
                "Tags": [],
            },
        )
        return f"tgw-{name}"

    def transit_table(self, gateway: str, name: str) -> list[Json]:
        """The routes of a new table of the gateway, to be filled."""
        table = {"TransitGatewayRouteTableId": f"tgw-rtb-{name}", "TransitGatewayId": gateway, "State": "available"}
        self.add("TransitGatewayRouteTables", {**table, "Tags": []})
        routes: list[Json] = []
        document = {"Routes": routes, "AdditionalRoutesAvailable": False}
        self.raw["Files"][f"search-transit-gateway-routes.tgw-rtb-{name}"] = document
        return routes

    def attach(self, gateway: str, kind: str, resource: str, table: str | None, name: str | None = None) -> str:
        attachment = f"tgw-attach-{name or resource.partition('-')[2]}"
        row: Json = {
            "TransitGatewayAttachmentId": attachment,
            "TransitGatewayId": gateway,
            "TransitGatewayOwnerId": shapes.OWNER,
            "ResourceOwnerId": shapes.OWNER,
            "ResourceType": kind,
            "ResourceId": resource,
            "State": "available",
            "Tags": [],
        }
        if table:
            row["Association"] = {"TransitGatewayRouteTableId": f"tgw-rtb-{table}", "State": "associated"}
        self.add("TransitGatewayAttachments", row)
        return attachment

    def attach_vpc(
        self, gateway: str, vpc: str, subnets: Sequence[str], table: str | None, appliance: bool = False
    ) -> str:
        attachment = self.attach(gateway, "vpc", f"vpc-{vpc}", table)
        self.add(
            "TransitGatewayVpcAttachments",
            {
                "TransitGatewayAttachmentId": attachment,
                "TransitGatewayId": gateway,
                "VpcId": f"vpc-{vpc}",
                "VpcOwnerId": shapes.OWNER,
                "State": "available",
                "SubnetIds": [f"subnet-{one}" for one in subnets],
                "Options": {
                    "DnsSupport": "enable",
                    "SecurityGroupReferencingSupport": "enable",
                    "Ipv6Support": "enable",
                    "ApplianceModeSupport": "enable" if appliance else "disable",
                },
                "Tags": [],
            },
        )
        return attachment

    def transit_route(self, cidr: str, attachment: str | None, kind: str = "static", **more: str) -> Json:
        """As `search-transit-gateway-routes` prints it; without an attachment a blackhole."""
        row: Json = {
            "DestinationCidrBlock": cidr,
            "Type": kind,
            "State": "active" if attachment else "blackhole",
            **more,
        }
        if attachment:
            found = self.one("TransitGatewayAttachments", "TransitGatewayAttachmentId", attachment)
            keys = ("ResourceId", "ResourceType", "TransitGatewayAttachmentId")
            row["TransitGatewayAttachments"] = [{key: found[key] for key in keys}]
        return row

    # VPN

    def vpn_gateway(self, name: str, vpc: str | None) -> str:
        attached = [{"VpcId": f"vpc-{vpc}", "State": "attached"}] if vpc else []
        row = {
            "VpnGatewayId": f"vgw-{name}",
            "State": "available",
            "Type": "ipsec.1",
            "AmazonSideAsn": 64512,
            "Tags": [],
        }
        self.add("VpnGateways", {**row, "VpcAttachments": attached})
        return f"vgw-{name}"

    def vpn(self, name: str, statics: Sequence[str] | None, up: int = 2, gateway: str = "", learned: int = 0) -> str:
        """`statics` None: BGP. `gateway`: a virtual private or a transit gateway."""
        tunnels = [
            {
                "OutsideIpAddress": f"192.0.2.{n}",
                "Status": "UP" if n < up else "DOWN",
                "StatusMessage": "",
                "AcceptedRouteCount": learned if n < up else 0,
                "LastStatusChange": shapes.CREATED,
            }
            for n in range(2)
        ]
        row: Json = {
            "VpnConnectionId": f"vpn-{name}",
            "State": "available",
            "Type": "ipsec.1",
            "Category": "VPN",
            "CustomerGatewayId": f"cgw-{name}",
            "Options": {"StaticRoutesOnly": statics is not None, "EnableAcceleration": False},
            "Routes": [
                {"DestinationCidrBlock": one, "Source": "Static", "State": "available"} for one in statics or ()
            ],
            "VgwTelemetry": tunnels,
            "Tags": [],
        }
        row["VpnGatewayId" if gateway.startswith("vgw") else "TransitGatewayId"] = gateway
        self.add("VpnConnections", row)
        return f"vpn-{name}"
