"""Audits of users: from docs/background.md, by registration and as a reference, in Python and on the command line."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from html_page import HtmlPage
from likewise import extensions
from likewise.audit import names, register, registry, run
from likewise.cli.app import app
from likewise.data import Catalog
from likewise.errors import ConfigError, WorkError
from likewise.report import Report

DOCUMENTED = Path(__file__).resolve().parents[2] / "docs" / "background.md"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The documented module in the current folder."""
    (code,) = re.findall(
        r"```python\n(# my_audits\.py.*?)```", DOCUMENTED.read_text(encoding="utf-8"), re.DOTALL
    )
    (tmp_path / "my_audits.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(extensions, "_trusted", set())
    monkeypatch.setattr(registry._audits, "_added", {})
    yield tmp_path
    sys.modules.pop("my_audits", None)


@pytest.fixture
def saved(object_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A name under which the command line finds the model."""
    monkeypatch.setattr("likewise.models.load", lambda *_, **__: object_model)
    return "object"


def invoke(*words: object) -> Result:
    return CliRunner().invoke(app, ["audit", "run", *map(str, words)])


def test_the_documented_audit_on_the_command_line(saved: str, world: Path, folder: Path) -> None:
    done = invoke(saved, world / "catalog.csv", "my_audits:crowding", "--out", "page.html", "--json")
    assert done.exit_code == 0, done.output
    printed = json.loads(done.stdout)
    assert printed["mean_distance"] > 0 and printed["verdict"]["level"] in {"good", "warning"}
    page = (folder / "page.html").read_text(encoding="utf-8")
    assert printed["verdict"]["headline"] in page and "mean_distance" in page
    assert "Are the embeddings crowded in a small part of the space" in page


def test_the_seed_of_the_options_or_of_the_audit_itself_is_named() -> None:
    assert registry.seed_of("properties", {"seed": 7}) == 7
    assert registry.seed_of("properties", {}) == 0
    extensions.trust("my_audits:crowding")
    assert registry.seed_of("my_audits:crowding", {}) is None  # takes no seed


def test_options_decide_and_a_crossed_level_ends_with_1(saved: str, world: Path) -> None:
    words = (saved, world / "catalog.csv", "my_audits:crowding", "--json", "--fail-on", "warning")
    strict, lax = invoke(*words, "-o", "least=1.9"), invoke(*words, "-o", "least=0")
    assert strict.exit_code == 1 and json.loads(strict.stdout)["verdict"]["level"] == "warning"
    assert lax.exit_code == 0 and json.loads(lax.stdout)["verdict"]["level"] == "good"


def test_the_page_of_an_audit_names_it_and_the_seed_it_was_given(
    saved: str, world: Path, folder: Path
) -> None:
    def facts(*options: str) -> dict[str, str]:
        done = invoke(saved, world / "catalog.csv", *options, "--out", "page.html")
        assert done.exit_code in {0, 3}, done.output
        return HtmlPage((folder / "page.html").read_text(encoding="utf-8")).facts()

    named = facts("properties", "-o", "permutations=19", "-o", "seed=7")
    assert (named["audit"], named["seed"]) == ("properties", "7")
    assert "seed" not in facts("my_audits:crowding"), "it draws nothing at random"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["my_audits:crowdin"], "did you mean 'crowding'"),
        (["no_such_module:audit"], "no module 'no_such_module'"),
        (["backgroun"], "did you mean 'background'"),
        (["my_audits:crowding", "-o", "leest=1"], "did you mean 'least'"),
        (["my_audits:crowding", "-o", "least"], "write OPTION=VALUE"),
        (["background"], "needs the option 'backgrounds'"),
    ],
)
def test_what_cannot_be_is_one_sentence(saved: str, world: Path, words: list[str], sentence: str) -> None:
    done = invoke(saved, world / "catalog.csv", *words)
    assert isinstance(done.exception, ConfigError) and sentence in str(done.exception)


def test_a_registered_audit_is_known_by_its_name(object_model: Any, world: Path) -> None:
    sys.path.insert(0, str(Path.cwd()))
    try:
        from my_audits import crowding  # type: ignore[import-not-found]
    finally:
        sys.path.pop(0)
    register("crowding", crowding)
    assert "crowding" in names() and "background" in names()
    result = run("crowding", object_model, Catalog.read(world / "catalog.csv"), least=0.0)
    assert result.verdict().level == "good"
    assert "mean_distance" in Report.of("Crowding", result).to_text()


def test_a_built_in_audit_runs_by_its_name(object_model: Any, world: Path) -> None:
    result = run("properties", object_model, Catalog.read(world / "catalog.csv"), permutations=19)
    assert result.to_dict()["verdict"] == result.verdict().to_dict()


@pytest.mark.parametrize(
    ("audit", "kind", "sentence"),
    [
        (3, ConfigError, "must be a function"),
        (lambda model: None, ConfigError, r"callable as audit\(model, catalog\)"),
        (lambda model, catalog: 1 / 0, WorkError, "ZeroDivisionError"),
        (lambda model, catalog: {"verdict": "good"}, WorkError, "returned a dict"),
    ],
)
def test_code_that_is_no_audit(object_model: Any, world: Path, audit: Any, kind: Any, sentence: str) -> None:
    with pytest.raises(kind, match=sentence):
        register("mine", audit)
        run("mine", object_model, Catalog.read(world / "catalog.csv"))


def test_a_reference_that_nobody_trusted_runs_nothing(object_model: Any, world: Path, folder: Path) -> None:
    with pytest.raises(ConfigError, match="--trust"):
        run("my_audits:crowding", object_model, Catalog.read(world / "catalog.csv"))
    assert "my_audits" not in sys.modules
