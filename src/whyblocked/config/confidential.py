"""What no file or report of ours holds: user data, environment variables, the keys of VPN tunnels and BGP sessions."""

from __future__ import annotations

from typing import Any

_SECRET = frozenset(
    {"UserData", "Environment", "EnvironmentVariables", "CustomerGatewayConfiguration", "PreSharedKey"}
    | {"authKey", "customerRouterConfig"}
)


def without_secrets(value: Any) -> Any:
    """A response of AWS's without them."""
    if isinstance(value, dict):
        return {key: without_secrets(item) for key, item in value.items() if key not in _SECRET}
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    return value
