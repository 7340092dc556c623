"""One pair of the faithfulness audit, from tensors and a protocol written by hand."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from likewise.audit.explanation_faithfulness import audit as faithfulness_audit
from likewise.audit.explanation_faithfulness import hiding_protocol, pair_experiment
from likewise.audit.explanation_faithfulness.audit import _advantages, _of, neighbors
from likewise.audit.explanation_faithfulness.hiding_protocol import (
    GRID,
    HidingProtocol,
    Rankings,
    shown_cells,
    with_hidden,
)
from likewise.audit.explanation_faithfulness.pair_experiment import PairExperiment
from likewise.audit.explanation_faithfulness.pointing_game import distractors, mosaic, share_on_half
from likewise.audit.explanation_faithfulness.result import FaithfulnessAudit, PointingGame
from likewise.audit.explanation_faithfulness.statistics import (
    EXPLANATION,
    PARTS,
    RANDOM,
    SALIENCY,
    SPECIAL,
    curve,
)
from likewise.data import Failure
from likewise.errors import InputError
from likewise.models import Embeddings
from likewise.seeds import derived_seed


@pytest.mark.parametrize(("side", "own", "other"), [(8, "2345", "2345"), (7, "123", "1234")])
def test_a_mosaic_has_the_middle_halves_side_by_side(side: int, own: str, other: str) -> None:
    columns = torch.arange(side).expand(3, side, side)
    left = mosaic(columns, 10 + columns, right=False)[0, 0].tolist()
    right = mosaic(columns, 10 + columns, right=True)[0, 0].tolist()
    wide = "1234" if side == 7 else own
    assert left == [int(digit) for digit in own] + [
        10 + int(digit) for digit in (wide if side == 7 else other)
    ]
    assert right == [10 + int(digit) for digit in (own if side == 7 else other)] + [
        int(digit) for digit in wide
    ]


def test_the_share_on_a_half_counts_what_is_positive() -> None:
    values = np.array([[3.0, -9.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
    assert (share_on_half(values, right=True), share_on_half(values, right=False)) == (0.4, 0.6)
    odd = np.array([[1.0, 2.0, 0.0]])
    assert share_on_half(odd, right=True) == pytest.approx(1 / 3) and share_on_half(-odd, right=True) == 0.5


def test_distractors_are_of_the_farther_half_and_not_the_image_itself() -> None:
    distances = np.array([[0.0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0]])
    drawn = [distractors(distances, [5, 3], seed) for seed in range(30)]
    assert {first for first, _ in drawn} == {3, 4} and {second for _, second in drawn} == {0, 1, 2}
    assert distractors(distances, [5, 3], 4) == distractors(distances, [5, 3], 4)


class _Model:
    """The vector of a square is its mean; what is hidden becomes zero."""

    differentiable = True

    def vectors(self, pixels: torch.Tensor) -> np.ndarray:
        return pixels.float().mean((1, 2, 3)).numpy()[:, None]

    def compare(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.abs(a - b.T)


MODEL: Any = _Model()
PROTOCOL = HidingProtocol(MODEL, (0.1, 0.5), 3, 11, 5, 7)


def test_the_cells_of_every_share_of_every_order_are_hidden() -> None:
    orders = [np.arange(49), np.arange(49)[::-1]]
    masks = PROTOCOL.masks(orders)
    assert masks.shape == (4, GRID, GRID) and masks.sum((1, 2)).tolist() == [5, 24, 5, 24]
    assert masks[0].ravel()[:5].all() and masks[2].ravel()[-5:].all()
    assert replace(PROTOCOL, shares=(0.001,)).masks(orders).sum((1, 2)).tolist() == [1, 1]


def test_the_increase_of_the_distance_by_each_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = torch.stack([torch.full((3, 14, 14), 10), torch.full((3, 14, 14), 30)])
    calls: list[Any] = []

    def hidden(model: Any, square: torch.Tensor, masks: np.ndarray, by: str) -> np.ndarray:
        calls.append((model, float(square.float().mean()), by))
        return np.arange(len(masks), dtype=np.float32)[:, None]

    monkeypatch.setattr(hiding_protocol, "vectors_hidden", hidden)
    orders = {"one": [np.arange(49)], RANDOM: [np.arange(49)] * 3}
    distance, increases = PROTOCOL.changes(pixels, Rankings(None, {}, orders))  # type: ignore[arg-type]
    assert distance == 20 and calls == [(MODEL, 10.0, "fill")]
    assert increases["one"].tolist() == [10, 9] and increases[RANDOM].tolist() == [10 - 4, 10 - 5]


@pytest.mark.parametrize(
    ("kind", "refined", "differentiable"), [("parts", True, True), ("hiding", False, False)]
)
def test_each_method_selects_by_its_own_map(
    kind: str, refined: bool, differentiable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    maps = [np.random.default_rng(seed).random((GRID, GRID)) for seed in range(4)]
    side = SimpleNamespace(
        refined_map=maps[0], similarity_map=maps[1] if refined else maps[0], contrast_map=maps[2]
    )
    calls: dict[str, Any] = {}

    def explain(*given: Any, **options: Any) -> Any:
        calls["explained"] = (given[2], options)
        return SimpleNamespace(a=side, kind=kind)

    def attribute(model: Any, pixels: torch.Tensor, **options: Any) -> list[np.ndarray]:
        calls["saliency"] = (
            len(pixels),
            options["targets"].tolist(),
            options["seeds"],
            options["settings"].samples,
        )
        return [maps[3]]

    monkeypatch.setattr(hiding_protocol, "explain_squares", explain)
    monkeypatch.setattr(hiding_protocol, "attribute", attribute)
    monkeypatch.setattr(MODEL, "differentiable", differentiable, raising=False)
    pixels = torch.stack([torch.full((3, 14, 14), 10), torch.full((3, 14, 14), 30)])
    ranked = PROTOCOL.rankings(pixels, ("x", "y"), 4, "halves")
    expected = {EXPLANATION: 0, PARTS: 1, SPECIAL: 2, SALIENCY: 3} if refined else {EXPLANATION: 0}
    assert {
        name: next(at for at, each in enumerate(maps) if each is found) for name, found in ranked.maps.items()
    } == expected
    for name, place in expected.items():
        assert ranked.orders[name][0].tolist() == np.argsort(-maps[place].ravel()).tolist()
    assert [sorted(order.tolist()) for order in ranked.orders[RANDOM]] == [list(range(49))] * 3
    assert ranked.orders[RANDOM][0].tolist() != ranked.orders[RANDOM][1].tolist()
    assert calls["explained"] == (("x", "y"), {"hiding_masks": 11, "seed": 7, "second": False})
    if differentiable:
        assert calls["saliency"] == (1, [[30.0]], [derived_seed(7, "saliency", 4, "halves")], 5)
    other = PROTOCOL.rankings(pixels, ("x", "y"), 5, "halves")
    assert other.orders[RANDOM][0].tolist() != ranked.orders[RANDOM][0].tolist()


def test_a_fifth_is_hidden_in_the_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(
        hiding_protocol, "hide_each", lambda square, masks: shown.append(masks) or list(masks)
    )
    orders = {"one": [np.arange(49)], RANDOM: [np.arange(49)[::-1], np.arange(49)]}
    cells = shown_cells(orders)
    assert {name: numbers.tolist() for name, numbers in cells.items()} == {
        "one": list(range(10)), RANDOM: list(range(48, 38, -1)),
    }  # fmt: skip
    assert list(with_hidden(torch.zeros(3, 14, 14), cells)) == ["one", RANDOM]
    assert shown[0].sum((1, 2)).tolist() == [10, 10]
    assert shown[0][0].ravel()[:10].all() and shown[0][1].ravel()[-10:].all()


class _Protocol:
    model = MODEL

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def rankings(self, pixels: torch.Tensor, names: tuple[str, str], *key: Any) -> Any:
        self.asked.append((names, key, pixels[:, 0, 0].tolist()))
        heat = np.tile([1.0, 0.0, 0.0, 3.0], (4, 1))
        explanation = SimpleNamespace(
            completeness=None if key[0] else 0.25, a=SimpleNamespace(refined_map=heat * len(self.asked))
        )
        return SimpleNamespace(maps={"m": heat}, explanation=explanation, orders={"m": [np.arange(49)]})

    def changes(self, pixels: torch.Tensor, rankings: Any) -> tuple[float, dict[str, np.ndarray]]:
        mean = float(pixels[0].float().mean())
        return mean, {"m": np.array([mean, 2 * mean])}


def test_a_pair_is_measured_alone_and_in_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    squares = {name: torch.full((3, 4, 4), value) for name, value in (("i", 2), ("n", 5), ("d", 8))}
    monkeypatch.setattr(
        pair_experiment, "as_pixels", lambda model, paths: torch.stack([squares[path.name] for path in paths])
    )
    protocol: Any = _Protocol()
    paths = {name: Path(name) for name in squares}
    experiment = PairExperiment(
        protocol, [("i", "n", "d"), ("d", "n", "i")], [True, False], paths, examples=1
    )
    done: list[int] = []
    arrays, failures = experiment.measure([0, 1], done.append)
    assert failures == [] and done == [1, 1]
    assert arrays["distance"].tolist() == [2, 8] and arrays["alone/m"].tolist() == [[2, 4], [8, 16]]
    assert arrays["halves/m"].tolist() == [[5, 10], [5, 10]] and arrays["on own/m"].tolist() == [0.75, 0.25]
    assert arrays["error"][0] == 0.25 and np.isnan(arrays["error"][1]) and set(arrays) == {
        "distance", "error", "alone/m", "halves/m", "on own/m", "map alone", "map halves", "shown alone/m",
        "shown halves/m",
    }  # fmt: skip
    assert arrays["map alone"][:, 0, 3].tolist() == [3, 9] and arrays["map halves"][:, 0, 3].tolist() == [
        6,
        12,
    ]
    assert arrays["shown halves/m"].tolist() == [list(range(10))] * 2
    assert [(names, key) for names, key, _ in protocol.asked] == [
        (("i", "n"), (0,)), (("two in one", "n"), (0, "halves")), (("d", "n"), (1,)), (("two in "
         "one", "n"), (1, "halves")),
    ]  # fmt: skip
    assert protocol.asked[1][2][0] == [8, 8, 2, 2] and protocol.asked[3][2][0] == [8, 8, 2, 2]
    shown: list[Any] = []
    monkeypatch.setattr(pair_experiment, "example_grid", shown.append)
    monkeypatch.setattr(pair_experiment, "with_hidden", lambda square, cells: (square[0, 0].tolist(), cells))
    experiment.grids(arrays)
    assert len(protocol.asked) == 4, "the pictures need no further pass"
    for (example,), kind, names, first in zip(
        shown, ("alone", "halves"), (("i", "n"), ("two in one", "n")), ([2] * 4, [8, 8, 2, 2]), strict=True
    ):
        square, cells = example.hidden
        assert example.names == names and square == first == example.pixels[0, 0, 0].tolist()
        np.testing.assert_array_equal(example.evidence, arrays[f"map {kind}"][0])
        assert {name: numbers.tolist() for name, numbers in cells.items()} == {"m": list(range(10))}


def test_arrays_are_taken_apart_by_kind() -> None:
    arrays = {"alone/a": np.array([2.0]), "halves/a": np.array([4.0]), "distance": np.array([9.0])}
    assert {name: values.tolist() for name, values in _of("alone", arrays, 4.0).items()} == {"a": [0.5]}
    assert {name: values.tolist() for name, values in _of("halves", arrays).items()} == {"a": [4.0]}


def test_the_advantage_over_each_choice() -> None:
    changes = {EXPLANATION: np.array([[3.0, 5.0], [1.0, 1.0]]), RANDOM: np.array([[1.0, 1.0], [2.0, 2.0]]),
               SPECIAL: np.zeros((2, 2))}  # fmt: skip
    found = _advantages(changes, 0)
    assert list(found) == [RANDOM] and found[RANDOM].over == RANDOM
    assert (found[RANDOM].difference, found[RANDOM].wins) == (1.0, 0.5)
    assert (found[RANDOM].interval.low, found[RANDOM].interval.high) == (-1.0, 3.0)


def test_neighbors_and_the_usual_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faithfulness_audit, "search_distance", lambda model: "euclidean")
    model: Any = SimpleNamespace(name="m", compare=lambda a, b: np.abs(a[:, :1] - b[:, 0]))
    rows = np.array([[0.0], [1], [4], [6], [7]])
    ids = [f"{row}.png" for row in range(5)]
    partners, typical = neighbors(model, Embeddings(rows, ids, None, "f"))
    assert partners == [1, 0, 3, 4, 3]
    assert typical == pytest.approx(np.abs(rows - rows.T)[~np.eye(5, dtype=bool)].mean())
    with pytest.raises(InputError, match="needs 5 images or more, but only 4 of the catalog can be read"):
        neighbors(model, Embeddings(rows[:4], ids[:4], None, "f"))
    with pytest.raises(InputError, match="'m' maps all images to the same embedding"):
        neighbors(model, Embeddings(np.ones((5, 1)), ids, None, "f"))


def test_the_numbers_for_programs() -> None:
    random = np.random.default_rng(0)
    changes = {name: random.random((9, 2)) for name in (EXPLANATION, RANDOM)}
    game = {name: random.random((9, 2)) for name in (EXPLANATION, RANDOM)}
    own = {EXPLANATION: random.random(9)}
    result = FaithfulnessAudit(
        "m", "f", [("a", "b")] * 9, np.ones(9), 2.5, (0.1, 0.2), changes, _advantages(changes, 0),
        PointingGame(game, _advantages(game, 0), own), 0.01, failures=[Failure("x", "gone")],
    )  # fmt: skip
    stored = result.to_dict()
    mean, low, high = curve(changes[RANDOM])
    assert stored["curves"][RANDOM] == {"mean": mean.tolist(), "low": low.tolist(), "high": high.tolist()}
    assert (low < mean).all() and (mean < high).all() and mean.tolist() == changes[RANDOM].mean(0).tolist()
    for part, values in ((stored, changes), (stored["pointing_game"], game)):
        advantage = part["advantages"][RANDOM]
        assert advantage["difference"] == pytest.approx((values[EXPLANATION] - values[RANDOM]).mean())
        assert advantage["interval"]["low"] < advantage["difference"] < advantage["interval"]["high"]
    on_own = stored["pointing_game"]["on_own"][EXPLANATION]
    assert on_own["mean"] == own[EXPLANATION].mean() and on_own["interval"]["low"] < on_own["mean"]
    assert {key: stored[key] for key in ("model", "fingerprint", "pairs", "typical_distance", "shares",
        "additive_error",
                                         "failures")} == {
        "model": "m", "fingerprint": "f", "pairs": 9, "typical_distance": 2.5, "shares": [0.1, 0.2],
        "additive_error": 0.01,
        "failures": [{"id": "x", "reason": "gone"}],
    }  # fmt: skip
