"""The house rules, checked on whatever packages there are: layers, light start, docstrings, help, size."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
import typer

from likewise.cli.app import app

SOURCE = Path(__file__).resolve().parent.parent / "src" / "likewise"
# Single files (images, files, seeds, errors...) and drawing stand below all packages.
GROUND = ("drawing", *sorted(path.stem for path in SOURCE.glob("*.py") if not path.stem.startswith("__")))
# From the top down. What AVSL models need has one home, of which two parts stand on floors of their own.
LAYERS = (
    "cli", "serve", "demo", "checks", "report", "audit", "curation", "avsl.explanation", "explain",
    "avsl.initialization", "training", "retrieval", "losses", "models", "avsl", "scenes", "jobs", "results", "data",
    "environment", *GROUND,
)  # fmt: skip
# The imports that point upward, each inside one function: methods that save users an import of their own, and
# the ways of AVSL models, which are explained and initialised differently.
CONVENIENCES = {
    (
        "likewise.explain",
        "likewise.avsl.explanation.naming",
    ): "public names of likewise.explain, loaded lazily",
    ("likewise.explain.pairs", "likewise.avsl.explanation.pairs"): "pairs of AVSL models",
    ("likewise.training.initialization", "likewise.avsl.initialization"): "AVSL heads",
    ("likewise.models.similarity_model", "likewise.explain"): "SimilarityModel.explain",
    ("likewise.explain.pair_types", "likewise.report.explanations"): "PairExplanation.report and .save",
    ("likewise.explain.text_pairs", "likewise.report.explanations"): "TextExplanation.report and .save",
    ("likewise.avsl.explanation.naming", "likewise.report.explanations"): "NodeName.report and .save",
    (
        "likewise.training.sweep_results",
        "likewise.report",
    ): "SweepResults.save writes the page beside the tables",
    ("likewise.training.sweep_runner", "likewise.report"): "each Run of a sweep gets its page when it ends",
}
HEAVY = ("torch", "torchvision", "timm", "lightning_fabric", "pandas", "pyarrow", "matplotlib", "scipy", "sklearn",
         "lancedb", "pytorch_metric_learning", "captum", "onnxruntime", "rembg", "ray", "fastapi", "uvicorn",
         "prometheus_client", "httpx")  # fmt: skip
MAX_LINES = 300
MODULES = sorted(SOURCE.rglob("*.py"))


@dataclass(frozen=True)
class Import:
    """One module named in an import statement."""

    target: str
    line: int
    when: str  # "top" of the module, "inside" a function, for "types" only


def name_of(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer_of(module: str) -> str | None:
    """The floor of a module: the second part of its dotted name, or two parts that are listed; None for the package."""
    parts = module.split(".")
    below = ".".join(parts[1:3])
    return below if below in LAYERS else parts[1] if len(parts) > 1 else None


@cache
def names() -> frozenset[str]:
    return frozenset(name_of(path) for path in MODULES)


@cache
def imports_of(path: Path) -> tuple[Import, ...]:
    return tuple(_imports(ast.parse(path.read_text(encoding="utf-8")), "top"))


def _imports(node: ast.AST, when: str) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, when) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"line {child.lineno}: imports are absolute"
            for alias in child.names:
                below = f"{child.module}.{alias.name}"
                yield Import(below if below in names() else str(child.module), child.lineno, when)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from _imports(child, "types")
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(child, "inside" if inside and when == "top" else when)


def convenience(path: Path, found: Import) -> bool:
    """Whether an import is one of the listed upward ones; for types alone, its package may be named."""
    listed = {target for module, target in CONVENIENCES if module == name_of(path)}
    if found.when == "types":
        return any(found.target == target or target.startswith(f"{found.target}.") for target in listed)
    return found.when == "inside" and found.target in listed


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_point_downward(path: Path) -> None:
    own = layer_of(name_of(path))
    if own is None or own == "__main__":  # the package offers everything, lazily
        return
    assert own in LAYERS, f"{own} is no layer of the house: place it in DESIGN.md and in LAYERS"
    for found in imports_of(path):
        other = layer_of(found.target) if found.target.split(".")[0] == "likewise" else None
        if other is None or other == own or convenience(path, found):
            continue
        assert other in LAYERS, f"{path}:{found.line} imports {found.target}, which is no layer"
        if own in GROUND:
            assert other in GROUND, f"{path}:{found.line} imports {found.target} from above"
        else:
            upward = LAYERS.index(other) < LAYERS.index(own)
            assert not upward, f"{path}:{found.line} imports {found.target} from above"


def test_every_listed_convenience_is_used() -> None:
    used = {(name_of(path), found.target) for path in MODULES for found in imports_of(path)}
    assert not CONVENIENCES.keys() - used, "take what is no longer imported off the list"


def test_likewise_is_imported_where_there_is_no_unix() -> None:
    """Windows lacks these modules: their import stands in a ``try``."""
    unix = {"fcntl", "grp", "pwd", "resource", "termios"}
    needed = [
        f"{path}:{statement.lineno}"
        for path in MODULES
        for statement in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(statement, ast.Import) and unix & {alias.name for alias in statement.names}
    ]
    assert not needed


def test_no_module_needs_itself() -> None:
    """Imports inside functions count, since they hide a circle as well as they break it."""
    graph = {
        name_of(path): {
            found.target
            for found in imports_of(path)
            if found.when != "types"
            and found.target in names() - {"likewise"}
            and not convenience(path, found)
        }
        for path in MODULES
    }
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"modules import each other in a circle: {' -> '.join(error.args[1])}")


LIGHT = [SOURCE / "__init__.py", SOURCE / "__main__.py", SOURCE / "errors.py", SOURCE / "files.py", SOURCE / "seeds.py",
         SOURCE / "progress.py", *sorted((SOURCE / "cli").glob("*.py"))]  # fmt: skip


@pytest.mark.parametrize("path", LIGHT, ids=name_of)
def test_light_modules_import_nothing_heavy_at_their_top(path: Path) -> None:
    for found in imports_of(path):
        if found.when == "top":
            assert found.target.split(".")[0] not in HEAVY, (
                f"{path}:{found.line} imports {found.target} at its top"
            )


@pytest.mark.parametrize(
    "arguments", [["-c", "import likewise"], ["-m", "likewise", "--help"]], ids=["import", "help"]
)
def test_starting_loads_nothing_heavy(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments], capture_output=True, text=True, check=True
    )
    loaded = {
        line.rpartition("|")[2].strip()
        for line in done.stderr.splitlines()
        if line.startswith("import time:")
    }
    assert "likewise" in loaded
    assert not {module for module in loaded if module.split(".")[0] in HEAVY}


def _documented(tree: ast.Module) -> Iterator[tuple[str, int, bool]]:
    yield "module", 1, bool(ast.get_docstring(tree))
    for node in tree.body:
        if isinstance(
            node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
        ) and not node.name.startswith("_"):
            yield node.name, node.lineno, bool(ast.get_docstring(node))
            if isinstance(node, ast.ClassDef):
                for part in node.body:
                    if (
                        isinstance(part, ast.FunctionDef)
                        and not part.name.startswith("_")
                        and not _overrides(part)
                    ):
                        yield f"{node.name}.{part.name}", part.lineno, bool(ast.get_docstring(part))


def _overrides(function: ast.FunctionDef) -> bool:
    """Whether the method is said to keep what a documented one above it promises."""
    return any("override" in ast.unparse(decorator) for decorator in function.decorator_list)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_public_things_say_what_they_are(path: Path) -> None:
    private = any(
        part.startswith("_") and not part.startswith("__") for part in path.relative_to(SOURCE).parts
    )
    if not private:
        bare = [
            f"{name} (line {line})"
            for name, line, there in _documented(ast.parse(path.read_text()))
            if not there
        ]
        assert not bare, f"{path} has no docstring on {', '.join(bare)}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_files_hold_one_concept(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MAX_LINES, f"{path} has over {MAX_LINES} lines: it contains two concepts"
    assert path.stem not in {"utils", "helpers", "common", "misc"}, f"{path}: find the name of the concept"
    unfinished = re.search(r"\b(TODO|FIXME|XXX)\b|[\"'(](/work|/tmp|/home)\b", text)
    assert not unfinished, f"{path} holds {unfinished[0]!r}"  # type: ignore[index]  # None passes


def _commands(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    below_it = getattr(command, "commands", None)
    if below_it is not None:
        for name, below in below_it.items():
            yield from _commands(below, (*words, name))
    else:
        yield " ".join(words), command


COMMANDS = dict(_commands(typer.main.get_command(app), ("likewise",)))


@pytest.mark.parametrize("words", sorted(COMMANDS))
def test_every_command_has_help_with_an_example(words: str) -> None:
    command = COMMANDS[words]
    text = command.help or ""
    assert "Example" in text, f"the help of `{words}` has no example"
    group = " ".join(words.split()[:2])  # a group may do without the name of its usual command
    assert group in text.partition("Example")[2], f"the example of `{words}` does not show it"
    for parameter in command.params:
        described = getattr(parameter, "help", None)
        assert described, f"`{words}` does not say what {parameter.opts[0]} is"


@pytest.mark.parametrize("words", sorted(COMMANDS))
def test_help_is_printed(words: str) -> None:
    from typer.testing import CliRunner

    result = CliRunner().invoke(app, [*words.split()[1:], "--help"])
    assert result.exit_code == 0 and "Usage:" in result.stdout


def test_test_files_have_names_of_their_own() -> None:
    names = [path.name for path in Path(__file__).parent.rglob("test_*.py")]
    twice = sorted({name for name in names if names.count(name) > 1})
    assert not twice, f"pytest imports test files by their bare names, which must differ: {twice}"
