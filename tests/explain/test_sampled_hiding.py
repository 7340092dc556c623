"""Estimated effects of hiding: against Henderson's equations, a known truth, and models whose effects are known."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.linalg import null_space
from scipy.stats import multivariate_normal, spearmanr

from likewise.data import Preprocessing
from likewise.errors import ConfigError, EmbeddingError
from likewise.explain import explain_pair, perturbation, sampled_hiding
from likewise.explain.sampled_hiding import PASSES, _fitted, _smooth, blobs, hidden_effects, sampled_effects
from likewise.models import ModelSpec, SimilarityModel, build
from likewise.models.embedder import ExternalEmbedder, SimilarityNetwork

Map = NDArray[np.float64]
GRID = (7, 7)


def bump(seed: int) -> Map:
    """One place that matters."""
    row, column = np.random.default_rng(seed).uniform(1, 5, 2)
    rows, columns = np.indices(GRID)
    effects: Map = np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 4) / 20
    return effects


class Lower(torch.nn.Module):
    """An embedding that turns with the brightness of the lower right quarter."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        angle = inputs[..., 32:, 32:].mean((1, 2, 3))
        return torch.stack([angle.cos(), angle.sin()], 1)


def black_box() -> SimilarityModel:
    preprocessing = Preprocessing(resize_px=64, crop_px=64)
    network = SimilarityNetwork(preprocessing, ExternalEmbedder(Lower())).eval()
    return SimilarityModel(network, preprocessing, dim=2, name="lower")


def picture(low: int, high: int) -> Image.Image:
    """Dark, with a lower right quarter of another brightness."""
    pixels = np.full((64, 64, 3), low, np.uint8)
    pixels[36:, 36:] = high
    return Image.fromarray(pixels)


def test_a_fit_solves_the_equations_of_henderson():
    random = np.random.default_rng(0)
    hidden = blobs(GRID, 30, 0).reshape(30, -1).astype(float)
    share = hidden.mean(1)
    terms = [(share, np.full(49, 1 / 49)), (share**2, np.full(49, 0.4 / 49))]
    changes, prior = random.normal(size=30), 0.3 * _smooth(GRID, 0.2) + 1e-6 * np.eye(49)
    _, mean, covariance = _fitted(hidden, changes, terms, prior)
    trend, slopes = np.stack([terms[0][0], terms[1][0]], 1), np.stack([terms[0][1], terms[1][1]], 1)
    design = np.concatenate([trend, hidden], 1)
    equations = design.T @ design
    equations[2:, 2:] += np.linalg.inv(prior)
    inverse = np.linalg.inv(equations)
    solution = inverse @ design.T @ changes
    per_place = np.concatenate([slopes, np.eye(49)], 1)
    np.testing.assert_allclose(mean, per_place @ solution, rtol=1e-4, atol=1e-6)
    total = hidden @ prior @ hidden.T + np.eye(30)
    projected = np.linalg.inv(total) @ (changes - trend @ solution[:2])
    noise = (changes - trend @ solution[:2]) @ projected / 28
    np.testing.assert_allclose(covariance, noise * per_place @ inverse @ per_place.T, rtol=1e-3, atol=1e-6)


def test_priors_are_compared_by_the_density_of_what_no_trend_explains():
    hidden = blobs(GRID, 24, 1).reshape(24, -1).astype(float)
    share = hidden.mean(1)
    terms = [(share, np.zeros(49)), (share**2, np.zeros(49))]
    changes = hidden @ bump(3).ravel() + np.random.default_rng(1).normal(0, 0.01, 24)
    contrasts = null_space(np.stack([share, share**2], 1).T)
    found, expected = [], []
    for reach, signal in ((0.1, 0.1), (0.2, 1.0), (0.4, 10.0)):
        prior = signal * _smooth(GRID, reach)
        found.append(_fitted(hidden, changes, terms, prior)[0])
        covariance = contrasts.T @ (hidden @ prior @ hidden.T + np.eye(24)) @ contrasts
        left = contrasts.T @ changes
        noise = left @ np.linalg.solve(covariance, left) / len(left)
        expected.append(multivariate_normal(cov=noise * covariance).logpdf(left))
    np.testing.assert_allclose(np.diff(found), np.diff(expected), rtol=1e-6)


@pytest.mark.parametrize("passes", [25, 98])
def test_ninety_five_per_cent_of_the_intervals_hold_the_truth(passes):
    inside = []
    for seed in range(20):
        truth, random = bump(seed), np.random.default_rng(seed)
        found = sampled_effects(
            lambda masks, truth=truth, random=random: (masks * truth).sum((1, 2)) + random.normal(0, 0.02, len(masks)),
            GRID, passes, seed=seed,
        )  # fmt: skip
        inside.append(np.abs(found.effects - truth) < 1.96 * found.standard_errors)
    assert 0.9 < np.mean(inside) < 0.99


def test_places_are_ranked_where_the_effect_saturates():
    truth = bump(5)
    found = sampled_effects(lambda masks: 1 - np.exp(-2 * (masks * truth).sum((1, 2))), GRID, 98)
    assert spearmanr(found.effects.ravel(), truth.ravel())[0] > 0.9
    assert found.passes == 98 and (found.standard_errors > 0).all()


@pytest.mark.parametrize(("passes", "gain", "loss"), [(16, 0.02, 0.25), (98, 0.005, 0.05)])
def test_a_hint_helps_and_a_useless_one_hardly_matters_after_enough_passes(passes, gain, loss):
    reached: dict[str, list[float]] = {"none": [], "good": [], "useless": []}
    for seed in range(12):
        truth, random = bump(seed), np.random.default_rng(seed)
        noise = random.normal(0, 0.05, passes)
        hints = {"none": None, "good": 7 * truth + 2, "useless": random.normal(size=GRID)}
        for name, hint in hints.items():
            found = sampled_effects(
                lambda masks, truth=truth, noise=noise: (masks * truth).sum((1, 2)) + noise,
                GRID, passes, seed=seed, hint=hint,
            )  # fmt: skip
            reached[name].append(float(np.corrcoef(found.effects.ravel(), truth.ravel())[0, 1]))
    means = {name: np.mean(values) for name, values in reached.items()}
    assert means["good"] > means["none"] + gain
    assert means["useless"] > means["none"] - loss, means


def test_a_constant_hint_counts_as_none():
    truth = bump(0)
    one, other = (
        sampled_effects(lambda masks: (masks * truth).sum((1, 2)), GRID, 20, hint=hint)
        for hint in (None, np.ones(GRID))
    )
    np.testing.assert_array_equal(one.effects, other.effects)


def test_blobs_hide_from_a_twentieth_to_a_half_and_no_place_more_than_others():
    masks = blobs((14, 14), 400, 3)
    shares = masks.mean((1, 2))
    assert shares.min() >= 0.045 and shares.max() <= 0.505 and np.ptp(masks.mean(0)) < 0.2
    # Connected areas: most neighbours of a hidden cell are hidden, too.
    assert (masks[:, 1:] == masks[:, :-1]).mean() > 0.85
    np.testing.assert_array_equal(masks, blobs((14, 14), 400, 3))
    assert (masks != blobs((14, 14), 400, 4)).any()


def test_only_the_quarter_that_matters_has_an_effect():
    pair = explain_pair(black_box(), picture(40, 220), picture(60, 220), check=False)
    assert pair.kind == "hiding" and pair.passes == PASSES
    for side in (pair.a, pair.b):
        assert side.refined_map is side.similarity_map and side.standard_errors.shape == GRID
        best = np.argsort(side.similarity_map, axis=None)[-6:]
        assert all(min(divmod(int(cell), 7)) >= 3 for cell in best)
    told = pair.to_dict()
    assert told["passes"] == PASSES and np.array(told["standard_errors"]["a"]).shape == GRID
    assert f"hiding {PASSES} random areas of each image" in pair.words


@pytest.mark.parametrize("passes", [0, 7])
def test_too_few_copies_for_hiding_are_refused(passes):
    with pytest.raises(ConfigError, match=f"hiding_masks is {passes}, but 'lower' is explained by hiding"):
        explain_pair(black_box(), picture(40, 220), picture(60, 220), check=False, hiding_masks=passes)


def test_a_transformer_takes_its_parts_as_a_hint():
    model = build(ModelSpec(backbone="test_vit", pooling="native", dim=None), seed=1)
    images = [picture(40, 220), picture(60, 180)]
    measured = explain_pair(model, *images, check=False, hiding_masks=20)
    exact = explain_pair(model, *images, check=False, hiding_masks=0)
    assert measured.kind == exact.kind == "tokens"
    assert (
        exact.a.refined_map is exact.a.similarity_map
        and exact.a.standard_errors is None
        and exact.passes == 0
    )
    assert measured.a.refined_map.shape == GRID and measured.passes == 20
    np.testing.assert_array_equal(measured.a.similarity_map, exact.a.similarity_map)
    pixels = torch.stack([torch.from_numpy(np.array(image)).permute(2, 0, 1) for image in images])
    side = model.preprocessing.crop_px
    pixels = torch.nn.functional.interpolate(pixels.float(), (side, side)).round().to(torch.uint8)
    partner = model.vectors(pixels[1:])
    rows = {"none": None, "parts": measured.a.similarity_map}
    found = {
        name: hidden_effects(
            model,
            pixels[0],
            model.vectors(pixels[:1]),
            lambda vectors: model.compare(vectors, partner)[:, 0],
            20,
            hint=hint,
        ).effects
        for name, hint in rows.items()
    }
    if side == 64:
        np.testing.assert_allclose(found["parts"], measured.a.refined_map, rtol=1e-6)
    assert not np.allclose(found["none"], found["parts"])
    assert "was measured by hiding 20 random areas" in measured.words and "was measured" not in exact.words
    assert len(measured.grid().rows[0]) == len(exact.grid().rows[0]) + 1


@pytest.mark.parametrize("progress", [True, False])
def test_every_hidden_copy_advances_the_bar(progress: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    bars: list[tuple[int, list[int]]] = []

    @contextmanager
    def bar(_: str, total: int, *, enabled: bool) -> Iterator[SimpleNamespace]:
        counts: list[int] = []
        if enabled:
            bars.append((total, counts))
        yield SimpleNamespace(advance=counts.append)

    monkeypatch.setattr(sampled_hiding, "progress_bar", bar)
    images = [Image.new("RGB", (64, 64), shade) for shade in ("grey", "white")]
    explain_pair(black_box(), *images, check=False, hiding_masks=40, progress=progress)
    assert sum(total for total, _ in bars) == (80 if progress else 0)
    assert all(sum(counts) == total for total, counts in bars)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_copy_without_a_vector_is_one_sentence(value: float) -> None:
    class Model:
        name, network = "service", None

        def vectors(self, pixels: torch.Tensor) -> NDArray[np.float32]:
            return np.where(np.arange(len(pixels)) == 1, value, 1.0)[:, None].astype(np.float32)

    model: Any = Model()
    pixels, whole = torch.zeros(3, 14, 14, dtype=torch.uint8), np.zeros((1, 3), np.float32)
    with pytest.raises(
        EmbeddingError, match="'service' gives an image with hidden locations a vector of NaN"
    ):
        hidden_effects(model, pixels, whole, lambda rows: rows[:, 0].astype(float), 20)


def test_the_copies_fill_the_requests_of_a_service() -> None:
    class Network:
        images_per_request = 32

    class Model:
        name, network = "service", Network()

        def vectors(self, pixels: torch.Tensor) -> NDArray[np.float32]:
            asked.append(len(pixels))
            return pixels.float().mean((2, 3)).numpy()

    asked: list[int] = []
    model: Any = Model()
    pixels, whole = torch.zeros(3, 14, 14, dtype=torch.uint8), np.zeros((1, 3), np.float32)
    for network, wanted in ((Network(), [32, 32, 32, 2]), (None, [16] * 6 + [2])):
        model.network = network
        asked.clear()
        hidden_effects(model, pixels, whole, lambda rows: rows[:, 0].astype(float), 98)
        assert asked == wanted


def test_the_seed_decides_what_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden: list[NDArray[np.bool_]] = []

    def hide_each(pixels: torch.Tensor, masks: NDArray[np.bool_]) -> torch.Tensor:
        hidden.append(masks)
        return pixels[None].expand(len(masks), -1, -1, -1)

    monkeypatch.setattr(perturbation, "hide_each", hide_each)
    model, pixels = black_box(), torch.zeros(3, 64, 64, dtype=torch.uint8)
    whole = model.vectors(pixels[None])
    for seed in (0, 0, 1):
        hidden_effects(model, pixels, whole, lambda rows: rows[:, 0].astype(float), 16, seed=seed)
    assert (hidden[0] == hidden[1]).all() and (hidden[0] != hidden[2]).any()
    assert (hidden[0] == blobs(GRID, 16, 0)).all() and (hidden[2] == blobs(GRID, 16, 1)).all()


@pytest.mark.parametrize(("power", "slope"), [(1, 1.0), (2, 0.4)])
def test_a_change_with_the_hidden_share_alone_is_stated_at_a_fifth_hidden(power: int, slope: float) -> None:
    found = sampled_effects(lambda masks: masks.mean((1, 2)) ** power, GRID, 98)
    np.testing.assert_allclose(found.effects, slope / 49, rtol=1e-3)
