"""The robustness audit: models that see one thing are disturbed by the changes of that thing, and by no other."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likewise.audit import ChangeEffect, RobustnessAudit, robustness, run
from likewise.audit.robustness_to_changes.audit import _Plan
from likewise.audit.robustness_to_changes.changes import CHANGES
from likewise.data import Catalog
from likewise.errors import CatalogError, ConfigError, InputError
from likewise.models import Embeddings, SimilarityModel, load
from likewise.report import Report, sections_of
from likewise.retrieval import Interval


def photo(seed: int = 0, size: tuple[int, int] = (60, 40)) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (24, 36, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_grows_with_its_strength_and_keeps_rgb(name: str) -> None:
    image, change = photo(size=(240, 160)), CHANGES[name]
    before, moved = image.tobytes(), []
    for strength in change.strengths:
        changed = change.apply(image, strength, np.random.default_rng(0))
        assert changed.mode == "RGB" and min(changed.size) >= 1
        difference = np.asarray(changed.resize(image.size), float) - np.asarray(image, float)
        moved.append(float(np.abs(difference).mean()))
    assert image.tobytes() == before, "the photo itself stays as it is"
    assert min(moved) > 0.1
    if name not in ("crop", "rotation", "small object"):  # pixels that move differ in no order
        assert moved == sorted(moved)


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("size", [(1, 1), (3, 200), (2, 2)])
def test_tiny_images_can_be_changed(name: str, size: tuple[int, int]) -> None:
    for strength in CHANGES[name].strengths:
        assert CHANGES[name].apply(photo(size=size), strength, np.random.default_rng(0)).mode == "RGB"


def test_a_model_of_colours_is_disturbed_by_hue_and_not_by_the_mirror(
    object_model: SimilarityModel, world: Path
) -> None:
    catalog = Catalog.read(world / "catalog.csv")
    audit = robustness(object_model, catalog, changes=["mirror", "hue"], images=32)
    assert audit.queries == 32 and audit.classes == 8 and audit.gallery == 32
    (mirror,), hue = audit.of("mirror"), audit.of("hue")
    assert mirror.drop == 0 and mirror.relative < 0.05
    assert hue[-1].drop > 0.3 and hue[-1].interval.low > 0 and hue[-1].relative > hue[0].relative > 0
    assert audit.recall == pytest.approx(mirror.recall)


def test_the_same_seed_gives_the_same_numbers(object_model: SimilarityModel, world: Path) -> None:
    catalog = Catalog.read(world / "catalog.csv")
    first, again, other = (
        robustness(object_model, catalog, changes=["noise"], images=20, seed=seed).to_dict()
        for seed in (3, 3, 4)
    )
    assert first == again != other


def test_the_distances_are_those_of_the_embeddings(object_model: SimilarityModel, world: Path) -> None:
    catalog = Catalog.read(world / "catalog.csv")
    (effect,) = robustness(object_model, catalog, changes=["mirror"], images=32).effects
    pictures = [Image.open(path).convert("RGB") for path in catalog.paths]
    a = object_model.embed(pictures).vectors.astype(float)
    b = object_model.embed([each.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for each in pictures]).vectors
    assert effect.distance == pytest.approx(np.median(1 - (a * b).sum(1)), abs=1e-6)


def test_the_page_and_the_registry_know_it(
    object_model: SimilarityModel, world: Path, tmp_path: Path
) -> None:
    catalog = Catalog.read(world / "catalog.csv")
    audit = run("robustness", object_model, catalog, changes=["blur", "mirror"], images=8)
    assert isinstance(audit, RobustnessAudit)
    Report("Robust?", "", sections_of(audit)).save(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "blur" in page and "standard deviation, as a share of the shorter side" in page


def test_a_broken_image_is_listed(object_model: SimilarityModel, world: Path, tmp_path: Path) -> None:
    whole = Catalog.read(world / "catalog.csv")
    (tmp_path / "broken.png").write_bytes(b"no image")
    paths = [*whole.paths, tmp_path / "broken.png"]
    catalog = Catalog.from_images(paths, [*whole.labels, whole.labels[0]])
    audit = robustness(object_model, catalog, changes=["mirror"], images=9)
    assert len(audit.failures) == 1 and audit.failures[0].id.endswith("broken.png") and audit.queries == 9


def audit_of(*effects: tuple[float, float, float]) -> RobustnessAudit:
    """One mild effect per drop with its interval."""
    made = [
        ChangeEffect(f"change {n}", 1.0, 0, 0.9 - drop, drop, Interval(low, high), 0.1, 0.5)
        for n, (drop, low, high) in enumerate(effects)
    ]
    return RobustnessAudit("m", "f", made, 0.9, 0.2, 100, 10, 300)


@pytest.mark.parametrize(("effects", "level", "words"), [
    ([(0.3, 0.2, 0.4), (0.1, 0.05, 0.2)], "bad", "Mild changes break the search: change 0."),
    ([(0.01, 0, 0.02), (0.1, 0.05, 0.2)], "warning", "Mild changes disturb the search: change 1."),
    ([(0.1, -0.05, 0.25)], "unsure", "Too few images to tell."),
    ([(0.04, 0.01, 0.08)], "good", "Mild changes hardly change what is found."),
    ([(0.1, -0.01, 0.15)], "good", "Mild changes hardly change what is found."),
])  # fmt: skip
def test_the_verdict(effects: list[tuple[float, float, float]], level: str, words: str) -> None:
    found = audit_of(*effects).verdict()
    assert (found.level, found.headline) == (level, words) and len(found.headline.split()) <= 10
    assert (found.advice == "") == (level == "good")


@pytest.mark.parametrize(
    ("effect", "gallery", "advice"),
    [
        ((0.1, -0.05, 0.25), 3000, "Repeat with --images 225."),  # half-width 0.15, and 0.1 is needed
        ((0.1, -0.05, 0.25), 180, "Repeat with --images 180."),
        ((0.1, -0.05, 0.25), 100, "Use a catalog of more images and classes."),
        ((0.3, -0.05, 0.65), 30_000, "Repeat with --images 19600."),  # not below half of what is notable
    ],
)
def test_too_few_images_say_how_many_would_do(
    effect: tuple[float, float, float], gallery: int, advice: str
) -> None:
    audit = replace(audit_of((0.01, 0, 0.02), effect), gallery=gallery)
    assert audit.verdict().level == "unsure" and audit.verdict().advice == advice


def test_the_evidence_gives_a_loss_in_points() -> None:
    assert audit_of((0.1, 0.05, 0.2)).verdict().evidence == [
        "change 0 1: recall@1 80.0 % (-10.0 points, 95 % interval -20.0 to -5.0); it moves a photo 0.50 times the "
        "usual distance within a class."
    ]


def test_bad_input(object_model: SimilarityModel, world: Path, tmp_path: Path) -> None:
    catalog = Catalog.read(world / "catalog.csv")
    with pytest.raises(ConfigError, match=r"no change 'blurr': did you mean 'blur'"):
        robustness(object_model, catalog, changes=["blurr"])
    with pytest.raises(ConfigError, match="changes is an empty list"):
        robustness(object_model, catalog, changes=[])
    with pytest.raises(CatalogError, match="needs labels"):
        robustness(object_model, Catalog.from_images(catalog.paths))
    one = Catalog.from_images(catalog.paths, ["a"] * len(catalog))
    with pytest.raises(InputError, match="at least two classes of two or more images"):
        robustness(object_model, one)
    vectors = np.random.default_rng(0).normal(size=(len(catalog), 4)).astype(np.float32)
    Embeddings(vectors, catalog.ids, None, "m").save(tmp_path / "v.npz")
    with pytest.raises(InputError, match="cannot embed pixels"):
        robustness(load(f"vectors:{tmp_path / 'v.npz'}"), catalog)


def line(*places: float, labels: str) -> Embeddings:
    vectors = np.array([[place] for place in places], np.float32)
    return Embeddings(vectors, [str(row) for row in range(len(places))], np.array(list(labels), object), "f")


def test_the_usual_distance_is_to_another_image_of_the_class() -> None:
    plan = _Plan(line(0, 3, 10, 13, 99, labels="aabbc"), "euclidean", 100, 0)
    assert plan.rows.tolist() == [0, 1, 2, 3] and plan.classes == 2 and plan.usual == 3
    assert plan.right.tolist() == [1, 1, 1, 1]
    unlabelled = np.array(["a", "a", "", ""], object)
    with pytest.raises(InputError, match="at least two classes"):
        _Plan(replace(line(0, 3, 10, 13, labels="aabb"), labels=unlabelled), "euclidean", 100, 0)


def test_an_effect_compares_each_changed_image_with_itself() -> None:
    """Row 0 finds its class before and not after; row 1 cannot be changed; rows 2 and 3 find it both times."""
    plan = _Plan(line(0, 3, 10, 13, labels="aabb"), "euclidean", 100, 0)
    changed = np.array([[9.0], [11.0], [13.0]], np.float32)
    effect = plan.effect("blur", 1, changed, np.array([0, 2, 3]))
    assert (effect.change, effect.level, effect.strength) == ("blur", 1, CHANGES["blur"].strengths[1])
    assert effect.recall == pytest.approx(2 / 3) and effect.drop == pytest.approx(1 / 3)
    assert effect.distance == 1 and effect.relative == pytest.approx(1 / 3)
    mixed = _Plan(line(0, 8, 10, 3, labels="abba"), "euclidean", 100, 0)
    # 0 finds 3 (right), 8 finds 10 (right), 10 finds 8 (right), 3 finds 0 (right); changed, 3 finds 8 instead.
    one = mixed.effect("blur", 0, np.array([[7.5]], np.float32), np.array([3]))
    assert one.recall == 0 and one.drop == 1


def test_what_was_wrong_before_is_no_loss() -> None:
    plan = _Plan(line(0, 9, 10, 3, 4, labels="abacc"), "euclidean", 100, 0)
    assert plan.rows.tolist() == [0, 2, 3, 4] and plan.right.tolist() == [0, 0, 1, 1]
    effect = plan.effect("blur", 0, np.array([[9.1], [4.2]], np.float32), np.array([2, 3]))
    assert effect.recall == 0.5 and effect.drop == 0
