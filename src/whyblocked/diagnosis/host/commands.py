"""What to run next, on the host or at the client: commands for Linux and Windows, quoted for their shell."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import msgspec

from whyblocked.config.account import Account
from whyblocked.config.ownership import ownership
from whyblocked.diagnosis.host.cases import Case, Kind
from whyblocked.network.packets import ICMP, ICMPV6, TCP, UDP
from whyblocked.text import clean

_NAMES = {TCP: "tcp", UDP: "udp", ICMP: "icmp", ICMPV6: "icmp6"}
_PAYLOAD = {4: 1472, 6: 1452}  # what fills a packet of 1,500 bytes


class Host(msgspec.Struct, frozen=True):
    """What is behind an interface: an instance, or a service's resource that nobody can log in to."""

    interface_id: str
    instance_id: str | None
    service: str | None
    windows: bool
    region: str | None

    @property
    def name(self) -> str:
        """As sentences call it."""
        return self.instance_id or self.service or self.interface_id

    @property
    def is_open(self) -> bool:
        """Whether somebody can run commands there, as far as that shows."""
        return self.service is None


def host_of(account: Account, interface_id: str) -> Host:
    """Who has an interface."""
    interface = account.interfaces.get(interface_id)
    instance_id = interface.attachment.instance_id if interface and interface.attachment else None
    instance = account.instances.get(instance_id or "")
    owner = ownership(interface) if interface and not instance_id else None
    return Host(
        interface_id=clean(interface_id, 64),
        instance_id=clean(instance_id, 64) if instance_id else None,
        service=clean(str(owner), 120) if owner else None,
        windows=bool(instance and (instance.platform or "").lower() == "windows"),
        region=account.region_of(interface_id) or (account.region_of(interface.vpc_id) if interface else None),
    )


def commands(case: Case, host: Host, peer: str, port: int, protocol: int) -> list[str]:
    """The commands for a case, in the order in which to run them. ``peer`` is the address of the other end."""
    if not host.is_open:
        return []
    shell = _windows if host.windows else _linux
    known = shell(peer, port, protocol)
    return [*_log_in(host), *(known[step] for step in _STEPS[case.kind, case.serving] if step in known)]


_STEPS: dict[tuple[Kind, bool], tuple[str, ...]] = {
    ("unanswered", True): ("listening", "firewall", "capture", "route"),
    ("unanswered", False): ("reach", "capture", "route"),
    ("refused", True): ("listening", "capture"),
    ("refused", False): ("reach", "capture"),
    ("lost", True): ("capture", "route"),
    ("ignored", False): ("firewall", "capture"),
    ("nothing", True): ("capture",),
    ("nothing", False): ("reach", "capture", "route"),
    **{("idle", serving): ("keepalive", "sockets") for serving in (True, False)},
    **{("silent", serving): ("sockets", "capture") for serving in (True, False)},
    **{("large", serving): ("large", "mtu") for serving in (True, False)},
}


def _log_in(host: Host) -> Iterator[str]:
    if host.instance_id:
        words = ["aws", "ssm", "start-session", "--target", host.instance_id]
        yield shlex.join(words + (["--region", host.region] if host.region else []))


def _linux(peer: str, port: int, protocol: int) -> dict[str, str]:
    """What Linux has for each step; what says nothing about the protocol is left out."""
    name, version = _NAMES.get(protocol, str(protocol)), 6 if ":" in peer else 4
    with_ports = protocol in (TCP, UDP)
    seen = f"host {peer} and {name} port {port}" if with_ports else f"host {peer} and {name}"
    sockets = shlex.quote(f"dst {peer}" if version == 4 else f"dst [{peer}]")
    ignored = "net.ipv4.icmp_echo_ignore_all" if version == 4 else "net.ipv6.icmp.echo_ignore_all"
    sport = shlex.quote(f"sport = :{port}")
    return {
        "listening": f"sudo ss -ln{name[0]}p {sport}" if with_ports else f"sysctl {ignored}",
        "firewall": "sudo nft list ruleset || sudo iptables -S",
        "capture": f"sudo tcpdump -ni any {shlex.quote(seen)}",
        "route": f"ip route get {shlex.quote(peer)}",
        "reach": f"nc -vz{'u' if protocol == UDP else ''} -w 5 {shlex.quote(peer)} {port}"
        if with_ports
        else f"ping -c 3 {shlex.quote(peer)}",
        "keepalive": "sysctl net.ipv4.tcp_keepalive_time net.ipv4.tcp_keepalive_intvl net.ipv4.tcp_keepalive_probes",
        "sockets": f"sudo ss -tnpoi {sockets}",
        "large": f"ping -M do -s {_PAYLOAD[version]} -c 3 {shlex.quote(peer)}",
        "mtu": f"tracepath -n {shlex.quote(peer)}",
    }


def _windows(peer: str, port: int, protocol: int) -> dict[str, str]:
    """What PowerShell has for each step; an address needs no quotes there."""
    name, version = _NAMES.get(protocol, str(protocol)), 6 if ":" in peer else 4
    with_ports = protocol in (TCP, UDP)
    filtered = f"-i {peer} -t {name} -p {port}" if with_ports else f"-i {peer}"
    found = {
        "firewall": "Get-NetFirewallProfile | Select-Object Name, Enabled, DefaultInboundAction",
        "capture": f"pktmon filter remove; pktmon filter add {filtered}; pktmon start --capture --log-mode real-time",
        "route": f"Find-NetRoute -RemoteIPAddress {peer}",
        "reach": f"Test-NetConnection {peer} -Port {port}" if protocol == TCP else f"Test-NetConnection {peer}",
        "keepalive": r"Get-ItemProperty HKLM:\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters KeepAliveTime",
        "sockets": f"Get-NetTCPConnection -RemoteAddress {peer}",
        "large": f"ping -n 3 {'-f ' if version == 4 else ''}-l {_PAYLOAD[version]} {peer}",
        "mtu": "Get-NetIPInterface | Select-Object InterfaceAlias, AddressFamily, NlMtu",
    }
    if protocol == TCP:
        found["listening"] = f"Get-NetTCPConnection -State Listen -LocalPort {port}"
    elif protocol == UDP:
        found["listening"] = f"Get-NetUDPEndpoint -LocalPort {port}"
    return found
