"""What stands in a VPC: endpoints, firewalls, load balancers. See :mod:`tests.oracle.crossing.build`."""

from __future__ import annotations

from collections.abc import Sequence

from tests.oracle import shapes
from tests.oracle.crossing.build import ARN, Net
from tests.oracle.model import Json


class Site(Net):
    """An account with services."""

    # Endpoints

    def endpoint(
        self, name: str, vpc: str, kind: str, subnets: Sequence[str] = (), service: str = "", **more: object
    ) -> Json:
        row: Json = {
            "VpcEndpointId": f"vpce-{name}",
            "VpcEndpointType": kind,
            "VpcId": f"vpc-{vpc}",
            "ServiceName": service or f"com.amazonaws.{shapes.REGION}.{name}",
            "State": "available",
            "RouteTableIds": [],
            "SubnetIds": [f"subnet-{one}" for one in subnets],
            "Groups": [],
            "NetworkInterfaceIds": [],
            "DnsEntries": [],
            "IpAddressType": "ipv4",
            "PrivateDnsEnabled": False,
            "RequesterManaged": kind == "GatewayLoadBalancer",
            "OwnerId": shapes.OWNER,
            "CreationTimestamp": shapes.CREATED,
            "Tags": [],
        }
        return self.add("VpcEndpoints", row | more)

    def gateway_load_balancer_endpoint(self, name: str, subnet: str, address: str) -> str:
        vpc = self.one("Subnets", "SubnetId", f"subnet-{subnet}")["VpcId"]
        row = self.interface(name, subnet, address, (), InterfaceType="gateway_load_balancer_endpoint")
        service = f"com.amazonaws.vpce.{shapes.REGION}.vpce-svc-0a1b2c3d4e5f60718"
        self.endpoint(
            name, vpc[4:], "GatewayLoadBalancer", [subnet], service, NetworkInterfaceIds=[row["NetworkInterfaceId"]]
        )
        return f"vpce-{name}"

    def firewall(self, name: str, vpc: str, endpoints: dict[str, str], policy: Json) -> None:
        """`endpoints`: the endpoint of each subnet, by name."""
        files = self.raw["Files"]
        arn = ARN.format("network-firewall", f"firewall/{name}")
        states = {}
        for subnet, endpoint in endpoints.items():
            zone = self.one("Subnets", "SubnetId", f"subnet-{subnet}")["AvailabilityZone"]
            attachment = {"SubnetId": f"subnet-{subnet}", "EndpointId": f"vpce-{endpoint}", "Status": "READY"}
            states[zone] = {"Attachment": attachment}
        files["list-firewalls"] = {"Firewalls": [{"FirewallName": name, "FirewallArn": arn}]}
        files[f"describe-firewall.{name}"] = {
            "Firewall": {
                "FirewallName": name,
                "FirewallArn": arn,
                "FirewallPolicyArn": ARN.format("network-firewall", f"firewall-policy/{name}"),
                "VpcId": f"vpc-{vpc}",
                "SubnetMappings": [{"SubnetId": f"subnet-{subnet}"} for subnet in endpoints],
                "FirewallId": name,
            },
            "FirewallStatus": {
                "Status": "READY",
                "ConfigurationSyncStateSummary": "IN_SYNC",
                "SyncStates": states,
            },
        }
        files[f"describe-firewall-policy.{name}"] = {
            "FirewallPolicyResponse": {
                "FirewallPolicyName": name,
                "FirewallPolicyArn": ARN.format("network-firewall", f"firewall-policy/{name}"),
                "FirewallPolicyId": name,
            },
            "FirewallPolicy": policy,
        }

    def rule_group(self, name: str, group: Json, stateful: bool) -> str:
        kind = "stateful-rulegroup" if stateful else "stateless-rulegroup"
        arn = ARN.format("network-firewall", f"{kind}/{name}")
        self.raw["Files"][f"describe-rule-group.{name}"] = {
            "RuleGroup": group,
            "RuleGroupResponse": {
                "RuleGroupArn": arn,
                "RuleGroupName": name,
                "RuleGroupId": name,
                "Type": "STATEFUL" if stateful else "STATELESS",
                "Capacity": 100,
                "RuleGroupStatus": "ACTIVE",
            },
        }
        return arn

    # Load balancers

    def balancer(
        self,
        name: str,
        kind: str,
        nodes: dict[str, tuple[str, str | None]],
        groups: Sequence[str],
        internal: bool,
        cross_zone: bool,
    ) -> str:
        """`nodes`: private and public address in each subnet. Gives its ARN."""
        path = f"{'app' if kind == 'application' else 'net'}/{name}/0123456789abcdef"
        arn = ARN.format("elasticloadbalancing", f"loadbalancer/{path}")
        zones = []
        for subnet, (private, public) in nodes.items():
            self.interface(
                f"{name}-{subnet}",
                subnet,
                private,
                groups,
                public,
                Description=f"ELB {path if kind != 'classic' else name}",
                RequesterId="amazon-elb",
                InterfaceType="network_load_balancer" if kind == "network" else "interface",
                SourceDestCheck=False,
            )
            zone = self.one("Subnets", "SubnetId", f"subnet-{subnet}")["AvailabilityZone"]
            zones.append({"ZoneName": zone, "SubnetId": f"subnet-{subnet}", "LoadBalancerAddresses": []})
        vpc = self.one("Subnets", "SubnetId", f"subnet-{next(iter(nodes))}")["VpcId"]
        row: Json = {
            "LoadBalancerName": name,
            "Scheme": "internal" if internal else "internet-facing",
            "DNSName": f"{name}-1234567890.{shapes.REGION}.elb.amazonaws.com",
            "SecurityGroups": list(groups),
        }
        attributes = f"describe-load-balancer-attributes.{name}"
        if kind == "classic":
            self.raw["Files"][attributes] = {
                "LoadBalancerAttributes": {"CrossZoneLoadBalancing": {"Enabled": cross_zone}}
            }
            subnets = [f"subnet-{subnet}" for subnet in nodes]
            more = {"VPCId": vpc, "Subnets": subnets, "AvailabilityZones": [one["ZoneName"] for one in zones]}
            self.add("LoadBalancerDescriptions", {**row, **more, "ListenerDescriptions": [], "Instances": []})
            return name
        setting = {"Key": "load_balancing.cross_zone.enabled", "Value": str(cross_zone).lower()}
        self.raw["Files"][attributes] = {"Attributes": [setting]}
        if not groups:
            del row["SecurityGroups"]
        row |= {
            "LoadBalancerArn": arn,
            "VpcId": vpc,
            "State": {"Code": "active"},
            "Type": kind,
            "IpAddressType": "ipv4",
        }
        self.add("LoadBalancers", {**row, "AvailabilityZones": zones})
        return arn

    def listener(self, balancer: str, protocol: str, port: int, actions: list[Json]) -> str:
        """With its default rule."""
        arn = f"{balancer.replace(':loadbalancer/', ':listener/')}/{port:016x}"
        row = {"ListenerArn": arn, "LoadBalancerArn": balancer, "Protocol": protocol, "Port": port}
        self.add("Listeners", {**row, "DefaultActions": actions})
        self.rule(arn, "default", actions)
        return arn

    def rule(self, listener: str, priority: str, actions: list[Json]) -> None:
        arn = f"{listener.replace(':listener/', ':listener-rule/')}/{len(self.rows('Rules')):016x}"
        conditions = [] if priority == "default" else [{"Field": "path-pattern", "Values": ["/x/*"]}]
        row = {"RuleArn": arn, "Priority": priority, "Conditions": conditions, "IsDefault": priority == "default"}
        self.add("Rules", {**row, "Actions": actions})

    def forward(self, shares: dict[str, int]) -> list[Json]:
        named = [{"TargetGroupArn": self.group_arn(name), "Weight": weight} for name, weight in shares.items()]
        return [{"Type": "forward", "Order": 1, "ForwardConfig": {"TargetGroups": named}}]

    def group_arn(self, name: str) -> str:
        return ARN.format("elasticloadbalancing", f"targetgroup/{name}/fedcba9876543210")

    def target_group(
        self, name: str, vpc: str, protocol: str, kind: str, targets: Sequence[tuple[str, int]], **attributes: str
    ) -> None:
        """`attributes`: cross_zone, and preserve where the load balancer may keep the client's address."""
        self.add(
            "TargetGroups",
            {
                "TargetGroupArn": self.group_arn(name),
                "TargetGroupName": name,
                "Protocol": protocol,
                "Port": 80,
                "VpcId": f"vpc-{vpc}",
                "TargetType": kind,
                "HealthCheckEnabled": True,
                "HealthCheckProtocol": "TCP",
                "HealthCheckPort": "traffic-port",
                "IpAddressType": "ipv4",
                "LoadBalancerArns": [],
            },
        )
        names = {"cross_zone": "load_balancing.cross_zone.enabled", "preserve": "preserve_client_ip.enabled"}
        settings = [{"Key": names[key], "Value": value} for key, value in attributes.items()]
        self.raw["Files"][f"describe-target-group-attributes.{name}"] = {"Attributes": settings}
        rows = [
            # as AWS shows those of zones that are not enabled; of others, health decides nothing
            {"Target": {"Id": target, "Port": port}, "HealthCheckPort": str(port), "TargetHealth": {"State": "unused"}}
            for target, port in targets
        ]
        self.raw["Files"][f"describe-target-health.{name}"] = {"TargetHealthDescriptions": rows}
