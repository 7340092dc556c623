"""Advised commands write nothing that exists already: they would be refused, or replace it."""

from pathlib import Path

import pytest

from likewise.checks.advice import followed
from likewise.files import free_path
from likewise.training.experiment import DataSpec
from likewise.training.images import search_words


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_an_existing_output_gets_a_free_name_in_all_commands(folder: Path) -> None:
    text = (
        "Build: `likewise index build MODEL CATALOG --out photos.index`, then `likewise search photos.index "
        "IMAGE -k 5`"
    )
    words = {"CATALOG": "my-photos.index.csv"}
    assert followed(text, words) == text.replace("CATALOG", words["CATALOG"])
    (folder / "photos.index").mkdir()
    assert followed(text, words) == (
        "Build: `likewise index build MODEL my-photos.index.csv --out photos-2.index`, then `likewise search "
        "photos-2.index IMAGE -k 5`"
    )
    (folder / "photos-2.index").touch()
    assert "--out photos-3.index`" in followed(text, words)


def test_a_training_gets_a_folder_where_its_usual_one_is_taken(folder: Path) -> None:
    text = "Train: `likewise train catalog/multi_similarity -o data.catalog=TABLE -o model.dim=64`, or not"
    assert followed(text, {}) == text
    (folder / "runs" / "catalog-multi_similarity-seed0").mkdir(parents=True)
    assert followed(text, {"TABLE": "a.csv"}) == (
        "Train: `likewise train catalog/multi_similarity -o data.catalog=a.csv -o model.dim=64 --out "
        "runs/catalog-multi_similarity-seed0-2`, or not"
    )


def test_free_names(folder: Path) -> None:
    assert free_path(folder / "a.csv") == folder / "a.csv"
    (folder / "a.csv").touch()
    assert free_path(folder / "a.csv") == folder / "a-2.csv"


def test_the_index_that_a_refused_training_advises_is_new(folder: Path) -> None:
    spec = DataSpec(catalog=folder / "birds.csv")
    assert " --out birds.index " in search_words(spec)
    (folder / "birds.index").mkdir()
    assert " --out birds-2.index " in search_words(spec) and search_words(spec).endswith(
        "birds-2.index PHOTO"
    )
