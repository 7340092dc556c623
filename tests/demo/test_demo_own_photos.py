"""The demo on folders as people have them: nothing is a dead end, and what is left out is said."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from likewise.demo import run_demo
from likewise.demo.inputs import MOST, demo_images
from likewise.errors import InputError
from likewise.scenes import samples

SAMPLES = samples()


def photo(row, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    Image.open(SAMPLES.paths[row]).save(target)


def by_class(folder, classes, each):
    codes, names = SAMPLES.label_codes
    for code in range(classes):
        for number, row in enumerate(np.flatnonzero(codes == code)[:each]):
            photo(int(row), folder / str(names[code]) / f"{number}.jpg")
    return folder


def demo(data, out, **options):
    said = []
    result = run_demo(data, out, say=said.append, **options)
    assert result.page.is_file()
    return result, json.loads((out / "scores.json").read_text()), said


def test_three_classes(tmp_path):
    result, numbers, said = demo(by_class(tmp_path / "photos", 3, 4), tmp_path / "demo")
    assert (numbers["images"], numbers["classes"]) == (12, 3)
    assert 0 <= numbers["recall@1"] <= 1
    assert any(
        "needs masks of the objects: make them with `likewise masks`" in note for note in numbers["notes"]
    )
    assert any("The network is" in line for line in said)
    assert not (tmp_path / "demo" / "runs").exists()
    assert (tmp_path / "demo" / "index").is_dir()
    page = result.page.read_text()
    assert "Left out" in page and "likewise index build" in page


def test_photos_without_labels(tmp_path):
    for row in range(5):
        photo(row * 40, tmp_path / "photos" / f"{row}.png")
    result, numbers, said = demo(tmp_path / "photos", tmp_path / "demo")
    assert numbers["recall@1"] is None
    assert "  No photo is duplicated." in said
    assert "have no labels" in " ".join(numbers["notes"])
    assert [verdict.headline for verdict in result.report.verdicts] == ["No photo is duplicated."]


def test_one_photo_per_class(tmp_path):
    _, numbers, _ = demo(by_class(tmp_path / "photos", 5, 1), tmp_path / "demo")
    assert numbers["recall@1"] is None
    assert "Every class has a single photo" in " ".join(numbers["notes"])


def test_one_class(tmp_path):
    _, numbers, _ = demo(by_class(tmp_path / "photos", 1, 4), tmp_path / "demo")
    assert numbers["recall@1"] is None
    assert "All photos belong to one class" in " ".join(numbers["notes"]) or "no labels" in " ".join(
        numbers["notes"]
    )


def test_two_photos_are_enough(tmp_path):
    _, numbers, _ = demo(by_class(tmp_path / "photos", 2, 1), tmp_path / "demo")
    assert numbers["images"] == 2


def test_a_photo_that_is_there_twice_is_found(tmp_path):
    folder = by_class(tmp_path / "photos", 3, 3)
    first = next(folder.glob("*/0.jpg"))
    shutil.copy(first, first.with_name("copy.jpg"))
    result, numbers, _ = demo(folder, tmp_path / "demo")
    assert numbers["same_photos"] == 1
    assert "One photo is duplicated." in [verdict.headline for verdict in result.report.verdicts]


def test_a_broken_photo_is_listed_and_the_rest_is_shown(tmp_path):
    folder = by_class(tmp_path / "photos", 3, 3)
    broken = next(folder.glob("*/1.jpg"))
    broken.write_bytes(broken.read_bytes()[:200])
    result, numbers, said = demo(folder, tmp_path / "demo")
    assert numbers["images"] == 8
    assert len(numbers["failures"]) == 1
    assert "1 image could not be read" in "".join(said)
    assert "1 image could not be read" in result.page.read_text()


def test_files_that_are_no_photos_are_counted(tmp_path):
    folder = by_class(tmp_path / "photos", 3, 3)
    (folder / "prices.txt").write_text("1")
    _, numbers, said = demo(folder, tmp_path / "demo")
    assert any("Left out: 1 file" in note for note in numbers["notes"])
    assert any("Left out: 1 file" in line for line in said)


def test_a_catalog_with_masks_is_audited(tmp_path):
    codes, _ = SAMPLES.label_codes
    part = SAMPLES.take(np.flatnonzero(codes < 8)[::2])
    file = tmp_path / "catalog.parquet"
    part.write(file)
    result, numbers, _ = demo(file, tmp_path / "demo")
    assert set(numbers["background"]) == {"model"}
    assert "Does the background decide?" in [section.title for section in result.report.sections]


def test_training_on_own_photos_is_asked_for(tmp_path):
    folder = by_class(tmp_path / "photos", 12, 6)
    _, numbers, _ = demo(folder, tmp_path / "demo", train=True, epochs=1)
    outcomes = ("The training helped: ", "The training did not help: ", "The training changed little: ")
    assert any(note.startswith(outcomes) for note in numbers["notes"])


def test_a_training_that_does_not_fit_is_left_out_with_its_reason(tmp_path):
    folder = by_class(tmp_path / "photos", 2, 2)
    _, numbers, _ = demo(folder, tmp_path / "demo", train=True, epochs=1)
    assert any(note.startswith("The training was left out. ") for note in numbers["notes"])


def test_many_photos_are_cut_to_whole_classes(tmp_path, monkeypatch):
    monkeypatch.setattr("likewise.demo.inputs.MOST", 10)
    folder = by_class(tmp_path / "photos", 6, 4)
    images = demo_images(folder, seed=0)
    assert len(images.catalog) == 10
    assert "10 of the 24 images" in " ".join(images.notes)
    counts = np.unique(images.catalog.labels.astype(str), return_counts=True)[1]
    assert sorted(counts.tolist()) == [2, 4, 4]
    assert MOST >= 500


@pytest.mark.parametrize("name", ["nowhere", "nowhere.parquet"])
def test_what_is_not_there_is_told(tmp_path, name):
    with pytest.raises(InputError, match=f"There is no {tmp_path / name}: name a folder of photos"):
        demo(tmp_path / name, tmp_path / "demo")
    assert not (tmp_path / "demo").exists()


def test_an_empty_folder_is_told(tmp_path):
    (tmp_path / "photos").mkdir()
    with pytest.raises(InputError, match="photos"):
        demo(tmp_path / "photos", tmp_path / "demo")


def test_one_photo_alone_is_told(tmp_path):
    photo(0, tmp_path / "photos" / "only.jpg")
    with pytest.raises(InputError, match="1 image can be read, and a search needs two"):
        demo(tmp_path / "photos", tmp_path / "demo")


def test_weights_that_are_not_there_are_told(tmp_path):
    with pytest.raises(InputError, match=r"There is no weights file .*none\.safetensors"):
        demo(None, tmp_path / "demo", weights=tmp_path / "none.safetensors")
