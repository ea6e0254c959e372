"""Where else something is: only for the way out of an error, so bounded in time and silent about its own failures."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

from whyblocked.config.clients import CONNECTIONS, Clients
from whyblocked.errors import WhyblockedError

_SECONDS = 8.0
_SOUGHT = {
    "i-": ("describe_instances", "instance-id", "Reservations"),
    "eni-": ("describe_network_interfaces", "network-interface-id", "NetworkInterfaces"),
}


def regions_with(clients: Clients, resource_id: str) -> tuple[str, ...]:
    """The enabled Regions, other than the session's own, that have this instance or interface."""
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    sought = next((how for prefix, how in _SOUGHT.items() if resource_id.startswith(prefix)), None)
    if sought is None:
        return ()
    method, filter_name, key = sought
    quick = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 1})

    def has(client: Any) -> bool:
        response = getattr(client, method)(Filters=[{"Name": filter_name, "Values": [resource_id]}])
        return bool(response.get(key))

    try:
        rows = clients.client("ec2").describe_regions(AllRegions=False)["Regions"]
        names = sorted(row["RegionName"] for row in rows if row["RegionName"] != clients.region)
        there = {name: clients.client("ec2", name, quick) for name in names}
    except (BotoCoreError, ClientError, WhyblockedError, KeyError):
        return ()
    pool = ThreadPoolExecutor(max_workers=CONNECTIONS, thread_name_prefix="aws-region")
    asked = {name: pool.submit(has, client) for name, client in there.items()}
    done, _ = wait(asked.values(), timeout=_SECONDS)
    pool.shutdown(wait=False, cancel_futures=True)
    return tuple(name for name, job in asked.items() if job in done and job.exception() is None and job.result())
