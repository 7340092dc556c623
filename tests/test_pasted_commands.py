"""Commands that a message advises work when they are pasted, also where a folder has a blank in its name."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import likewise

SOURCE = Path(likewise.__file__).parent
COMMAND = re.compile(
    r"\blikewise (?:audit|check|data|demo|eval|explain|export|fit|index|masks|models|report|search|serve|train)\b"
)
# Numbers, names of networks and checks, and texts that were quoted where they were made.
NOT_PATHS = {
    "images", "most", "REFERENCE", "check.id", "dim", "chosen.name", "chosen.options", "' '.join(words)",
    "model_options", "query", "length",
}  # fmt: skip


def interpolations(file: Path) -> Iterator[tuple[str, str]]:
    """What stands within each command of a file, with the name of the function around it."""
    source = file.read_text(encoding="utf-8")
    if not COMMAND.search(source):
        return
    tree, lines = ast.parse(source), source.splitlines()
    quoted = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and any("shlex.quote(" in line for line in lines[node.lineno - 1 : node.end_lineno])
        for name in node.targets
        for target in (name.elts if isinstance(name, ast.Tuple) else [name])
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.JoinedStr):
            continue
        begun = False
        for part in node.values:
            if isinstance(part, ast.Constant):
                text = str(part.value)
                begins = list(COMMAND.finditer(text))
                text, begun = (text[begins[-1].end() :], True) if begins else (text, begun)
                # A command ends with its backtick, or with the sentence.
                begun = begun and not re.search(r"`|, | or |  \(|:", text)
            elif begun and isinstance(part, ast.FormattedValue):
                value = ast.unparse(part.value)
                if not value.startswith("shlex.quote(") and value not in quoted:
                    yield value, text


def test_paths_in_commands_are_quoted() -> None:
    values = {
        (str(file.relative_to(SOURCE)), value)
        for file in sorted(SOURCE.rglob("*.py"))
        for value, _ in interpolations(file)
    }
    unquoted = [each for each in sorted(values) if each[1] not in NOT_PATHS]
    assert not unquoted, f"{unquoted}: quote paths with shlex.quote(str(...)); name what is none in NOT_PATHS"


@pytest.mark.parametrize(("text", "value"), [
    ('f"There is no {a}: likewise train --resume {b}"', "b"), ('f"likewise search {shlex.quote(a)} {b}"', "b"),
    ('f"see likewise search X, or {b}"', None), ('f"`likewise search X` in {b}"', None),
])  # fmt: skip
def test_a_path_without_quotes_is_seen(text: str, value: str | None, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(text)
    assert [each for each, _ in interpolations(tmp_path / "a.py")] == ([] if value is None else [value])
