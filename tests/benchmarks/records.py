"""Flow logs of any size, the same ones each time: ``python -m tests.benchmarks.records FOLDER RECORDS``.

The records are of the account of 300 interfaces, so that rules explain them; see ``docs/performance.md`` for what they
hold. A million records take about three seconds.
"""

from __future__ import annotations

import argparse
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import parquet

from tests.benchmarks.accounts import MIDDLE, SEED, Account
from tests.oracle import shapes
from whyblocked.flowlogs.fields import DEFAULT

FILES = 40  # for any number of records from here on
A_FILE = 250_000  # records; a file of AWS's holds at most 75 MB of text
BEGIN = 1_795_392_000  # 2026-11-23T00:00Z
REJECTED = 0.15
_SCANS = 0.65  # of the rejected: each is, more or less, a group of its own
_KNOWN = 60_000  # groups that the other rejected records fall into
_SCANNERS = 200_000  # most of what they send comes from a few of them
_SIX = 0.026
_NO_DATA, _SKIPPED = 0.012, 0.0003
_MINUTE = 25_000  # records
_PORTS = np.array([22, 23, 80, 443, 445, 1433, 3306, 3389, 5060, 5432, 5900, 6379, 8080, 8443, 9200, 27017, 53, 123])
_SERVICES = np.array([22, 53, 80, 443, 3306, 5432, 6379, 8080, 9090, 9200])
_BYTES = pa.array([str(number) for number in range(256)])
_HEX = pa.array([f"{number:x}" for number in range(65536)])
_ACCOUNT = "123456789012"
_NARROW = ("version", "srcport", "dstport", "protocol")
Column = NDArray[Any]


def account() -> Account:
    """The account whose records these are: that of the other figures, with IPv6 beside IPv4."""
    made = Account(MIDDLE)
    blocks = {}
    for n, subnet in enumerate(made.subnets):
        blocks[subnet["SubnetId"]] = block = f"2600:1f18:0:{n:x}::/64"
        subnet["Ipv6CidrBlockAssociationSet"] = shapes.subnet("", "", "10.0.0.0/24", block)[
            "Ipv6CidrBlockAssociationSet"
        ]
    for n, row in enumerate(made.interfaces):
        row["Ipv6Addresses"] = [{"Ipv6Address": str(ip_network(blocks[row["SubnetId"]])[n + 16])}]
    for acl in made.acls:
        acl["Entries"] += [shapes.acl_entry(101, way, "allow", "::/0") for way in ("egress", "ingress")]
        acl["Entries"] += [entry for entry in shapes.acl_stars(ipv6=True) if "Ipv6CidrBlock" in entry]
    return made


class Kind(NamedTuple):
    """What is written: so many records, in text or Parquet."""

    records: int
    parquet: bool = False
    rejected: float = REJECTED

    def path(self, folder: Path) -> Path:
        """Where it is, or will be."""
        return folder / f"{self.records}-{self.rejected}-{'parquet' if self.parquet else 'text'}"

    def write(self, folder: Path) -> Path:
        """Write it, unless it is there; the files."""
        where = self.path(folder)
        if not where.exists():
            new = where.with_name(f"{where.name}.new")
            new.mkdir(parents=True, exist_ok=True)
            files = max(1, min(FILES, self.records // 1000), -(-self.records // A_FILE))
            source = _Source()
            with ThreadPoolExecutor(2) as pool:
                for _ in pool.map(lambda n: self._file(new, source, n, files), range(files)):
                    pass
            new.rename(where)
        return where

    def _file(self, folder: Path, source: _Source, n: int, files: int) -> None:
        first, after = n * self.records // files, (n + 1) * self.records // files
        columns = source.columns(np.random.default_rng([SEED, n]), first, after - first, self.rejected)
        begin = BEGIN + first * 60 // _MINUTE
        stamp = np.datetime_as_string(np.datetime64(begin // 300 * 300, "s"), "m").replace("-", "").replace(":", "")
        name = f"{_ACCOUNT}_vpcflowlogs_us-east-1_fl-0123456789abcdef0_{stamp}Z_{n:08x}"
        if self.parquet:
            parquet.write_table(
                _typed(columns), folder / f"{name}.log.parquet", compression="gzip", row_group_size=1 << 17
            )
        else:
            (folder / f"{name}.log.gz").write_bytes(_packed(_text(columns)))


class _Source:
    """Draws records; each file draws from the same interfaces, offenders and scanners."""

    def __init__(self) -> None:
        made = account()
        rows = made.interfaces
        self.names = pa.array([row["NetworkInterfaceId"] for row in rows] + ["-"])
        four = [row["PrivateIpAddress"] for row in rows]
        self.four = np.array([int.from_bytes(map(int, text.split(".")), "big") for text in four])
        self.six = pa.array([row["Ipv6Addresses"][0]["Ipv6Address"] for row in rows])
        self.public = np.flatnonzero([row.get("Association") is not None for row in rows])
        rng = np.random.default_rng(SEED)
        self.known = {
            "interface": rng.integers(0, len(rows), _KNOWN),
            "peer": self._peers(rng, _KNOWN),
            "port": np.where(rng.random(_KNOWN) < 0.7, rng.choice(_SERVICES, _KNOWN), rng.integers(1, 65536, _KNOWN)),
            "protocol": rng.choice([6, 17, 1], _KNOWN, p=[0.85, 0.12, 0.03]),
            "out": rng.random(_KNOWN) < 0.25,
            "is_six": rng.random(_KNOWN) < _SIX,
        }

    def _peers(self, rng: np.random.Generator, count: int) -> Column:
        """Other interfaces, other addresses of the network, clients and servers abroad."""
        inside = self.four[rng.integers(0, len(self.four), count)]
        near = 0x0A000000 + rng.integers(0, MIDDLE.vpcs << 16, count)
        abroad = _mixed(rng.integers(0, 200_000, count) + (1 << 32))
        return np.choose(rng.choice(3, count, p=[0.5, 0.2, 0.3]), [inside, near, abroad])

    def columns(self, rng: np.random.Generator, first: int, count: int, rejected: float) -> dict[str, pa.Array]:
        """The records from ``first`` on, in columns of text and numbers, by minute and interface as AWS has them."""
        kind = rng.choice(5, count, p=[rejected * _SCANS, rejected * (1 - _SCANS), _NO_DATA, _SKIPPED,
                                       1 - rejected - _NO_DATA - _SKIPPED])  # fmt: skip
        scan, known, silent = kind == 0, kind == 1, (kind == 2) | (kind == 3)
        which = (_KNOWN * rng.random(count) ** 2).astype(np.int64)
        facts = {name: column[which] for name, column in self.known.items()}
        interface = np.where(known, facts["interface"], rng.integers(0, len(self.four), count))
        interface[scan] = self.public[rng.integers(0, len(self.public), int(scan.sum()))]
        peer = np.where(known, facts["peer"], self._peers(rng, count))
        peer[scan] = _mixed((_SCANNERS * rng.random(int(scan.sum())) ** 4).astype(np.int64))
        port = np.where(known, facts["port"], rng.choice(_SERVICES, count))
        tried = np.where(rng.random(count) < 0.6, rng.choice(_PORTS, count), rng.integers(1, 65536, count))
        port[scan] = tried[scan]
        protocol = np.where(known, facts["protocol"], rng.choice([6, 17, 1], count, p=[0.9, 0.09, 0.01]))
        out = np.where(known, facts["out"], ~scan & (rng.random(count) < 0.5))
        is_six = np.where(known, facts["is_six"], rng.random(count) < _SIX)
        client = rng.integers(32768, 61000, count)
        answer = (kind == 4) & (rng.random(count) < 0.5)  # accepted flows have their answers beside them
        source_port, port = np.where(answer, port, client), np.where(answer, client, port)
        source_port[protocol == 1] = port[protocol == 1] = 0
        packets = np.where(scan, 1, 1 + (rng.pareto(1.2, count) * (2 + 10 * (kind == 4))).astype(np.int64) % 100_000)
        size = packets * np.where(scan, rng.choice([40, 44, 60], count), rng.integers(40, 1400, count))
        minute = BEGIN + 60 * ((first + np.arange(count)) // _MINUTE)
        start = minute + rng.integers(0, 30, count)

        order = np.lexsort((interface, minute))
        silent, kind = silent[order], kind[order]
        own, far = self.four[interface], peer
        pair = [np.where(out, own, far)[order], np.where(out, far, own)[order]]
        texts = [_dotted(end) for end in pair]
        six = np.flatnonzero(is_six[order])
        ours, theirs = self.six.take(pa.array(interface[order][six])), _colons(peer[order][six])
        leaves = pa.array(out[order][six])
        mask = pa.array(is_six[order])
        texts = [
            pc.replace_with_mask(texts[0], mask, pc.if_else(leaves, ours, theirs)),
            pc.replace_with_mask(texts[1], mask, pc.if_else(leaves, theirs, ours)),
        ]
        absent = pa.array(silent)
        numbers = {
            "srcport": source_port,
            "dstport": port,
            "protocol": protocol,
            "packets": packets,
            "bytes": size,
        }
        made: dict[str, pa.Array] = {
            "version": pa.array(np.full(count, 2)),
            "account-id": pa.array([_ACCOUNT]).take(pa.array(np.zeros(count, np.int64))),
            "interface-id": self.names.take(pa.array(interface[order])),
            **{name: pc.if_else(absent, "-", end) for name, end in zip(("srcaddr", "dstaddr"), texts, strict=True)},
            **{name: pa.array(column[order], mask=silent) for name, column in numbers.items()},
            "start": pa.array(start[order]),
            "end": pa.array(minute[order] + 59),
            "action": pa.array(["REJECT", "REJECT", "-", "-", "ACCEPT"]).take(pa.array(kind)),
            "log-status": pa.array(["OK", "OK", "NODATA", "SKIPDATA", "OK"]).take(pa.array(kind)),
        }
        return {name: made[name] for name in DEFAULT.names}


def _mixed(numbers: Column) -> Column:
    """Numbers spread over the addresses of the internet, the same number always to the same one."""
    mixed = (numbers.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    found: Column = (mixed >> np.uint64(33)).astype(np.int64) % (0xDF000000 - 0x0B000000) + 0x0B000000
    return found


def _dotted(addresses: Column) -> pa.Array:
    parts = [_BYTES.take(pa.array(addresses >> shift & 255)) for shift in (24, 16, 8, 0)]
    return pc.binary_join_element_wise(*parts, ".")


def _colons(numbers: Column) -> pa.Array:
    parts = [_HEX.take(pa.array(numbers >> shift & 65535)) for shift in (16, 0)]
    return pc.binary_join_element_wise("2a00", *parts, ":1", ":")


def _text(columns: dict[str, pa.Array]) -> bytes:
    parts = [pc.fill_null(pc.cast(column, pa.string()), "-") for column in columns.values()]
    parts[-1] = pc.binary_join_element_wise(parts[-1], "\n", "")
    lines = pc.binary_join_element_wise(*parts, " ")
    body = memoryview(lines.buffers()[2])[: int(pc.sum(pc.binary_length(lines)).as_py())]
    return " ".join(columns).encode() + b"\n" + bytes(body)


def _packed(text: bytes) -> bytes:
    packer = zlib.compressobj(6, wbits=31)
    return packer.compress(text) + packer.flush()


def _typed(columns: dict[str, pa.Array]) -> pa.Table:
    """As AWS types them: https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html."""
    typed = {
        name.replace("-", "_"): pc.cast(column, pa.int32()) if name in _NARROW else column
        for name, column in columns.items()
    }
    return pa.table(typed)


def main() -> int:
    """Write the files, and the account's snapshot beside them."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.records", description="Write flow logs.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("records", type=int)
    parser.add_argument("--parquet", action="store_true", help="Parquet instead of text in gzip")
    parser.add_argument("--rejected", type=float, default=REJECTED, help=f"the part that was rejected ({REJECTED})")
    wanted = parser.parse_args()
    wanted.folder.mkdir(parents=True, exist_ok=True)
    if not (wanted.folder / "account").exists():
        account().write(wanted.folder / "account")
    print(Kind(wanted.records, wanted.parquet, wanted.rejected).write(wanted.folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
