"""Words of a report as safe HTML: Markdown for paragraphs, plain text with `code` for single lines.

Raw HTML is escaped, and links only lead to locations on the same page: a report loads and opens nothing.
"""

import re
from functools import cache

from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from likewise.inert import visible

_RULES = ["backticks", "code", "emphasis", "entity", "escape", "link", "list", "newline", "paragraph"]
_PERCENT = re.compile(r"(?<=\d) %")
_CODE = re.compile(r"`([^`\n]+)`")


def shown(text: str) -> str:
    """The text without control characters, and with a number and its per cent sign on one line."""
    return _PERCENT.sub("\N{NO-BREAK SPACE}%", visible(text))


def html_words(words: str) -> Markup:
    """Markdown as HTML paragraphs and lists."""
    return Markup(_parser().render(shown(words)))


def html_line(words: str) -> Markup:
    """One line of plain text, in which `code` is marked (captions, verdicts, evidence)."""
    pieces = _CODE.split(shown(words))
    parts = [
        Markup("<code>{}</code>").format(piece) if i % 2 else escape(piece) for i, piece in enumerate(pieces)
    ]
    return Markup("").join(parts)


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("zero", {"html": False}).enable(_RULES)
    parser.validateLink = _on_the_page  # type: ignore[method-assign]  # the documented way to narrow it
    return parser


def _on_the_page(url: str) -> bool:
    return url.startswith("#")
