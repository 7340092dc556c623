"""Reading soft masks, and true masks in which 128 means: do not score."""

import io

import numpy as np
import pytest
from PIL import Image

from likewise.data import read_mask, read_true_mask
from likewise.data.masks import object_share
from likewise.errors import ImageError


def png(values: list[list[int]]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.array(values, np.uint8)).save(stream, format="PNG")
    return stream.getvalue()


def test_soft_and_true() -> None:
    data = png([[0, 127, 128, 129, 255]])
    soft = read_mask(data)
    assert soft.dtype == np.float32
    np.testing.assert_allclose(soft, np.array([[0, 127, 128, 129, 255]]) / 255, rtol=1e-6)
    true = read_true_mask(data)
    assert true.object.tolist() == [[False, False, False, True, True]]
    assert true.scored.tolist() == [[True, True, False, True, True]]


def test_share_counts_from_128() -> None:
    assert object_share(np.array([[0, 127], [128, 255]], np.uint8)) == 0.5


def test_not_a_mask() -> None:
    with pytest.raises(ImageError):
        read_mask(b"no")
