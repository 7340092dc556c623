"""A search by the path of a photo and by the photo itself finds the same, for every kind of file."""

import copy
import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from likewise.errors import LikewiseError
from likewise.retrieval import Index


def turned(image, path):
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(path, exif=exif, quality=95)


def transparent(image, path):
    alpha = image.convert("L")
    image = image.convert("RGBA")
    image.putalpha(alpha)
    image.save(path)


def sixteen_bit(image, path):
    Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257).save(path)


KINDS = {
    "turned.jpg": turned,
    "transparent.png": transparent,
    "sixteen.png": sixteen_bit,
    "palette.gif": lambda image, path: image.quantize(8).save(path),
    "cmyk.tif": lambda image, path: image.convert("CMYK").save(path),
    "bit.png": lambda image, path: image.convert("1").save(path),
}


@pytest.mark.parametrize("name", KINDS)
def test_path_and_picture_find_the_same(tiny, catalog, pictures, tmp_path, name):
    index = Index.create(tmp_path / "i.index", tiny, catalog)
    path = tmp_path / name
    KINDS[name](Image.open(pictures / "3.png").convert("RGB"), path)
    by_path = index.search(path, k=8)
    by_picture = index.search(Image.open(path), k=8)
    assert [(hit.id, hit.distance) for hit in by_path.hits] == [
        (hit.id, hit.distance) for hit in by_picture.hits
    ]


def test_a_query_may_be_an_image_in_every_form_of_embed(tiny, catalog, pictures, tmp_path):
    index = Index.create(tmp_path / "i.index", tiny, catalog)
    path = pictures / "3.png"
    pixels = np.asarray(Image.open(path))
    expected = index.search(path, k=8)
    for query in (path.read_bytes(), pixels, torch.from_numpy(pixels.copy()).permute(2, 0, 1)):
        assert index.search(query, k=8) == expected
    for wrong in (pixels / 255, pixels[None], b"no image"):
        with pytest.raises(LikewiseError, match="image"):
            index.search(wrong)


def test_a_copy_of_an_index_opens_it_again(tiny, catalog, pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    index = Index.create("i.index", tiny, catalog)
    expected = index.search(pictures / "3.png", k=8)
    stored = pickle.dumps(index)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert pickle.loads(stored).search(pictures / "3.png", k=8) == expected
    monkeypatch.chdir(tmp_path)
    assert copy.deepcopy(index).search(pictures / "3.png", k=8) == expected
