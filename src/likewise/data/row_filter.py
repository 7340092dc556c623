"""Conditions over the columns of a catalog or an index, such as ``brand = 'acme' and height > 3``.

A condition is SQL, cut down to names of columns, constants, comparisons and logic; nothing else can be written,
so that no text of a user is ever code. Missing values fulfil no comparison, as SQL defines it, and the same
condition chooses the same images in a catalog and in an index.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from likewise.data.condition_words import Spelling, quoting_hint, spelled
from likewise.data.filter_nodes import Column, Compare, Constant, Like, Logic, Member, Missing, Negation, Node
from likewise.errors import CatalogError, choices

Kind = Literal["text", "number", "truth", "time", "missing"]

_LONGEST = 10_000
_DEEPEST = 100
_COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.LT: "<",
    exp.LTE: "<=",
}
_KNOWN_PARTS = {
    "this", "expression", "expressions", "low", "high", "negate", "is_string", "query", "unnest", "field",
}  # fmt: skip
_EXAMPLE = "write it like  brand = 'acme' and height > 3"
_ALLOWED = "but only columns, constants, comparisons and logic are allowed"


@dataclass(frozen=True)
class RowFilter:
    """A condition that was read and fits the columns; make one with :meth:`parse`.

    Attributes:
        text: As it was written.
        columns: Names of the columns it asks for.
        tree: Parsed condition.
    """

    text: str
    columns: tuple[str, ...]
    tree: Node

    @classmethod
    def parse(cls, text: str, types: Mapping[str, pa.DataType]) -> "RowFilter":
        """Read a condition.

        Args:
            text: The condition.
            types: Arrow type of each column that may be named.

        Raises:
            CatalogError: It is not a condition, names a column that does not exist, or compares values of
                different kinds.
        """
        if len(text) > _LONGEST:
            raise CatalogError(
                f"A condition has at most {_LONGEST:,} characters, but this has {len(text):,}."
            )
        reader = _Reader(text, types)
        try:
            tree = reader.truth(parse_one(text, into=exp.Condition, dialect=Spelling))
        except CatalogError:
            raise
        except (SqlglotError, RecursionError, ValueError, OverflowError, pa.ArrowException) as error:
            raise CatalogError(
                f"The condition {text[:200]!r} cannot be read: {quoting_hint(text, types) or _EXAMPLE}."
            ) from error
        return cls(text, tuple(reader.columns), tree)

    def rows(self, table: pa.Table) -> NDArray[np.bool_]:
        """(N,) True for the rows of ``table`` that fulfil the condition."""
        fits = pc.fill_null(self.tree.value(table), False)
        if isinstance(fits, pa.Scalar):  # it names no column
            return np.full(table.num_rows, fits.as_py())
        if isinstance(fits, pa.ChunkedArray):
            fits = fits.combine_chunks()
        return np.asarray(fits.to_numpy(zero_copy_only=False), dtype=bool)

    def sql(self) -> str:
        """The condition for LanceDB (DataFusion SQL), written from the parsed nodes."""
        return self.tree.sql()


class _Reader:
    """Turns what sqlglot read into nodes, and refuses everything that is not known to be harmless."""

    def __init__(self, text: str, types: Mapping[str, pa.DataType]) -> None:
        self.text, self.types = text, types
        self.columns: dict[str, None] = {}

    def truth(self, node: exp.Expr, depth: int = 0) -> Node:
        """Nodes with a boolean value per row."""
        if depth > _DEEPEST:
            raise self._refused("it is nested too deeply")
        if isinstance(node, exp.Paren):
            return self.truth(node.this, depth + 1)
        if isinstance(node, exp.Not):
            return Negation(self.truth(node.this, depth + 1))
        if isinstance(node, exp.And | exp.Or):
            word = "AND" if isinstance(node, exp.And) else "OR"
            return Logic(word, self.truth(node.this, depth + 1), self.truth(node.expression, depth + 1))
        if isinstance(node, exp.Column | exp.Boolean):
            if self._kind(node) != "truth":
                raise self._refused("it does not say yes or no for each row: compare with =, <, > or in")
            return self._read(node)
        return self._comparison(node)

    def _comparison(self, node: exp.Expr) -> Node:
        unknown = {name for name, value in node.args.items() if value} - _KNOWN_PARTS
        if unknown:
            raise self._refused(f"it uses {', '.join(sorted(unknown))}, {_ALLOWED}")
        return Negation(self._plain(node)) if node.args.get("negate") else self._plain(node)

    def _plain(self, node: exp.Expr) -> Node:
        if type(node) in _COMPARISONS:
            left, right = self._same(node.this, node.expression)
            return Compare(_COMPARISONS[type(node)], left, right)
        if isinstance(node, exp.Between):
            value, low, high = self._same(node.this, node.args["low"], node.args["high"])
            return Logic("AND", Compare(">=", value, low), Compare("<=", value, high))
        if isinstance(node, exp.In):
            return self._member(node)
        if isinstance(node, exp.Like | exp.ILike):
            return self._like(node)
        if isinstance(node, exp.Is):
            if not isinstance(node.expression, exp.Null) or not isinstance(node.this, exp.Column):
                raise self._refused("'is' compares a column with null, such as  brand is not null")
            return Missing(self._read(node.this))
        if isinstance(node, exp.BitwiseAnd | exp.BitwiseOr):
            raise self._refused("'and' and 'or' are written as words")
        if isinstance(node, exp.Literal | exp.Neg):
            raise self._refused("it does not say yes or no for each row: compare with =, <, > or in")
        raise self._refused(f"it contains {spelled(node)}, {_ALLOWED}")

    def _like(self, node: exp.Like | exp.ILike) -> Node:
        column, pattern = self._same(node.this, node.expression)
        if (
            not isinstance(column, Column)
            or not isinstance(pattern, Constant)
            or not node.expression.is_string
        ):
            raise self._refused(
                "'like' compares a column of text with a pattern, such as  path like 'shoes/%'"
            )
        return Like(column, pattern, isinstance(node, exp.ILike))

    def _member(self, node: exp.In) -> Node:
        if not node.expressions or any(node.args.get(part) for part in ("query", "unnest", "field")):
            raise self._refused("'in' needs a list, such as  brand in ('acme', 'apex')")
        column, *options = self._same(node.this, *node.expressions)
        constants = tuple(option for option in options if isinstance(option, Constant))
        if not isinstance(column, Column) or len(constants) < len(options):
            raise self._refused("'in' compares a column with constants, such as  brand in ('acme', 'apex')")
        return Member(column, constants)

    def _same(self, *values: exp.Expr) -> list[Node]:
        """The values, which must be of the same type; text is parsed as time if the column contains times."""
        kinds = [self._kind(value) for value in values]
        pairs = list(zip(values, kinds, strict=True))
        time = next((self.types[self._name(value)] for value, kind in pairs if kind == "time"), None)
        as_times = [time is not None and kind == "text" and value.is_string for value, kind in pairs]
        kinds = ["time" if as_time else kind for kind, as_time in zip(kinds, as_times, strict=True)]
        if len(set(kinds) - {"missing"}) > 1:
            compared = " with ".join(f"{spelled(value)} ({kind})" for value, kind in pairs)
            raise self._refused(
                f"it compares {compared}; numbers are written without quotes, text in 'single quotes'"
            )
        read = [
            self._read(value, time if as_time else None)
            for value, as_time in zip(values, as_times, strict=True)
        ]
        fractions = any(
            isinstance(node, Constant) and isinstance(node.scalar.as_py(), float) for node in read
        )
        return [replace(node, fractions=fractions) if isinstance(node, Column) else node for node in read]

    def _kind(self, node: exp.Expr) -> Kind:
        if isinstance(node, exp.Paren):
            return self._kind(node.this)
        if isinstance(node, exp.Literal):
            return "text" if node.is_string else "number"
        if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal) and not node.this.is_string:
            return "number"
        if isinstance(node, exp.Boolean):
            return "truth"
        if isinstance(node, exp.Column):
            name = self._name(node)
            kind = _kind_of(self.types[name])
            if kind is None:
                raise self._refused(f"column {name!r} contains {self.types[name]}, which cannot be compared")
            return kind
        if isinstance(node, exp.Null):
            raise self._refused("it compares with null: write  brand is null  or  brand is not null")
        raise self._refused(f"it contains {spelled(node)}, {_ALLOWED}")

    def _read(self, node: exp.Expr, time: pa.DataType | None = None) -> Node:
        if isinstance(node, exp.Paren):
            return self._read(node.this, time)
        if isinstance(node, exp.Column):
            name = self._name(node)
            self.columns[name] = None
            return Column(name, integers=pa.types.is_integer(self.types[name]))
        if isinstance(node, exp.Boolean):
            return Constant(pa.scalar(bool(node.this)))
        if isinstance(node, exp.Neg):
            return Constant(pa.scalar(-_number(node.this.this)))
        if time is not None:
            return Constant(self._moment(node.this, time))
        return Constant(pa.scalar(node.this) if node.is_string else pa.scalar(_number(node.this)))

    def _name(self, node: exp.Expr) -> str:
        while isinstance(node, exp.Paren):
            node = node.this
        if (
            not isinstance(node, exp.Column)
            or not isinstance(node.this, exp.Identifier)
            or node.args.get("table")
        ):
            raise self._refused(f"it contains {spelled(node)}, {_ALLOWED}")
        name = str(node.this.this)
        if name not in self.types:
            hint = "text is written in 'single quotes'; " if node.this.args.get("quoted") else ""
            raise CatalogError(
                f"The condition {self.text!r} names {name!r}, which is not a column: {hint}{choices(name, self.types)}"
            )
        return name

    def _moment(self, text: str, kind: pa.DataType) -> pa.Scalar:
        try:
            return pa.scalar(datetime.fromisoformat(text).replace(tzinfo=None)).cast(kind)
        except (ValueError, pa.ArrowException) as error:
            reason = f"{text!r} is not a date or time: write it like '2024-12-31' or '2024-12-31 18:00:00'"
            raise self._refused(reason) from error

    def _refused(self, reason: str) -> CatalogError:
        return CatalogError(f"The condition {self.text!r} cannot be used: {reason}.")


def _kind_of(kind: pa.DataType) -> Kind | None:
    if pa.types.is_dictionary(kind):
        return _kind_of(kind.value_type)
    tests: Sequence[tuple[Kind, Any]] = (
        ("text", lambda: pa.types.is_string(kind) or pa.types.is_large_string(kind)),
        ("truth", lambda: pa.types.is_boolean(kind)),
        (
            "number",
            lambda: pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind),
        ),
        ("time", lambda: pa.types.is_timestamp(kind) or pa.types.is_date(kind)),
        ("missing", lambda: pa.types.is_null(kind)),
    )
    return next((name for name, test in tests if test()), None)


def _number(text: str) -> int | float:
    number = float(text)
    return (
        int(text)
        if text.isdigit()
        else int(number)
        if number.is_integer() and abs(number) < 2**53
        else number
    )
