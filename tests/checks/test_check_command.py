"""``likewise check``: bad input in one sentence, exit codes, and files for a pipeline."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

import likewise.checks
from likewise import Catalog, Embeddings
from likewise.checks import select
from likewise.cli import main
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


@pytest.mark.parametrize(
    ("splits", "words", "catalog"),
    [
        ([], [], "catalog.csv"),
        (["test"], [], "TRAINING_CATALOG"),
        (["train", "test"], ["--split", "test"], "catalog.csv"),
        (["val", "test"], ["--split", "test"], "TRAINING_CATALOG"),
    ],
)
def test_an_advised_training_has_images_to_train_on(
    world: Path, monkeypatch: Any, splits: list[str], words: list[str], catalog: str
) -> None:
    table = pd.read_csv("catalog.csv").drop(columns="split", errors="ignore")
    if splits:
        table["split"] = [splits[row % len(splits)] for row in range(len(table))]
    table.to_csv("catalog.csv", index=False)
    named: dict[str, str] = {}

    def check(*_: Any, words: dict[str, str], **__: Any) -> None:
        named.update(words)
        raise ConfigError("enough")

    monkeypatch.setattr(likewise.checks, "check", check)
    assert call("vectors.npz", "catalog.csv", *words)[2] == "enough"
    assert named["TABLE"] == catalog


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


def write_wrong(table: pd.DataFrame) -> None:
    """Catalogs, vectors, results and profiles that cannot be used."""
    variants = {
        "other": table.assign(path="other/" + table["path"]), "renamed": table.rename(columns={"path": "file"}),
        "unlabelled": table.drop(columns="label"), "misspelt": table.rename(columns={"label": "lable"}),
        "one": table.assign(label="one"), "lone": table.assign(label=[f"{row}" for row in range(len(table))]),
        "empty": table.head(0), "twice": pd.concat([table, table.head(2)]), "half": table.head(60),
    }  # fmt: skip
    for name, rows in variants.items():
        rows.to_csv(f"{name}.csv", index=False)
    stored = call("vectors.npz", "catalog.csv", "--json", "--only", "geometry.rank")[1]
    Path("run.json").write_text(stored)
    Path("cut.json").write_text(stored[:100])
    np.save("few.npy", np.eye(3, 32))
    Path("few.txt").write_text("\n".join(table["path"]))
    Path("broken.npz").write_bytes(b"no archive")
    pd.DataFrame({"id": table["path"], "vector": [["a", "b"]] * len(table)}).to_parquet("words.parquet")
    Path("typo.yaml").write_text("limit: {}")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "Give MODEL and CATALOG"),
        (["vectors.npz"], "Give MODEL and CATALOG"),
        (["gone.npz", "catalog.csv"], "gone.npz"),
        (["vectors.npz", "gone.csv"], "gone.csv"),
        (["vectors.npz", "other.csv"], "has no vector of any of these"),
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
        (["vectors.npz", "renamed.csv"], "rename the column of image files to 'path'"),
        (["vectors.npz", "unlabelled.csv", "--only", "retrieval"], "No image has a label"),
        (["vectors.npz", "misspelt.csv", "--only", "threshold"], "rename that column"),
        (["vectors.npz", "one.csv", "--only", "retrieval"], "All images have the label 'one'"),
        (["vectors.npz", "lone.csv", "--only", "retrieval"], "No class has two images"),
        (["vectors.npz", "catalog.csv", "--only", "change"], "--reference"),
        (["vectors.npz", "catalog.csv", "--only", "robustness"], "no network, so it cannot embed pixels"),
        (["vectors.npz", "empty.csv"], "at least one row"),
        (["vectors.npz", "twice.csv"], "occurs more than once"),
        (
            ["vectors.npz", "half.csv", "--reference", "run.json"],
            "The reference is a check of 120 other images, and this catalog has 60",
        ),
        (["vectors.npz", "catalog.csv", "--reference", "cut.json"], "not the result of a check"),
        (["vectors.npz", "catalog.csv", "--reference", "few.npy"], "one id per row"),
        (["few.npy", "catalog.csv"], "one id per row"),
        (["broken.npz", "catalog.csv"], "is damaged"),
        (["words.parquet", "catalog.csv"], "no vectors of numbers"),
        (["vectors.npz", "catalog.csv", "--profile", "typo.yaml"], "did you mean 'limits'"),
    ],
)
def test_wrong_input_is_one_sentence_and_exit_code_2(world: Path, words: list[str], sentence: str) -> None:
    Path("photos").mkdir()
    Image.new("RGB", (32, 32)).save("photos/0.png")
    table = Catalog.read("catalog.csv").table
    write_wrong(table)
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


def test_a_limit_of_nothing_is_said(world: Path) -> None:
    Path("profile.yaml").write_text("limits: {retrieval.scores: {recal@1: {fail: 0.5}}}")
    code, out, _ = call(
        "vectors.npz", "catalog.csv", "--profile", "profile.yaml", "--json", "--only", "retrieval"
    )
    (result,) = [one for one in json.loads(out)["checks"] if one["id"] == "retrieval.scores"]
    assert code == 0 and result["status"] == "warn"
    assert "limit of 'recal@1' judges nothing: did you mean 'recall@1'" in result["sentence"]


def test_images_that_cannot_be_read_end_with_3(tmp_path: Path) -> None:
    for label in "ab":
        (tmp_path / label).mkdir()
        for number in range(3):
            (tmp_path / label / f"{number}.jpg").write_bytes(b"no image")
    code, _, err = call("likewise:small", str(tmp_path))
    assert code == 3 and "None of the 6 images could be embedded" in err and "\n" not in err.strip()


def test_an_interrupted_run_ends_with_130_and_is_resumed(world: Path, monkeypatch: Any, capsys: Any) -> None:
    def interrupt(_: Any) -> Any:
        raise KeyboardInterrupt

    chosen = select(["geometry"])
    stopped = [chosen[0], replace(chosen[1], measure=interrupt), *chosen[2:]]
    words = ["likewise", "check", "vectors.npz", "catalog.csv", "--only", "geometry", "--out", "c.html"]
    monkeypatch.setattr(sys, "argv", words)
    with monkeypatch.context() as patched:
        patched.setattr("likewise.checks.run.select", lambda *_: stopped)
        with pytest.raises(SystemExit) as end:
            main()
    assert end.value.code == 130 and "run the same command again" in capsys.readouterr().err
    assert not Path("c.html").exists()
    # The finished check is read, not measured again.
    monkeypatch.setattr(
        "likewise.checks.run.select", lambda *_: [replace(chosen[0], measure=interrupt), *chosen[1:]]
    )
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code in {None, 0} and Path("c.html").exists() and not Path("c.html.parts").exists()
