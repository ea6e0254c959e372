"""Points in time as people write them."""

from datetime import UTC, datetime

import pytest

from whyblocked.errors import UsageError
from whyblocked.flowlogs.gathering import notes
from whyblocked.flowlogs.records import Scan
from whyblocked.flowlogs.window import iso, moment

NOW = datetime(2026, 11, 23, 10, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", "2026-11-23T10:30:00Z"),
        ("90s", "2026-11-23T10:28:30Z"),
        ("90m", "2026-11-23T09:00:00Z"),
        (" 2 h ", "2026-11-23T08:30:00Z"),
        ("1d", "2026-11-22T10:30:00Z"),
        ("1w", "2026-11-16T10:30:00Z"),
        ("2026-11-23T09:00:00Z", "2026-11-23T09:00:00Z"),
        ("2026-11-23T09:00:00+02:00", "2026-11-23T07:00:00Z"),
        ("2026-11-23T09:00", "2026-11-23T09:00:00Z"),
        ("2026-11-23 09:00:01", "2026-11-23T09:00:01Z"),
        ("2026-11-23", "2026-11-23T00:00:00Z"),
        ("1418530010", "2014-12-14T04:06:50Z"),
        ("1418530010123", "2014-12-14T04:06:50Z"),
    ],
)
def test_times(text: str, expected: str) -> None:
    assert iso(int(moment(text, NOW).timestamp())) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "h",
        "yesterday",
        "1x",
        "-1h",
        "1.5h",
        "999999999w",
        "2026-13-01",
        "25:00",
        "\x1b[2J",
        "\u0661\u0662h",
        "1" * 400,
    ],
)
def test_no_times(text: str) -> None:
    with pytest.raises(UsageError) as error:
        moment(text, NOW, "--until")
    assert error.value.message.startswith("--until: ")
    assert len(error.value.message) < 160
    assert "\x1b" not in error.value.message


def test_how_many_records_lie_outside_of_a_window_is_said() -> None:
    for outside, said in ((1, "a rejected record lies"), (2000, "2,000 rejected records lie")):
        assert notes(Scan(outside=outside)) == [f"{said} outside the window"]
