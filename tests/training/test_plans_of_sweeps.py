"""The plan of a sweep: its losses, folds and seeds, and what makes it another one."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from likewise.errors import ConfigError
from likewise.training import Experiment, sweep_plan, sweep_runner
from likewise.training.class_plan import Folding
from likewise.training.images import TrainingImages
from likewise.training.reality_check import sweep_number
from likewise.training.sweep_plan import SweepPlan


def made(
    tmp_path: Path, *given: Any, overrides: tuple[str, ...] = ("data.catalog=c.csv", "data.folds=3")
) -> SweepPlan:
    return SweepPlan.make(given[0] if given else "catalog/*", overrides, tmp_path, *given[1:])


def test_a_plan_has_all_losses_and_folds_unless_named(tmp_path: Path) -> None:
    whole = made(tmp_path)
    assert (len(whole.losses), whole.folds, whole.presets) == (15, (0, 1, 2), "catalog/*")
    few = made(tmp_path, "catalog", ["untrained", "triplet"], [2, 0, 2])
    assert (few.losses, few.folds, few.presets) == (
        ("triplet", "untrained"),
        (0, 2),
        "catalog/*/reality-check",
    )
    assert made(tmp_path, "catalog/*", ["untrained"]).losses == ("untrained",)


def test_members_are_fold_by_fold_with_seeds_far_apart(tmp_path: Path) -> None:
    overrides = ("data.catalog=c.csv", "data.folds=3", "seed=7", "validation.keep=better")
    members = made(tmp_path, "catalog/*", ["untrained", "triplet"], [1, 2], overrides=overrides).members()
    assert [(member.loss, member.fold, member.folder.name) for member in members] == [
        ("triplet", 1, "triplet-fold1"), ("untrained", 1, "untrained-fold1"), ("triplet", 2, "triplet-fold2"),
        ("untrained", 2, "untrained-fold2"),
    ]  # fmt: skip
    for member in members:
        settings = member.experiment
        assert settings.seed == 7 + 1_000_000 * (member.fold + 1) + 10_000 * sweep_number(member.loss)
        assert (settings.data.fold, settings.name) == (member.fold, member.folder.name)
        assert (settings.validation.keep, settings.validation.compare) == ("better", False), (
            "what the user sets wins"
        )
        assert settings.loss.name == "triplet" and member.sweep_seed == 7
    assert [member.title for member in members[:2]] == ["Triplet, fold 1", "Untrained, fold 1"]


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    plan = made(tmp_path, "catalog/*", ["triplet"], [0])
    assert not sweep_plan.is_sweep(tmp_path)
    plan.write()
    assert sweep_plan.is_sweep(tmp_path) and SweepPlan.open(tmp_path) == plan
    with pytest.raises(ConfigError, match=r"none is not a sweep: it has no sweep.yaml"):
        SweepPlan.open(tmp_path / "none")
    text = (tmp_path / "sweep.yaml").read_text()
    for damaged in (
        text.replace("folds:", "fold:"),
        text.replace("- 0", "- x"),
        text.replace("folds:\n- 0", "folds: 0"),
    ):
        (tmp_path / "sweep.yaml").write_text(damaged)
        with pytest.raises(
            ConfigError, match=r"sweep.yaml is damaged \(.*\): it needs presets, overrides, losses, folds"
        ):
            SweepPlan.open(tmp_path)


def test_only_what_changes_results_makes_another_sweep(tmp_path: Path) -> None:
    base = ("data.catalog=c.csv", "data.folds=3")
    made(tmp_path, "catalog/*", ["triplet"], [0]).write()
    joined = made(
        tmp_path, "catalog/*", ["arcface"], [2], overrides=(*reversed(base), "trainer.num_workers=0")
    )
    assert (joined.losses, joined.folds) == (("triplet", "arcface"), (0, 2))
    for presets, overrides in (("catalog/*", (*base, "trainer.max_epochs=1")), ("catalog/*", (*base, "seed=1")),
                               ("catalog", base)):  # fmt: skip
        with pytest.raises(ConfigError) as refused:
            made(tmp_path, presets, ["triplet"], [0], overrides=overrides)
        assert str(refused.value) == (
            f"{tmp_path} contains a sweep of catalog/* with data.catalog=c.csv data.folds=3: give the same, or another "
            "folder with --out."
        )


def test_a_sweep_of_no_preset_names_the_families(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        made(tmp_path, "birds/*")
    assert str(refused.value) == (
        "There is no preset 'birds/contrastive' for the sweep: write the loss as * as in cars196/*/reality-check, "
        "catalog/*/reality-check, cub200/*/reality-check, sop/*/reality-check or catalog/*."
    )


def test_all_folds_of_a_sweep_divide_the_classes_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    sizes = SimpleNamespace(sizes=lambda *splits: asked.append(splits) or {"a": 2})
    monkeypatch.setattr(sweep_plan, "labelled_images", lambda data: sizes)
    monkeypatch.setattr(
        sweep_plan, "choose_folding", lambda developing, **options: asked.append((developing, options)) or
        Folding(0, 3, (), ()),
    )  # fmt: skip
    plan = made(tmp_path, "catalog/*", ["arcface"], [1, 2], overrides=("data.catalog=c.csv",))
    assert plan.overrides == ("data.catalog=c.csv", "data.folds=3") and plan.folds == (1, 2)
    assert asked == [("train", "val"), ({"a": 2}, {"fold": 2, "pairs": False})]
    whole = made(tmp_path, "catalog/*", ["triplet"], overrides=("data.catalog=c.csv",))
    assert whole.folds == (0, 1, 2) and asked[-1] == ({"a": 2}, {"fold": None, "pairs": True})


def test_images_are_checked_for_each_fold_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[int | None] = []
    monkeypatch.setattr(
        sweep_runner, "_work", lambda plan, progress: (plan.folder / "sweep.yaml").is_file() and progress
    )

    def images(experiment: Experiment) -> TrainingImages:
        assert not (tmp_path / "sweep.yaml").exists()
        checked.append(experiment.data.fold)
        return TrainingImages(None, None, None)  # type: ignore[arg-type]

    monkeypatch.setattr(sweep_runner, "training_images", images)
    overrides = ["data.catalog=c.csv", "data.folds=3"]
    for progress in (True, False):
        options = {} if progress else {"progress": False}
        done = sweep_runner.sweep(
            "catalog/*", overrides, out=tmp_path, losses=["triplet", "arcface"], folds=[2, 0], **options
        )
        assert done is progress and checked == [0, 2]
        checked.clear()
        (tmp_path / "sweep.yaml").unlink()
