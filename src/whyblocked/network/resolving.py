"""Resolved IP validation: a firewall policy that lets connect only to addresses that Route 53 Resolver gave.

Which addresses it gave, and to whom, no configuration tells. So what is validated may be refused.
https://docs.aws.amazon.com/network-firewall/latest/developerguide/route53-resolved-ip-validation-policy-setting.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from whyblocked.config import resources as r
from whyblocked.config.account import Account, Missing
from whyblocked.network.packets import EVERYWHERE, Interval, Packets, span, subtract_intervals
from whyblocked.network.suricata import FirewallRule


def validation(
    account: Account, firewall: r.Firewall, policy: r.FirewallPolicy, version: int, missing: list[Missing]
) -> Iterator[FirewallRule]:
    """What the validation may refuse among packets of one IP version, as a rule before all others; none where it is
    off or only alerts."""
    validated = policy.resolved_addresses
    action = validated.action.lower() if validated else ""
    if validated is None or action not in ("drop", "reject"):
        return
    exempt = _blocks([one.address_definition for one in validated.bypassed_ranges], version)
    destinations = subtract_intervals([EVERYWHERE[version]], exempt)
    boxes = tuple(
        Packets(version, source, destination)
        for source in _sources(account, firewall, validated, version, missing)
        for destination in destinations
    )
    if boxes:
        yield FirewallRule(
            action=action,
            boxes=boxes,
            sure=False,
            why="only Route 53 Resolver knows whether it gave the destination's address",
            way="request",
            label="resolved IP validation",
        )


def _sources(
    account: Account, firewall: r.Firewall, validated: r.ResolvedAddresses, version: int, missing: list[Missing]
) -> list[Interval]:
    if validated.source_ranges is not None:
        return _blocks([one.address_definition for one in validated.source_ranges], version)
    vpc = account.vpc(firewall.vpc_id or "")
    if isinstance(vpc, Missing):
        missing.append(vpc)
        return [EVERYWHERE[version]]
    return [span(network) for network in vpc.networks if network.version == version]


def _blocks(texts: Sequence[str], version: int) -> list[Interval]:
    return [span(network) for text in texts if (network := r.block(text)).version == version]
