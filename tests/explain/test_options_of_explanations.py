"""Every option of an explanation reaches what it is for, for the right one of the two images."""

from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from likewise.audit.explanation_faithfulness import hiding_protocol
from likewise.audit.explanation_faithfulness.hiding_protocol import HidingProtocol
from likewise.errors import ModelError
from likewise.explain import SaliencySettings, methods, pairs
from likewise.explain.sampled_hiding import SampledEffects
from likewise.seeds import derived_seed

GRID = (2, 3)
PAIRS: Any = pairs


def effects(value: float) -> SampledEffects:
    return SampledEffects(np.full(GRID, value), np.full(GRID, value / 10), 9)


class Vectors:
    """A model whose embeddings are the rows it is given; distances are differences of the first number."""

    name, distance, decomposable, differentiable = "stub", "euclidean", False, True
    preprocessing = SimpleNamespace(crop_px=8)

    def compare(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return a[:, :1] - b[:, 0]

    def vectors(self, pixels: torch.Tensor) -> np.ndarray:
        return pixels.float().mean((2, 3)).numpy()


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(pairs, "frozen_weights", lambda _: nullcontext())
    monkeypatch.setattr(pairs, "usable_vectors", lambda *_: np.array([[3.0, 0.0], [1.0, 2.0]]))

    def refuse(*_: Any) -> None:
        raise ModelError("of another form")

    monkeypatch.setattr(pairs, "exact_parts", refuse)
    return Vectors()


PIXELS = torch.stack([torch.full((3, 8, 8), value, dtype=torch.uint8) for value in (10, 200)])


def hidden(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """How each image is hidden, with what one more embedding would be compared with."""
    calls: list[Any] = []

    def measure(model: Any, pixels: Any, whole: Any, distances: Any, passes: int, **options: Any) -> Any:
        grown = distances(np.array([[7.0, 0.0]])).tolist()
        calls.append((int(pixels[0, 0, 0]), whole.tolist(), grown, passes, options))
        return effects(len(calls))

    monkeypatch.setattr(pairs, "hidden_effects", measure)
    return calls


@pytest.mark.parametrize(("masks", "passes"), [(None, 98), (20, 20)])
def test_hiding_measures_each_image_against_the_other(
    model: Any, monkeypatch: pytest.MonkeyPatch, masks: int | None, passes: int
) -> None:
    calls = hidden(monkeypatch)
    options: dict[str, Any] = {"hiding_masks": masks, "seed": 4, "progress": True}
    pair = pairs.explain_squares(model, PIXELS, ("x", "y"), **options)
    given = {"seed": 4, "hint": None, "progress": True}
    assert calls == [
        (10, [[3.0, 0.0]], [7.0 - 1.0], passes, given),
        (200, [[1.0, 2.0]], [3.0 - 7.0], passes, given),
    ]
    assert pair.kind == "hiding" and pair.inexact_reason == "of another form" and pair.distance == 2.0
    assert pair.similarity == pytest.approx(3 / (3 * np.sqrt(5))) and pair.passes == 9
    assert (pair.a.name, pair.b.name) == ("x", "y")
    for side, value in ((pair.a, 1.0), (pair.b, 2.0)):
        assert (side.similarity_map == value).all() and (side.distance_map == -value).all()
        assert (side.refined_map == value).all() and (side.standard_errors == value / 10).all()


def test_nothing_is_hidden_in_a_second_image_that_is_not_wanted(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = hidden(monkeypatch)
    pair = pairs.explain_squares(model, PIXELS, ("x", "y"), second=False)
    assert [call[0] for call in calls] == [10]
    assert (pair.a.refined_map == 1).all() and (pair.a.standard_errors == 0.1).all()
    assert np.isnan(pair.b.refined_map).all() and pair.b.standard_errors is None
    tokens = replace(pair, kind="tokens", b=replace(pair.b, refined_map=np.full(GRID, 8.0)))
    monkeypatch.setattr(pairs, "exact_parts", lambda *_: [1, 2])
    monkeypatch.setattr(pairs, "_of_parts", lambda *_, **__: tokens)
    calls.clear()
    pair = pairs.explain_squares(model, PIXELS, ("x", "y"), second=False)
    assert [call[0] for call in calls] == [10]
    assert (pair.a.refined_map == 1).all() and (pair.b.refined_map == 8).all()


def test_tokens_are_a_hint_for_hiding(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = hidden(monkeypatch)
    plain = pairs.explain_squares(model, PIXELS, ("x", "y"))
    calls.clear()
    hints = np.full(GRID, 5.0), np.full(GRID, 6.0)
    of_parts = replace(
        plain, kind="tokens", a=replace(plain.a, similarity_map=hints[0]),
        b=replace(plain.b, similarity_map=hints[1]),
    )  # fmt: skip
    monkeypatch.setattr(pairs, "exact_parts", lambda *_: [1, 2])
    monkeypatch.setattr(pairs, "_of_parts", lambda *_, **__: of_parts)
    pair = pairs.explain_squares(model, PIXELS, ("x", "y"), hiding_masks=11, seed=3, progress=True)
    assert [(call[3], call[4]["seed"], call[4]["progress"]) for call in calls] == [(11, 3, True)] * 2
    assert calls[0][4]["hint"] is hints[0] and calls[1][4]["hint"] is hints[1] and pair.passes == 11
    assert (pair.a.refined_map == 1).all() and (pair.b.refined_map == 2).all()
    calls.clear()
    assert pairs.explain_squares(model, PIXELS, ("x", "y"), hiding_masks=0) is of_parts and not calls


def test_feature_maps_are_traced_with_the_copies_asked_for(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class TracedError(Exception):
        pass

    asked: list[Any] = []

    def traced(given: Any, pixels: Any, **options: Any) -> None:
        asked.append(options)
        raise TracedError

    monkeypatch.setattr(Vectors, "decomposable", True)
    monkeypatch.setattr(pairs, "traced_evidence", traced)
    for masks in (None, 3):
        with pytest.raises(TracedError):
            pairs.explain_squares(model, PIXELS, ("x", "y"), hiding_masks=masks, seed=6)
    assert asked == [{"hiding_masks": each, "seed": 6, "second": True} for each in (8, 3)]


def test_both_images_are_checked_with_the_same_options(
    tiny_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [Image.new("RGB", (60, 60), color) for color in ("red", "blue")]
    asked: list[Any] = []
    original = pairs.explain_squares

    def explain(model: Any, pixels: Any, names: Any, **options: Any) -> Any:
        asked.append((names, options))
        return original(model, pixels, names, **options)

    def check(model: Any, first: Any, second: Any, shown: Any, **options: Any) -> str:
        asked.append((int(first[0, 0, 0]) > 128, int(second[0, 0, 0]) > 128, shown, options))
        return f"check {len(asked)}"

    monkeypatch.setattr(pairs, "explain_squares", explain)
    monkeypatch.setattr(pairs, "hiding_check", check)
    pair = PAIRS.explain_pair(tiny_model, *images, share=0.3, hiding_masks=2, seed=5, hide_by="fill")
    names = ("first image", "second image")
    assert asked[0] == (names, {"hiding_masks": 2, "seed": 5, "progress": False})
    options = {"share": 0.3, "seed": 5, "hide_by": "fill"}
    assert asked[1][:2] == (True, False) and asked[1][3] == options and asked[1][2] is pair.a.refined_map
    assert asked[2][:2] == (False, True) and asked[2][3] == options and asked[2][2] is pair.b.refined_map
    assert (pair.a.faithfulness, pair.b.faithfulness) == ("check 2", "check 3")
    asked.clear()
    plain = PAIRS.explain_pair(tiny_model, *images, check=False, hiding_masks=2)
    assert len(asked) == 1 and plain.a.faithfulness is plain.b.faithfulness is None


def test_smoothgrad_gets_its_settings_and_the_others_none(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def smoothgrad(function: Any, inputs: Any, **options: Any) -> torch.Tensor:
        asked.update(options)
        return torch.ones(1, 2, 2)

    monkeypatch.setattr(methods, "smoothgrad", smoothgrad)
    settings = SaliencySettings(samples=3, spread=0.3, absolute="after_mean")
    seeds: Any = torch.tensor([4])
    given: Any = object()
    methods.raw_maps(given, given, torch.ones(1, 3, 2, 2), settings, seeds, batch_size=7, precision="bf16")
    assert asked == {"samples": 3, "spread": 0.3, "absolute": "after_mean", "seeds": seeds, "batch_size": 7,
                     "precision": "bf16"}  # fmt: skip


def test_a_protocol_of_hiding_passes_its_options_on(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    side = SimpleNamespace(
        refined_map=np.ones(GRID), similarity_map=np.zeros(GRID), contrast_map=np.zeros(GRID)
    )

    def explain(model: Any, pixels: Any, names: Any, **options: Any) -> Any:
        asked.update(options, names=names)
        return SimpleNamespace(a=side, kind="hiding")

    def attribute(model: Any, images: Any, **options: Any) -> np.ndarray:
        asked.update(images=images.tolist(), saliency=options)
        return np.ones((1, 8, 8))

    monkeypatch.setattr(hiding_protocol, "explain_squares", explain)
    monkeypatch.setattr(hiding_protocol, "attribute", attribute)
    protocol = HidingProtocol(Vectors(), (0.1,), 3, 17, 5, 9)  # type: ignore[arg-type]
    made = protocol.rankings(PIXELS, ("x", "y"), "pair", 2)
    saliency = asked.pop("saliency")
    assert saliency.pop("targets").tolist() == [[200.0] * 3] and saliency == {
        "settings": SaliencySettings(samples=5), "seeds": [derived_seed(9, "saliency", "pair", 2)],
    }  # fmt: skip
    assert asked == {"hiding_masks": 17, "seed": 9, "names": ("x", "y"), "images": PIXELS[:1].tolist(),
                     "second": False}  # fmt: skip
    assert [len(orders) for orders in made.orders.values()] == [1, 1, 1, 3]
    other = HidingProtocol(Vectors(), (0.1,), 3, 17, 5, 10).rankings(PIXELS, ("x", "y"), "pair", 2)  # type: ignore[arg-type]
    drawn = [[order.tolist() for order in each.orders[hiding_protocol.RANDOM]] for each in (made, other)]
    assert drawn[0] != drawn[1] and len({tuple(order) for order in drawn[0]}) == 3
