"""Batches in pieces: each image gives the same numbers, in order, whatever the size of the batch."""

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from likewise.onnx_sessions import onnx_run, open_session


class Session:
    """The mean of each image; remembers its batches."""

    def __init__(self, batch: int | str = "N", provider: str = "CPUExecutionProvider") -> None:
        self.batch, self.provider, self.sizes = batch, provider, list[int]()
        self.threads = set[int]()

    def get_inputs(self) -> list[Any]:
        return [SimpleNamespace(name="images", shape=[self.batch, 3, 8, 8])]

    def get_outputs(self) -> list[Any]:
        return [SimpleNamespace(name="first"), SimpleNamespace(name="second")]

    def get_providers(self) -> list[str]:
        return [self.provider, "CPUExecutionProvider"]

    def run(self, names: list[str], values: dict[str, np.ndarray]) -> list[np.ndarray]:
        assert names == ["first"]
        self.sizes.append(len(values["images"]))
        self.threads.add(threading.get_ident())
        return [values["images"].mean((2, 3))]


@pytest.mark.parametrize(
    ("count", "threads", "sizes"),
    [(1, 2, [1]), (2, 2, [1, 1]), (11, 2, [3, 4, 4]), (64, 2, [4] * 16), (64, 32, [2] * 32), (5, 1, [1, 4])],
)
def test_pieces_of_a_batch(count: int, threads: int, sizes: list[int]) -> None:
    session = Session()
    images = np.random.default_rng(0).random((count, 3, 8, 8)).astype(np.float32)
    np.testing.assert_array_equal(onnx_run(session, threads=threads)(images), images.mean((2, 3)))
    assert sorted(session.sizes) == sizes
    assert len(session.threads) <= threads


@pytest.mark.parametrize("session", [Session(batch=6), Session(provider="CUDAExecutionProvider")])
def test_fixed_batches_and_gpus_get_the_whole_batch(session: Session) -> None:
    onnx_run(session)(np.zeros((6, 3, 8, 8), np.float32))
    assert session.sizes == [6]


def test_images_of_a_real_network_do_not_depend_on_the_batch(photos: Path) -> None:
    run = onnx_run(open_session(photos / "weights" / "mobilenetv2_embedder.onnx"), threads=2)
    images = np.random.default_rng(0).normal(size=(9, 3, 224, 224)).astype(np.float32)
    together = run(images)
    for place in (0, 4, 8):
        np.testing.assert_allclose(run(images[place : place + 1])[0], together[place], rtol=0, atol=1e-4)
