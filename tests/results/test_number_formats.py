"""Numbers for readers: a small negative number is not shown as -0.0."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from likewise.results import Column, Measured, Table, percent, points
from likewise.results.metric_words import signed_percent

SOURCE = Path(__file__).resolve().parents[2] / "src" / "likewise"
FOR_READERS = (
    "results", "report", "audit", "checks", "explain", "avsl", "cli", "serve", "demo", "curation", "retrieval",
    "training",
)  # fmt: skip


def fixed_point(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Format specifications with a fixed number of decimals, and their lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FormattedValue) and isinstance(node.format_spec, ast.JoinedStr):
            parts = node.format_spec.values
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in parts)
            if re.search(r"\.[^.]*[f%]$", text):
                yield node.lineno, text


@pytest.mark.parametrize("package", FOR_READERS)
def test_rounding_never_leaves_a_minus_before_zero(package: str) -> None:
    """The option ``z`` of a format specification shows -0.04 as 0.0."""
    signed = [
        f"{path.relative_to(SOURCE)}:{line} {{:{text}}}"
        for path in sorted((SOURCE / package).rglob("*.py"))
        for line, text in fixed_point(ast.parse(path.read_text(encoding="utf-8")))
        if "z" not in text
    ]
    assert not signed, f"write the format with z: {signed}"


@pytest.mark.parametrize("value", [-0.0, -1e-9, -0.0004])
def test_cells_and_sentences(value: float) -> None:
    columns = [
        Column("a", digits=2),
        Column("b", "percent", 0),
        Column("c", "points", 0),
        Column("d", digits=1),
    ]
    table = Table(columns, [[value, value, value, Measured(value, low=value, high=0.1)]])
    cells = [cell.text for row in table.shown() for cell in row]
    texts = [*cells, percent(value, 0), points(value), signed_percent(value, 0)]
    assert not [text for text in texts if re.search(r"-0(\.0+)?(?![.\d])", text)]
