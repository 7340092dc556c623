"""What the documents name exists: files they link to, commands with their options, Python names, settings."""

import ast
import importlib
import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import BaseModel

from likewise.cli.app import app
from likewise.losses import describe, miner_names, names
from likewise.training import Experiment

REPOSITORY = Path(__file__).resolve().parent.parent
DOCUMENTS = [
    *sorted(REPOSITORY.glob("*.md")),
    *sorted((REPOSITORY / "docs").glob("*.md")),
    REPOSITORY / "benchmarks" / "README.md",
]
COMMANDS: Any = typer.main.get_command(app)
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)")
COMMAND = re.compile(r"(?:[A-Z_]+=\S+ )*likewise [a-z]")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def named(document: Path) -> str:
    return document.relative_to(REPOSITORY).as_posix()


def commands(text: str) -> list[str]:
    """Command lines of fenced and indented blocks, and those in `backticks`, continued lines joined."""
    fenced = "\n".join(code for language, code in FENCE.findall(text) if language != "python")
    prose = FENCE.sub("", text)
    indented = "\n".join(re.findall(r"^    .*", prose, re.MULTILINE))
    lines = f"{fenced}\n{indented}".replace("\\\n", " ").splitlines()
    inline = re.findall(r"`(likewise [^`]*)`", prose)
    return [line for line in [*map(str.strip, lines), *inline] if COMMAND.match(line)]


def python_blocks(text: str) -> list[str]:
    return [code for language, code in FENCE.findall(text) if language == "python"]


def without_comment(line: str) -> list[str]:
    words = shlex.split(line, comments=True)
    return words[words.index("likewise") + 1 :]


def faults(line: str) -> Iterator[str]:
    """What is wrong with a command line; words in capitals stand for the user's own."""
    words, command = without_comment(line), COMMANDS
    while words and hasattr(command, "commands"):
        word = words[0]
        if word.startswith("-") or word in ("...", "COMMAND"):
            break
        choices = word.split("|")
        if unknown := [choice for choice in choices if choice not in command.commands]:
            if "make" in command.commands and len(choices) == 1:  # likewise masks CATALOG
                command = command.commands["make"]
                break
            yield f"there is no command {unknown[0]!r}"
            return
        command, words = command.commands[choices[0]], words[1:]
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    for word in words:
        option = word.split("=", maxsplit=1)[0]
        if re.fullmatch(r"--?[a-z][a-z-]*", option) and option not in known | {"--help", "-h"}:
            yield f"{command.name} has no option {option}"
    if command.name == "train":
        yield from setting_faults(words)


def setting_faults(words: list[str]) -> Iterator[str]:
    for option, value in pairwise(words):
        key = value.split("=", maxsplit=1)[0]
        if option == "-o" and "=" in value and key.islower() and not is_setting(key.split("."), Experiment):
            yield f"there is no setting {key}"


def is_setting(parts: list[str], model: type[BaseModel]) -> bool:
    if parts[0] not in model.model_fields:
        return False
    inner = models_in(model.model_fields[parts[0]].annotation)
    return len(parts) == 1 or not inner or any(is_setting(parts[1:], each) for each in inner)


def models_in(kind: Any) -> list[type[BaseModel]]:
    if isinstance(kind, type):
        return [kind] if issubclass(kind, BaseModel) else []
    return [model for part in getattr(kind, "__args__", ()) for model in models_in(part)]


def anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_links_lead_somewhere(document: Path) -> None:
    for name, anchor in LINK.findall(FENCE.sub("", document.read_text(encoding="utf-8"))):
        target = document.parent / name if name else document
        assert target.exists(), f"{named(document)} links to {name}, which is not there"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{named(document)} links to {name}#{anchor}, no such heading"


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_commands_and_options_exist(document: Path) -> None:
    for line in commands(document.read_text(encoding="utf-8")):
        assert not list(faults(line)), f"{named(document)}: {line}"


def advised(module: Path) -> list[str]:
    """Command lines in `backticks` in the texts of a module; a value stands as VALUE."""
    texts = []
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            texts.append(
                "".join(part.value if isinstance(part, ast.Constant) else "VALUE" for part in node.values)
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts.append(node.value)
    return [line for text in texts for line in re.findall(r"`(likewise [a-z][^`]*)`", text)]


def test_advice_of_the_program_can_be_followed() -> None:
    modules = sorted((REPOSITORY / "src" / "likewise").rglob("*.py"))
    lines = {line for module in modules for line in advised(module)}
    assert len(lines) > 50
    assert not {line: found for line in sorted(lines) if (found := [*faults(line)])}


def test_a_wrong_command_would_be_found() -> None:
    text = (
        "`likewise serch x`\n\n    likewise eval runs/a --splitt test\n\n"
        "```\nlikewise train a -o data.catalogue=b \\\n    --ou c\nlikewise index build|ad M C\n```\n"
    )
    found = [fault for line in commands(text) for fault in faults(line)]
    assert sorted(found) == sorted([
        "there is no command 'serch'", "eval has no option --splitt", "train has no option --ou",
        "there is no setting data.catalogue", "there is no command 'ad'",
    ])  # fmt: skip


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_python_names_exist(document: Path) -> None:
    for code in python_blocks(document.read_text(encoding="utf-8")):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("likewise"):
                module = importlib.import_module(node.module or "")
                missing = [alias.name for alias in node.names if not hasattr(module, alias.name)]
                assert not missing, f"{named(document)}: {node.module} has no {missing[0]}"
            elif isinstance(node, ast.Attribute) and (parts := dotted(node)) and parts[0] == "likewise":
                importlib.import_module("likewise")
                value: Any = importlib.import_module("likewise")
                for part in parts[1:]:
                    assert hasattr(value, part), f"{named(document)}: {'.'.join(parts)} does not exist"
                    value = getattr(value, part)


def dotted(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Name):
        return [node.id]
    inner = dotted(node.value) if isinstance(node, ast.Attribute) else []
    return [*inner, node.attr] if inner and isinstance(node, ast.Attribute) else []


def test_the_guide_lists_every_loss_and_miner_with_its_parameters() -> None:
    text = (REPOSITORY / "docs" / "losses.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (\w+) \| [^|]* \|([^|]*)\|$", text, re.MULTILINE)
    assert sorted(name for name, *_ in rows) == names()
    assert sorted(re.findall(r"^\| `(\w+)` \| [^|]* \|$", text, re.MULTILINE)) == miner_names()
    for name, kind, distance, parameters in rows:
        described = describe(name)
        assert (kind, distance) == (described.kind, described.distance)
        shown = set(re.findall(r"`(\w+)`", parameters))
        assert shown == set(described.defaults) or (
            distance == "avsl" and shown <= set(described.defaults)
        ), name


def test_the_readme_leads_to_every_guide() -> None:
    linked = {name for name, _ in LINK.findall((REPOSITORY / "README.md").read_text(encoding="utf-8"))}
    assert {f"docs/{guide.name}" for guide in (REPOSITORY / "docs").glob("*.md")} <= linked


NOUN = "row|vector|map|number|value|image|photo|copy|copies|centre|proxy|pair|entry|entries|file|folder|seed|mapping"
UNIT = "image|class|vector|row|pair|query|model|property|epoch|level|node|loss|training|fold|mask|photo|column|batch"
DISTRIBUTIVE = re.compile(
    rf"\b(?:one|two|three|several|\d+) (?:{NOUN})s? an? (?:{UNIT})(?=\s*(?:[.,;:)|]|$))",
    re.IGNORECASE | re.MULTILINE,
)


@pytest.mark.parametrize(
    "path", [*DOCUMENTS, *sorted((REPOSITORY / "src" / "likewise").rglob("*.py"))], ids=named
)
def test_it_is_per_image_and_not_an_image(path: Path) -> None:
    found = DISTRIBUTIVE.findall(path.read_text(encoding="utf-8"))
    assert not found, f"{named(path)}: write 'per' in {found[0]!r}"


def test_the_word_per_would_be_missed() -> None:
    bad = (
        "one row a class:",
        "several centres a class, of which",
        "one vector an image",
        "2 images a class)",
    )
    good = (
        "one vector per class",
        "two images a model finds similar",
        "one image of a class.",
        "as one is a model.",
    )
    assert all(DISTRIBUTIVE.search(text) for text in bad) and not any(map(DISTRIBUTIVE.search, good))
