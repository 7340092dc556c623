"""Spelling of conditions: quotes for text and names, and advice for conditions that cannot be parsed."""

import re
from collections.abc import Iterable

from sqlglot import Dialect, exp, parse_one, tokens
from sqlglot.errors import SqlglotError


class Spelling(Dialect):
    """The spelling of conditions: 'text', and "column" or `column` where a name needs quotes."""

    class Tokenizer(tokens.Tokenizer):
        """The quotes."""

        QUOTES = ["'"]  # noqa: RUF012 - read by sqlglot
        IDENTIFIERS = ['"', "`"]  # noqa: RUF012


def quoting_hint(text: str, columns: Iterable[str]) -> str:
    """Advice for columns named like an SQL keyword, or with spaces."""
    named = [name for name in columns if re.search(rf'(?<![\w`"]){re.escape(name)}(?![\w`"])', text)]
    needy = next((name for name in named if not _is_plain(name)), "")
    return f"write the column `{needy}` in `backticks`" if needy else ""


def _is_plain(name: str) -> bool:
    try:
        read = parse_one(name, into=exp.Condition, dialect=Spelling)
    except (SqlglotError, RecursionError):
        return False
    return isinstance(read, exp.Column) and read.name == name


def spelled(node: exp.Expr) -> str:
    """A part of a condition as text, for messages."""
    try:
        return repr(node.sql(dialect=Spelling)[:80])
    except (SqlglotError, ValueError, RecursionError):
        return "something"
