"""Faithfulness: a right explanation beats chance, a wrong one does not; the numbers are what was measured."""

import json
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from likewise.audit import FaithfulnessAudit, faithfulness
from likewise.audit.explanation_faithfulness import hiding_protocol as module
from likewise.audit.explanation_faithfulness.hiding_protocol import GRID
from likewise.audit.explanation_faithfulness.pair_experiment import PairExperiment
from likewise.audit.explanation_faithfulness.pointing_game import distractors, mosaic, share_on_half
from likewise.audit.explanation_faithfulness.statistics import (
    EXPLANATION,
    PARTS,
    RANDOM,
    SALIENCY,
    SPECIAL,
    curve,
    mean_interval,
)
from likewise.data import Catalog, Preprocessing
from likewise.errors import ConfigError, FingerprintError, InputError, InterruptedWork
from likewise.explain.perturbation import cells_mask, hide, hide_each
from likewise.explain.sampled_hiding import on_grid
from likewise.models import AVSLSpec, ModelSpec, SimilarityModel, build
from likewise.models.embedder import ExternalEmbedder, SimilarityNetwork
from likewise.report import Report

SMALL = Preprocessing(resize_px=56, crop_px=56)
# float32 has steps of 2**-24 just below a cosine of 1; a change compares two distances with two others.
ROUNDING = 4 * 2**-24


@pytest.fixture(scope="module")
def catalog(tmp_path_factory) -> Catalog:
    """Noise whose upper left quarter alone has a colour."""
    folder, generator = tmp_path_factory.mktemp("corner"), np.random.default_rng(0)
    for number in range(12):
        pixels = generator.integers(90, 166, (56, 56, 3)).astype(np.uint8)
        pixels[:28, :28] = generator.integers(0, 256, 3)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return Catalog.from_table(pd.DataFrame({"path": [f"{number}.png" for number in range(12)]}), folder)


class Colors(torch.nn.Module):
    """Mean colour of the upper left quarter: what matters is known."""

    def forward(self, inputs):
        return inputs[..., :28, :28].mean((2, 3))


@pytest.fixture(scope="module")
def corner() -> SimilarityModel:
    network = SimilarityNetwork(SMALL, ExternalEmbedder(Colors()))
    return SimilarityModel(network, SMALL, dim=3, name="corner")


def test_an_explanation_that_is_right_beats_chance(corner, catalog, tmp_path: Path) -> None:
    audit = faithfulness(corner, catalog, 8, random_choices=4, samples=2)
    chance = audit.advantages[RANDOM]
    assert chance.interval.low > 0 and chance.wins > 0.7 and chance.p_value < 0.05
    assert SPECIAL not in audit.changes and audit.additive_error is None
    assert audit.verdict().level in {"good", "warning"} and "faithful" in audit.verdict().headline
    page = Report.of("Are the explanations faithful?", audit).to_html()
    assert "random locations" in page and page.count("<img") >= 2
    told = json.loads(json.dumps(audit.to_dict()))
    assert told["pairs"] == 8 and len(told["curves"][EXPLANATION]["mean"]) == len(audit.shares)
    assert told["advantages"][RANDOM]["interval"]["low"] == pytest.approx(chance.interval.low)


def test_an_explanation_that_is_wrong_does_not(corner, catalog, monkeypatch) -> None:
    """It names places that the model never looks at."""
    elsewhere = np.ones((GRID, GRID))
    elsewhere[:4, :4] = 0

    def wrong(*arguments, **options):
        pair = explained(*arguments, **options)
        return replace(
            pair, a=replace(pair.a, similarity_map=elsewhere, contrast_map=elsewhere, refined_map=elsewhere)
        )

    explained = module.explain_squares
    monkeypatch.setattr(module, "explain_squares", wrong)
    audit = faithfulness(corner, catalog, 12, random_choices=4, samples=2)
    assert np.abs(audit.changes[EXPLANATION]).max() < 1e-6 and audit.advantages[RANDOM].interval.low < 0
    assert audit.verdict().level == "bad" and "not faithful" in audit.verdict().words


def test_changes_are_those_of_hiding_by_hand(catalog) -> None:
    model = build(ModelSpec(backbone="resnet10t", dim=8, preprocessing=SMALL), seed=0)
    audit = faithfulness(model, catalog, 5, shares=(0.1, 0.4), random_choices=3, samples=2)
    assert set(audit.changes) == {EXPLANATION, PARTS, SPECIAL, SALIENCY, RANDOM}
    assert audit.additive_error is not None and audit.additive_error < 1e-4
    first, other = audit.pairs[2]
    paths = [catalog.root / first, catalog.root / other]
    vectors = model.embed(catalog, num_workers=0)
    distances = model.compare(vectors.vectors, vectors.vectors)
    np.testing.assert_allclose(audit.typical, distances[~np.eye(12, dtype=bool)].mean(), rtol=1e-5)
    row = vectors.ids.index(first)
    assert vectors.ids[np.argsort(distances[row], kind="stable")[1]] == other
    assert audit.distances[2] == pytest.approx(distances[row, vectors.ids.index(other)], abs=ROUNDING)
    pair = model.explain(*paths, check=False)
    orders = {
        name: np.argsort(-on_grid(values, GRID), axis=None, kind="stable")
        for name, values in ((EXPLANATION, pair.a.refined_map), (PARTS, pair.a.similarity_map))
    }
    pixels = torch.from_numpy(np.array(pair.a.image)).permute(2, 0, 1)
    for (name, order), (column, count) in product(orders.items(), enumerate((5, 20))):
        hidden = hide(pixels, cells_mask((GRID, GRID), order[:count]))
        both = model.embed(torch.stack([hidden, pixels]), num_workers=0).vectors
        target = vectors.vectors[vectors.ids.index(other)][None]
        change = (model.compare(both[:1], target) - model.compare(both[1:], target))[0, 0] / audit.typical
        assert audit.changes[name][2, column] == pytest.approx(change, abs=ROUNDING / audit.typical)
    again = faithfulness(model, catalog, 5, shares=(0.1, 0.4), random_choices=3, samples=2)
    np.testing.assert_array_equal(audit.changes[RANDOM], again.changes[RANDOM])


def test_an_avsl_model_is_audited_too(catalog) -> None:
    settings = AVSLSpec(levels=(1, 2, 3), dim=8, topk=3)
    model = build(ModelSpec(backbone="resnet10t", head="avsl", avsl=settings, preprocessing=SMALL), seed=0)
    model.network.train()
    model.network(torch.randint(0, 256, (8, 3, 56, 56), generator=torch.Generator().manual_seed(0)).byte())
    model.network.eval()
    audit = faithfulness(model, catalog, 5, random_choices=2, samples=2)
    assert isinstance(audit, FaithfulnessAudit)
    assert audit.additive_error is not None and audit.additive_error < 1e-4
    assert {PARTS, SPECIAL, SALIENCY} <= set(audit.changes)


def test_the_error_of_the_sum_is_the_largest_in_typical_distances(catalog, monkeypatch) -> None:
    errors = iter([0.1, 0.4, 0.3, 0.2, 0.1])

    def inexact(model, pixels, names, *arguments, **options):
        pair = explained(model, pixels, names, *arguments, **options)
        return pair if "two in one" in names else replace(pair, completeness=next(errors))

    explained = module.explain_squares
    monkeypatch.setattr(module, "explain_squares", inexact)
    monkeypatch.setattr(PairExperiment, "grids", lambda *_: [None, None])
    model = build(ModelSpec(backbone="test_resnet", dim=8, preprocessing=SMALL), seed=0)
    audit = faithfulness(model, catalog, 5, shares=(0.2,), random_choices=1, hiding_masks=0, samples=1)
    assert abs(audit.typical - 1) > 0.1, "a distance of 1 would not tell"
    assert audit.additive_error == pytest.approx(0.4 / audit.typical)


def test_the_curve_and_its_interval() -> None:
    values = np.array([[0.0, 1.0], [2.0, 1.0], [4.0, 1.0], [2.0, 1.0]])
    mean, low, high = curve(values)
    assert mean.tolist() == [2.0, 1.0]
    assert low[0] < 2 < high[0] and low[1] == high[1] == 1


def test_maps_of_any_size_are_brought_to_the_cells() -> None:
    fine = np.zeros((14, 14))
    fine[2:4, 4:6] = [[1, 2], [3, 4]]
    found = on_grid(fine, GRID)
    assert found.shape == (GRID, GRID) and found[1, 2] == 2.5 and np.count_nonzero(found) == 1
    assert on_grid(np.arange(16.0).reshape(4, 4), GRID).shape == (GRID, GRID)


def test_images_are_hidden_together_as_one_by_one() -> None:
    pixels = torch.randint(0, 256, (3, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    masks = np.random.default_rng(0).random((5, 7, 7)) < 0.3
    together = hide_each(pixels, masks)
    assert torch.equal(together, torch.stack([hide(pixels, mask) for mask in masks]))


def test_bad_input_is_refused(corner, catalog) -> None:
    for options in (
        {"pairs": 4},
        {"random_choices": 0},
        {"hiding_masks": -1},
        {"shares": (0.2, 1.0)},
        {"shares": ()},
    ):
        with pytest.raises(ConfigError, match=rf"^{next(iter(options))} (must be|is empty)"):
            faithfulness(corner, catalog, **options)
    few = Catalog.from_table(catalog.table.head(3), catalog.root)
    with pytest.raises(InputError, match="only 3 of the catalog can be read"):
        faithfulness(corner, few)


class MeanColor(torch.nn.Module):
    """Every pixel counts the same: of two halves, the one of the neighbour's colour makes the pair alike."""

    def forward(self, inputs):
        return inputs.mean((2, 3))


def test_of_two_subjects_the_right_one_is_found(tmp_path) -> None:
    generator = np.random.default_rng(0)
    colors = [(200, 90, 90), (90, 200, 90), (90, 90, 200)]
    for number in range(12):
        pixels = np.array(colors[number % 3]) + generator.integers(-20, 21, (56, 56, 3))
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / f"{number}.png")
    catalog = Catalog.from_table(pd.DataFrame({"path": [f"{number}.png" for number in range(12)]}), tmp_path)
    network = SimilarityNetwork(SMALL, ExternalEmbedder(MeanColor()))
    audit = faithfulness(
        SimilarityModel(network, SMALL, dim=3, name="colour"), catalog, 12, random_choices=3, samples=4
    )
    own = audit.pointing_game.on_own
    assert own[EXPLANATION].mean() > 0.9
    # The gradient of a mean is the same everywhere: saliency cannot tell the halves apart.
    assert abs(own[SALIENCY].mean() - 0.5) < 0.05
    assert audit.pointing_game.advantages[SALIENCY].interval.low > 0
    assert audit.pointing_game.advantages[RANDOM].interval.low > 0
    found = audit.verdict()
    assert (
        "With two subjects in one photo, it finds the one" in found.words and "50 % by chance" in found.words
    )
    told = json.loads(json.dumps(audit.to_dict()))["pointing_game"]
    assert told["on_own"][EXPLANATION]["interval"] == mean_interval(own[EXPLANATION])._asdict()
    assert told["curves"][SALIENCY]["mean"] == pytest.approx(
        audit.pointing_game.changes[SALIENCY].mean(0).tolist()
    )
    page = Report.of("Are the explanations faithful?", audit).to_html()
    assert "Which of two subjects is similar?" in page and "the similar half" in page


def test_a_mosaic_shows_the_middle_halves() -> None:
    own, distractor = torch.arange(3 * 6 * 6).reshape(3, 6, 6), -torch.arange(3 * 6 * 6).reshape(3, 6, 6)
    left = mosaic(own, distractor, right=False)
    assert torch.equal(left[..., :3], own[..., 1:4]) and torch.equal(left[..., 3:], distractor[..., 1:4])
    right = mosaic(own, distractor, right=True)
    assert torch.equal(right[..., 3:], own[..., 1:4]) and torch.equal(right[..., :3], distractor[..., 1:4])
    odd = torch.zeros(3, 7, 7)
    assert all(mosaic(odd, odd, right=side).shape == (3, 7, 7) for side in (True, False))


def test_the_share_on_a_half() -> None:
    values = np.array(
        [[1.0, -5.0, 2.0], [0.0, 2.0, -1.0]]
    )  # of 5 positive parts: 1 left, 2 in the middle, 2 right
    assert share_on_half(values, right=True) == pytest.approx(3 / 5)
    assert share_on_half(values, right=False) == pytest.approx(2 / 5)
    assert share_on_half(np.array([[3.0, 1.0]]), right=True) == pytest.approx(0.25)
    assert share_on_half(-np.ones((2, 2)), right=True) == 0.5


def test_strangers_are_far_and_never_the_image_itself() -> None:
    distances = np.random.default_rng(0).random((40, 9))
    owns = [number % 9 for number in range(40)]
    found = distractors(distances, owns, seed=3)
    for row, own, distractor in zip(distances, owns, found, strict=True):
        assert distractor != own and row[distractor] >= np.median(row)
    assert distractors(distances, owns, seed=3) == found != distractors(distances, owns, seed=4)


def test_nothing_is_embedded_that_the_audit_does_not_use(corner, catalog, monkeypatch) -> None:
    """The first image alone is explained, and the examples are pairs that are measured anyway."""
    counts: list[int] = []
    vectors = SimilarityModel.vectors
    monkeypatch.setattr(
        SimilarityModel,
        "vectors",
        lambda model, pixels, *more: counts.append(len(pixels)) or vectors(model, pixels, *more),
    )
    monkeypatch.setattr(SimilarityModel, "differentiable", False)
    faithfulness(corner, catalog, 6, shares=(0.1, 0.2), random_choices=3, hiding_masks=9)
    pair = 2 + 9  # the explanation
    hidden = 2 + 2 * (1 + 3)  # by the explanation and at random
    assert sum(counts) == 6 * 2 * (pair + hidden)


def test_a_stopped_audit_goes_on_where_it_was(corner, catalog, tmp_path, monkeypatch) -> None:
    def audited(parts: Path | None) -> FaithfulnessAudit:
        return faithfulness(corner, catalog, 12, random_choices=2, samples=2, parts=parts)

    drawn = audited(None)
    whole = drawn.to_dict()
    calls = []
    explained = module.explain_squares

    def stopping(*arguments, **options):
        calls.append(arguments)
        if len(calls) == 21:  # two explanations a pair, ten pairs a file
            raise KeyboardInterrupt
        return explained(*arguments, **options)

    monkeypatch.setattr(module, "explain_squares", stopping)
    with pytest.raises(InterruptedWork, match="after 10 of 12 items"):
        audited(tmp_path / "parts")
    calls = [None] * 21
    assert audited(tmp_path / "parts").to_dict() == whole
    assert len(calls) - 21 == 4  # two pairs that were missing; examples are drawn from what is stored
    calls.clear()
    again = faithfulness(corner, catalog, 12, random_choices=2, samples=2, parts=tmp_path / "parts")
    assert not calls and again.to_dict() == whole
    for grid, other in (
        (again.example, drawn.example),
        (again.pointing_game.example, drawn.pointing_game.example),
    ):
        assert grid is not None and other is not None
        assert np.array_equal(np.asarray(grid.draw()), np.asarray(other.draw()))
    with pytest.raises(FingerprintError, match="choose another folder"):
        faithfulness(corner, catalog, 12, random_choices=3, samples=2, parts=tmp_path / "parts")
