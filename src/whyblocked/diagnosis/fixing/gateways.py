"""Internet gateways and virtual private gateways that are not attached, or not there.

https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html
"""

from __future__ import annotations

from collections.abc import Sequence

from whyblocked.config.account import Query
from whyblocked.config.edits import NEW_GATEWAY, AttachInternetGateway, AttachVpnGateway, CreateInternetGateway
from whyblocked.diagnosis.fixing.steps import Case, NoFix, Option, Step, step
from whyblocked.diagnosis.fixing.words import called
from whyblocked.network.noted import Blocker


def attach_gateway(case: Case, blocker: Blocker) -> Sequence[Option]:
    """The internet gateway that nothing is attached to, for the VPC that needs one."""
    return [(a_gateway(case, blocker, blocker.vpc_id or ""),)]


def a_gateway(case: Case, blocker: Blocker, vpc_id: str) -> Step:
    """The same as a step for ``vpc_id``; a new gateway where there is none to attach."""
    named = [name for name in blocker.resource_ids if name.startswith("igw-")]
    missing = case.account.source.ask(Query("DescribeInternetGateways", "", "", about=vpc_id)) if not named else None
    gateways = sorted(case.account.internet_gateways) if missing is None else []
    for name in named or gateways:
        gateway = case.account.internet_gateways.get(name)
        if gateway is not None and not any(a.vpc_id for a in gateway.attachments):
            edit = AttachInternetGateway(internet_gateway_id=name, vpc_id=vpc_id)
            says = f"Attach {called(case.account, name)} to {called(case.account, vpc_id)}."
            return step([blocker], [edit], says, place=vpc_id)
    if named:
        raise NoFix(f"{blocker.summary} It belongs to another VPC.")
    edits = [
        CreateInternetGateway(internet_gateway_id=NEW_GATEWAY),
        AttachInternetGateway(internet_gateway_id=NEW_GATEWAY, vpc_id=vpc_id),
    ]
    says = f"Make an internet gateway and attach it to {called(case.account, vpc_id)}, which has none."
    warn = "A VPC without an internet gateway is often meant to be private: whether it is to have one is a decision."
    return step([blocker], edits, says, warn, place=vpc_id)


def attach_vpn(case: Case, blocker: Blocker) -> Sequence[Option]:
    """A virtual private gateway that was detached, for the VPC whose routes name it."""
    name = blocker.resource_ids[0]
    gateway = case.account.vpn_gateways.get(name)
    if gateway is None or any(a.vpc_id and a.state == "attached" for a in gateway.vpc_attachments):
        raise NoFix(f"{blocker.summary} It belongs to another VPC, or could not be read.")
    edit = AttachVpnGateway(vpn_gateway_id=name, vpc_id=blocker.vpc_id or "")
    says = f"Attach {called(case.account, name)} to {called(case.account, blocker.vpc_id or '')}."
    return [(step([blocker], [edit], says),)]
