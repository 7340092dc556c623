"""Text of users in Markdown, CSV and terminals: shown as it is, never obeyed."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from likewise.inert import csv_cell, markdown_literal, markdown_paragraph, one_line, visible, without_escapes

LABELS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
SPECIAL = st.text(st.sampled_from("\\`*_[]()<>|~#!&@:/.-+=w1 \n\t\x1b\u202e"), max_size=30)


def tokens(markdown: str) -> list[tuple[str, str]]:
    parsed = MarkdownIt("commonmark").enable("table").parse(markdown)
    return [(token.type, token.content) for outer in parsed for token in [outer, *(outer.children or [])]]


@given(st.one_of(LABELS, SPECIAL))
def test_markdown_shows_any_text_as_it_is(text: str) -> None:
    found = tokens(markdown_paragraph(text))
    assert {kind for kind, _ in found} <= {
        "paragraph_open",
        "inline",
        "text",
        "text_special",
        "paragraph_close",
    }
    shown = "".join(content for kind, content in found if kind in ("text", "text_special"))
    assert shown.split() == one_line(text).split()
    cell = tokens(f"| a |\n| - |\n| {markdown_literal(text) or 'x'} |")
    assert not {kind for kind, _ in cell} & {
        "link_open",
        "image",
        "html_inline",
        "em_open",
        "strong_open",
        "code_inline",
    }
    assert without_escapes(markdown_literal(text)) == one_line(text)


@pytest.mark.parametrize("text", ["http://evil.com/x", "www.evil.com", "me@evil.com", "@someone"])
def test_addresses_become_no_links_by_themselves(text: str) -> None:
    assert re.search(r"\\[:.@]", markdown_literal(text))
    assert "recall@1" in markdown_literal("recall@1")


@given(st.one_of(LABELS, SPECIAL))
def test_no_cell_is_a_formula(text: str) -> None:
    cell = csv_cell(text)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", cell)
    if cell.lstrip().startswith(("=", "+", "-", "@")):
        float(cell)


@pytest.mark.parametrize(
    ("text", "cell"),
    [("=1+1", "'=1+1"), ("@SUM(A1)", "'@SUM(A1)"), ("+cmd", "'+cmd"), ("-0.5", "-0.5"), ("-x", "'-x"), (" =1", "' =1"),
     ("a=1", "a=1"), ("", "")],
)  # fmt: skip
def test_formulas_get_a_quote_and_numbers_do_not(text: str, cell: str) -> None:
    assert csv_cell(text) == cell


def test_control_characters_are_seen() -> None:
    assert visible("a\x1b[31m\x07\x9b\u202eb\nc\td") == r"a\x1b[31m\x07\x9b\u202eb" + "\nc\td"
    assert visible("a\r\nb") == "a\nb" and one_line(" a\n b ") == "a b"
    assert visible("日本語 العربية") == "日本語 العربية"
