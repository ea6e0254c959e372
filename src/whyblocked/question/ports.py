"""Ports as people write them: a number, a range, or the name of a service."""

from __future__ import annotations

import socket

from whyblocked.errors import UsageError
from whyblocked.text import clean

# Asked first, so that the common names mean the same on every machine (its /etc/services may be short or absent).
SERVICES = {
    "ftp": 21,
    "ssh": 22,
    "sftp": 22,
    "telnet": 23,
    "smtp": 25,
    "dns": 53,
    "domain": 53,
    "http": 80,
    "kerberos": 88,
    "pop3": 110,
    "ntp": 123,
    "imap": 143,
    "snmp": 161,
    "bgp": 179,
    "ldap": 389,
    "https": 443,
    "smb": 445,
    "smtps": 465,
    "isakmp": 500,
    "syslog": 514,
    "submission": 587,
    "ldaps": 636,
    "rsync": 873,
    "imaps": 993,
    "pop3s": 995,
    "openvpn": 1194,
    "mssql": 1433,
    "oracle": 1521,
    "radius": 1812,
    "mqtt": 1883,
    "nfs": 2049,
    "zookeeper": 2181,
    "docker": 2375,
    "etcd": 2379,
    "mysql": 3306,
    "rdp": 3389,
    "ipsec-nat-t": 4500,
    "sip": 5060,
    "postgres": 5432,
    "postgresql": 5432,
    "amqps": 5671,
    "amqp": 5672,
    "vnc": 5900,
    "winrm": 5985,
    "winrms": 5986,
    "redis": 6379,
    "kubernetes": 6443,
    "http-alt": 8080,
    "vault": 8200,
    "https-alt": 8443,
    "consul": 8500,
    "mqtts": 8883,
    "cassandra": 9042,
    "prometheus": 9090,
    "kafka": 9092,
    "elasticsearch": 9200,
    "git": 9418,
    "kubelet": 10250,
    "memcached": 11211,
    "mongodb": 27017,
    "wireguard": 51820,
}

HIGHEST = 65535


def parse_ports(text: str, what: str, transport: str = "tcp") -> tuple[int, int]:
    """The range of ports that ``text`` means; ``what`` names it in an error.

    Port 0 alone is no port anyone can talk to; at the edge of a range it only means "from the first".
    """
    name = clean(text, 40)
    if not text:
        raise UsageError(f"{what}: nothing behind the colon: a number, a range such as 8000-8100, or a service name")
    first, dash, last = text.partition("-")
    if _digits(first) and (not dash or _digits(last)):
        low, high = _number(first, what), _number(last if dash else first, what)
        if low > high:
            raise UsageError(f"{what}: the range {name} runs backwards: write {high}-{low}")
        if high == 0:
            raise UsageError(f"{what}: port 0 is never used: leave the port out to ask about every port")
        return low, high
    if "," in text:
        raise UsageError(f"{what}: {name} is a list: ask about one port or one range, or leave it out for every port")
    if text in ("*", "-1") or text.lower() in ("all", "any"):
        raise UsageError(f"{what}: leave the port out to ask about every port")
    port = service_port(text, transport)
    if port is None:
        raise UsageError(f"{what}: '{name}' is no port number, no range such as 8000-8100 and no service known here")
    return port, port


def service_port(name: str, transport: str = "tcp") -> int | None:
    """The port of a service: from the table above, else from what the machine knows; None if neither knows it."""
    name = name.lower()
    known = SERVICES.get(name)
    if known is not None:
        return known
    if not name.isascii() or not name.isprintable():
        return None
    try:
        return socket.getservbyname(name, transport)
    except (OSError, ValueError):
        return None


def format_ports(ports: tuple[int, int]) -> str:
    """``22`` or ``8000-8100``."""
    low, high = ports
    return str(low) if low == high else f"{low}-{high}"


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _number(text: str, what: str) -> int:
    # The length first: int() refuses thousands of digits with an error of its own.
    number = int(text) if len(text) <= 8 else HIGHEST + 1
    if number > HIGHEST:
        raise UsageError(f"{what}: {clean(text, 40)} is higher than the highest port, {HIGHEST}")
    return number
