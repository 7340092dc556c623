"""What a notebook passes: the home folder as ``~``, tables, embeddings, addresses."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import likewise
from likewise import Catalog, Embeddings
from likewise.data import Preprocessing
from likewise.errors import ConfigError, ImageError, InputError, LikewiseError
from likewise.explain import attribute
from likewise.files import require_image_file
from likewise.image_kinds import missing_image
from likewise.models import ModelSpec, SimilarityModel, build
from likewise.report import Report
from likewise.retrieval import calibrate, evaluate, evaluate_queries, nearest

MODEL: SimilarityModel = build(
    ModelSpec(backbone="test_resnet", dim=4, preprocessing=Preprocessing(resize_px=32, crop_px=32)), seed=0
)
LABELS = [str(row // 4) for row in range(24)]
EMBEDDINGS = Embeddings(
    np.random.default_rng(0).normal(size=(24, 4)), [str(row) for row in range(24)], LABELS, "f"
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with two photos in it; the working directory is another one."""
    for name in ("a.png", "b.png"):
        (tmp_path / "home" / "photos").mkdir(parents=True, exist_ok=True)
        Image.effect_noise((40, 40), 90).convert("RGB").save(tmp_path / "home" / "photos" / name)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "home"


def test_the_home_folder_can_be_written_as_in_a_shell(home: Path) -> None:
    catalog = Catalog.read("~/photos")
    assert catalog.root == home / "photos"
    assert Catalog.from_images(["~/photos/a.png", Path("~/photos/b.png")]).root == home / "photos"
    catalog.write(Path("~/photos.csv"))
    MODEL.save("~/model")
    EMBEDDINGS.save("~/test.npz")
    assert likewise.load("~/model").fingerprint == MODEL.fingerprint
    assert Embeddings.load(Path("~/test.npz")) == EMBEDDINGS
    assert {path.name for path in home.iterdir()} >= {"photos.csv", "model", "test.npz"}
    assert not list((home.parent / "elsewhere").iterdir()), "a folder called ~"


@pytest.mark.parametrize("call", [
    MODEL.embed, lambda table: attribute(MODEL, table), Catalog.from_images,
    lambda table: Catalog.from_images(["a.png"], labels=table),
])  # fmt: skip
def test_a_table_is_no_list_of_its_columns(call: Callable[[Any], Any]) -> None:
    with pytest.raises(
        LikewiseError, match=r"DataFrame: give (one of its columns|the column of their paths)\."
    ):
        call(pd.DataFrame({"path": ["a.png"]}))


def test_embeddings_are_vectors() -> None:
    vectors = EMBEDDINGS.vectors
    assert evaluate(EMBEDDINGS, LABELS) == evaluate(vectors, LABELS)
    assert nearest(EMBEDDINGS, k=3) == nearest(vectors, k=3)
    np.testing.assert_array_equal(MODEL.compare(EMBEDDINGS, vectors), MODEL.compare(vectors, vectors))
    options: Any = {"false_match_rate": 0.2, "repeats": 100}
    assert calibrate(EMBEDDINGS, LABELS, **options) == calibrate(vectors, LABELS, **options)
    assert np.asarray(EMBEDDINGS, np.float64).dtype == np.float64
    copy = np.array(EMBEDDINGS)
    copy[:] = 0
    assert EMBEDDINGS.vectors.any()


def test_masked_values_are_no_vectors() -> None:
    rows = np.ma.masked_array(EMBEDDINGS.vectors, EMBEDDINGS.vectors > 1)
    for call in (lambda: Embeddings(rows, LABELS, None, "f"), lambda: evaluate(rows, LABELS)):
        with pytest.raises(LikewiseError, match="has masked values: leave these rows out"):
            call()


@pytest.mark.parametrize("names", [["nowhere/a.png"], ["nowhere/a.png", "nowhere/deeper/b.png"]])
def test_a_missing_folder_is_a_failure_of_its_images(home: Path, names: list[str]) -> None:
    embeddings = MODEL.embed([*names, home / "photos" / "a.png"])
    assert [failure.id for failure in embeddings.failures] == names
    alone = MODEL.embed(names)
    assert [failure.reason for failure in alone.failures] == [each.reason for each in embeddings.failures]
    assert alone.failures[0].reason.startswith("There is no file ")


def test_an_address_is_not_looked_for_as_a_file(home: Path) -> None:
    words = "is an address, not a file: download the image and name its file."
    address = "https://example.org/a.jpg"
    assert MODEL.embed([address]).failures[0].reason.endswith(words)
    with pytest.raises(ImageError, match=words):
        MODEL.explain(address, home / "photos" / "a.png")
    for each in (address, Path(address), "s3://bucket/a.jpg"):
        with pytest.raises(InputError, match=words):
            require_image_file(each)
        assert str(missing_image(each)).endswith(words)


def test_the_singular_of_queries() -> None:
    with pytest.raises(ConfigError, match=r"write \[query\] for a single one"):
        nearest("a.png", k=1)  # type: ignore[arg-type]


def test_a_description_cannot_be_changed_but_made_again() -> None:
    old = MODEL.preprocessing
    with pytest.raises(ConfigError, match=r"make another one,  Preprocessing\(.* \| {'crop_px': \.\.\.}\)"):
        old.crop_px = 24  # type: ignore[misc]
    with pytest.raises(ConfigError, match="Preprocessing has no 'crop': did you mean 'crop_px'"):
        old.crop = 24  # type: ignore[attr-defined]
    assert Preprocessing(**dict(old) | {"crop_px": 24}).crop_px == 24 and old.crop_px == 32


def test_saliency_of_a_catalog_and_a_page_of_retrieval_results(home: Path) -> None:
    catalog = Catalog.read(home / "photos")
    maps = attribute(MODEL, catalog, method="occlusion")
    assert np.array_equal(maps, attribute(MODEL, catalog.paths, method="occlusion"))
    rows = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)
    result = evaluate_queries(rows, list("aabbcc") * 2)
    text = Report.of("How good is the search?", result).to_text()
    assert "recall@1" in text and "Every class" in text
    words = "The type Neighbors has no verdict and makes no page: give what an audit, evaluate_queries or"
    with pytest.raises(InputError, match=words):
        Report.of("x", nearest(rows, k=1))
