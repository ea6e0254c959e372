"""Packet sets against plain sets of packets, in a universe small enough to list every packet of it."""

from __future__ import annotations

from functools import reduce
from ipaddress import ip_network
from itertools import pairwise, product
from operator import or_

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.asking import SOAK
from whyblocked.diagnosis.sets import packet_set, packet_sets
from whyblocked.network.packets import (
    EVERYWHERE,
    Box,
    Interval,
    Packets,
    intersect,
    interval_text,
    join_intervals,
    merge,
    network_text,
    subtract,
    subtract_all,
    subtract_intervals,
)

Packet = tuple[int, ...]  # the IP version, then a number in each of the five dimensions
TOP = 3  # the largest number in each dimension of the universe

many = settings(max_examples=150 * SOAK, deadline=None)


def intervals(top: int = TOP) -> st.SearchStrategy[Interval]:
    return st.tuples(st.integers(0, top), st.integers(0, top)).map(lambda ends: (min(ends), max(ends)))


def boxes(version: int | None = None) -> st.SearchStrategy[Packets]:
    versions = st.sampled_from((4, 6)) if version is None else st.just(version)
    return st.builds(Packets, versions, *[intervals()] * 5)


def inside(box: Packets) -> set[Packet]:
    return {(box.version, *numbers) for numbers in product(*(range(low, high + 1) for low, high in box[1:]))}


def all_inside(found: list[Packets]) -> set[Packet]:
    return reduce(or_, map(inside, found), set())


def numbers(found: list[Interval]) -> set[int]:
    return {n for low, high in found for n in range(low, high + 1)}


def of_product(box: Box) -> set[Packet]:
    return {(box.version, *found) for found in product(*(sorted(numbers(list(spans))) for spans in box[1:]))}


@many
@given(boxes(), boxes())
def test_what_is_in_both_boxes(one: Packets, other: Packets) -> None:
    common = intersect(one, other)
    assert (inside(common) if common else set()) == inside(one) & inside(other)


@many
@given(boxes(), boxes())
def test_what_is_in_one_box_and_not_in_the_other(one: Packets, other: Packets) -> None:
    rest = subtract(one, other)
    assert all_inside(rest) == inside(one) - inside(other)
    assert sum(len(inside(part)) for part in rest) == len(all_inside(rest))  # disjoint


@many
@given(st.lists(boxes(), max_size=4), st.lists(boxes(), max_size=4))
def test_what_is_left_of_boxes_when_others_are_taken(whole: list[Packets], taken: list[Packets]) -> None:
    assert all_inside(subtract_all(whole, taken)) == all_inside(whole) - all_inside(taken)


@many
@given(st.lists(boxes(), max_size=6))
def test_merged_boxes_hold_the_same_packets(whole: list[Packets]) -> None:
    merged = merge(whole)
    assert reduce(or_, map(of_product, merged), set()) == all_inside(whole)
    assert len(merged) <= len(whole)


@many
@given(boxes(), boxes())
def test_what_a_box_was_cut_into_is_merged_again(one: Packets, other: Packets) -> None:
    """Cuts across one dimension only: what is left and what was taken are the box again."""
    other = one._replace(destination_ports=other.destination_ports)
    common = intersect(one, other)
    pieces = [*subtract(one, other), *([common] if common else [])]
    assert [of_product(box) for box in merge(pieces)] == [inside(one)]


@many
@given(st.lists(intervals(40), max_size=8))
def test_joined_intervals(found: list[Interval]) -> None:
    joined = join_intervals(found)
    assert numbers(joined) == numbers(found)
    assert all(before[1] + 1 < behind[0] for before, behind in pairwise(joined))


@many
@given(st.lists(intervals(40), max_size=6), st.lists(intervals(40), max_size=6))
def test_intervals_without_others(whole: list[Interval], taken: list[Interval]) -> None:
    rest = subtract_intervals(whole, taken)
    assert numbers(rest) == numbers(whole) - numbers(taken)
    assert rest == sorted(rest)


@many
@given(st.lists(intervals(40), max_size=6))
def test_ports_in_words_name_every_port_once(found: list[Interval]) -> None:
    words = [word.split("-") for word in interval_text(join_intervals(found)).split(",") if word]
    named = [port for word in words for port in range(int(word[0]), int(word[-1]) + 1)]
    assert named == sorted(numbers(found))


@many
@given(st.sampled_from((4, 6)), st.integers(0, 2**40), st.lists(intervals(300), min_size=1, max_size=4))
def test_addresses_in_words_name_every_address_once(version: int, start: int, found: list[Interval]) -> None:
    base = min(start, EVERYWHERE[version][1] - 300)
    moved = [(low + base, high + base) for low, high in found]
    blocks = [ip_network(text) for text in network_text(version, moved).split(",")]
    named = [int(block.network_address) + n for block in blocks for n in range(block.num_addresses)]
    assert named == sorted(numbers(moved))
    assert {block.version for block in blocks} == {version}


@many
@given(st.lists(boxes(4), min_size=1, max_size=4))
def test_packets_turned_twice_are_the_same(found: list[Packets]) -> None:
    assert [box.turned().turned() for box in found] == found
    assert all(box.turned().destination == box.source for box in found)


@many
@given(st.lists(boxes(4), min_size=1, max_size=6))
def test_sets_in_words_hold_every_packet(found: list[Packets]) -> None:
    """Of TCP and UDP, whose words name ports: each packet is in one of the sets, and in the one that holds all."""
    udp_or_tcp = [box._replace(protocol=(6, 6) if box.protocol[0] % 2 else (17, 17)) for box in found]
    wanted = all_inside(udp_or_tcp)

    def spoken(words: list[tuple[str, str, str, str | None, str | None]]) -> set[Packet]:
        held: set[Packet] = set()
        for source, destination, protocol, source_ports, destination_ports in words:
            ranges = [[int(a) for block in text.split(",") for a in _block(block)] for text in (source, destination)]
            protocols = [{"tcp": 6, "udp": 17}[name] for name in protocol.split(",")]
            ports = [_ports(text or "") for text in (source_ports, destination_ports)]
            held |= {(4, *numbers) for numbers in product(ranges[0], ranges[1], protocols, *ports)}
        return held

    told = [(s.source, s.destination, s.protocol, s.source_ports, s.destination_ports) for s in packet_sets(udp_or_tcp)]
    one = packet_set(udp_or_tcp)
    whole = spoken([(one.source, one.destination, one.protocol, one.source_ports, one.destination_ports)])
    assert spoken(told) == wanted
    assert whole >= wanted


def _block(text: str) -> list[int]:
    block = ip_network(text)
    return [int(block.network_address) + n for n in range(block.num_addresses)]


def _ports(text: str) -> list[int]:
    words = [word.split("-") for word in text.split(",")]
    return [port for word in words for port in range(int(word[0]), int(word[-1]) + 1)]


def test_too_many_sets_of_both_ip_versions_are_held_by_one_of_each() -> None:
    top = {4: 2**31, 6: 2**126}  # a number of one is no address of the other, or another one
    found = packet_sets(
        Packets(version, (top[version] + n,) * 2, (top[version] + 99 - n,) * 2, (6, 6), (n, n), (80 + n, 80 + n))
        for n in range(12)
        for version in (6, 4)
    )
    assert [":" in one.source for one in found] == [False, True]
    assert {one.destination_ports for one in found} == {"80-91"}
