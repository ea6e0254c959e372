"""The account and Region that an ARN names, held against what is known of a resource, and in words.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
"""

from __future__ import annotations

from collections import defaultdict

import msgspec

from whyblocked.config.account import Account
from whyblocked.text import clean

_MOST_ACCOUNTS = 5


class Named(msgspec.Struct, frozen=True):
    """Either is empty where the ARN leaves it out."""

    account: str
    region: str

    def __str__(self) -> str:
        return _words(self.account, [self.region] if self.region else [])


def named(text: str) -> Named | None:
    """What an ARN names; None for what is no ARN, or names neither."""
    parts = text.split(":", 5)
    if len(parts) < 6 or parts[0].lower() != "arn" or not (parts[3] or parts[4]):
        return None
    return Named(parts[4], parts[3].lower())


def may_be(arn: str, account_id: str | None, region: str | None) -> bool:
    """Whether a resource of this account and Region can be the ARN's; what is not known speaks against nothing."""
    told = named(arn)
    if told is None:
        return True
    return told.account in ("", account_id or told.account) and told.region in ("", region or told.region)


def places_read(account: Account) -> str:
    """The accounts and Regions of the VPCs that were read, in words; empty where nothing tells them."""
    regions: dict[str, set[str]] = defaultdict(set)
    for vpc_id in {*account.vpcs, *(one.vpc_id for one in account.interfaces.values())}:
        owner, region = account.account_id_of(vpc_id) or "", account.region_of(vpc_id)
        if owner or region:
            regions[owner].update((region,) if region else ())
    words = [_words(owner, sorted(regions[owner])) for owner in sorted(regions)]
    if len(words) > _MOST_ACCOUNTS:
        words[_MOST_ACCOUNTS:] = [f"{len(words) - _MOST_ACCOUNTS} more"]
    return ", ".join(words[:-1]) + " and " * (len(words) > 1) + words[-1] if words else ""


def _words(account_id: str, regions: list[str]) -> str:
    where = " and ".join(clean(region, 30) for region in regions)
    if not account_id:
        return where
    return f"account {clean(account_id, 30)}{f' in {where}' if where else ''}"
