"""What can't be followed, and where to look instead: no API of AWS shows what these do with a packet."""

from __future__ import annotations

from whyblocked.network.flow import Node

LATTICE_TARGET = "VpcLattice"
"""What stands in the place of a gateway's id in the routes that VPC Lattice adds."""

_LOOK = {
    "local-gateway": "AWS does not show what is behind an Outpost: see the local gateway's own table "
    "(aws ec2 search-local-gateway-routes) and the network of its site",
    "core-network": "the segments of Cloud WAN decide: see the core network's routes for the segment of the VPC's "
    "attachment (aws networkmanager get-network-routes, or Network Manager > Core network > Routes)",
    "vpc-lattice": "VPC Lattice decides by service: see the VPC's association with the service network, its security "
    "groups and the auth policies (aws vpc-lattice list-service-network-vpc-associations)",
    "odb-network": "an Oracle Database@AWS network is not shown by EC2: see aws odb get-odb-network",
    "carrier-gateway": "only the carrier's own network gets in, and AWS does not show which addresses that has",
}


def reason(node: Node) -> str:
    """Why it is not known what this resource does with packets, and what would tell."""
    kind = "odb-network" if ":odb-network/" in node.id else "vpc-lattice" if node.id == LATTICE_TARGET else node.kind
    return _LOOK.get(kind, "not modelled yet, what it does with the packet is unknown")
