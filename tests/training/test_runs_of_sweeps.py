"""Each run of a sweep is tried, and what it leaves behind; nothing is trained."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from handmade_sweep import EXPERIMENT, plan

from likewise.errors import BusyError, InterruptedWork, WorkError
from likewise.training import sweep_runner
from likewise.training.sweep_plan import Member
from likewise.training.sweep_runner import Sweep


class _Model:
    name, distance = "", "cosine"

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def save(self, folder: Path, *, overwrite: bool) -> None:
        self.calls.append((folder, self.name, self.distance, overwrite))

    def embed(self, images: Any, *, num_workers: int) -> Any:
        self.calls.append((images, num_workers))
        return SimpleNamespace(save=lambda path: path.write_text("vectors"))


def work(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    one: Any,
    progress: bool = False,
    finished: tuple[str, ...] = (),
) -> Sweep:
    def test_of(member: Member) -> Any:
        assert (member.loss, member.fold) == ("triplet", 0), "the test images are those of the first run"
        return SimpleNamespace(notes=["a note"])

    monkeypatch.setattr(sweep_runner, "_Test", test_of)
    monkeypatch.setattr(sweep_runner, "_one", one)
    for member in plan(folder).members():
        member.folder.mkdir(parents=True, exist_ok=True)
        if member.experiment.name in finished:
            (member.folder / "finished.json").write_text("{}")
    return sweep_runner._work(plan(folder), progress)


def test_each_run_is_tried_and_what_failed_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tried: list[str] = []
    errors = {"triplet 0": RuntimeError("CUDA out of memory"), "arcface 0": WorkError("No number."),
              "arcface 1": BusyError("Another."), "untrained 0": OSError("disk")}  # fmt: skip

    def one(member: Member, test: Any) -> None:
        tried.append(member.experiment.name)
        if member.experiment.name == "triplet 1":
            raise BusyError("Another.")
        if member.experiment.name in errors:
            raise errors[member.experiment.name]

    done = work(tmp_path, monkeypatch, one, progress=True, finished=("untrained 1",))
    assert tried == ["triplet 0", "arcface 0", "untrained 0", "triplet 1", "arcface 1"]
    assert done.failed == {
        "Triplet, fold 0": "RuntimeError('CUDA out of memory')", "ArcFace, fold 0": "No number.",
        "Untrained, fold 0": "OSError('disk')",
    }  # fmt: skip
    assert done.elsewhere == ["Triplet, fold 1", "ArcFace, fold 1"]
    assert "Traceback" in (tmp_path / "triplet-fold0" / "failed.txt").read_text()
    assert capsys.readouterr().err.startswith("a note\n")


def test_a_run_that_another_process_finished_meanwhile_is_not_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def one(member: Member, test: Any) -> None:
        if member.fold:
            (member.folder / "finished.json").write_text("{}")
            raise BusyError("Another.")

    done = work(tmp_path, monkeypatch, one)
    assert done.elsewhere == [] and done.failed == {} and capsys.readouterr().err == ""


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), InterruptedWork("stopped")])
def test_ctrl_c_says_how_far_it_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: BaseException
) -> None:
    def one(member: Member, test: Any) -> None:
        raise stop

    with pytest.raises(InterruptedWork) as stopped:
        work(tmp_path, monkeypatch, one, finished=("triplet 0", "arcface 1"))
    assert str(stopped.value) == (
        f"Interrupted; 2 of 6 runs are finished. Resume with:  likewise train --resume {tmp_path}"
    )


def test_errors_of_the_program_are_not_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def one(member: Member, test: Any) -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        work(tmp_path, monkeypatch, one)


@pytest.mark.parametrize("loss", ["triplet", "untrained"])
def test_a_run_is_finished_after_its_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loss: str) -> None:
    member = plan(tmp_path, (loss,)).members()[1]
    model, clock = _Model(), iter([100.0, 165.0])
    for name in ("_trained", "_untrained"):
        scores = {"epochs": 3} if name == "_trained" else {}
        monkeypatch.setattr(sweep_runner, name, lambda member, scores=scores: (model, scores))
    monkeypatch.setattr(sweep_runner.time, "monotonic", lambda: next(clock))
    test: Any = SimpleNamespace(embed=lambda *given: "test" if given == (model, member) else None)
    member.folder.mkdir(parents=True)
    (member.folder / "failed.txt").write_text("an earlier try")
    sweep_runner._one(member, test)
    record = json.loads((member.folder / "finished.json").read_text())
    assert record == {
        "validation": {"epochs": 3} if loss == "triplet" else {},
        "scored_on": "test",
        "took": "1 min 05 s",
    }
    assert sorted(path.name for path in member.folder.iterdir()) == ["finished.json"]
    sweep_runner._one(member, test)  # the clock has no third time: it is left alone


def test_a_run_begins_or_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    run = SimpleNamespace(trained_model=lambda: "model", best=lambda: {"epochs": 3})
    monkeypatch.setattr(
        sweep_runner, "run_training", lambda *given, **options: calls.append((given, options)) or run
    )
    monkeypatch.setattr("likewise.report.write_pages", calls.append)
    member = plan(tmp_path).members()[0]
    member.folder.mkdir(parents=True)
    assert sweep_runner._trained(member) == ("model", {"epochs": 3})
    (member.folder / "experiment.yaml").write_text("")
    sweep_runner._trained(member)
    assert calls == [
        ((member.experiment,), {"out": member.folder, "progress": False, "lock": False}), run,
        ((None,), {"resume": member.folder, "progress": False, "lock": False}), run,
    ]  # fmt: skip


def test_the_untrained_reference_is_saved_under_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, member = _Model(), plan(tmp_path).members()[2]
    monkeypatch.setattr(
        sweep_runner, "build", lambda spec, seed: model if (spec, seed) == (EXPERIMENT.model, 3) else None
    )
    assert sweep_runner._untrained(member) == (model, {})
    assert model.calls == [(member.folder, "untrained 0", "euclidean", True)]


def test_test_classes_score_or_the_validation_classes_of_the_fold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    member, splits = plan(tmp_path).members()[0], ["test", "train"]
    member.folder.mkdir(parents=True)
    catalog = SimpleNamespace(splits=splits, select=lambda split: f"images of {split}")
    labelled = {EXPERIMENT.data.model_dump_json(): SimpleNamespace(catalog=catalog, notes=("n",))}
    monkeypatch.setattr(sweep_runner, "labelled_images", lambda spec: labelled[spec.model_dump_json()])
    val: list[Any] = ["validation images"]
    monkeypatch.setattr(sweep_runner, "training_images", lambda experiment: SimpleNamespace(val=val[0]))
    for expected, scored in (("images of test", "test"), ("validation images", "validation"), (None, None)):
        if expected == "validation images":
            splits.remove("test")
        val[0] = None if expected is None else "validation images"
        model, test = _Model(), sweep_runner._Test(member)
        assert test.embed(model, member) == scored and test.notes == ("n",)  # type: ignore[arg-type]
        assert model.calls == ([] if expected is None else [(expected, 2)])
        assert (member.folder / "test.npz").is_file()
