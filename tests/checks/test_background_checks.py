"""Controls of the background audit: each branch of their verdicts, and that nothing is embedded twice."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import likewise
from likewise import Catalog, checks
from likewise.checks import CheckContext, CheckOptions, EmbeddingCache, Profile, background, run_checks
from likewise.checks.background import _Shown
from likewise.checks.registry import select

CLASSES, IMAGES, DIM = 10, 8, 16
CONTROLS = ["fills", "silhouette", "mirror", "sides"]


def space(noise: float, seed: int = 1) -> np.ndarray:
    """Vectors of ten classes around the same centres; 0 finds every class, 30 none."""
    centers = np.random.default_rng(0).normal(size=(CLASSES, DIM)).repeat(IMAGES, 0)
    return (centers + noise * np.random.default_rng(seed).normal(size=centers.shape)).astype(np.float32)


def finding(monkeypatch: Any, vectors: Any, name: str, **noise: float) -> Any:
    """The finding of a control on vectors with this much noise under each condition."""
    context = CheckContext(*_stored(*vectors()))
    names = [
        "original", "replaced", "background_only", "object_only", "blurred", "spread", "texture", "painted_over",
        "outline", "mirrored",
    ]  # fmt: skip
    labels = np.repeat([f"class {number}" for number in range(CLASSES)], IMAGES)
    spaces = {each: space(noise.get(each, 1.0), place) for place, each in enumerate(names)}
    monkeypatch.setattr(background, "_shown", lambda *_: _Shown(labels, spaces, context))
    return checks.get(f"background.{name}").measure(context)


def _stored(embeddings: Any, catalog: Catalog) -> Any:
    from likewise.models.external.vectors_file import StoredVectors

    return StoredVectors(embeddings, "vectors", catalog.root), catalog


@pytest.mark.parametrize(
    ("name", "noise", "status", "words"),
    [
        ("fills", {}, "pass", "the same answer"),
        ("fills", {"object_only": 0.2, "blurred": 0.2, "spread": 0.2, "texture": 0.2}, "pass", "the same answer"),
        ("fills", {"object_only": 30.0}, "warn", "depends on the fill"),
        ("fills", {"object_only": 0.2, "blurred": 0.2, "spread": 0.2, "texture": 30.0}, "warn", "depends on the fill"),
        ("silhouette", {"background_only": 30.0, "outline": 0.2}, "pass", "no more than a random order"),
        ("silhouette", {"background_only": 0.5, "outline": 30.0}, "pass", "more than the outline"),
        ("silhouette", {"background_only": 1.0, "outline": 0.2}, "warn", "may be the outline"),
        ("mirror", {"mirrored": 1.0, "replaced": 1.0}, "pass", "new background by"),
        ("mirror", {"mirrored": 1.0, "replaced": 30.0}, "pass", "new background by"),
        ("mirror", {"mirrored": 30.0, "replaced": 30.0}, "warn", "costs as much"),
        ("sides", {"object_only": 30.0}, "pass", "only the query"),
    ],
)  # fmt: skip
def test_a_control_answers_its_question(
    vectors: Any, monkeypatch: Any, name: str, noise: dict[str, float], status: str, words: str
) -> None:
    found = finding(monkeypatch, vectors, name, **{"original": 1.0, **noise})
    assert found.status in (status, None if status == "pass" else status)
    assert words in found.sentence and len(found.measures) >= 3
    assert all(measure.low is not None for measure in found.measures.values())


@pytest.mark.parametrize("name", CONTROLS)
def test_a_model_that_finds_nothing_has_nothing_to_compare(vectors: Any, monkeypatch: Any, name: str) -> None:
    result = finding(monkeypatch, vectors, name, original=30.0)
    assert result.status == "not_applicable" and not result.measures
    assert "no more than a random order" in result.sentence


def test_masks_on_one_side_are_measured_apart(vectors: Any, monkeypatch: Any) -> None:
    found = finding(monkeypatch, vectors, "sides", object_only=30.0)
    assert max(measure.high for measure in found.measures.values()) < 0
    better = finding(monkeypatch, vectors, "sides", object_only=0.1)
    assert better.measures["both"].value > better.measures["query_only"].value > 0


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for number in range(3):
        Image.new("RGB", (40, 40), (80 * number, 40, 200)).save(folder / f"{number}.png")
    return folder


def test_all_background_checks_embed_each_condition_once(
    tiny: Any, stripes: Catalog, photos: Path, monkeypatch: Any, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    options = CheckOptions(backgrounds=photos, attention_images=0, masks_exact=True)
    rows: list[int] = []
    forward = tiny.network.forward
    monkeypatch.setattr(
        tiny.network, "forward", lambda images: (rows.append(len(images)), forward(images))[1]
    )
    context = CheckContext(
        tiny, stripes, options, EmbeddingCache(tmp_path / "embeddings"), parts=tmp_path / "parts"
    )
    run = run_checks(context, select(["background"]), Profile())
    assert {result.status for result in run} <= {"pass", "warn", "fail", "not_applicable"}, [*run]
    assert all(run[f"background.{name}"].measures for name in CONTROLS)
    # original, 3 draws of replaced, background only, object only, and six controls
    assert sum(rows) == 12 * len(stripes)
    rows.clear()
    again = replace(context, cache=EmbeddingCache(tmp_path / "embeddings"))
    run_checks(again, select(["background"]), Profile())
    assert sum(rows) == 0
    # The masks cover half of each border: nothing is judged by them unless they are declared exact.
    # Nothing is embedded for them either.
    doubted = CheckContext(tiny, stripes, replace(options, masks_exact=None))
    result = run_checks(doubted, select(["background.sides"]), Profile())["background.sides"]
    assert result.status == "not_applicable" and "--exact-masks" in result.sentence
    assert sum(rows) == len(stripes)


@pytest.mark.parametrize(("noise", "status"), [(0.3, "pass"), (4.0, "warn")])
def test_small_objects_that_are_found_worse_are_named(
    vectors: Any, tmp_path: Path, noise: float, status: str
) -> None:
    embeddings, catalog = vectors(noise=0.3)
    table, rows = catalog.table, embeddings.vectors.copy()
    for name, side in (("small", 8), ("large", 48)):
        mask = Image.new("L", (64, 64))
        mask.paste(255, (32 - side // 2, 32 - side // 2, 32 + side // 2, 32 + side // 2))
        mask.save(tmp_path / f"{name}.png")
    small = np.arange(len(table)) % 3 == 0
    table["mask"] = np.where(small, "small.png", "large.png")
    for name in table["path"]:
        (tmp_path / name).write_bytes(b"")  # there, and never read
    random = np.random.default_rng(5)
    rows[small] += noise * random.normal(size=rows[small].shape) * np.linalg.norm(rows[0]) / DIM**0.5 / 2
    run = likewise.check(replace(embeddings, vectors=rows), Catalog.from_table(table, tmp_path),
                         only=["background.strata"])  # fmt: skip
    result = run["background.strata"]
    assert result.status == status, result.sentence
    assert (result.measures["significant"].value > 0) == (status == "warn")
    assert status == "pass" or "object share" in result.sentence


def test_doubtful_masks_say_nothing_of_small_objects(vectors: Any, tmp_path: Path) -> None:
    embeddings, catalog = vectors()
    mask = Image.new("L", (64, 64))
    mask.putpixel((32, 32), 255)
    mask.save(tmp_path / "speck.png")
    for name in catalog.table["path"]:
        Image.new("RGB", (64, 64)).save(tmp_path / name)
    specks = Catalog.from_table(catalog.table.assign(mask="speck.png"), tmp_path)
    result = likewise.check(embeddings, specks, only=["background.strata"])["background.strata"]
    assert result.status == "not_applicable" and "masks are doubtful" in result.sentence


def test_a_catalog_without_masks_has_no_controls(vectors: Any) -> None:
    run = likewise.check(*vectors(), only=["background"])
    assert {result.status for result in run} == {"not_applicable"}
