"""Connections as flow logs record them, for stories about hosts: who sent what, in which interval, with which flags."""

from __future__ import annotations

from typing import NamedTuple

HEADER = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action "
    "log-status tcp-flags\n"
)
DEFAULT = HEADER.replace(" tcp-flags", "")
NINE = 1795424400  # 2026-11-23T09:00:00Z
SYN, SYN_ACK, RST, FIN = 2, 18, 4, 1


class Connection(NamedTuple):
    """A connection between two addresses, from a client's port to a service's."""

    client: str = "10.0.1.10"
    server: str = "10.0.2.20"
    client_port: int = 40000
    port: int = 443
    protocol: int = 6

    def asks(
        self, eni: str, flags: int | str = SYN, packets: int = 3, size: int = 60, *, at: int = 0, last: int = 5
    ) -> str:
        """A record of what the client sent, at an interface; ``size`` is the bytes of each packet."""
        ends = f"{self.client} {self.server} {self.client_port} {self.port}"
        return self._line(eni, ends, flags, packets, size, at, last)

    def answers(
        self, eni: str, flags: int | str = SYN_ACK, packets: int = 3, size: int = 60, *, at: int = 0, last: int = 5
    ) -> str:
        """A record of what the server sent."""
        ends = f"{self.server} {self.client} {self.port} {self.client_port}"
        return self._line(eni, ends, flags, packets, size, at, last)

    def _line(self, eni: str, ends: str, flags: int | str, packets: int, size: int, at: int, last: int) -> str:
        numbers = f"{self.protocol} {packets} {packets * size} {NINE + at} {NINE + at + last}"
        return f"3 123456789012 {eni} {ends} {numbers} ACCEPT OK {flags}\n"


def without_flags(records: str) -> str:
    """The same in the default format, which tells no flags."""
    return DEFAULT + "".join(f"2{line[1:].rpartition(' ')[0]}\n" for line in records.splitlines())


def others(eni: str, at: int = 900) -> str:
    """A record of something else, so that the log goes on."""
    return Connection("10.0.1.99", "10.0.2.20", 50000, 80).asks(eni, 3, 9, 200, at=at)
