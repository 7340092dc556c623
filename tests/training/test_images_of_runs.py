"""The record of the images of a run, its best epoch, and its folder."""

from pathlib import Path

import pytest
from handmade_runs import catalog, data

from likewise.data import Catalog
from likewise.errors import ConfigError, InputError
from likewise.models import TrainedOn
from likewise.training import Experiment, Run
from likewise.training.images import TrainingImages
from likewise.training.run_record import RunData, check_same_images, read_result

BEFORE = data()


@pytest.mark.parametrize(
    ("now", "difference"),
    [
        (data("ac"), "1 training image missing, first 'b.png'"),
        (data("c"), "2 training images missing, first 'a.png'"),
        (data("dc"), "2 training images missing, first 'a.png'"),
        (data("abcd"), "1 new training image, first 'd.png'"),
        (data("zabcd"), "2 new training images, first 'd.png'"),
        (data(classes=("x", "z")), "its classes are others"),
        (data(validated_on=("w",)), "its classes are others"),
        (data("cba"), "labels, order or validation images are others"),
    ],
)
def test_other_images_are_named_by_the_first_difference(now: RunData, difference: str) -> None:
    now = now.model_copy(
        update={"trained_on": now.trained_on.model_copy(update={"fingerprint": "1", "catalog": "d.csv"})}
    )
    with pytest.raises(ConfigError) as refused:
        check_same_images(Path("run"), BEFORE, now)
    assert str(refused.value) == (
        f"The catalog d.csv differs from the one run was started with ({difference}): a resumed training would not be "
        "the same. Give the unchanged catalog with -o data.catalog=FILE, or start a new run with --out."
    )


def test_exchanged_files_are_a_warning() -> None:
    assert check_same_images(Path("run"), BEFORE, data()) == ""
    assert check_same_images(Path("run"), BEFORE, data(sizes=(0, 9, 8))) == (
        "Training images that have changed since run was started: 2, first 'b.png'. The result differs from that of a "
        "training that was not interrupted."
    )


def test_the_record_of_images(tmp_path: Path) -> None:
    (tmp_path / "a0.png").write_bytes(b"12345")
    train = Catalog.from_table(catalog("ab").table, tmp_path)
    images = TrainingImages(train, catalog("cd"), None)
    made = RunData.of(Path("c.csv"), images)
    assert (made.trained_on.catalog, made.trained_on.classes, made.trained_on.images) == (
        "c.csv", ("a", "b"), ("a0.png", "b1.png"),
    )  # fmt: skip
    assert (made.validated_on, made.bytes, made.started_from) == (("c", "d"), (5, -1), None)
    assert made.all_trained_on == made.trained_on
    known = TrainedOn(catalog="k", fingerprint="f", classes=("z", "a"), images=("z.png",))
    other = RunData.of(None, TrainingImages(train, None, None), known)
    assert other.trained_on.catalog == str(tmp_path) and other.validated_on == ()
    assert other.all_trained_on.classes == ("a", "b", "z") and other.all_trained_on.images[-1] == "z.png"
    prints = {
        RunData.of(None, TrainingImages(*parts, None)).trained_on.fingerprint
        for parts in ((train, None), (train, catalog("cd")), (catalog("abcd"), None), (train, catalog("dc")))
    }
    assert len(prints) == 4, "which images train and which validate is part of it"


@pytest.mark.parametrize(("text", "expected"), [(None, {}), ("{", {}), ("[1]", {}), ('{"a": 1}', {"a": 1})])
def test_the_result_of_a_run_that_has_none(
    text: str | None, expected: dict[str, int], tmp_path: Path
) -> None:
    if text is not None:
        (tmp_path / "run.json").write_text(text)
    assert read_result(tmp_path) == expected


def test_the_best_epoch_is_the_first_of_the_highest(small: Experiment, tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", small)
    run.write_metrics([
        {"epoch": 0, "loss": 9, "original/map@r": 0.2, "original/recall@1": 0.9, "replaced/map@r": 0.7},
        {"epoch": 1, "loss": 8, "original/map@r": 0.5, "original/recall@1": 0.6, "replaced/map@r": 0.1},
        {"epoch": 2, "loss": 7, "original/map@r": 0.5, "original/recall@1": 0.7, "replaced/map@r": 0.3},
        {"epoch": 3, "loss": 6},
    ])  # fmt: skip
    assert run.best() == {
        "epochs": 3, "best_epoch": 1, "original/map@r": 0.5, "original/recall@1": 0.6, "replaced/map@r": 0.1,
    }  # fmt: skip
    run.write_metrics([{"epoch": 1, "loss": 9}, {"epoch": 2, "loss": 8}])
    assert run.best() == {"epochs": 2}


def test_the_fingerprint_of_a_run_without_a_model_is_empty(small: Experiment, tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", small)
    for text, expected in ((None, ""), ("{", ""), ("{}", ""), ("[]", ""), ('{"fingerprint": "ab"}', "ab")):
        if text is not None:
            (run.folder / "model.json").write_text(text)
        assert run.fingerprint == expected


def test_a_new_run_removes_what_an_unfinished_one_left(small: Experiment, tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", small)
    for name in ("metrics.csv", "log.txt", "skipped.csv", "own.txt"):
        (run.folder / name).write_text("epoch\n0\n")
    Run.create(run.folder, small)
    assert sorted(path.name for path in run.folder.iterdir()) == ["checkpoints", "experiment.yaml", "own.txt"]
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file is a file: name another folder with --out\."):
        Run.create(tmp_path / "file", small)
    with pytest.raises(ConfigError, match=r"empty is not a run: it has no experiment.yaml"):
        Run.open(tmp_path / "empty")
