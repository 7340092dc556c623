"""The scores of a sweep, from folders written by hand: nothing is trained."""

import json
from pathlib import Path

import numpy as np
import pytest
from handmade_sweep import plan

from likewise.errors import InputError
from likewise.models import Embeddings
from likewise.results import Measured
from likewise.training.sweep_plan import Member
from likewise.training.sweep_results import LossScores, SweepResults
from likewise.training.sweep_runner import Sweep

LABELS = np.array(list("aaabbbcc"))


def vectors(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(len(LABELS), 3)).astype(np.float32) * (1 + seed)


def finish(
    member: Member, seed: int, scored_on: str | None = "test", best_epoch: int = 2, images: int = 8
) -> None:
    member.folder.mkdir(parents=True)
    (member.folder / "finished.json").write_text(
        json.dumps({} if scored_on is None else {"scored_on": scored_on})
    )
    (member.folder / "run.json").write_text(json.dumps({"best_epoch": best_epoch, "device": "cpu"}))
    names = [f"{row}.png" for row in range(images)]
    labelled = LABELS[:images] if seed != 99 else None
    Embeddings(vectors(seed)[:images], names, labelled, f"model {seed}").save(member.folder / "test.npz")


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def nearest(rows: np.ndarray) -> float:
    similar = unit(rows) @ unit(rows).T
    np.fill_diagonal(similar, -2)
    return float((LABELS[similar.argmax(1)] == LABELS).mean())


@pytest.mark.parametrize("scored_on", ["test", None])
def test_scores_of_each_fold_and_of_both_together(tmp_path: Path, scored_on: str | None) -> None:
    seeds = iter(range(6))
    for member in plan(tmp_path).members():
        finish(member, next(seeds), scored_on, best_epoch=0 if member.fold else 2)
    results = SweepResults.of(plan(tmp_path))
    assert [(row.loss, row.folds, row.at_start) for row in results.rows] == [
        ("triplet", [0, 1], 1), ("arcface", [0, 1], 1), ("untrained", [0, 1], 0),
    ]  # fmt: skip
    for place, row in enumerate(results.rows):
        folds = [vectors(place), vectors(place + 3)]
        assert row.separated["recall@1"] == pytest.approx([nearest(fold) for fold in folds])
        joined = np.concatenate([unit(fold) for fold in folds], 1)
        assert row.concatenated["recall@1"] == pytest.approx(nearest(joined))
        assert row.separated.keys() == row.concatenated.keys() == {"recall@1", "r_precision", "map@r"}
    assert (results.images, results.planned, results.presets, results.scored_on) == (
        8,
        6,
        "catalog/*",
        "test",
    )
    assert results.facts["presets"] == "catalog/*" and results.facts["images"] == "8 in the test"
    assert results.start_words == (
        " In 2 of 4 trainings, no epoch was better than the start: the model of the start is scored."
    )


def test_validation_classes_of_each_fold_are_never_joined(tmp_path: Path) -> None:
    for place, member in enumerate(plan(tmp_path).members()):
        finish(member, place, "validation", images=6 if member.fold else 8)
    results = SweepResults.of(plan(tmp_path))
    assert results.scored_on == "validation" and results.images == 8
    assert all(row.concatenated == {} and len(row.separated["map@r"]) == 2 for row in results.rows)
    assert results.classes_words == "Validation classes of each fold"
    assert len(results.table().columns) == 7


def test_finished_runs_alone_are_compared(tmp_path: Path) -> None:
    members = plan(tmp_path).members()
    with pytest.raises(InputError, match=f"No run of {tmp_path} is finished: nothing to compare yet"):
        SweepResults.of(plan(tmp_path))
    finish(members[0], 0)
    finish(members[1], 99)
    (members[2].folder).mkdir()
    results = SweepResults.of(plan(tmp_path))
    assert [(row.loss, row.folds, row.concatenated) for row in results.rows] == [
        ("triplet", [0], {}), ("arcface", [0], {}),
    ]  # fmt: skip
    assert results.rows[1].separated == {} and results.planned == 6
    assert Sweep(plan(tmp_path)).finished == 2 and Sweep(plan(tmp_path)).results() == results


def test_folds_with_other_test_images_are_refused(tmp_path: Path) -> None:
    members = plan(tmp_path).members()
    finish(members[0], 0)
    finish(members[3], 1, images=6)
    with pytest.raises(InputError) as refused:
        SweepResults.of(plan(tmp_path))
    assert str(refused.value) == (
        f"The folds in {tmp_path} embedded different test images: train that loss's runs again."
    )


ROWS = [
    LossScores("triplet", [0, 1], {key: [0.4, 0.6] for key in ("recall@1", "r_precision", "map@r")},
               {"recall@1": 0.7, "r_precision": 0.71, "map@r": 0.72}, 1),
    LossScores("untrained", [0], {key: [0.3] for key in ("recall@1", "r_precision", "map@r")}, {}),
    LossScores("arcface", [1], {}, {}),
]  # fmt: skip


def test_the_table_and_the_json_of_a_sweep() -> None:
    results = SweepResults(ROWS, 1200, 6, "catalog/*")
    table = results.table()
    names = [column if isinstance(column, str) else column.name for column in table.columns]
    assert names == [
        "loss", "year", "kind", "folds", "recall@1 separated", "R-precision separated", "MAP@R separated",
        "recall@1 concatenated", "R-precision concatenated", "MAP@R concatenated",
    ]  # fmt: skip
    first, untrained, unscored = table.rows
    assert list(first[:4]) == ["Triplet", "2006", "ranking", 2] and list(first[7:]) == [0.7, 0.71, 0.72]
    assert (
        isinstance(first[4], Measured)
        and first[4].mean == 0.5
        and first[4].std == pytest.approx(np.std([0.4, 0.6], ddof=1))
    )
    assert list(untrained[:4]) == ["Untrained", None, "none", 1] and list(untrained[7:]) == [None] * 3
    assert list(unscored[3:]) == [1, *[None] * 6]
    assert table.caption == (
        "Test classes, 1,200 images, leave-one-out, cosine distance. In 1 of 3 trainings, no epoch was better than the "
        "start: the model of the start is scored."
    )
    stored = results.to_dict()
    verdict = stored.pop("verdict")
    assert verdict["evidence"][0] == "4 of 6 runs are finished." and verdict["evidence"][1].startswith(
        "In 1 of 3"
    )
    assert stored == {
        "presets": "catalog/*", "scored_on": "test", "images": 1200, "planned": 6, "losses": {
            row.loss: {"folds": row.folds, "separated": row.separated, "concatenated": row.concatenated,
                       "at_start": row.at_start} for row in ROWS
        },
    }  # fmt: skip


def test_the_measures_and_the_spread_of_a_verdict() -> None:
    rows = [LossScores(loss, list(range(len(values))), {"map@r": values}, {}) for loss, values in (
        ("triplet", [0.2, 0.4]), ("arcface", [0.7, 0.7]), ("contrastive", [0.5]), ("untrained", [0.35]),
    )]  # fmt: skip
    verdict = SweepResults(rows, 10, 6, "catalog/*").verdict()
    assert verdict.evidence == [
        "Best: ArcFace, MAP@R 70.0 %; last: Triplet, 30.0 %.",
        "Between the folds of one loss: standard deviation 7.1 points.", "Untrained: 35.0 %; not above it: Triplet.",
    ]  # fmt: skip
    means = {"triplet": 0.3, "arcface": 0.7, "contrastive": 0.5, "untrained": 0.35}
    assert verdict.measures == {"map@r": pytest.approx(means)} and verdict.level == "info"
    assert (verdict.headline, verdict.number) == (
        "The 3 losses lie within 40.0 points of MAP@R.",
        "30.0 % – 70.0 %",
    )
    assert verdict.sentence == "Test classes: separated scores, mean over the folds."
    alone = SweepResults(rows[2:], 10, 6, "catalog/*").verdict()
    assert (alone.headline, alone.level) == ("Too few finished losses with test images to compare.", "unsure")
    assert alone.evidence == ["2 of 6 runs are finished."]
