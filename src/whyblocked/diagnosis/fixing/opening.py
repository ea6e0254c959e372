"""What a fix opens to the whole internet, said first."""

from __future__ import annotations

from collections.abc import Iterable

from whyblocked.config.edits import AuthorizeSecurityGroup, Edit

_SENSITIVE = {
    22: "SSH",
    1433: "SQL Server",
    3306: "MySQL",
    3389: "Remote Desktop",
    5432: "PostgreSQL",
    6379: "Redis",
    9200: "Elasticsearch",
    11211: "Memcached",
    27017: "MongoDB",
}


def opened(edits: Iterable[Edit]) -> list[str]:
    """A warning for each inbound rule that lets everybody in."""
    return list(dict.fromkeys(_warning(edit) for edit in edits if _to_everybody(edit)))


def _to_everybody(edit: Edit) -> bool:
    if not isinstance(edit, AuthorizeSecurityGroup) or edit.direction != "ingress":
        return False
    permission = edit.permission
    return any(one.cidr_ip == "0.0.0.0/0" for one in permission.ip_ranges) or any(
        one.cidr_ipv6 == "::/0" for one in permission.ipv6_ranges
    )


def _warning(edit: Edit) -> str:
    assert isinstance(edit, AuthorizeSecurityGroup)
    low, high = edit.permission.from_port, edit.permission.to_port
    if low is None or high is None or edit.permission.ip_protocol not in ("tcp", "udp", "6", "17"):
        return "THIS OPENS EVERYTHING THE RULE NAMES TO THE WHOLE INTERNET."
    ports = f"PORT {low}" if low == high else f"PORTS {low}-{high}"
    kinds = ", ".join(name for port, name in _SENSITIVE.items() if low <= port <= high)
    return f"THIS OPENS {ports} TO THE WHOLE INTERNET" + (f": {kinds}." if kinds else ".")
