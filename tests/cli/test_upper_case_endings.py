"""An ending in upper case that is accepted before the work is also written after it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from likewise.audit.evaluation import EvaluationSummary
from likewise.cli.evaluate_results import _write, check_scores_file
from likewise.cli.output_checks import REPORTS, check_report
from likewise.curation.search_state import SearchState, read_state
from likewise.data import Catalog
from likewise.models import Embeddings, load
from likewise.models.weights import read_file
from likewise.report import Report, Table

SUMMARY: dict[str, Any] = {
    "metrics": {"map@r": {"value": 0.5, "low": 0.4, "high": 0.6}}, "level": 0.95, "average": "micro", "queries": 4,
    "classes": 2, "lone": 0, "gallery_size": 4,
}  # fmt: skip


@pytest.mark.parametrize("ending", [ending.upper() for ending in REPORTS])
def test_reports(ending: str, tmp_path: Path) -> None:
    file = tmp_path / f"page{ending}"
    check_report(file)
    report = Report("A title")
    report.save(file)
    report.save(tmp_path / f"page{ending.lower()}")
    assert (
        file.read_text() == (tmp_path / f"page{ending.lower()}").read_text() and "A title" in file.read_text()
    )


@pytest.mark.parametrize("ending", [".JSON", ".CSV", *(ending.upper() for ending in REPORTS)])
def test_scores(ending: str, tmp_path: Path) -> None:
    file = tmp_path / f"scores{ending}"
    check_scores_file(file, conditions=False)
    classes = pd.DataFrame({"label": ["a", "b"], "queries": [2, 2], "map@r": [0.25, 0.75]})
    _write(EvaluationSummary("M", SUMMARY, classes, {}), file, dict)
    if ending == ".JSON":
        assert [each["map@r"] for each in json.loads(file.read_text())["per_class"]] == [0.25, 0.75]
    elif ending == ".CSV":
        assert pd.read_csv(file)["label"].tolist() == ["a", "b"]
    else:
        assert "MAP@R" in file.read_text()


@pytest.mark.parametrize("ending", [".TXT", ".MD", ".CSV", ".TEX"])
def test_tables(ending: str, tmp_path: Path) -> None:
    table = Table(["name"], [["wren"]])
    table.save(tmp_path / f"table{ending}")
    table.save(tmp_path / f"small{ending.lower()}")
    assert (tmp_path / f"table{ending}").read_text() == (tmp_path / f"small{ending.lower()}").read_text()


@pytest.mark.parametrize("ending", [".CSV", ".PARQUET"])
def test_catalogs(ending: str, tmp_path: Path) -> None:
    catalog = Catalog.from_table(pd.DataFrame({"path": ["a.png"], "label": ["wren"]}), tmp_path)
    catalog.write(tmp_path / f"c{ending}")
    assert Catalog.read(tmp_path / f"c{ending}").ids == ["a.png"]


def test_states_of_a_search(tmp_path: Path) -> None:
    state = SearchState(
        "settings", [("a.png", "0" * 32)], np.zeros((1, 32, 32, 3), np.uint8), np.ones((1, 2), np.int64)
    )
    state.write(tmp_path / "state.NPZ")
    assert read_state(tmp_path / "state.NPZ", "settings").keys == [("a.png", "0" * 32)]


@pytest.mark.parametrize("ending", [".NPZ", ".PARQUET"])
def test_embeddings(ending: str, tmp_path: Path) -> None:
    stored = Embeddings(np.eye(3, dtype=np.float32), ["a", "b", "c"], ["x", "x", "y"], "f")
    stored.save(tmp_path / f"e{ending}")
    assert (Embeddings.load(tmp_path / f"e{ending}").vectors == stored.vectors).all()
    assert load(tmp_path / f"e{ending}").dim == load(f"vectors:{tmp_path / f'e{ending}'}").dim == 3


def test_plain_vectors_and_weights(tmp_path: Path) -> None:
    np.save(tmp_path / "e.npy", np.eye(3, dtype=np.float32))
    (tmp_path / "e.txt").write_text("a\nb\nc\n")
    (tmp_path / "e.npy").rename(tmp_path / "e.NPY")
    assert load(f"vectors:{tmp_path / 'e.NPY'}").dim == 3
    save_file({"a": torch.ones(2)}, tmp_path / "w.SAFETENSORS")
    assert read_file(tmp_path / "w.SAFETENSORS")["a"].tolist() == [1, 1]
