"""Words of a report as safe HTML: Markdown for paragraphs, plain text with `code` for single lines.

Raw HTML is escaped, and links only lead to locations on the same page: a report loads and opens nothing.
"""

import re
from collections.abc import Sequence
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup, escape

from likewise.inert import visible

_RULES = ["backticks", "code", "emphasis", "entity", "escape", "link", "list", "newline", "paragraph"]
_PERCENT = re.compile(r"(?<=\d) %")
_OPTION = re.compile(r"(?<!\S)--?[a-zA-Z][\w-]*")
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
    return Markup("").join(_code(piece) if i % 2 else escape(piece) for i, piece in enumerate(pieces))


def options_whole(text: str) -> Markup:
    """A command as HTML whose options do not break at their hyphens."""
    return Markup(_OPTION.sub(r'<span class="option">\g<0></span>', str(escape(text))))


def _code(text: str) -> Markup:
    return Markup("<code>{}</code>").format(options_whole(text))


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("zero", {"html": False}).enable(_RULES)
    parser.add_render_rule("code_inline", _inline_code)
    parser.validateLink = _on_the_page  # type: ignore[method-assign]  # the documented way to narrow it
    return parser


def _inline_code(renderer: RendererHTML, tokens: Sequence[Token], place: int, *_: object) -> str:  # noqa: ARG001
    return str(_code(tokens[place].content))


def _on_the_page(url: str) -> bool:
    return url.startswith("#")
