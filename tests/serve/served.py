"""The pictures that the tests of the server use."""

import asyncio
import io
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

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


def mask_of(number: int) -> Image.Image:
    """The mask of a picture: its left or its upper half is the object."""
    mask = Image.new("L", picture(number).size)
    width, height = mask.size
    mask.paste(255, (0, 0, width // 2, height) if number % 4 else (0, 0, width, height // 2))
    return mask


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind)
    return stream.getvalue()


def finished(client: TestClient, job: dict[str, Any]) -> dict[str, Any]:
    """A job once it has ended."""
    for _ in range(600):
        job = client.get(f"/v1/jobs/{job['id']}").json()
        if job["state"] not in ("waiting", "running", "cancelling"):
            return job
        time.sleep(0.05)
    raise AssertionError(job)


def in_a_thread(work: Coroutine[Any, Any, Any]) -> Any:
    """Result of ``work``, run in a thread: a browser of other tests may have an event loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()
