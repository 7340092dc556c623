"""MkDocs hook: pages of the site that are made, not written.

The README is the home page, every command has a page made from its help, and every package a page made from its
docstrings. Links between files of the repository become links between pages.
"""

import importlib
import re
from pathlib import Path, PurePosixPath
from typing import Any

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from typer.cli import get_docs_for_click

import likewise
from likewise.cli.app import app
from likewise.cli.command_order import PANELS

REPOSITORY = Path(__file__).resolve().parents[2]
# Files of the repository outside docs/ that are pages of the site.
TEXTS = {
    "README.md": "index.md",
    "CHANGELOG.md": "changes.md",
    "CONTRIBUTING.md": "contributing.md",
    "benchmarks/README.md": "benchmarks.md",
    "experiments/README.md": "experiments.md",
}
GUIDES = {
    "Guides": (
        "data", "curation", "models", "check", "retrieval", "explain", "background", "compare", "training", "losses",
        "avsl", "scenes", "reports", "serve",
    ),
    "Background": ("words", "papers", "results", "benchmarks", "experiments", "reliability", "contributing", "changes"),
}  # fmt: skip
_LINK = re.compile(r"(\]\()(?!https?:|mailto:|#)([^)#\s]+)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """The navigation: guides, commands in the order of their help, packages."""
    guides = [
        {title: [f"{name}.md" for name in names if _is_page(f"{name}.md")]} for title, names in GUIDES.items()
    ]
    commands = [
        {panel: [f"commands/{_file(words)}.md" for words in _commands() if words[0] in names]}
        for panel, names in PANELS.items()
        if any(words[0] in names for words in _commands())
    ]
    packages = [f"api/{name}.md" for name in likewise._PACKAGES]
    config.nav = [{"Home": "index.md"}, guides[0], {"Commands": commands}, {"Python": packages}, guides[1]]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made."""
    made = {target: (REPOSITORY / source).read_text(encoding="utf-8") for source, target in TEXTS.items()}
    made |= {f"commands/{_file(words)}.md": _command_page(words) for words in _commands()}
    made |= {f"api/{name}.md": _package_page(name) for name in likewise._PACKAGES}
    for target, text in made.items():
        files.append(File.generated(config, target, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Turn links to files of the repository into links to pages, or into plain names where there is no page."""
    sources = {target: source for source, target in TEXTS.items()}
    source = PurePosixPath(sources.get(page.file.src_uri, f"docs/{page.file.src_uri}"))

    def changed(link: re.Match[str]) -> str:
        path = _normalized(source.parent / link[2])
        return link[1] + _relative(_page_of(path), PurePosixPath(page.file.src_uri).parent)

    return _LINK.sub(changed, markdown)


def _page_of(path: str) -> str:
    """Page or picture of the site for a file of the repository."""
    return TEXTS.get(path, path.removeprefix("docs/"))


def _normalized(path: PurePosixPath) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


def _relative(target: str, folder: PurePosixPath) -> str:
    return "/".join([".."] * len(folder.parts) + [target])


def _is_page(name: str) -> bool:
    return name in TEXTS.values() or (REPOSITORY / "docs" / name).is_file()


def _commands() -> list[tuple[str, ...]]:
    """Every command that does something, as words after ``likewise``, in the order of its help."""

    def below(group: Any, words: tuple[str, ...]) -> list[tuple[str, ...]]:
        found = list[tuple[str, ...]]()
        for name, command in _subcommands(group):
            inner = below(command, (*words, name)) if hasattr(command, "commands") else [(*words, name)]
            found += inner
        return found

    return below(typer.main.get_command(app), ())


def _subcommands(group: Any) -> list[tuple[str, Any]]:
    context = typer.Context(group)
    return [(name, group.get_command(context, name)) for name in group.list_commands(context)]


def _file(words: tuple[str, ...]) -> str:
    return "-".join(words)


def _command_page(words: tuple[str, ...]) -> str:
    command: Any = typer.main.get_command(app)
    for word in words:
        command = dict(_subcommands(command))[word]
    text = get_docs_for_click(
        obj=command,
        ctx=typer.Context(command),
        name=words[-1],
        call_prefix=" ".join(["likewise", *words[:-1]]),
    )
    return f"---\ntitle: {' '.join(words)}\n---\n\n{text}"


def _package_page(name: str) -> str:
    package = importlib.import_module(f"likewise.{name}")
    lines = [f"# likewise.{name}", "", (package.__doc__ or "").strip(), ""]
    for member in sorted(package.__all__):
        lines += [f"::: likewise.{name}.{member}", ""]
    return "\n".join(lines)
