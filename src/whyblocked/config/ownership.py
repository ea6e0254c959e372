"""Whose a network interface is: the service that made it, as its type, description and requester tell.

Descriptions are what services write by habit; where one is not known, the answer is just that a service has it.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/requester-managed-eni.html
"""

from __future__ import annotations

import re

import msgspec

from whyblocked.config.resources import NetworkInterface


class Ownership(msgspec.Struct, frozen=True):
    """A service in words (``NAT gateway``), and which of its resources, where that is told."""

    service: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.service} {self.name}".rstrip()


_DESCRIPTIONS = (
    (r"ELB app/([^/]+)/.*", "Application Load Balancer"),
    (r"ELB net/([^/]+)/.*", "Network Load Balancer"),
    (r"ELB gwy?/([^/]+)/.*", "Gateway Load Balancer"),
    (r"ELB (\S+)", "Classic Load Balancer"),
    (r"Interface for NAT Gateway (nat-[\w-]+)", "NAT gateway"),
    (r"VPC Endpoint Interface (vpce-[\w-]+)", "VPC endpoint"),
    (r"Network Interface for Transit Gateway Attachment (tgw-attach-[\w-]+)", "transit gateway"),
    (r"RDSNetworkInterface", "RDS database"),
    (r".*DBProxy\s*(.*)", "RDS proxy"),
    (r"RedshiftNetworkInterface", "Redshift cluster"),
    (r"ElastiCache[ +:](.+)", "ElastiCache cluster"),
    (r"EFS mount target for (fs-\w+) .*", "EFS file system"),
    (r"AWS Lambda VPC ENI-(.+)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", "Lambda function"),
    (r"AWS Lambda VPC ENI.*", "Lambda function"),
    (r"arn:[^:]*:ecs:[^:]*:[^:]*:attachment/.*", "ECS task"),
    (r"ES (\S+)", "OpenSearch domain"),
    (r"Amazon EKS (\S+)", "EKS control plane"),
    (r"aws-K8S-(i-\w+)", "EKS node"),
    (r"DO NOT DELETE - Amazon MSK .*:cluster/([^/]+)/.*", "MSK cluster"),
    (r"DO NOT DELETE - Amazon MSK .*", "MSK cluster"),
    (r"DMSNetworkInterface", "Database Migration Service"),
    (r"AWS created network interface for directory (d-\w+)", "Directory Service"),
    (r"Route 53 Resolver: (rslvr-\w+-\w+)(?::.*)?", "Route 53 Resolver endpoint"),
    (r"EC2 Instance Connect Endpoint (eice-\w+)", "EC2 Instance Connect Endpoint"),
    (r".*CloudHSM.*", "CloudHSM"),
    (r"Attached to Glue using role.*", "Glue"),
    (r".*[Mm]icrosoft AD.*", "Directory Service"),
)
_TYPES = {
    "natgateway": "NAT gateway",
    "vpcendpoint": "VPC endpoint",
    "gatewayloadbalancerendpoint": "Gateway Load Balancer endpoint",
    "gatewayloadbalancer": "Gateway Load Balancer",
    "networkloadbalancer": "Network Load Balancer",
    "loadbalancer": "load balancer",
    "transitgateway": "transit gateway",
    "lambda": "Lambda function",
    "quicksight": "QuickSight",
    "apigatewaymanaged": "API Gateway",
    "globalacceleratormanaged": "Global Accelerator",
    "iotrulesmanaged": "IoT rule",
    "awscodestarconnectionsmanaged": "CodeConnections",
    "ec2instanceconnectendpoint": "EC2 Instance Connect Endpoint",
    "evs": "Elastic VMware Service",
}
_REQUESTERS = {
    "amazon-elb": "load balancer",
    "amazon-rds": "RDS database",
    "amazon-redshift": "Redshift cluster",
    "amazon-elasticache": "ElastiCache cluster",
    "amazon-elasticsearch": "OpenSearch domain",
    "amazon-workspaces": "WorkSpaces",
    "amazon-dms": "Database Migration Service",
}


def ownership(interface: NetworkInterface) -> Ownership | None:
    """The service that an interface belongs to; None where nothing says that it is one's."""
    kind = _TYPES.get(re.sub("[_-]", "", interface.interface_type or "").lower(), "")
    requester = interface.requester_id or ""
    attachment = interface.attachment
    of_instance = attachment is not None and attachment.instance_id is not None
    if not of_instance or kind or requester:
        for pattern, service in _DESCRIPTIONS:
            if match := re.fullmatch(pattern, interface.description or ""):
                name = next((group for group in match.groups() if group), "")
                return Ownership(service, name)
    if kind:
        found = re.search(r"\b(?:nat|vpce|tgw-attach|eice)-[0-9a-f]+", interface.description or "")
        return Ownership(kind, found[0] if found else "")
    if requester in _REQUESTERS:
        return Ownership(_REQUESTERS[requester])
    if requester and not of_instance and interface.requester_managed:
        return Ownership("a service of AWS's")
    return None
