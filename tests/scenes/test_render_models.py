"""The user's own files: found, checked, the broken ones listed."""

import pytest
from PIL import Image

from likewise.errors import InputError
from likewise.scenes import find_models
from likewise.scenes.commands import render_set
from likewise.scenes.models import readable_models, ready_photos


@pytest.fixture
def folder(tmp_path):
    models = tmp_path / "models"
    models.mkdir()
    for name in ("cup.obj", "broken.obj", "apple.glb", "notes.txt"):
        (models / name).write_text("")
    return models


@pytest.fixture
def photos(tmp_path):
    place = tmp_path / "photos"
    place.mkdir()
    Image.new("RGB", (40, 30), "green").save(place / "lawn.jpg")
    Image.new("RGB", (2600, 1800), "blue").save(place / "sea.png")
    (place / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 torn")
    return place


def test_models_are_found_by_suffix_and_sorted(folder):
    assert list(find_models(folder)) == ["apple", "broken", "cup"]


def test_no_models_no_folder_and_twice_the_same_name(folder, tmp_path):
    with pytest.raises(InputError, match="There is no folder"):
        find_models(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"contains no 3-D models: they end in .glb"):
        find_models(tmp_path / "empty")
    (folder / "cup.glb").write_text("")
    with pytest.raises(InputError, match=r"contains cup.glb and cup.obj"):
        find_models(folder)


def test_a_broken_model_is_listed_and_left_out(folder, stand_in):
    good, failures = readable_models(find_models(folder), stand_in()[0])
    assert list(good) == ["apple", "cup"]
    assert [(failure.id, failure.reason) for failure in failures] == [
        ("broken.obj", "broken.obj cannot be read; it is skipped.")
    ]


def test_only_broken_models(folder, stand_in):
    with pytest.raises(InputError, match=r"No 3-D model can be used. broken.obj cannot be read"):
        readable_models({"broken": folder / "broken.obj"}, stand_in()[0])


def test_photos_are_made_ready_and_bad_ones_listed(photos, tmp_path):
    ready, failures = ready_photos(photos, tmp_path / "cache")
    assert list(ready) == ["lawn.jpg", "sea.png"]
    assert [Image.open(path).size for path in ready.values()] == [(30, 30), (1024, 1024)]
    assert [failure.id for failure in failures] == ["torn.jpg"]
    before = {path: path.stat().st_mtime_ns for path in ready.values()}
    again, _ = ready_photos(photos, tmp_path / "cache")
    assert {path: path.stat().st_mtime_ns for path in again.values()} == before


def test_a_folder_of_models_before_photos(folder, photos, tmp_path, stand_in):
    rendered, skipped = render_set(
        str(folder), tmp_path / "out" / "c.parquet", count=8, backgrounds=str(photos), size_px=16, image_format="png",
        blender_python=stand_in()[0], progress=False,
    )  # fmt: skip
    assert set(rendered.catalog.labels) == {"apple", "cup"}
    assert set(rendered.catalog.table["background"]) == {"lawn.jpg", "sea.png"}
    assert sorted(failure.id for failure in skipped) == ["broken.obj", "torn.jpg"]


@pytest.mark.parametrize(
    ("what", "choice", "sentence"),
    [
        ("boats", {}, "Cannot render 'boats': say cars, products or articles, or give a folder"),
        ("cars", {"count": 0}, "--count must be 1 or more, got 0"),
        ("cars", {"workers": -1}, "--workers must be 0 or more, got -1"),
    ],
)
def test_wrong_wishes(tmp_path, what, choice, sentence):
    with pytest.raises(InputError, match=sentence):
        render_set(what, tmp_path / "c.parquet", **choice)
    assert not (tmp_path / "images").exists()
