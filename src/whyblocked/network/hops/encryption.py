"""VPC encryption controls: in a VPC that enforces encryption, ways out need an exclusion.

https://docs.aws.amazon.com/vpc/latest/userguide/vpc-encryption-controls.html
"""

from __future__ import annotations

from whyblocked.config.exits import encryption_control
from whyblocked.network.flow import Bundle, Node
from whyblocked.network.walk import Walk


def remark(walk: Walk, node: Node, bundle: Bundle, kind: str) -> None:
    """Say so where packets cross a resource that the VPC's encryption controls do not leave out.

    AWS keeps such resources out of a VPC that enforces encryption, so that it is only met while something changes:
    no API tells whether a packet is dropped then. ``kind`` is the exclusion's name in AWS's answer, in snake case.
    """
    control = encryption_control(walk.account, bundle.vpc_id or "")
    if control is None or control.mode != "enforce" or control.state in ("deleted", "deleting"):
        return
    exclusions = control.resource_exclusions
    exclusion = getattr(exclusions, kind, None) if exclusions else None
    if exclusion is None or exclusion.state != "enabled":
        walk.warn(
            f"{bundle.vpc_id} enforces encryption in transit and {node.id} is not excluded: what is not encrypted may "
            "be dropped (reject-reason EC in flow logs; aws ec2 get-vpc-resources-blocking-encryption-enforcement)."
        )
