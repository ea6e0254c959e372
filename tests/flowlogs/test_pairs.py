"""Accepted requests beside rejected replies: told record by record, and in large files the quick way."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from tests.flowlogs.cases import V5
from tests.flowlogs.test_records import HEADER
from whyblocked.flowlogs import matched, picked
from whyblocked.flowlogs.files import read_path
from whyblocked.flowlogs.matched import Matching, keys_of
from whyblocked.flowlogs.pairs import Flow, Pairs
from whyblocked.flowlogs.records import Record, Scan, Wanted
from whyblocked.flowlogs.sinks import File

REPLY: Flow = ("eni-1", "10.0.1.10", "203.0.113.5", 2077, 6)
Found = tuple[set[Flow], set[Flow], bool]


def line(flow: str, action: str = "ACCEPT", interface: str = "eni-1", status: str = "OK") -> str:
    return f"2 123456789010 {interface} {flow} 1 40 1418530010 1418530070 {action} {status}"


def plainly(path: Path, flows: list[Flow], wanted: Wanted) -> Found:
    pairs, scan = Pairs(flows), Scan()
    for records in read_path(str(path), (), wanted, scan):
        for record in records:
            pairs.add(record)
    return pairs.answered, pairs.passed, scan.accepted > 0


def quickly(path: Path, flows: list[Flow], wanted: Wanted) -> Found:
    pairs = Pairs(flows)
    matching = Matching(pairs)
    assert matching.take(File(path, str(path), str(path), (), wanted))
    matching.settle(Scan())
    matching.close()
    return pairs.answered, pairs.passed, pairs.seen


def both(path: Path, flows: list[Flow]) -> Found:
    """What either way finds, which is the same."""
    wanted = Wanted(interfaces=frozenset(flow[0] for flow in flows) - {"-"})
    found = plainly(path, flows, wanted)
    assert quickly(path, flows, wanted) == found
    return found


def answered(folder: Path, *lines: str, flow: Flow = REPLY) -> tuple[bool, bool]:
    """Whether the flow answers a request, and whether there are accepted records at all."""
    path = folder / "x.log"
    path.write_text("\n".join([HEADER, *lines, ""]))
    requests, _, seen = both(path, [flow])
    return flow in requests, seen


def test_an_accepted_request_the_other_way_round_makes_a_reply(tmp_path: Path) -> None:
    assert answered(tmp_path, line("203.0.113.5 10.0.1.10 2077 443 6")) == (True, True)


def test_a_reply_that_was_also_accepted_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    request, reply = line("203.0.113.5 10.0.1.10 2077 443 6"), "10.0.1.10 203.0.113.5 443 2077 6"
    for lines, passed in (((request, line(reply)), {REPLY}), ((request, line(reply, "REJECT")), set())):
        path.write_text("\n".join([HEADER, *lines, ""]))
        assert both(path, [REPLY]) == ({REPLY}, passed, True)


@pytest.mark.parametrize(
    "other",
    [
        line("203.0.113.5 10.0.1.10 2077 443 6", "REJECT"),
        line("203.0.113.5 10.0.1.10 2077 443 6", interface="eni-2"),
        line("203.0.113.5 10.0.1.10 2078 443 6"),
        line("203.0.113.5 10.0.1.10 2077 443 17"),
        line("203.0.113.6 10.0.1.10 2077 443 6"),
        line("10.0.1.10 203.0.113.5 443 2077 6"),
        line("203.0.113.5 10.0.1.10 2077 40000 6"),  # itself an answer, from a service's port
    ],
)
def test_anything_else_does_not(tmp_path: Path, other: str) -> None:
    assert answered(tmp_path, other, line("192.0.2.1 192.0.2.2 1 2 6")) == (False, True)


def test_protocols_without_ports_are_matched_by_their_addresses(tmp_path: Path) -> None:
    reply: Flow = ("eni-1", "10.0.1.10", "203.0.113.5", -1, 1)
    assert answered(tmp_path, line("203.0.113.5 10.0.1.10 0 0 1"), flow=reply) == (True, True)
    assert answered(tmp_path, line("10.0.1.10 203.0.113.5 0 0 1"), flow=reply) == (False, True)


def test_a_log_of_rejects_alone_proves_nothing(tmp_path: Path) -> None:
    assert answered(tmp_path, line("10.0.1.10 203.0.113.5 443 2077 6", "REJECT")) == (False, False)


def test_a_file_of_something_else_is_not_taken(tmp_path: Path) -> None:
    matching = Matching(Pairs([REPLY]))
    for name, content in (("x.json", b'{"events": []}'), ("x.png", b"\x89PNG"), ("gone", None)):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        assert not matching.take(File(tmp_path / name, name, name, (), Wanted()))
    matching.close()


# -- large files -----------------------------------------------------------------------------------------------------

ADDRESSES = st.sampled_from(
    ["10.0.0.1", "10.0.0.2", "203.0.113.5", "2001:db8::1", "2600:1f18:0:1::10", "2600:1f18:0:2::10", "-"]
)
INTERFACES = st.sampled_from(["eni-0aaaaaaaaaaaaaaaa", "eni-0baaaaaaaaaaaaaaa", "eni-1", "-"])
PORTS = st.sampled_from([22, 443, 2077, 40000, 50000])
PROTOCOLS = st.sampled_from([1, 6, 17, 50])
FLOWS = st.tuples(INTERFACES, ADDRESSES, ADDRESSES, PORTS, PROTOCOLS).map(
    lambda flow: (*flow[:3], flow[3] if flow[4] in (6, 17) else -1, flow[4])
)


@st.composite
def rows(draw: st.DrawFn, names: tuple[str, ...]) -> dict[str, str]:
    """A record, in most cases a sound one of a few flows."""
    protocol = draw(PROTOCOLS)
    made = dict.fromkeys(names, "-") | {
        "version": "5",
        "account-id": "1",
        "interface-id": draw(INTERFACES),
        "srcaddr": draw(ADDRESSES),
        "dstaddr": draw(ADDRESSES),
        "pkt-srcaddr": draw(st.just("-") | ADDRESSES),
        "pkt-dstaddr": draw(st.just("-") | ADDRESSES),
        "srcport": draw(PORTS.map(str) | st.just("-")) if protocol in (6, 17) else "0",
        "dstport": draw(PORTS.map(str) | st.just("-")) if protocol in (6, 17) else "0",
        "protocol": draw(st.just(str(protocol)) | st.just("-")),
        "packets": "1",
        "bytes": "40",
        "start": "1418530010",
        "end": "1418530070",
        "action": draw(st.sampled_from(["ACCEPT", "ACCEPT", "ACCEPT", "REJECT"])),
        "log-status": "OK",
    }
    return {name: made[name] for name in names}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80, deadline=None)
@given(st.data(), st.lists(FLOWS, min_size=1, max_size=6), st.sampled_from(["plain", "gzip", "parquet", "odd"]))
def test_large_files_are_matched_as_the_parser_would(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, flows: list[Flow], container: str
) -> None:
    names = tuple(data.draw(st.permutations(V5.split() if data.draw(st.booleans()) else HEADER.split())))
    names += tuple(name for name in ("srcport",) if name not in names)
    found = data.draw(st.lists(rows(names), min_size=1, max_size=25))
    path = tmp_path_factory.mktemp("pairs") / "x.log"
    lines = [" ".join(row.values()) for row in found]
    if container == "parquet":
        parquet.write_table(pa.table({n.replace("-", "_"): [row[n] for row in found] for n in names}), path)
    else:
        if container == "odd":
            lines.insert(data.draw(st.integers(0, len(lines))), data.draw(st.sampled_from(["", "half a", "  x  y"])))
        text = "\n".join([" ".join(names), *lines, ""]).encode()
        path.write_bytes(gzip.compress(text) if container == "gzip" else text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(picked, "_CHUNK", data.draw(st.sampled_from([64, 1 << 20])))
        both(path, flows)


def test_flows_have_numbers_of_their_own() -> None:
    flows = [("eni-1", f"10.0.{n}.1", "203.0.113.5", port, 6) for n in range(50) for port in (-1, 443, 2077)]
    turned = [("eni-1", flow[2], flow[1], *flow[3:]) for flow in flows]
    assert len(set(keys_of([*flows, *turned]).tolist())) == 300


def test_few_lines_of_many_are_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.log"
    others = [line(f"203.0.113.{n % 250} 10.0.1.10 {2000 + n} 443 6") for n in range(5000)]
    path.write_text("\n".join([HEADER, *others, line("203.0.113.5 10.0.1.10 2077 443 6"), ""]))
    taken: list[int] = []
    plain = matched.Matching._add

    def counting(self: Matching, records: list[Record]) -> None:
        taken.append(len(records))
        plain(self, records)

    monkeypatch.setattr(matched.Matching, "_add", counting)
    assert quickly(path, [REPLY], Wanted())[0] == {REPLY}
    assert sum(taken) <= 3
