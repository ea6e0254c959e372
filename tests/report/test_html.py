"""The self-contained page."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import msgspec
import pytest

from tests.report import answers
from whyblocked.report import html

VOID = {"br", "meta"}


class Page(HTMLParser):
    """Tags, attributes and text of a page; fails where tags do not close in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.words = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.mark.parametrize("story", answers.STORIES)
def test_a_page_has_no_scripts_and_loads_nothing(story: str) -> None:
    text = html.render(answers.STORIES[story]())
    page = Page(text)
    assert page.tags.isdisjoint({"script", "link", "img", "iframe", "object", "embed", "base", "form", "a", "b"})
    assert page.attributes.isdisjoint({"src", "href", "style", "srcdoc", "action"})
    assert [name for name in page.attributes if name.startswith("on")] == []
    assert "default-src 'none'" in text
    assert re.search(r"url\(|@import", text) is None


def test_text_from_outside_stays_text() -> None:
    page = Page(html.render(answers.hostile("<script>alert(1)</script><b onclick='x'>&amp;\"")))
    assert page.tags.isdisjoint({"script", "b"})
    assert "<script>alert(1)</script><b onclick='x'>&amp;\"" in page.words


def test_the_page_tells_what_the_report_tells() -> None:
    words = Page(html.render(answers.blocked_by_group())).words
    for part in (
        "✗ BLOCKED",
        "203.0.113.5 -> i-0abc1234def567890 (web-1) tcp/22",
        "ENI_SG_RULES_MISMATCH",
        "← blocked here",
        "source differs",
        "the flow logs confirm this",
        "09:00 to 09:55 UTC",
        "aws ec2 authorize-security-group-ingress",
        "Also allows:",
    ):
        assert part in words


def test_it_follows_the_colours_of_the_reader_and_prints() -> None:
    text = html.render(answers.allowed())
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_bars_are_drawn_to_scale() -> None:
    text = html.render(answers.blocked_on_return())
    heights = [float(height) for height in re.findall(r'<rect class="no"[^>]* height="([0-9.]+)"', text)]
    assert len(heights) == 11  # one of twelve moments saw no rejects
    assert max(heights) == pytest.approx(80 * 8 / 11, abs=0.01)
    assert "NaN" not in text


def test_ports_that_are_open_in_part_are_told_with_what_passes() -> None:
    part = answers.there(destination_ports="443", source_ports="49152-65535")
    answer = msgspec.structs.replace(answers.every_port(), open_ports="", partly_open=[part])
    assert "<p>Open in part: <code>443 (source ports 49152-65535)</code></p>" in html.render(answer)
