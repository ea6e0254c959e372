"""What the simulator is asked: the question, and its two ends once they are found in an account."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from whyblocked.config.addresses import Ip
    from whyblocked.config.resources import Balancer, Instance, NetworkInterface

ALL_PROTOCOLS = -1


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed question.

    ``source`` and ``destination`` are the endpoints as typed, without port, protocol and brackets. ``protocol`` is
    an IANA number or :data:`ALL_PROTOCOLS`. ``destination_ports`` None asks about every port (or means nothing
    where the protocol has none); ``source_ports`` None leaves them to the client's ephemeral range.
    ``icmp_type`` and ``icmp_code`` are None for protocols other than ICMP; -1 asks about all of them.
    """

    text: str
    source: str
    destination: str
    protocol: int = 6
    destination_ports: tuple[int, int] | None = None
    source_ports: tuple[int, int] | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None


class End(msgspec.Struct, frozen=True, kw_only=True):
    """One end of a question, found.

    kind ``host``: an instance or interface that was named; ``interfaces`` are its interfaces in order of device
    index, ``instance`` the instance where there is one; which address is used is the walk's choice. ``every``: it is
    a service's, and sends from each of its interfaces. Of a load ``balancer`` they are its nodes, and all of them are
    meant.
    kind ``address``: ``network`` is one address (/32, /128); ``interfaces`` are its owners: the interface that has it
    as private or IPv6 address, or whose public address it is (``public``); none where the account does not own it.
    kind ``network``: ``network`` is a CIDR of more than one address. kind ``internet``: every public address.
    kind ``service``: an AWS service by its public addresses, ``networks``; none while they are not known yet.
    """

    text: str
    label: str
    kind: Literal["host", "address", "network", "internet", "service"]
    interfaces: tuple[NetworkInterface, ...] = ()
    instance: Instance | None = None
    network: IPv4Network | IPv6Network | None = None
    public: bool = False
    every: bool = False
    balancer: Balancer | None = None
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @property
    def address(self) -> Ip | None:
        """The one address that is meant, for kind ``address``."""
        return self.network.network_address if self.kind == "address" and self.network else None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A question whose ends were found, ready to be walked."""

    question: Question
    source: End
    destination: End
    warnings: tuple[str, ...] = ()
