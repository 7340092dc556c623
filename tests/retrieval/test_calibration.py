"""Calibration: against all pairs held in memory, intervals that cover, refusals, and the file."""

import json
import math
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_curve

from likewise.errors import ConfigError, FingerprintError, InputError
from likewise.progress import progress_bar
from likewise.retrieval import Interval, Threshold, calibrate, error_curve, supported_rate
from likewise.retrieval._error_rates import _rate, _resampled
from likewise.retrieval._pairs import DistanceCounts, errors_by_group
from likewise.retrieval.calibration import _equal_error, _pairs, _threshold
from likewise.retrieval.distances import prepare, prepared_distances


def wilson(errors: int, pairs: int, level: float) -> Interval:
    """Wilson's score interval for a share (1927)."""
    deviation = NormalDist().inv_cdf((1 + level) / 2)
    share, weight = errors / pairs, deviation**2 / pairs
    middle = (share + weight / 2) / (1 + weight)
    half = deviation * math.sqrt(share * (1 - share) / pairs + weight / (4 * pairs)) / (1 + weight)
    return Interval(middle - half, middle + half)


def all_pairs(vectors: np.ndarray, labels: np.ndarray, distance: str) -> tuple[np.ndarray, np.ndarray]:
    """Distances of pairs of one class, and of two."""
    rows = prepare(torch.from_numpy(vectors), distance)
    block = prepared_distances(rows, rows, distance).numpy()
    same = labels[:, None] == labels[None]
    wanted = ~np.eye(len(labels), dtype=bool)
    if distance != "snr":
        wanted &= np.triu(np.ones_like(same))
    return block[same & wanted], block[~same & wanted]


@pytest.mark.parametrize("distance", ["cosine", "euclidean", "snr"])
def test_threshold_and_rates_agree_with_all_pairs(clustered, distance: str) -> None:
    vectors, labels = clustered([10] * 120, dim=8, spread=0.5)
    found = calibrate(vectors, labels, false_match_rate=0.003, distance=distance)
    same, different = all_pairs(vectors, labels, distance)
    assert (found.false_match.pairs, found.false_non_match.pairs) == (len(different), len(same))
    assert found.false_match.rate == pytest.approx((different <= found.distance).mean(), abs=1e-6)
    assert found.false_non_match.rate == pytest.approx((same > found.distance).mean(), abs=1e-6)
    best = np.sort(different)[int(0.003 * len(different))]  # the next pair would be one too many
    assert found.distance < best
    assert found.distance == pytest.approx(best, rel=1e-3)
    assert found.false_match.rate <= 0.003
    assert found.false_match.low <= found.false_match.rate <= found.false_match.high
    assert found.false_non_match.low <= found.false_non_match.rate <= found.false_non_match.high


def test_a_class_that_is_drawn_twice_makes_no_pair_with_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand: pairs of every two drawn copies of classes that are not the same class."""
    drawn = np.array([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0], [1.0, 1.0, 1.0]])
    monkeypatch.setattr("likewise.retrieval._error_rates.draws", lambda units, repeats, seed: [drawn])
    vectors = np.random.default_rng(1).normal(size=(13, 3))
    codes = np.repeat([0, 1, 2], [3, 4, 6])
    pairs = _pairs(vectors, codes, "cosine", None)
    with progress_bar("pairs", pairs.block_count, enabled=False) as bar:
        errors = errors_by_group(pairs, torch.arange(3), 0.7, bar)
    found = _resampled(pairs, torch.arange(3), errors, 3, 0)
    rows = prepare(torch.from_numpy(vectors).float(), "cosine")
    near = prepared_distances(rows, rows, "cosine").numpy() <= 0.7
    for weights, (false_match, false_non_match) in zip(drawn, found, strict=True):
        copies = [np.flatnonzero(codes == code) for code in np.repeat([0, 1, 2], weights.astype(int))]
        members = np.concatenate(copies)
        other = codes[members][:, None] != codes[members][None]
        assert false_match == pytest.approx(near[np.ix_(members, members)][other].mean())
        missed = [~near[a, b] for own in copies for a in own for b in own if a != b]
        assert false_non_match == pytest.approx(np.mean(missed))


def test_equal_error_rate_agrees_with_scikit_learn(clustered) -> None:
    vectors, labels = clustered([12] * 60, dim=6)
    same, different = all_pairs(vectors, labels, "cosine")
    truth = np.concatenate([np.ones(len(same)), np.zeros(len(different))])
    false_match, match, _ = roc_curve(truth, -np.concatenate([same, different]), drop_intermediate=False)
    place = np.abs(false_match - (1 - match)).argmin()
    found = calibrate(vectors, labels, false_match_rate=0.01)
    assert found.equal_error_rate == pytest.approx((false_match[place] + 1 - match[place]) / 2, abs=1e-3)
    curve = error_curve(vectors, labels)
    assert curve["false_match_rate"].is_monotonic_increasing
    assert curve["false_non_match_rate"].is_monotonic_decreasing
    assert len(curve) <= 200
    for row in curve.iloc[[20, 100]].itertuples():
        assert row.false_match_rate == pytest.approx((different <= row.distance).mean(), abs=1e-4)


def test_the_equal_error_rate_is_the_mean_of_both_where_they_cross_between_two_distances() -> None:
    edges = np.array([0.1, 0.2, 0.3])
    counts = DistanceCounts(edges, same=np.array([1, 2, 3]), different=np.array([0, 1, 5]))
    assert _equal_error(counts, 4, 10) == pytest.approx(((0.5 + 0.25) / 2, 0.3))


@pytest.mark.parametrize(("allowed", "edge"), [(0, 0.1), (1, 0.2), (4, 0.2), (5, 0.3), (9, 0.3)])
def test_the_threshold_is_just_below_the_last_distance_within_the_rate(allowed: int, edge: float) -> None:
    """At the distance itself, rounding to float32 could include one more pair."""
    counts = DistanceCounts(
        np.array([0.1, 0.2, 0.3]), same=np.array([1, 2, 3]), different=np.array([0, 1, 5])
    )
    found = _threshold(counts, allowed, 0.1)
    assert np.float32(found) < np.float32(edge) and found == pytest.approx(edge, rel=1e-6)


@pytest.mark.parametrize(("spread", "ends"), [(0.0, "wilson"), (0.2, "resampled")])
def test_intervals_are_never_narrower_than_those_of_independent_pairs(spread: float, ends: str) -> None:
    resampled = np.linspace(0.3 - spread, 0.3 + spread, 1001)[:, None]
    found, single = _rate(30, 100, resampled, 0.9), wilson(30, 100, 0.9)
    expected = single if ends == "wilson" else (0.3 - 0.9 * spread, 0.3 + 0.9 * spread)
    assert (found.rate, found.low, found.high) == pytest.approx((0.3, *expected))
    assert found.low <= single.low and found.high >= single.high


def test_false_match_interval_holds_the_rate_of_other_classes_of_the_same_kind() -> None:
    """Classes that come in near groups: pairs are far from independent, and Wilson alone would cover too little."""
    held, wilson_held, draws = 0, 0, 40
    many = _grouped_classes(np.random.default_rng(100), 400)
    truth_same, truth_different = all_pairs(*many, "euclidean")
    assert len(truth_same) > 1000
    for seed in range(draws):
        vectors, labels = _grouped_classes(np.random.default_rng(seed), 50)
        found = calibrate(
            vectors, labels, false_match_rate=0.02, distance="euclidean", level=0.9, repeats=200
        )
        rate = (truth_different <= found.distance).mean()
        held += found.false_match.low <= rate <= found.false_match.high
        single = wilson(round(found.false_match.rate * found.false_match.pairs), found.false_match.pairs, 0.9)
        wilson_held += single.low <= rate <= single.high
    assert held >= 0.75 * draws
    assert wilson_held < 0.6 * draws


def _grouped_classes(random: np.random.Generator, classes: int) -> tuple[np.ndarray, np.ndarray]:
    centers = random.standard_normal((classes, 6))
    labels = np.repeat(np.arange(classes), 6)
    return (centers[labels] + 0.3 * random.standard_normal((len(labels), 6))).astype(np.float32), labels


def test_order_and_names_of_classes_do_not_matter(clustered) -> None:
    vectors, labels = clustered([10] * 60)
    found = calibrate(vectors, labels, false_match_rate=0.01)
    order = np.random.default_rng(0).permutation(len(labels))
    again = calibrate(
        vectors[order], np.array([f"c{label}" for label in labels])[order], false_match_rate=0.01
    )
    assert again.distance == pytest.approx(found.distance, rel=1e-3)
    assert again.false_non_match.rate == pytest.approx(found.false_non_match.rate, abs=0.01)


def test_threshold_is_kept_and_refuses_another_model(tmp_path: Path, clustered) -> None:
    vectors, labels = clustered([10] * 60)
    found = calibrate(vectors, labels, false_match_rate=0.01, fingerprint="abc")
    file = found.save(tmp_path)
    assert file == tmp_path / "threshold.json"
    assert Threshold.load(tmp_path) == Threshold.load(file) == found
    found.check("abc", "cosine")
    for other in (("abd", "cosine"), ("abc", "euclidean")):
        with pytest.raises(FingerprintError, match="likewise calibrate"):
            found.check(*other)
    assert found.is_same(found.distance)
    assert not found.is_same(found.distance * 1.001)
    file.write_text("{}")
    with pytest.raises(InputError, match="contains no threshold"):
        Threshold.load(file)
    with pytest.raises(InputError, match="no threshold at"):
        Threshold.load(tmp_path / "nowhere.json")


def test_the_default_rate_is_the_usual_one_where_there_are_pairs_enough(clustered) -> None:
    assert calibrate(*clustered([10] * 30)).wanted_false_match_rate == 0.001
    assert calibrate(*clustered([10] * 12)).wanted_false_match_rate == supported_rate(
        np.repeat(range(12), 10)
    )
    with pytest.raises(InputError, match=r"ask for 0\.3 or more \(--false-match-rate 0\.3\)"):
        calibrate(*clustered([10] * 2))
    assert calibrate(*clustered([10] * 2), false_match_rate=0.3).wanted_false_match_rate == 0.3


@pytest.mark.parametrize(("field", "value"), [
    ("distance", float("inf")), ("distance", True), ("distance", "0.1"), ("distance", float("nan")), ("distance", -1),
    ("false_match", {"rate": 0.5, "low": 0.6, "high": 0.4, "pairs": 10}),
    ("false_match", {"rate": 0.5, "low": 0.6, "high": 0.7, "pairs": 10}),
    ("false_non_match", {"rate": 0.5, "low": 0.4, "high": 0.6, "pairs": True}), ("classes", 2.0), ("level", 1.5),
    ("equal_error_distance", float("-inf")), ("more", 1),
])  # fmt: skip
def test_a_threshold_that_cannot_be_true_is_refused(
    tmp_path: Path, clustered, field: str, value: object
) -> None:
    file = calibrate(*clustered([10] * 12)).save(tmp_path)
    stored = json.loads(file.read_text())
    Threshold.load(file)
    file.write_text(json.dumps(stored | {field: value}))
    with pytest.raises(InputError, match=rf"contains no threshold of likewise \((unknown key )?'{field}"):
        Threshold.load(file)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"", b"[1]", b"null", b"{" * 100_000])
def test_what_is_no_threshold_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "threshold.json").write_bytes(content)
    with pytest.raises(InputError, match="contains no threshold of likewise"):
        Threshold.load(tmp_path)


@pytest.mark.parametrize(
    ("error", "call", "sentence"),
    [
        (ConfigError, lambda x, y: calibrate(x, y, false_match_rate=0), "above 0 and below 1"),
        (
            InputError,
            lambda x, y: calibrate(x, y, false_match_rate=1e-5),
            "at least 3,000,000 pairs of different",
        ),
        (InputError, lambda x, y: calibrate(x, 0 * y), "have no two classes"),
        (InputError, lambda x, y: calibrate(x, np.arange(len(y))), "have no two images of one class"),
        (
            InputError,
            lambda x, y: calibrate(np.ones_like(x), y, false_match_rate=0.1),
            "maps all images to the same embedding",
        ),
        (InputError, lambda x, y: calibrate(x, ["", *["a"] * (len(y) - 1)]), "row 0 is ''"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(clustered, error: type[Exception], call, sentence: str) -> None:
    with pytest.raises(error) as caught:
        call(*clustered([10] * 12))
    assert sentence in str(caught.value)
