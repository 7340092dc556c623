"""What the robustness audit shows and advises: from effects written by hand, and a plan over a few vectors."""

import math
from typing import Any

import numpy as np
import pytest

from likewise.audit import ChangeEffect, RobustnessAudit
from likewise.audit.robustness_to_changes.audit import _Plan
from likewise.audit.robustness_to_changes.changes import CHANGES
from likewise.audit.robustness_to_changes.verdict import images_needed
from likewise.data import Failure
from likewise.errors import InputError
from likewise.models import Embeddings
from likewise.retrieval import Interval


def effect(change: str, level: int, drop: float, half: float = 0.03) -> ChangeEffect:
    return ChangeEffect(
        change,
        10.0 * (level + 1),
        level,
        0.9 - drop,
        drop,
        Interval(drop - half, drop + half),
        0.2,
        0.5 + level,
    )


def audit(*effects: ChangeEffect, queries: int = 100, gallery: int = 5000) -> RobustnessAudit:
    return RobustnessAudit("birds", "f", list(effects), 0.9, 0.4, queries, 7, gallery, [Failure("x", "gone")])


MILD = (effect("jpeg", 0, 0.01), effect("jpeg", 1, 0.5), effect("blur", 0, 0.02))


@pytest.mark.parametrize(
    ("effects", "level", "headline", "number", "advice"),
    [
        (MILD, "good", "Mild changes hardly change what is found.", "90.0 % -> 88.0 %", ""),
        ((*MILD, effect("hue", 0, 0.05, 0.049)), "warning", "Mild changes disturb the search: hue.", "90.0 % -> 85.0 %",
         "Train with augmentation for: hue. Until then, keep such photos out of queries."),
        ((*MILD, effect("hue", 0, 0.049)), "good", "Mild changes hardly", "90.0 % -> 85.1 %", ""),
        ((*MILD, effect("hue", 0, 0.06, 0.06)), "good", "Mild changes hardly", "90.0 % -> 84.0 %", ""),
        ((*MILD, effect("hue", 0, 0.19), effect("crop", 0, 0.2)), "bad", "Mild changes break the search: crop.",
         "90.0 % -> 70.0 %", "Train with augmentation for: crop, hue."),
        ((*MILD, effect("crop", 0, 0.1, 0.1), effect("hue", 0, 0.06)), "warning", "Mild changes disturb the search: "
         "hue.",
         "90.0 % -> 84.0 %", "Train with augmentation for: hue."),
        ((*MILD, effect("hue", 0, 0.1, 0.1)), "unsure", "Too few images to tell.", "90.0 % -> 80.0 %", "Repeat with "
         "--images 101."),
        ((*MILD, effect("hue", 0, 0.1, 0.099)), "warning", "Mild changes disturb", "90.0 % -> 80.0 %", "Train with"),
        ((*MILD, effect("hue", 1, 0.9)), "good", "Mild changes hardly", "90.0 % -> 88.0 %", ""),
    ],
)  # fmt: skip
def test_every_branch(
    effects: tuple[ChangeEffect, ...], level: str, headline: str, number: str, advice: str
) -> None:
    verdict = audit(*effects).verdict()
    assert (verdict.level, verdict.headline[: len(headline)], verdict.number) == (level, headline, number)
    assert verdict.advice.startswith(advice) and bool(verdict.advice) == bool(advice)


def test_every_word_and_number_of_a_verdict() -> None:
    verdict = audit(*MILD).verdict()
    assert verdict.evidence == [
        "blur 10: recall@1 88.0 % (-2.0 points, 95 % interval -5.0 to +1.0); it moves a photo 0.50 times the usual "
        "distance "
        "within a class.",
        "jpeg 20: recall@1 40.0 % (-50.0 points, 95 % interval -53.0 to -47.0); it moves a photo 1.50 times the usual "
        "distance within a class.",
        "jpeg 10: recall@1 89.0 % (-1.0 points, 95 % interval -4.0 to +2.0); it moves a photo 0.50 times the usual "
        "distance "
        "within a class.",
    ]
    assert list(verdict.measures) == ["jpeg 10", "jpeg 20", "blur 10"]
    assert verdict.measures["jpeg 20"] == {
        "drop": 0.5, "interval": {"low": pytest.approx(0.47), "high": pytest.approx(0.53)}, "relative": 1.5,
    }  # fmt: skip
    assert verdict.thresholds == {"notable": 0.05, "serious": 0.2}


@pytest.mark.parametrize(
    ("drop", "half", "queries", "gallery", "needed"),
    [
        (0.05, 0.3, 100, 5000, 400),
        (0.17, 0.2, 100, 5000, 4445),
        (0.05, 0.3, 100, 300, 300),
        (0.05, 0.3, 300, 300, None),
    ],
)
def test_how_many_images_exclude_a_serious_effect(
    drop: float, half: float, queries: int, gallery: int, needed: int | None
) -> None:
    found = audit(
        *MILD, effect("hue", 0, drop, half), effect("hue", 1, 0.9), queries=queries, gallery=gallery
    )
    assert images_needed(found) == needed
    margin = max(0.2 - drop, 0.025)
    assert needed is None or needed == min(math.ceil(queries * (half / margin) ** 2 - 1e-9), gallery)
    advice = found.verdict().advice
    assert advice == (
        "Use a catalog of more images and classes." if needed is None else f"Repeat with --images {needed}."
    )


def test_the_table_and_the_numbers_for_programs() -> None:
    found = audit(*MILD)
    assert [list(row) for row in found.table.rows][1] == [
        "jpeg",
        20.0,
        0.4,
        0.5,
        pytest.approx(0.47),
        pytest.approx(0.53),
        1.5,
    ]
    names = [column if isinstance(column, str) else column.name for column in found.table.columns]
    assert names == ["change", "strength", "recall@1", "drop", "drop, low", "drop, high", "distance / usual"]
    assert found.table.caption == "100 queries of 7 classes, 5000 images searched."
    assert [each.level for each in found.of("jpeg")] == [0, 1]
    stored = found.to_dict()
    assert stored["effects"][1] == {
        "change": "jpeg", "strength": 20.0, "recall@1": 0.4, "drop": 0.5,
        "interval": {"low": pytest.approx(0.47), "high": pytest.approx(0.53)}, "distance": 0.2, "relative": 1.5,
    }  # fmt: skip
    facts = {name: stored[name] for name in ("model", "fingerprint", "recall@1", "usual_distance", "queries", "classes",
                                             "gallery", "failures")}  # fmt: skip
    assert facts == {"model": "birds", "fingerprint": "f", "recall@1": 0.9, "usual_distance": 0.4, "queries": 100,
                     "classes": 7, "gallery": 5000, "failures": [{"id": "x", "reason": "gone"}]}  # fmt: skip


PLACES = np.array([0.0, 1, 2.5, 10, 11, 13, 30, 11.9], np.float32)[:, None]
GALLERY = Embeddings(PLACES, [f"{row}.png" for row in range(8)], np.array([*list("aaabbbc"), ""]), "f")


def plan(images: int = 100, **changes: Any) -> _Plan:
    return _Plan(GALLERY, "euclidean", images, 0)


def test_queries_are_of_classes_with_two_images() -> None:
    found = plan()
    assert found.rows.tolist() == [0, 1, 2, 3, 4, 5] and found.classes == 2
    assert found.right.tolist() == [1, 1, 1, 1, 0, 0], "the image without a label is nearest to two"
    few = plan(4)
    assert len(few.rows) == 4 and few.rows.tolist() == sorted(few.rows.tolist())
    with pytest.raises(
        InputError, match="needs at least two classes of two or more images among those it changes"
    ):
        _Plan(GALLERY.take([0, 1, 2, 3, 6]), "euclidean", 100, 0)
    with pytest.raises(InputError, match="at least two classes"):
        _Plan(Embeddings(PLACES, GALLERY.ids, None, "f"), "euclidean", 100, 0)
    within = {
        abs(a - b) for part in (PLACES[:3], PLACES[3:6]) for a in part.ravel() for b in part.ravel() if a != b
    }
    assert min(within) <= found.usual <= max(within)


def test_the_effect_of_a_change_on_its_queries() -> None:
    found = plan()
    vectors = PLACES[[1, 3, 4]] + np.array([[0.1], [-9.4], [-0.4]], np.float32)
    effect = found.effect("jpeg", 1, vectors, np.array([1, 3, 4]))
    assert (effect.change, effect.strength, effect.level) == ("jpeg", CHANGES["jpeg"].strengths[1], 1)
    # The second lands among the a; the third is nearest to 3, of its class: before, it was wrong.
    assert effect.recall == pytest.approx(2 / 3) and effect.drop == pytest.approx((0 + 1 - 1) / 3)
    assert effect.distance == pytest.approx(0.4, abs=1e-5) and effect.relative == pytest.approx(
        0.4 / found.usual, abs=1e-5
    )
    assert effect.interval.low <= effect.drop <= effect.interval.high
    with pytest.raises(
        InputError, match="No image changed by 'blur' could be embedded: check the images and the model"
    ):
        found.effect("blur", 0, np.empty((0, 1), np.float32), np.empty(0, np.int64))
    found.usual = 0.0
    assert found.effect("jpeg", 1, vectors, np.array([1, 3, 4])).relative == 0.0
