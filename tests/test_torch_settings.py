"""Settings of torch that a notebook changes reach no result, and are as before after a call; so is the random state."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import pytest
import torch

import likewise
from likewise.arguments import checked
from likewise.data import CatalogDataset, EvalTransform, Preprocessing, make_loader
from likewise.explain import SaliencySettings, attribute
from likewise.models import ModelSpec, SimilarityModel, build
from tiny_models import photos

SPEC = ModelSpec(backbone="test_resnet", dim=8, preprocessing=Preprocessing(resize_px=64, crop_px=64))
MODEL: SimilarityModel = build(SPEC, seed=0)
PHOTOS = photos(3)
ROWS = np.random.default_rng(0).normal(size=(24, 8))


@contextmanager
def default_dtype() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


SETTINGS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "default dtype float64": default_dtype,
    "default device": lambda: torch.device("meta"),  # stands for "cuda", which a test cannot rely on
    "inference mode": torch.inference_mode,
    "no gradients": torch.no_grad,
    "autocast": lambda: torch.autocast("cpu"),
}


def copies() -> list[tuple[str, str]]:
    catalog = likewise.scenes.samples().take(range(4))
    return [(pair.a, pair.b) for pair in likewise.curation.duplicates(catalog).pairs]


CALLS: dict[str, Callable[[], Any]] = {
    "load": lambda: likewise.load("likewise:small").fingerprint,
    "build": lambda: build(SPEC, seed=0).fingerprint,
    "embed": lambda: MODEL.embed(PHOTOS).vectors,
    "compare": lambda: MODEL.compare(ROWS, ROWS),
    "explain": lambda: MODEL.explain(*PHOTOS[:2]).table,
    "attribute": lambda: attribute(MODEL, PHOTOS[:2], settings=SaliencySettings(samples=2)),
    "evaluate": lambda: list(likewise.retrieval.evaluate(ROWS, np.arange(24) // 3).values()),
    "nearest": lambda: likewise.retrieval.nearest(ROWS, k=2).distances,
    "property_significance": lambda: [
        each.p_value
        for each in likewise.retrieval.property_significance(
            ROWS, {"a": np.arange(24) % 4}, permutations=19
        ).values()
    ],
    "duplicates": copies,
    "losses.create": lambda: [
        weight.tolist() for weight in likewise.losses.create("arcface", 4, 8).parameters()
    ],
}


def state() -> tuple[Any, ...]:
    return (
        torch.get_default_dtype(), torch.get_default_device(), torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(), torch.is_autocast_enabled("cpu"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def usual() -> dict[str, np.ndarray]:
    return {name: np.asarray(call()) for name, call in CALLS.items()}


@pytest.mark.parametrize("setting", SETTINGS)
def test_settings_of_torch_change_no_result(setting: str, usual: dict[str, np.ndarray]) -> None:
    with SETTINGS[setting]():
        before = state()
        results = {name: call() for name, call in CALLS.items()}
        assert state() == before
    for name, result in results.items():
        np.testing.assert_array_equal(np.asarray(result), usual[name], err_msg=name)


def test_a_model_that_was_made_in_inference_mode_can_be_explained_later() -> None:
    with torch.inference_mode():
        model = build(SPEC, seed=0)
    assert model.explain(*PHOTOS[:2]).similarity == MODEL.explain(*PHOTOS[:2]).similarity


def test_gradients_stay_off_where_the_caller_switched_them_off() -> None:
    seen = checked(lambda: torch.tensor(1.0, requires_grad=True).mul(2).requires_grad)
    with default_dtype():
        assert seen()
        with torch.no_grad():
            assert not seen()
    with torch.inference_mode():
        assert not seen()


def test_the_default_dtype_comes_back_when_the_last_thread_is_done() -> None:
    entered, left = threading.Event(), threading.Event()
    dtypes = []

    @checked
    def long() -> None:
        entered.set()
        assert left.wait(60)
        dtypes.append(torch.get_default_dtype())

    @checked
    def short() -> None:
        dtypes.append(torch.get_default_dtype())

    with default_dtype():
        first = threading.Thread(target=long)
        first.start()
        assert entered.wait(60)
        second = threading.Thread(target=short)
        second.start()
        second.join()
        left.set()
        first.join()
        assert torch.get_default_dtype() == torch.float64
    assert dtypes == [torch.float32, torch.float32]


def test_no_call_draws_from_the_random_state_of_torch() -> None:
    catalog = likewise.scenes.samples().take(range(4))
    before = torch.get_rng_state()
    for batch in make_loader(
        CatalogDataset(catalog, EvalTransform(MODEL.preprocessing)), batch_size=2, num_workers=0
    ):
        assert len(batch) == 2
    MODEL.embed(catalog, num_workers=0)
    MODEL.explain(*PHOTOS[:2])
    assert torch.equal(torch.get_rng_state(), before)
