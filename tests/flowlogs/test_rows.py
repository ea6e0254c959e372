"""Columns of rows: put in order and added up as plain Python does it, whatever their numbers are."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whyblocked.flowlogs import rows
from whyblocked.flowlogs.fields import BIGGEST
from whyblocked.flowlogs.rows import in_order, narrow, reduced

NUMBERS = st.integers(-1, 3) | st.integers(-BIGGEST, 0) | st.sampled_from([BIGGEST, 1 << 40, 127, 128, -1])
ROWS = st.lists(st.tuples(NUMBERS.map(lambda n: -abs(n)), NUMBERS.map(abs), *[st.integers(-1, 2)] * 2), unique=True)
SUMMED = st.lists(st.lists(st.integers(0, 3) | st.integers(0, BIGGEST), min_size=1, max_size=5), min_size=1)


@given(ROWS, st.integers(1, 5), st.sampled_from([0, 1 << 20]))
@settings(max_examples=150)
def test_rows_come_in_the_order_of_their_columns(found: list[tuple[int, ...]], at_once: int, dear: int) -> None:
    columns = [narrow(np.array(column, np.int64)) for column in zip(*found, strict=True)] or [np.zeros(0, np.int8)]
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as pool:
        patch.setattr(rows, "_AT_ONCE", at_once)
        patch.setattr(rows, "DEAR", dear)
        order = in_order(columns, pool)
    assert [found[row] for row in order.tolist()] == sorted(found)


@given(SUMMED, st.randoms(use_true_random=False))
def test_groups_are_added_up_exactly_up_to_the_biggest_number(groups: list[list[int]], random: object) -> None:
    column = narrow(np.array([number for group in groups for number in group], np.int64))
    shuffled = np.array(sorted(range(len(column)), key=lambda _: random.random()), np.int64)  # type: ignore[attr-defined]
    order = np.argsort(shuffled)
    firsts = np.cumsum([0, *(len(group) for group in groups[:-1])])
    for of, plain in ((np.add, sum), (np.minimum, min), (np.maximum, max)):
        found = reduced(of, column[shuffled], order, firsts)
        assert found.tolist() == [min(plain(group), BIGGEST) for group in groups]
