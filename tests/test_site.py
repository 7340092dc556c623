"""The documentation site builds without a warning and has a page for every command, package and guide."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

import likewise
from likewise.cli.app import app

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mkdocs")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "-q", "--strict", "--site-dir", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def leaves(command: Any, words: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        return [words]
    return [leaf for name, below in inner.items() for leaf in leaves(below, (*words, name))]


def test_every_command_has_a_page_with_its_options(site: Path) -> None:
    for words in leaves(typer.main.get_command(app)):
        page = (site / "commands" / "-".join(words) / "index.html").read_text(encoding="utf-8")
        assert f"likewise {' '.join(words)}" in page
    assert "--approximate-recall" in (site / "commands" / "index-build" / "index.html").read_text(
        encoding="utf-8"
    )


def test_every_public_name_is_described(site: Path) -> None:
    for package in likewise._PACKAGES:
        page = (site / "api" / package / "index.html").read_text(encoding="utf-8")
        for name in getattr(likewise, package).__all__:
            assert f'id="likewise.{package}.{name}"' in page, f"{package}.{name} has no entry"
        assert ":class:`" not in page


def test_guides_and_texts_of_the_repository_are_pages(site: Path) -> None:
    home = (site / "index.html").read_text(encoding="utf-8")
    for guide in (REPOSITORY / "docs").glob("*.md"):
        assert (site / guide.stem / "index.html").is_file()
        assert f'href="{guide.stem}/"' in home, f"{guide.name} is missing in the navigation"
    assert 'href="data/"' in home
    assert 'src="pictures/' in home
    assert 'href="benchmarks/"' in home


def test_the_site_loads_nothing_from_other_servers(site: Path) -> None:
    home = (site / "index.html").read_text(encoding="utf-8")
    assert "fonts.googleapis" not in home
    assert 'src="http' not in home
    assert 'rel="stylesheet" href="http' not in home
