"""Sixteen threads on one model get the bits of one thread, and leave the model as it was."""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image

from likewise.data import Preprocessing
from likewise.explain import SaliencySettings, attribute
from likewise.models import ModelSpec, build
from likewise.models.evaluating import evaluating

METHODS = ["smoothgrad", "gradient", "gradient_x_input", "integrated_gradients", "grad_cam", "occlusion"]
THREADS = 16


def fresh_model():
    """In training mode, where batch normalisation would give other numbers and change for good."""
    preprocessing = Preprocessing(resize_px=56, crop_px=48)
    model = build(ModelSpec(backbone="resnet10t", dim=16, preprocessing=preprocessing), seed=0)
    model.network.train()
    return model


def pictures(count: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (count, 3, 48, 48)).astype(np.uint8))


def in_one_thread(jobs):
    """Results one after the other, in a new thread: one in which PyTorch has other settings gives other last bits."""
    with ThreadPoolExecutor(1) as pool:
        return list(pool.map(lambda job: job(), jobs))


def works():
    """Named jobs from (model, number of the thread) to an array."""
    shown = pictures(THREADS)

    def embed(model, number):
        return model.embed(shown[number : number + 1]).vectors

    def explain(model, number):
        a, b = (
            Image.fromarray(shown[row].permute(1, 2, 0).numpy()) for row in (number, (number + 1) % THREADS)
        )
        found = model.explain(a, b, hiding_masks=2)
        return np.concatenate([found.a.refined_map.ravel(), found.b.distance_map.ravel(), [found.distance]])

    def distance(model, number):
        a, b = (Image.fromarray(shown[row].permute(1, 2, 0).numpy()) for row in (number, 0))
        return np.array(model.distance_between(a, b))

    jobs = {"embed": embed, "explain": explain, "distance_between": distance}
    for method in METHODS:
        settings = SaliencySettings(method=method, samples=3, steps=4, window=16, stride=16)
        jobs[method] = lambda model, number, settings=settings: attribute(
            model, shown[number : number + 1], settings=settings, method=settings.method
        )
    return jobs


@pytest.mark.parametrize(
    "names", [["embed"], ["explain"], METHODS, ["embed", "explain", "grad_cam", "smoothgrad"]]
)
def test_sixteen_threads_get_what_one_gets(names):
    jobs, model = works(), fresh_model()
    before = {name: tensor.clone() for name, tensor in model.network.state_dict().items()}
    tasks = [(jobs[names[number % len(names)]], number) for number in range(THREADS)]
    alone = in_one_thread([partial(job, model, number) for job, number in tasks])
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in range(3):
            start = threading.Barrier(THREADS)

            def run(task, start=start):
                start.wait()
                return task[0](model, task[1])

            for (_, number), found, wanted in zip(tasks, pool.map(run, tasks), alone, strict=True):
                np.testing.assert_array_equal(found, wanted, err_msg=f"thread {number}")
    assert all(module.training for module in model.network.modules())
    assert all(weight.requires_grad for weight in model.network.embedder.head.parameters())
    after = model.network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_network_stays_in_evaluation_until_the_last_is_done():
    model = fresh_model()
    frozen_part = model.network.embedder.backbone.network.bn1.eval()
    with evaluating(model.network):
        with evaluating(model.network, frozen=True):
            assert not any(weight.requires_grad for weight in model.network.parameters())
        assert not any(module.training for module in model.network.modules())
        assert any(weight.requires_grad for weight in model.network.parameters())
    assert model.network.training and not frozen_part.training
    with pytest.raises(KeyError), evaluating(model.network, frozen=True):
        raise KeyError
    assert model.network.training and model.network.embedder.head.weight.requires_grad


def in_threads(job):
    """What sixteen threads get from ``job(number)`` when they begin together."""
    start = threading.Barrier(THREADS)

    def run(number):
        start.wait()
        return job(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


def test_models_with_an_avsl_head():
    spec = ModelSpec(
        backbone="resnet10t", dim=None, head="avsl", preprocessing=Preprocessing(resize_px=56, crop_px=48),
        avsl={"levels": [-2, -1], "dim": 8, "topk": 4},
    )  # fmt: skip
    model = build(spec, seed=0)
    shown = pictures(THREADS)
    model.network.train()
    model.network(shown)  # measures the links

    def job(number):
        a, b = (Image.fromarray(shown[row].permute(1, 2, 0).numpy()) for row in (number, 0))
        found = model.explain(a, b, hiding_masks=1, check=False)
        return np.concatenate([model.embed(shown[number : number + 1]).vectors.ravel(), found.a.refined_map.ravel(),
                               [found.distance, *found.table["contribution"]]])  # fmt: skip

    alone = in_one_thread([partial(job, number) for number in range(THREADS)])
    for found, wanted in zip(in_threads(job), alone, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_models_are_built_loaded_and_saved_side_by_side(tmp_path):
    from likewise.models import load

    spec = ModelSpec(backbone="test_resnet", dim=16, preprocessing=Preprocessing(resize_px=40, crop_px=32))
    before = torch.random.get_rng_state()
    alone = [build(spec, seed=number).fingerprint for number in range(THREADS)]

    def job(number):
        model = build(spec, seed=number)
        model.save(tmp_path / str(number))
        return model.fingerprint, load(tmp_path / str(number)).fingerprint

    assert in_threads(job) == [(print_, print_) for print_ in alone]
    assert torch.equal(torch.random.get_rng_state(), before)


def test_thresholds_are_calibrated_side_by_side():
    from likewise.retrieval import calibrate, evaluate

    vectors = np.random.default_rng(0).standard_normal((60, 8)).astype(np.float32)
    labels = [f"class {row % 12}" for row in range(60)]

    def job(number):
        return calibrate(vectors, labels, seed=number % 3).distance, evaluate(vectors, labels)

    assert in_threads(job) == [job(number) for number in range(THREADS)]
