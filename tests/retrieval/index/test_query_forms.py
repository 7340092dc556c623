"""A search by the path of a photo and by the photo itself finds the same, for every kind of file."""

import numpy as np
import pytest
from PIL import Image

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
