"""Copies of photos: every kind of copy is found with its kind, and images that only look alike are not."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw, ImageFilter
from sklearn.metrics import pairwise_distances

from likewise.curation import duplicates
from likewise.data import Catalog
from likewise.errors import ConfigError, InputError
from likewise.models import Embeddings

COPIES = {
    "exact": lambda image: image,
    "re-encoded": lambda image: _jpeg(image, 40),
    "resized": lambda image: image.resize((150, 113)),
    "cropped": lambda image: image.crop((9, 14, 180, 140)),
    "mirrored": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "mirrored crop": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).crop((20, 6, 190, 138)),
}


def _jpeg(image: Image.Image, quality: int) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return Image.open(stream).convert("RGB")


def scene(seed: int) -> Image.Image:
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (9, 12, 3), dtype=np.uint8)).resize(
        (200, 150), Image.BICUBIC
    )
    fine = Image.fromarray(random.integers(0, 256, (38, 50, 3), dtype=np.uint8)).resize(
        (200, 150), Image.BICUBIC
    )
    return Image.blend(coarse, fine, 0.3).filter(ImageFilter.GaussianBlur(1))


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Catalog, list[str]]:
    """24 scenes, each copy kind made of one; the copies stand in the split test with another label."""
    folder = tmp_path_factory.mktemp("planted")
    rows = []
    for seed in range(24):
        scene(seed).save(folder / f"{seed}.png")
        rows.append((f"{seed}.png", "a", "train"))
    for seed, (name, change) in enumerate(COPIES.items()):
        change(scene(seed)).save(folder / f"copy {name}.png")
        rows.append((f"copy {name}.png", "b", "test"))
    table = pd.DataFrame(rows, columns=["path", "label", "split"])
    return Catalog.from_table(table, folder), list(COPIES)


def test_every_kind_of_copy_is_found_and_nothing_else(planted: tuple[Catalog, list[str]]) -> None:
    catalog, names = planted
    found = duplicates(catalog)
    pairs = {(catalog.ids[pair.a], catalog.ids[pair.b]): pair for pair in found.pairs}
    assert set(pairs) == {(f"{seed}.png", f"copy {name}.png") for seed, name in enumerate(names)}
    for seed, name in enumerate(names):
        pair = pairs[f"{seed}.png", f"copy {name}.png"]
        kind = {"mirrored": "re-encoded", "mirrored crop": "cropped"}.get(name, name)
        assert (pair.kind, pair.mirrored) == (kind, name.startswith("mirrored")), name
    assert found.across_splits == found.other_label == found.pairs
    assert found.groups == [[seed, 24 + seed] for seed in range(6)]
    assert found.redundant == list(range(6)), "the image of the test split stays"
    assert len(found.table.rows) == len(found.to_dict()["pairs"]) == 6


def test_different_objects_on_the_same_sky_are_no_copies(tmp_path: Path) -> None:
    """Colour differences between channels, equal in all sky photos, say nothing about the objects."""
    for number, box in enumerate([(30, 40, 60, 50), (52, 30, 66, 58), (20, 70, 34, 86)]):
        sky = Image.new("RGB", (120, 120), (70, 130, 220))
        ImageDraw.Draw(sky).ellipse(box, fill=(40, 80, 160))
        sky.save(tmp_path / f"{number}.png")
    names = [f"{number}.png" for number in range(3)]
    assert not duplicates(Catalog.from_table(pd.DataFrame({"path": names}), tmp_path)).pairs


def test_crops_of_any_place_are_found_as_new_images_and_as_old_ones(tmp_path: Path) -> None:
    """Crops of 75 % per side, mirrored or not; the search for new images looks in both directions."""
    names = []
    for number, (left, top) in enumerate([(0, 0), (50, 0), (0, 37), (50, 37), (25, 18), (10, 30)]):
        whole = scene(number).filter(ImageFilter.GaussianBlur(8))  # most contrast is coarse, as in photos
        crop = whole.crop((left, top, left + 150, top + 113))
        whole.save(tmp_path / f"{number} whole.png")
        (crop if number % 2 else crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT)).save(
            tmp_path / f"{number} crop.png"
        )
        names += [f"{number} crop.png", f"{number} whole.png"]
    catalog = Catalog.from_images([tmp_path / name for name in names])
    expected = [(row, row + 1, "cropped", not row // 2 % 2) for row in range(0, len(names), 2)]
    for new in (None, names[::2], names[1::2]):
        found = duplicates(catalog, new=new)
        assert [(pair.a, pair.b, pair.kind, pair.mirrored) for pair in found.pairs] == expected, new
    assert duplicates(catalog, new=[]).pairs == []


def test_only_pairs_with_new_images(planted: tuple[Catalog, list[str]]) -> None:
    catalog, _ = planted
    found = duplicates(catalog, new=["copy cropped.png"])
    assert [(catalog.ids[pair.a], catalog.ids[pair.b]) for pair in found.pairs] == [
        ("3.png", "copy cropped.png")
    ]
    with pytest.raises(InputError, match=r"new names 'gone.png', which is not among the 30 images"):
        duplicates(catalog, new=["gone.png"])


def test_embeddings_of_a_model_propose_more(planted: tuple[Catalog, list[str]]) -> None:
    """Where the layout of colours proposes too little, neighbours by the embeddings are looked at."""
    catalog, _ = planted
    vectors = np.eye(30, dtype=np.float32)
    vectors[27] = vectors[3]
    embedded = Embeddings(vectors, catalog.ids, None, "model")
    found = duplicates(catalog, embedded, neighbors=1)
    assert (3, 27) in {(pair.a, pair.b) for pair in found.pairs}


def test_copies_of_copies_are_one_group(tmp_path: Path) -> None:
    scene(1).save(tmp_path / "a.png")
    scene(1).save(tmp_path / "b.png")
    _jpeg(scene(1), 60).save(tmp_path / "c.png")
    scene(2).save(tmp_path / "d.png")
    found = duplicates(Catalog.read(tmp_path))
    assert found.groups == [[0, 1, 2]] and found.redundant == [1, 2]
    assert [pair.kind for pair in found.pairs] == ["exact", "re-encoded", "re-encoded"]


def test_a_recoloured_image_is_no_copy(tmp_path: Path) -> None:
    pixels = np.asarray(scene(1))
    Image.fromarray(pixels).save(tmp_path / "a.png")
    Image.fromarray(np.ascontiguousarray(pixels[:, :, [1, 2, 0]])).save(tmp_path / "b.png")
    assert duplicates(Catalog.read(tmp_path)).pairs == []


def test_plain_images_are_no_copies_of_each_other(tmp_path: Path) -> None:
    for name, grey in (("a", 10), ("b", 200), ("c", 90)):
        Image.new("RGB", (40, 40), (grey, grey, grey)).save(tmp_path / f"{name}.png")
    assert duplicates(Catalog.read(tmp_path)).pairs == []


def test_a_broken_image_is_listed_and_a_set_of_them_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    with pytest.raises(InputError, match="None of the 1 images can be read"):
        duplicates(Catalog.from_images([tmp_path / "broken.png"]))
    for name in "ab":
        scene(1).save(tmp_path / f"{name}.png")
    names = [tmp_path / name for name in ("broken.png", "a.png", "b.png")]
    found = duplicates(Catalog.from_images(names))
    assert [failure.id for failure in found.failures] == ["broken.png"]
    assert [(pair.a, pair.b) for pair in found.pairs] == [(1, 2)]


@pytest.mark.parametrize("cutoff", [None, 0.05, 0.3])
def test_embeddings_alone_agree_with_brute_force(cutoff: float | None) -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(200, 16)).astype(np.float32)
    vectors[150:] = vectors[:50] + random.normal(size=(50, 16)) * np.linspace(0, 0.5, 50)[:, None]
    found = duplicates(
        Embeddings(vectors, [str(row) for row in range(200)], None, "m"), cutoff=cutoff, neighbors=199
    )
    distances = pairwise_distances(vectors.astype(np.float64), metric="cosine")
    near = np.argwhere(np.triu(distances <= max(found.cutoff, 1e-7), 1))
    assert [(pair.a, pair.b) for pair in found.pairs] == [tuple(pair) for pair in near.tolist()] and len(
        near
    ) > 5
    if cutoff is None:
        np.fill_diagonal(distances, 9)
        first = distances.min(1)
        assert found.cutoff == pytest.approx(0.2 * np.median(first[first > 1e-7]), rel=1e-4)


@pytest.mark.parametrize(("keywords", "error", "words"), [
    ({"neighbors": 0}, ConfigError, "neighbors must be a whole number of at least 1"),
    ({"cutoff": -1.0}, ConfigError, "cutoff must be a number of at least 0"),
    ({"model": Embeddings(np.eye(2), ["a", "b"], None, "m")}, InputError, "give the catalog of the images"),
])  # fmt: skip
def test_bad_arguments(keywords: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        duplicates(Embeddings(np.eye(2), ["a", "b"], None, "m"), **keywords)


@pytest.mark.parametrize("vectors", [[[1.0, 0.0]], [[1.0, 0.0], [float("nan"), 1.0]]])
def test_a_single_usable_vector_has_no_copies(vectors: list[list[float]]) -> None:
    found = duplicates(
        Embeddings(np.array(vectors), [f"{row}.jpg" for row in range(len(vectors))], None, "0" * 16)
    )
    assert found.pairs == [] and len(found.failures) == len(vectors) - 1
