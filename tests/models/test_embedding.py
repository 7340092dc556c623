"""embed(): every kind of input gives the same vectors, in order, and bad images are listed."""

import os
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from likewise.data import Catalog, EvalTransform
from likewise.errors import ConfigError, InputError


@pytest.fixture(scope="module")
def bare(tiny, catalog):
    """What the network gives for the catalog, image by image, without embed()."""
    transform = EvalTransform(tiny.preprocessing)
    with torch.no_grad():
        rows = [tiny.network(transform(Image.open(path).convert("RGB"))[0][None]) for path in catalog.paths]
    return torch.cat(rows).numpy()


@pytest.mark.parametrize("batch_size", [1, 4, 64])
def test_catalog(tiny, catalog, bare, batch_size):
    found = tiny.embed(catalog, batch_size=batch_size, num_workers=0)
    np.testing.assert_allclose(found.vectors, bare, atol=1e-6)
    assert found.vectors.dtype == np.float32
    assert found.ids == catalog.ids and found.labels.tolist() == catalog.labels.tolist()
    assert (found.fingerprint, found.distance, found.failures) == (tiny.fingerprint, "cosine", [])


def test_workers_do_not_change_the_order(tiny, catalog, bare):
    found = tiny.embed(catalog, batch_size=2, num_workers=2)
    np.testing.assert_allclose(found.vectors, bare, atol=1e-6)
    assert found.ids == catalog.ids


def test_paths_pictures_and_pixels(tiny, catalog, bare):
    pictures = [Image.open(path) for path in catalog.paths]
    by_path = tiny.embed(catalog.paths, num_workers=0)
    np.testing.assert_allclose(by_path.vectors, bare, atol=1e-6)
    assert by_path.ids == [str(path) for path in catalog.paths] and by_path.labels is None
    by_picture = tiny.embed(pictures, batch_size=4)
    np.testing.assert_allclose(by_picture.vectors, bare, atol=1e-6)
    assert by_picture.ids == [str(row) for row in range(9)]
    transform = EvalTransform(tiny.preprocessing)
    squares = torch.stack([torch.as_tensor(transform(picture.convert("RGB"))[0]) for picture in pictures])
    np.testing.assert_allclose(tiny.embed(squares, batch_size=4).vectors, bare, atol=1e-6)


def test_pixels_of_another_size_are_resized_and_cropped(tiny, catalog, bare):
    picture = Image.open(catalog.paths[1]).convert("RGB")
    pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None]
    np.testing.assert_allclose(tiny.embed(pixels).vectors, bare[1:2], atol=1e-6)


def test_a_bad_image_in_the_middle_is_listed(tiny, broken_catalog, bare):
    found = tiny.embed(broken_catalog, batch_size=2, num_workers=0)
    assert found.ids == ["0.png", "1.png", "2.png"]
    np.testing.assert_allclose(found.vectors, bare[:3], atol=1e-6)
    assert found.labels.tolist() == ["a", "a", "a"]
    (failure,) = found.failures
    assert failure.id == "broken.png" and "broken.png" in failure.reason


def test_paths_may_be_missing_or_stand_twice(tiny, picture_folder, bare):
    given = [picture_folder / name for name in ("1.png", "none.png", "0.png", "1.png")]
    found = tiny.embed(given, num_workers=0)
    np.testing.assert_allclose(found.vectors, bare[[1, 0, 1]], atol=1e-6)
    assert found.ids == [str(given[0]), str(given[2]), str(given[3])]
    assert [failure.id for failure in found.failures] == [str(given[1])]


def test_links_that_lead_elsewhere_are_followed_for_named_paths(tiny, picture_folder, tmp_path, bare):
    (tmp_path / "link.png").symlink_to(picture_folder / "3.png")
    np.testing.assert_allclose(tiny.embed([tmp_path / "link.png"]).vectors, bare[3:4], atol=1e-6)


def test_only_bad_images(tiny, picture_folder):
    found = tiny.embed([picture_folder / "broken.png"], num_workers=0)
    assert found.vectors.shape == (0, 16) and len(found.failures) == 1


def test_a_catalog_without_labels_has_none(tiny, catalog):
    assert tiny.embed(Catalog.from_images(catalog.paths), num_workers=0).labels is None


def test_the_network_stays_in_its_mode_and_out_of_gradients(make, catalog):
    model = make()
    model.network.train()
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    model.embed(catalog, num_workers=0)
    assert model.network.training
    assert all(torch.equal(value, before[name]) for name, value in model.network.state_dict().items())


def test_progress_is_told(tiny, broken_catalog):
    told = []
    tiny.embed(broken_catalog, batch_size=3, num_workers=0, on_done=told.append)
    assert told == [3, 1]


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        ([], "list is empty"),
        ("a.jpg", r"write \[image\]"),
        ([1, 2], "image 0 is a int.*paths, PIL images"),
        (torch.zeros(2, 3, 8, 8), r"uint8 tensor \(N, 3, H, W\), but got torch.float32"),
        (torch.zeros(2, 8, 8, 3, dtype=torch.uint8), r"but got torch.uint8 \(2, 8, 8, 3\)"),
        (torch.zeros(0, 3, 8, 8, dtype=torch.uint8), "tensor is empty"),
    ],
)
def test_bad_input(tiny, images, sentence):
    with pytest.raises(InputError, match=sentence):
        tiny.embed(images)


def test_bad_options(tiny, catalog):
    with pytest.raises(ConfigError, match="batch_size must be a whole number of at least 1"):
        tiny.embed(catalog, batch_size=0)
    with pytest.raises(ConfigError, match="precision must be a known name, but is 'fp16'"):
        tiny.embed(catalog, precision="fp16")


def test_a_file_name_that_is_no_text_is_one_failure(tiny, catalog, tmp_path):
    odd = tmp_path / os.fsdecode(b"caf\xe9.png")
    shutil.copy(catalog.paths[0], odd)
    found = tiny.embed([catalog.paths[1], odd], num_workers=0)
    assert found.ids == [str(catalog.paths[1])]
    assert [failure.id.endswith(r"caf\udce9.png") for failure in found.failures] == [True]
    assert found.failures[0].reason == "The name of the file is not UTF-8: rename the file."
    with pytest.raises(InputError, match="is not UTF-8: rename the file"):
        tiny.embed([odd])


def test_thin_broken_and_odd_images_do_not_end_the_work(tiny, catalog, tmp_path):
    Image.new("RGB", (60_000, 1)).save(tmp_path / "thin.png")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "text.jpg").write_text("no image")
    names = ["thin.png", "pipe.jpg", "text.jpg", "x" * 300 + ".jpg"]
    files = [tmp_path / name for name in names]
    found = tiny.embed([*files, catalog.paths[1]], num_workers=0)
    assert found.ids == [str(files[0]), str(catalog.paths[1])]
    assert [failure.id for failure in found.failures] == [str(file) for file in files[1:]]
