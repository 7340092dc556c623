"""What `likewise serve` is told reaches the server: each option its setting, the model its index."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from likewise.cli.app import app
from likewise.serve.settings import Settings

Served = Callable[..., tuple[list[str], Settings, dict[str, Any]]]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Served:
    """Calls the command; returns what the server would be started with."""
    calls: list[tuple[list[str], Settings, dict[str, Any]]] = []
    monkeypatch.setattr(
        "likewise.serve.running.serve",
        lambda indexes, settings, models, _: calls.append((indexes, settings, models)),
    )

    def invoke(*words: object) -> tuple[list[str], Settings, dict[str, Any]]:
        done = CliRunner().invoke(app, ["serve", *map(str, words)])
        assert done.exit_code == 0, done.exception
        return calls.pop()

    return invoke


def test_each_option_of_serve_reaches_its_setting(served: Served, tmp_path: Path) -> None:
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    indexes, settings, models = served(
        "a.index", "b.index", "--host", "0.0.0.0", "--port", 8123, "--device", "cpu", "--runtime", "auto",
        "--keys", tmp_path / "own.json", "--masks", "u2netp", "--reports", tmp_path,
        "--threshold", first, "--threshold", second, "--allow-urls",
        "--host-name", "Search.Example.com", "--host-name", "shop", "--limit", "k=7", "--limit", "seconds=2.5",
    )  # fmt: skip
    assert indexes == ["a.index", "b.index"] and models == {}
    assert settings == Settings(
        host="0.0.0.0", port=8123, device="cpu", runtime="auto", keys=tmp_path / "own.json",
        masks="u2netp", reports=tmp_path, thresholds=(first, second),
        allow_urls=True, origins=("search.example.com", "shop"), k=7, seconds=2.5,
    )  # fmt: skip


def test_serve_without_options_has_the_defaults_of_the_settings(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the keys are those of the user's own file."""
    monkeypatch.setenv("LIKEWISE_KEYS", str(tmp_path / "usual.json"))
    _, settings, _ = served("a.index")
    assert settings == Settings(keys=tmp_path / "usual.json")


def test_the_model_of_serve_is_that_of_the_first_index(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("likewise.models.load", lambda *words, **options: (*words, options))
    _, _, models = served("a.index", "b.index", "--model", "runs/a", "--device", "cpu")
    assert models == {"a.index": ("runs/a", None, "cpu", {"preprocessing": None})}


def test_the_settings_are_read_without_torch() -> None:
    """A wrong limit is refused before seconds of imports."""
    program = "import sys, likewise.serve.settings; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_every_number_but_the_port_is_a_limit() -> None:
    assert Settings.limits() == [
        "body_bytes", "upload_bytes", "pixels", "k", "images", "queries", "per_minute", "queue", "seconds", "batch",
        "direct", "resident_bytes", "drain_seconds",
    ]  # fmt: skip
    done = CliRunner().invoke(app, ["serve", "a.index", "--limit", "port=3"])
    assert "there is no limit 'port'" in str(done.exception)
