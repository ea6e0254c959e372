"""Accounts a step away from working, one kind a component, and a question that crosses it: `SCENES[name](rng)`."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.oracle.crossing.scenes.balancers import balancer
from tests.oracle.crossing.scenes.common import Scene
from tests.oracle.crossing.scenes.endpoints import endpoint
from tests.oracle.crossing.scenes.firewalls import firewall, inspection
from tests.oracle.crossing.scenes.mixed import mixed
from tests.oracle.crossing.scenes.nat import nat
from tests.oracle.crossing.scenes.transit import transit
from tests.oracle.crossing.scenes.vpn import vpn

SCENES: dict[str, Callable[[Random], Scene]] = {
    "transit": transit,
    "vpn": vpn,
    "nat": nat,
    "endpoint": endpoint,
    "firewall": firewall,
    "inspection": inspection,
    "balancer": balancer,
    "mixed": mixed,
}
