"""Variables say what they hold: words that fit anything are refused as names."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "src" / "likewise"
VAGUE = {"one", "ones", "found", "own", "kept", "shown", "told", "asked"}
EXCEPTIONS = {
    "curation/suspects.py found": "Suspects.found is public",
    "avsl/nodes.py own": "LinkedNode.own is public",
    "checks/definition.py shown": "Limit.shown is public: own checks pass it",
    "training/decision.py kept": "Decision.kept is a key of stored results",
}


def _bound(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Names of variables, parameters, fields and attributes where they are bound, with their lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node.lineno
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            yield node.name, node.lineno
        elif isinstance(node, ast.MatchMapping) and node.rest:
            yield node.rest, node.lineno
        elif isinstance(node, ast.alias) and node.asname:
            yield node.asname, node.lineno


def _vague(source: str) -> list[tuple[str, int]]:
    return [(name, line) for name, line in _bound(ast.parse(source)) if name.strip("_") in VAGUE]


def test_no_name_of_the_source_fits_anything() -> None:
    places = {
        f"{path.relative_to(SOURCE).as_posix()} {name}": line
        for path in SOURCE.rglob("*.py")
        for name, line in _vague(path.read_text(encoding="utf-8"))
    }
    refused = [f"{place}, line {line}" for place, line in places.items() if place not in EXCEPTIONS]
    assert not refused, (
        f"say what these hold, such as matches, rows or checkpoint: {'; '.join(sorted(refused))}"
    )
    assert set(EXCEPTIONS) <= set(places), "an exception is not needed any more"


BINDINGS = (
    "own = 1", "own: int = 1", "own += 1", "(rows, *own) = 1, 2", "self._own = 1", "print(own := 1)",
    "import math as own",
    "def call(own): pass", "def call(*own): pass", "def call(*, own=1): pass", "def call(**own): pass",
    "lambda own: 1", "[1 for own in rows]", "for own in rows: pass", "with open('a') as own: pass",
    "class Row:\n    own: int", "try: pass\nexcept OSError as own: pass", "match rows:\n    case [*own]: pass",
    "match rows:\n    case {'a': own}: pass", "match rows:\n    case {**own}: pass",
)  # fmt: skip


@pytest.mark.parametrize("source", BINDINGS)
def test_every_way_to_bind_a_name_is_seen(source: str) -> None:
    assert [name.strip("_") for name, _ in _vague(source)] == ["own"]


def test_use_of_a_name_is_no_binding() -> None:
    assert not _vague("rows = found(own, kept=1).shown + {'asked': one}['told']")
