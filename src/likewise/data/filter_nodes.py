"""Nodes of a parsed condition: each can be evaluated on a table, and written as SQL for LanceDB.

Truth has three values, as in SQL: a comparison with a missing value is missing, and so fulfils nothing.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

_COMPARE = {
    "=": pc.equal, "<>": pc.not_equal, ">": pc.greater, ">=": pc.greater_equal, "<": pc.less, "<=": pc.less_equal,
}  # fmt: skip


class Node(Protocol):
    """A part of a condition."""

    def value(self, table: pa.Table) -> Any:
        """The values for each row of ``table`` (an Arrow array), or one for all of them (a scalar)."""

    def sql(self) -> str:
        """The same as DataFusion SQL."""


@dataclass(frozen=True)
class Column:
    """A column by its name.

    Attributes:
        name: Its name.
        integers: Whether it contains integers.
        fractions: Whether it is compared with a number that is not whole.
    """

    name: str
    integers: bool = False
    fractions: bool = False

    def value(self, table: pa.Table) -> Any:
        """Its values in a plain type."""
        values = table[self.name]
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        return values.cast(pa.float64()) if pa.types.is_decimal(values.type) else values

    def sql(self) -> str:
        """The name in quotes; LanceDB compares numbers of one type only."""
        name = "`" + self.name.replace("`", "``") + "`"
        return f"CAST({name} AS DOUBLE)" if self.integers and self.fractions else name


@dataclass(frozen=True)
class Constant:
    """Text, a number, a truth value or a time."""

    scalar: pa.Scalar

    def value(self, table: pa.Table) -> Any:  # noqa: ARG002 - the same for every table
        """The constant."""
        return self.scalar

    def sql(self) -> str:
        """The literal."""
        value, kind = self.scalar.as_py(), self.scalar.type
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | float):
            return repr(value)
        if pa.types.is_date(kind):
            return f"date '{value.isoformat()[:10]}'"
        if pa.types.is_timestamp(kind):
            return f"timestamp '{value.replace(tzinfo=None).isoformat(sep=' ')}'"
        return "'" + str(value).replace("'", "''") + "'"


@dataclass(frozen=True)
class Compare:
    """``left word right`` with one of = <> > >= < <=."""

    word: str
    left: Node
    right: Node

    def value(self, table: pa.Table) -> Any:
        """Truth of each row."""
        return _COMPARE[self.word](self.left.value(table), self.right.value(table))

    def sql(self) -> str:
        """The comparison."""
        return f"({self.left.sql()} {self.word} {self.right.sql()})"


@dataclass(frozen=True)
class Logic:
    """``left AND right`` or ``left OR right``."""

    word: str
    left: Node
    right: Node

    def value(self, table: pa.Table) -> Any:
        """Truth of each row."""
        join = pc.and_kleene if self.word == "AND" else pc.or_kleene
        return join(self.left.value(table), self.right.value(table))

    def sql(self) -> str:
        """The conjunction or disjunction."""
        return f"({self.left.sql()} {self.word} {self.right.sql()})"


@dataclass(frozen=True)
class Negation:
    """``NOT inner``."""

    inner: Node

    def value(self, table: pa.Table) -> Any:
        """Truth of each row; what is missing stays missing."""
        return pc.invert(self.inner.value(table))

    def sql(self) -> str:
        """The negation."""
        return f"(NOT {self.inner.sql()})"


@dataclass(frozen=True)
class Member:
    """``column IN (options)``."""

    column: Node
    options: tuple[Constant, ...]

    def value(self, table: pa.Table) -> Any:
        """Truth of each row."""
        values = self.column.value(table)
        result = pc.equal(values, self.options[0].scalar)
        for option in self.options[1:]:
            result = pc.or_kleene(result, pc.equal(values, option.scalar))
        return result

    def sql(self) -> str:
        """The membership."""
        return f"({self.column.sql()} IN ({', '.join(option.sql() for option in self.options)}))"


@dataclass(frozen=True)
class Like:
    """``column LIKE pattern``: % is any text, _ one character."""

    column: Node
    pattern: Constant
    ignore_case: bool

    def value(self, table: pa.Table) -> Any:
        """Truth of each row."""
        return pc.match_like(
            self.column.value(table), self.pattern.scalar.as_py(), ignore_case=self.ignore_case
        )

    def sql(self) -> str:
        """The comparison with the pattern."""
        return f"({self.column.sql()} {'ILIKE' if self.ignore_case else 'LIKE'} {self.pattern.sql()})"


@dataclass(frozen=True)
class Missing:
    """``column IS NULL``."""

    column: Node

    def value(self, table: pa.Table) -> Any:
        """Truth of each row."""
        return pc.is_null(self.column.value(table))

    def sql(self) -> str:
        """The test for missing values."""
        return f"({self.column.sql()} IS NULL)"
