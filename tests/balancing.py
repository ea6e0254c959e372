"""Load balancers for the accounts of :mod:`tests.builders`, in the shapes of the AWS CLI.

balance = Balancing(net)
balance.group("web", {server: 8080})
balance.balancer("shop", {"subnet-a": "10.0.1.50"}, {("HTTP", 80): "web"}, groups=["sg-shop"])
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tests.builders import Json, Network, hexid

REAL = len("subnet-0123456789abcdef0")
KINDS = {"application": "app", "network": "net", "gateway": "gwy"}


def node_id(name: str, subnet: str) -> str:
    """The id of the interface of a load balancer in a subnet: readable where that of the subnet is."""
    return hexid("eni", name, subnet) if len(subnet) == REAL else f"eni-{name}-{subnet.removeprefix('subnet-')}"


class Balancing:
    """What Elastic Load Balancing has in a network."""

    def __init__(self, net: Network) -> None:
        self.net = net
        self._arn = f"arn:aws:elasticloadbalancing:{net.region}:{net.account}:"
        for key in ("LoadBalancers", "Listeners", "Rules", "TargetGroups"):
            net.responses.setdefault(key, [])

    def balancer(
        self,
        name: str,
        nodes: Mapping[str, str | tuple[str, str] | None],
        listeners: Mapping[tuple[str, int], Any],
        *,
        kind: str = "application",
        groups: Iterable[str] = (),
        internal: bool = True,
        cross_zone: bool | None = None,
        state: str = "active",
        ipv6: Mapping[str, str] | None = None,
    ) -> str:
        """A load balancer. ``nodes`` maps its subnets to the address (or private and public address) of its interface
        there, None where no interface is listed; ``listeners`` map protocol and port to a target group, or to the
        actions of the listener. Gives its ARN."""
        groups = list(groups)
        path = f"{KINDS[kind]}/{name}/0123456789abcdef"
        arn = f"{self._arn}loadbalancer/{path}"
        zones = []
        vpc = ""
        for subnet, address in nodes.items():
            place = next(s for s in self.net.responses["Subnets"] if s["SubnetId"] == subnet)
            vpc = place["VpcId"]
            zones.append({"ZoneName": place["AvailabilityZone"], "SubnetId": subnet, "LoadBalancerAddresses": []})
            if address is not None:
                private, public = (address, None) if isinstance(address, str) else address
                self.net.interface(
                    node_id(name, subnet),
                    private,
                    public=public,
                    groups=groups,
                    ipv6=(ipv6 or {}).get(subnet),
                    requester="amazon-elb",
                    description=f"ELB {path}",
                    kind="network_load_balancer" if kind == "network" else "interface",
                    source_dest_check=False,
                    subnet=subnet,
                )
        dns = f"{name}-0123456789abcdef.elb.{self.net.region}" if kind != "application" else ""
        dns = dns or f"{'internal-' if internal else ''}{name}-1234567890.{self.net.region}.elb"
        row: Json = {
            "LoadBalancerArn": arn,
            "DNSName": f"{dns}.amazonaws.com",
            "CanonicalHostedZoneId": "Z32O12XQLNTSW2",
            "CreatedTime": "2026-05-02T07:41:09.110000+00:00",
            "LoadBalancerName": name,
            "Scheme": "internal" if internal else "internet-facing",
            "VpcId": vpc,
            "State": {"Code": state},
            "Type": kind,
            "AvailabilityZones": zones,
            "SecurityGroups": groups,
            "IpAddressType": "dualstack" if ipv6 else "ipv4",
        }
        if not groups:
            del row["SecurityGroups"]
        if kind == "gateway":
            del row["Scheme"]
        self.net.responses["LoadBalancers"].append(row)
        settings = [{"Key": "deletion_protection.enabled", "Value": "false"}]
        crosses = kind == "application" if cross_zone is None else cross_zone
        settings.append({"Key": "load_balancing.cross_zone.enabled", "Value": str(crosses).lower()})
        self.net.details[f"describe-load-balancer-attributes.{name}"] = {"Attributes": settings}
        for (protocol, port), to in listeners.items():
            self.listener(arn, protocol, port, to)
        return arn

    def listener(self, arn: str, protocol: str, port: int, to: Any) -> str:
        """A listener with its default action: to a target group by name, or actions as they are."""
        tail = arn.partition(":loadbalancer/")[2]
        listener = f"{self._arn}listener/{tail}/{port:016x}"
        row: Json = {"ListenerArn": listener, "LoadBalancerArn": arn}
        if protocol != "GENEVE":
            row |= {"Port": port, "Protocol": protocol}
        self.net.responses["Listeners"].append({**row, "DefaultActions": self.actions(to)})
        self.net.responses["Rules"].append(
            {
                "RuleArn": f"{listener.replace(':listener/', ':listener-rule/')}/0000000000000000",
                "Priority": "default",
                "Conditions": [],
                "Actions": self.actions(to),
                "IsDefault": True,
            }
        )
        for group in self.net.responses["TargetGroups"]:
            if group["TargetGroupArn"] in str(self.actions(to)) and arn not in group["LoadBalancerArns"]:
                group["LoadBalancerArns"].append(arn)
        return listener

    def rule(self, listener: str, priority: int, conditions: list[Json], to: Any) -> None:
        """A rule of a listener, before its default action."""
        arn = listener.replace(":listener/", ":listener-rule/")
        self.net.responses["Rules"].append(
            {
                "RuleArn": f"{arn}/{priority:016x}",
                "Priority": str(priority),
                "Conditions": conditions,
                "Actions": self.actions(to),
                "IsDefault": False,
            }
        )

    def actions(self, to: Any) -> list[Json]:
        """Forwarding to a group, to several by weight, or what is given."""
        if isinstance(to, str):
            return [
                {
                    "Type": "forward",
                    "TargetGroupArn": self.group_arn(to),
                    "Order": 1,
                    "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": self.group_arn(to), "Weight": 1}]},
                }
            ]
        if isinstance(to, dict):
            shares = [{"TargetGroupArn": self.group_arn(name), "Weight": weight} for name, weight in to.items()]
            return [{"Type": "forward", "Order": 1, "ForwardConfig": {"TargetGroups": shares}}]
        return list(to)

    def group_arn(self, name: str) -> str:
        """The ARN of a target group."""
        return f"{self._arn}targetgroup/{name}/fedcba9876543210"

    def group(
        self,
        name: str,
        targets: Mapping[str, int | None],
        *,
        protocol: str = "HTTP",
        port: int = 80,
        kind: str = "instance",
        vpc: str = "vpc-1",
        keeps: bool | None = None,
        cross_zone: str = "use_load_balancer_configuration",
        health: Mapping[str, tuple[str, str | None]] | None = None,
        zones: Mapping[str, str] | None = None,
        version: str = "ipv4",
    ) -> str:
        """A target group: targets with their ports (None: the group's), ``health`` state and reason of some."""
        arn = self.group_arn(name)
        self.net.responses["TargetGroups"].append(
            {
                "TargetGroupArn": arn,
                "TargetGroupName": name,
                "Protocol": protocol,
                "Port": port,
                "VpcId": vpc,
                "HealthCheckProtocol": "TCP",
                "HealthCheckPort": "traffic-port",
                "HealthCheckEnabled": True,
                "LoadBalancerArns": [],
                "TargetType": kind,
                "IpAddressType": version,
            }
        )
        rows = []
        for target, at in targets.items():
            state, reason = (health or {}).get(target, ("healthy", None))
            shown: Json = {"Id": target, "Port": at or port}
            if zones and target in zones:
                shown["AvailabilityZone"] = zones[target]
            described: Json = {"Target": shown, "HealthCheckPort": str(at or port), "TargetHealth": {"State": state}}
            if reason:
                described["TargetHealth"]["Reason"] = reason
            rows.append(described)
        self.net.details[f"describe-target-health.{name}"] = {"TargetHealthDescriptions": rows}
        settings = {"deregistration_delay.timeout_seconds": "300", "load_balancing.cross_zone.enabled": cross_zone}
        if protocol in ("TCP", "UDP", "TLS", "TCP_UDP"):
            kept = keeps if keeps is not None else kind != "ip" or protocol in ("UDP", "TCP_UDP")
            settings["preserve_client_ip.enabled"] = str(kept).lower()
        self.net.details[f"describe-target-group-attributes.{name}"] = {
            "Attributes": [{"Key": key, "Value": value} for key, value in settings.items()]
        }
        return arn

    def classic(
        self,
        name: str,
        nodes: Mapping[str, str | None],
        listeners: Mapping[int, int],
        instances: Iterable[str],
        *,
        groups: Iterable[str] = (),
        internal: bool = True,
        cross_zone: bool = True,
    ) -> None:
        """A Classic Load Balancer; ``listeners`` map its ports to those of the instances."""
        groups = list(groups)
        places = [s for s in self.net.responses["Subnets"] if s["SubnetId"] in nodes]
        for subnet, address in nodes.items():
            if address:
                self.net.interface(
                    node_id(name, subnet),
                    address,
                    groups=groups,
                    requester="amazon-elb",
                    description=f"ELB {name}",
                    subnet=subnet,
                )
        self.net.responses.setdefault("LoadBalancerDescriptions", []).append(
            {
                "LoadBalancerName": name,
                "DNSName": f"{'internal-' if internal else ''}{name}-987654321.{self.net.region}.elb.amazonaws.com",
                "ListenerDescriptions": [
                    {
                        "Listener": {
                            "Protocol": "TCP",
                            "LoadBalancerPort": port,
                            "InstanceProtocol": "TCP",
                            "InstancePort": to,
                        },
                        "PolicyNames": [],
                    }
                    for port, to in listeners.items()
                ],
                "AvailabilityZones": [place["AvailabilityZone"] for place in places],
                "Subnets": list(nodes),
                "VPCId": places[0]["VpcId"],
                "Instances": [{"InstanceId": instance} for instance in instances],
                "SecurityGroups": groups,
                "Scheme": "internal" if internal else "internet-facing",
                "CreatedTime": "2019-05-02T07:41:09.110000+00:00",
            }
        )
        self.net.details[f"describe-load-balancer-attributes.{name}"] = {
            "LoadBalancerAttributes": {"CrossZoneLoadBalancing": {"Enabled": cross_zone}}
        }
