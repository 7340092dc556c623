"""``likewise check``: bad input in one sentence, exit codes, and files for a pipeline."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from likewise import Catalog, Embeddings
from likewise.cli.app import app
from likewise.cli.check import budget_seconds
from likewise.errors import ConfigError, LikewiseError


@pytest.fixture
def world(vectors: Any, tmp_path: Path, monkeypatch: Any) -> Path:
    embeddings, catalog = vectors()
    catalog.write(tmp_path / "catalog.csv")
    embeddings.save(tmp_path / "vectors.parquet")
    embeddings.save(tmp_path / "vectors.npz")
    np.save(tmp_path / "rows.npy", embeddings.vectors)
    (tmp_path / "rows.txt").write_text("\n".join(embeddings.ids))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*words: str) -> tuple[int, str, str]:
    """Exit code, stdout, and the sentence of an error."""
    result = CliRunner().invoke(app, ["check", *words])
    if isinstance(result.exception, LikewiseError):
        return result.exception.exit_code, result.stdout, str(result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("model", ["vectors.parquet", "vectors.npz", "rows.npy", "vectors:vectors.npz"])
def test_bare_vectors_are_checked(world: Path, model: str) -> None:
    code, out, _ = call(model, "catalog.csv", "--json")
    stored = json.loads(out)
    assert code == 0 == stored["exit_code"]
    assert {check["id"] for check in stored["checks"] if check["status"] == "pass"} >= {
        "retrieval.scores",
        "geometry.rank",
    }


def test_every_output_is_written_from_one_run(world: Path) -> None:
    files = ["--junit", "c.xml", "--summary", "c.md", "--badge", "c.svg", "--out", "c.html"]
    code, out, _ = call("vectors.npz", "catalog.csv", *files)
    assert code == 0 and "retrieval.scores" in out
    assert ET.parse("c.xml").getroot().attrib["failures"] == "0"
    assert "Geometry" in Path("c.md").read_text() and "passed" in Path("c.svg").read_text()
    assert "Can this similarity be trusted?" in Path("c.html").read_text()
    assert not Path("c.html.parts").exists()


def test_advice_and_reasons_name_the_files_of_the_command(world: Path) -> None:
    _, out, _ = call("vectors.npz", "catalog.csv", "--json", "--only", "data.masks")
    assert "`likewise masks catalog.csv`" in json.loads(out)["checks"][0]["sentence"]


def test_annotations_replace_the_table(world: Path) -> None:
    code, out, _ = call("vectors.npz", "catalog.csv", "--annotations", "--only", "geometry")
    assert code == 0 and all(line.startswith("::") for line in out.strip().splitlines())


def test_the_list_needs_no_model() -> None:
    code, out, _ = call("--list")
    assert code == 0 and "threshold.held_out" in out
    code, out, _ = call("--list", "--json")
    assert {"id", "question", "needs", "cost", "group"} == set(json.loads(out)[0])


@pytest.mark.parametrize(
    ("profile", "options", "expected"),
    [
        ("", [], 0),
        ("limits: {retrieval.scores: {recall@1: {fail: 1.5}}}", [], 1),
        ("limits: {retrieval.scores: {recall@1: {warn: 1.5}}}", [], 0),
        ("limits: {retrieval.scores: {recall@1: {warn: 1.5}}}", ["--fail-on", "warning"], 1),
    ],
)
def test_the_exit_code_tells_whether_a_limit_was_crossed(
    world: Path, profile: str, options: list[str], expected: int
) -> None:
    Path("profile.yaml").write_text(profile or "{}")
    code, out, _ = call(
        "vectors.npz", "catalog.csv", "--profile", "profile.yaml", "--only", "retrieval", *options
    )
    assert code == expected, out


def test_broken_vectors_beyond_what_is_tolerated_end_with_3(world: Path, vectors: Any) -> None:
    embeddings, _ = vectors()
    rows = embeddings.vectors.copy()
    rows[:3] = np.nan
    np.save("rows.npy", rows)
    code, _, err = call("rows.npy", "catalog.csv", "--only", "data")
    assert code == 3 and "tolerate" in err and "0.jpg" in err
    code, _, err = call("rows.npy", "catalog.csv", "--only", "data", "--tolerate", "0.1")
    assert code == 0 and "0.jpg" in err
    np.save("rows.npy", np.full_like(rows, np.nan))
    assert call("rows.npy", "catalog.csv")[0] == 3


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "Give MODEL and CATALOG"),
        (["vectors.npz"], "Give MODEL and CATALOG"),
        (["gone.npz", "catalog.csv"], "gone.npz"),
        (["vectors.npz", "gone.csv"], "gone.csv"),
        (["vectors.npz", "other.csv"], "has no vector of any of these images"),
        (["vectors.npz", "catalog.csv", "--only", "retrival"], "did you mean 'retrieval'"),
        (["vectors.npz", "catalog.csv", "--only", "data", "--skip", "data"], "No check is left"),
        (["vectors.npz", "catalog.csv", "--budget", "soon"], "--budget"),
        (["vectors.npz", "catalog.csv", "--profile", "gone.yaml"], "gone.yaml"),
        (["vectors.npz", "catalog.csv", "--reference", "gone.json"], "gone.json"),
        (["vectors.npz", "catalog.csv", "--reference", "catalog.csv"], "catalog.csv"),
        (["vectors.npz", "catalog.csv", "--junit", "c.txt"], "--junit"),
        (["vectors.npz", "catalog.csv", "--summary", "c.html"], "--summary"),
        (["vectors.npz", "catalog.csv", "--badge", "c.png"], "--badge"),
        (["vectors.npz", "catalog.csv", "--annotations", "--json"], "one form"),
        (["vectors.npz", "catalog.csv", "--fail-on", "never"], "--fail-on"),
        (["vectors.npz", "catalog.csv", "--should-matter", "lihgt"], "lihgt"),
        (["vectors.npz", "catalog.csv", "--should-not-matter", "lihgt"], "lihgt"),
        (["vectors.npz", "catalog.csv", "--backgrounds", "gone"], "gone"),
        (["http://127.0.0.1:9/embed", "photos", "--preprocessing", "imagenet"], "127.0.0.1"),
    ],
)
def test_wrong_input_is_one_sentence_and_exit_code_2(world: Path, words: list[str], sentence: str) -> None:
    Path("photos").mkdir()
    Image.new("RGB", (32, 32)).save("photos/0.png")
    table = Catalog.read("catalog.csv").table
    table["path"] = "other/" + table["path"]
    Catalog.from_table(table, world).write("other.csv")
    code, _, err = call(*words)
    assert code == 2
    assert sentence in err and "\n" not in err.strip()


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("10min", 600), ("0.5h", 1800)])
def test_a_budget_is_read(text: str, seconds: float) -> None:
    assert budget_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "m", "-1m", "0s", "1d", "nan s", "1e3s", "9" * 30 + "s"])
def test_another_budget_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--budget"):
        budget_seconds(text)


def test_the_command_runs_as_a_process(world: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "likewise", "check", "vectors.npz", "catalog.csv", "--only", "geometry.rank"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and "geometry.rank" in done.stdout and "Traceback" not in done.stderr


def test_vectors_with_labels_in_the_file_need_a_catalog_of_their_own(world: Path, vectors: Any) -> None:
    embeddings, _ = vectors()
    labelled = Embeddings(embeddings.vectors, embeddings.ids, ["x"] * len(embeddings), "1" * 16)
    labelled.save("labelled.npz")
    code, out, _ = call("labelled.npz", "catalog.csv", "--json", "--only", "retrieval.scores")
    assert code == 0 and json.loads(out)["checks"][0]["measures"]["recall@1"]["value"] > 0.9
