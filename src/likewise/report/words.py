"""Markdown words as safe HTML: paragraphs, emphasis, code, lists and links, nothing else.

Raw HTML in the words is shown, never obeyed, and links lead to http, https or a place on the page only.
"""

from functools import cache

from markdown_it import MarkdownIt
from markupsafe import Markup

_RULES = ["backticks", "emphasis", "entity", "escape", "link", "list", "newline", "paragraph"]


def html_words(words: str) -> Markup:
    """The words as HTML paragraphs and lists."""
    return Markup(_parser().render(words))


def html_line(words: str) -> Markup:
    """One line of words without a paragraph around it (captions, evidence)."""
    return Markup(_parser().renderInline(words))


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("zero", {"html": False}).enable(_RULES)
    parser.validateLink = _safe_link  # type: ignore[method-assign]  # the documented way to narrow it
    return parser


def _safe_link(url: str) -> bool:
    return url.startswith(("https://", "http://", "#"))
