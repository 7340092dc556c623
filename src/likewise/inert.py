"""Escaping of user text: labels, paths and captions never control the output.

Terminals interpret control characters, Markdown readers brackets and tags, spreadsheets cells that begin with
``=``. Every writer passes text through the function of its form; characters unsafe for terminals are defined in
:mod:`likewise.printable`.
"""

import re
from collections.abc import Callable

from likewise import printable

_MARKDOWN = re.compile(r"([\\`*_\[\]<>|~#!])")
_BLOCK_START = re.compile(r"^(\d*)([-+=.)])(?=\s|$|[-=])")
# Text that GitHub turns into links: http://..., www...., name@host.name, @name.
_ADDRESS = re.compile(r"(?<=[a-zA-Z]):(?=//)|(?<=[wW])\.|@(?=[\w-]+\.)|(?<!\w)@(?=\w)")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_CODE = re.compile(r"(`[^`\n]+`)")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def visible(text: str) -> str:
    """The text with control characters and direction overrides shown by their codes; line feeds and tabs stay."""
    return printable.inert(text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """The visible text with every run of white space turned into one space."""
    return " ".join(visible(text).split())


def markdown_literal(text: str) -> str:
    r"""The text escaped so that Markdown shows it as it is: no emphasis, link, image, tag, list or table.

    >>> print(markdown_literal("![i](http://evil)"))
    \!\[i\](http\://evil)
    """
    escaped = _MARKDOWN.sub(r"\\\1", one_line(text).replace("&", "&amp;"))
    return _ADDRESS.sub(lambda match: f"\\{match[0]}", escaped)


def markdown_paragraph(text: str) -> str:
    """:func:`markdown_literal` for text that begins a line, where a dash or a number would begin a list."""
    return _BLOCK_START.sub(r"\1\\\2", markdown_literal(text))


def markdown_line(text: str) -> str:
    r"""Plain text with `code` as Markdown: everything else in it is escaped.

    >>> print(markdown_line("Look at a_1: `likewise data check a_1.csv`"))
    Look at a\_1: `likewise data check a_1.csv`
    """
    pieces = _CODE.split(one_line(text))
    return "".join(
        piece if number % 2 else _escaped(piece, markdown_literal if number else markdown_paragraph)
        for number, piece in enumerate(pieces)
    )


def _escaped(piece: str, escape: Callable[[str], str]) -> str:
    """Text next to code, whose leading and trailing spaces matter."""
    words = piece.strip()
    return piece.replace(words, escape(words), 1) if words else piece


def without_escapes(markdown: str) -> str:
    """Markdown as a terminal shows it: without the backslashes and entities of :func:`markdown_literal`."""
    return _ESCAPED.sub(r"\1", markdown).replace("&amp;", "&")


def csv_cell(text: str) -> str:
    """The text with a quote before it where a spreadsheet would run it as a formula; numbers stay numbers.

    Source: OWASP, CSV Injection.

    >>> csv_cell("=cmd|' /C calc'!A0")
    "'=cmd|' /C calc'!A0"
    """
    safe = visible(text)
    if not safe.lstrip().startswith(_FORMULA_STARTS) and not text.startswith(_FORMULA_STARTS):
        return safe
    try:
        float(safe)
    except ValueError:
        return f"'{safe}"
    return safe
