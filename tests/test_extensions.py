"""Things that users add: by registration, by an installed package, by a reference to code that they trust."""

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from likewise import extensions
from likewise.errors import ConfigError, ModelError
from likewise.extensions import Registry, imported, is_reference, resume_command, trust


def adapt(name: str, thing: Any) -> str:
    if not isinstance(thing, str):
        raise ConfigError(f"The loss '{name}' is no text.")
    return thing.upper()


@pytest.fixture
def registry() -> Registry[str]:
    return Registry("loss", "loss.name=", {"triplet": "TRIPLET"}, adapt)


@pytest.fixture(autouse=True)
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module of the user's in the current folder; what it does on import is seen by a file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(extensions, "_trusted", set())
    Path("own_things.py").write_text(
        "from pathlib import Path\nPath('imported').touch()\nmine = 'mine'\nnumber = 3\n"
    )
    Path("broken_things.py").write_text("1 / 0\n")
    yield tmp_path
    for name in ("own_things", "broken_things"):
        sys.modules.pop(name, None)


def test_built_in_and_registered_names(registry: Registry[str]) -> None:
    registry.register("mine", "mine")
    assert registry.get("triplet") == "TRIPLET"
    assert registry.get("mine") == "MINE"
    assert registry.names() == ["mine", "triplet"]


@pytest.mark.parametrize(
    ("name", "thing", "words"),
    [
        ("triplet", "x", "of its own"),
        ("my loss", "x", "cannot name a loss"),
        ("a.b:c", "x", "cannot name a loss"),
        ("mine", 3, "no text"),
    ],
)
def test_a_registration_that_cannot_be(registry: Registry[str], name: str, thing: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        registry.register(name, thing)
    assert registry.names() == ["triplet"]


def test_a_reference_is_followed_only_when_trusted(registry: Registry[str], code: Path) -> None:
    reference = "own_things:mine"
    assert not registry.knows(reference)
    with pytest.raises(ConfigError, match="likewise --trust own_things:mine"):
        registry.get(reference)
    assert not (code / "imported").exists()
    trust(reference)
    assert registry.knows(reference)
    assert registry.get(reference) == "MINE"
    assert (code / "imported").exists()
    assert str(Path.cwd()) not in sys.path


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("experiment.yaml", "loss:\n  name: own_things:mine\n  miner: {name: 'own_things:number'}\n"),
        ("sweep.yaml", "losses:\n- contrastive\n- own_things:mine\n- own_things:number\n"),
    ],
)
def test_the_command_that_resumes_trusts_what_was_trusted(file: str, text: str, tmp_path: Path) -> None:
    folder = tmp_path / "my run"
    folder.mkdir()
    (folder / file).write_text(text)
    assert resume_command(folder) == f"likewise train --resume '{folder}'"
    trust("own_things:mine")
    trust("own_things:elsewhere")
    assert resume_command(folder) == f"likewise --trust own_things:mine train --resume '{folder}'"


def test_one_trusted_reference_does_not_open_others(registry: Registry[str]) -> None:
    trust("own_things:mine")
    with pytest.raises(ConfigError, match="--trust own_things:number"):
        registry.get("own_things:number")


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("own_things:nothing", "has no 'nothing'"),
        ("no_such_module:x", "no module 'no_such_module'"),
        ("broken_things:x", "cannot be imported: ZeroDivisionError"),
        ("own_things:number", "no text"),
    ],
)
def test_code_that_cannot_be_used_is_one_sentence(
    registry: Registry[str], reference: str, words: str
) -> None:
    trust(reference)
    with pytest.raises(ConfigError, match=words):
        registry.get(reference)


def test_an_unknown_name_leads_to_the_nearest_and_to_ones_own(registry: Registry[str]) -> None:
    with pytest.raises(ConfigError, match=r"did you mean 'triplet'.*loss.name=package.module:Name"):
        registry.get("tripplet")


def points(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    group = "likewise.losses"
    found = [EntryPoint(name, value, group) for name, value in values.items()]
    monkeypatch.setattr(extensions, "entry_points", lambda group: found if group == "likewise.losses" else [])


def test_an_installed_package_needs_no_trust(
    registry: Registry[str], code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(code)
    points(monkeypatch, installed="own_things:mine", triplet="own_things:mine")
    assert registry.names() == ["installed", "triplet"]
    assert registry.get("installed") == "MINE"
    assert registry.get("triplet") == "TRIPLET"  # a package cannot replace what likewise has


def test_an_installed_package_that_is_broken_is_named(
    registry: Registry[str], code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(code)
    points(monkeypatch, installed="broken_things:x")
    with pytest.raises(ConfigError, match="installed package broken_things cannot be loaded: ZeroDivision"):
        registry.get("installed")


@pytest.mark.parametrize(
    "text", ["triplet", "", "a:", ":b", "a b:c", "a:b c", "os;x:y", "a/b:c", "a.:b", "1a:b"]
)
def test_what_is_no_reference(text: str) -> None:
    assert not is_reference(text)
    with pytest.raises(ConfigError, match=r"package\.module:Name"):
        trust(text)


def test_the_kind_of_error_is_the_callers() -> None:
    with pytest.raises(ModelError, match="no module"):
        imported("no_such_module:x", "'torch:no_such_module:x'", ModelError)
