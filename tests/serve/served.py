"""The pictures that the tests of the server use."""

import io
from collections.abc import Callable

import numpy as np
from fastapi.testclient import TestClient
from PIL import Image

Serve = Callable[..., TestClient]
LABELS = "abcd"
IMAGES = 32


def picture(number: int, size: tuple[int, int] = (80, 70)) -> Image.Image:
    """A drawn picture: four colours per class, and some noise per image."""
    base = np.random.default_rng(number % len(LABELS)).integers(0, 256, (4, 4, 3))
    noise = np.random.default_rng(100 + number).integers(-40, 40, (4, 4, 3))
    return Image.fromarray((base + noise).clip(0, 255).astype(np.uint8)).resize(
        size, Image.Resampling.BICUBIC
    )


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind)
    return stream.getvalue()
