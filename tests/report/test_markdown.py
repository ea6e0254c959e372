"""Markdown for incident channels."""

from __future__ import annotations

import msgspec
import pytest
from markdown_it import MarkdownIt

from tests.report import answers, goldens
from whyblocked.report import markdown


@pytest.mark.parametrize(
    "story", ["allowed", "blocked_by_group", "blocked_on_return", "every_port", "undetermined", "planned"]
)
def test_the_report_of_a_story(story: str) -> None:
    goldens.check(f"{story}.md", markdown.render(answers.STORIES[story]()))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("the replies are dropped", "the replies are dropped"),
        ("rule 90 denies tcp/22.", "rule 90 denies `tcp/22`."),
        ("from 203.0.113.5 to 10.0.1.10, always", "from `203.0.113.5` to `10.0.1.10`, always"),
        ("group sg-1 (web)", "group `sg-1` (web)"),
        ("the groups (sg-1, sg-2)", "the groups (`sg-1, sg-2`)"),
        ("@here <!channel> :fire: #12 GH-12", "`@here \u2039!channel> :fire: #12 GH-12`"),
        ("see https://example.com now", "see `https://example.com` now"),
        ("example.com me@example.com", "`example.com me@example.com`"),
        ("a*b* _c_ ~d~ `e`", "`a*b* _c_ ~d~ 'e'`"),
        ("[link](to) ![image](of)", "`[link](to) ![image](of)`"),
        ("<b>bold</b> &amp; | cell", "`\u2039b>bold\u2039/b> &amp; |` cell"),
        ("1. list", "`1`. list"),
        ("- list", "`-` list"),
        ("# title", "`#` title"),
        ("...", "`...`"),
        ("deadbeef1 1234567", "`deadbeef1 1234567`"),
        ("Zürich", "`Zürich`"),
        ("", ""),
    ],
)
def test_what_could_be_markup_stands_in_code(text: str, shown: str) -> None:
    assert markdown.prose(text) == shown


def test_a_fence_is_longer_than_any_in_the_command() -> None:
    document = markdown.render(answers.hostile("echo ````"))
    assert "`````sh\necho ````\n`````\n" in document


def test_markup_from_outside_is_inert() -> None:
    tokens = MarkdownIt("commonmark").parse(markdown.render(answers.hostile()))
    kinds = {token.type for token in tokens} | {child.type for token in tokens for child in token.children or ()}
    assert kinds <= {
        "paragraph_open",
        "paragraph_close",
        "bullet_list_open",
        "bullet_list_close",
        "list_item_open",
        "list_item_close",
        "inline",
        "text",
        "strong_open",
        "strong_close",
        "code_inline",
        "fence",
    }


def test_ports_that_are_open_in_part_are_told_with_what_passes() -> None:
    part = answers.there(destination_ports="443", source_ports="49152-65535")
    answer = msgspec.structs.replace(answers.every_port(), open_ports="", partly_open=[part])
    assert "Open ports: `none wholly`\n\nOpen in part: `443 (source ports 49152-65535)`\n" in markdown.render(answer)
