"""The order of a training before its first step and after a stop: files and words, without any network."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from handmade_runs import changed, data

from likewise.errors import ConfigError, InputError, LikewiseError, WorkError
from likewise.training import Experiment, Run, fit
from likewise.training.run_folder import default_folder
from likewise.training.run_record import RunData

BEFORE = data()


class _Saved:
    def __init__(self, calls: list[Any]) -> None:
        self.calls = calls

    def save(self, folder: Path, *, overwrite: bool) -> None:
        self.calls.append(("backbone", folder, overwrite))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.json").write_text("{}")


@pytest.fixture
def calls(small: Experiment, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What ``run_training`` did; nothing is prepared or trained."""
    calls: list[Any] = []

    def prepare(settings: Experiment, **options: Any) -> Any:
        options.pop("show")
        calls.append(("prepared", options))
        written = SimpleNamespace(
            write=lambda folder: calls.append(("data", folder)), trained_on=BEFORE.trained_on
        )
        return SimpleNamespace(
            experiment=settings,
            backbone=_Saved(calls),
            notes=["a note"],
            data=written,
            inputs=None,
            module=None,
        )

    monkeypatch.setattr(fit, "prepare_training", prepare)
    monkeypatch.setattr(
        fit, "_work", lambda prepared, run, show, progress: calls.append(("work", run.folder, progress))
    )
    return calls


def test_a_new_run_is_written_before_it_is_trained(
    small: Experiment, calls: list[Any], tmp_path: Path
) -> None:
    folder = tmp_path / "deep" / "run"
    run = fit.run_training(small, ["seed=5"], out=folder, progress=False, lock=True)
    assert calls == [
        ("prepared", {"rank": 0}), ("data", folder), ("backbone", run.backbone, True), ("work", folder, False),
    ]  # fmt: skip
    assert (
        run.experiment.seed == 5
        and run.log.read_text().endswith(" a note\n")
        and not (folder / ".lock").exists()
    )


def test_another_process_finds_the_run_of_the_first(
    small: Experiment, calls: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run.create(tmp_path / "run", small)
    run.checkpoint.write_bytes(b"")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert fit.run_training(small, out=run.folder, progress=True, lock=True).folder == run.folder
    assert calls == [("prepared", {"rank": 1}), ("work", run.folder, True)] and not run.log.exists()


def test_a_training_that_does_not_fit_leaves_nothing_but_what_was_finished(
    small: Experiment, calls: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(finished: bool, error: LikewiseError) -> Callable[..., None]:
        def work(prepared: Any, run: Run, *_: Any) -> None:
            if finished:
                run.checkpoint.write_bytes(b"")
            raise error

        return work

    for name, finished, error, stays in (
        ("a", False, InputError("It does not fit."), False), ("b", True, InputError("It does not fit."), True),
        ("c", False, WorkError("Full."), True),
    ):  # fmt: skip
        monkeypatch.setattr(fit, "_work", failing(finished, error))
        with pytest.raises(type(error)):
            fit.run_training(small, out=tmp_path / name, progress=False, lock=True)
        assert (tmp_path / name).exists() is stays


@pytest.mark.parametrize(
    ("before", "started", "stored"), [(None, True, False), (BEFORE, True, False), (BEFORE, False, True)]
)
def test_a_resumed_run_goes_on_where_it_was(
    small: Experiment, calls: list[Any], tmp_path: Path, before: RunData | None, started: bool, stored: bool,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    run = Run.create(tmp_path / "run", small)
    if before is not None:
        before.write(run.folder)
    if started:
        run.checkpoint.write_bytes(b"")
    if stored:
        run.backbone.mkdir()
        (run.backbone / "model.json").write_text("{}")
    run.trained.mkdir()
    (run.trained / "model.json").write_text("trained")
    compared: list[Any] = []
    monkeypatch.setattr(
        fit, "check_same_images", lambda *given: compared.append(given[:2]) or "Some have changed."
    )
    overrides = [" data.catalog =/moved/c.csv", "trainer.max_epochs=9"]
    fit.run_training(None, overrides, resume=run.folder, progress=True, lock=True)
    prepared = ("prepared", {"rank": 0, "resuming": run.folder, "before": before, "started": started})
    saved = [] if stored else [("backbone", run.backbone, True)]
    written = [("data", run.folder)] if before is None or not started else []
    assert calls == [prepared, *written, *saved, ("work", run.folder, True)]
    assert compared == ([] if before is None else [(run.folder, before)])
    assert capsys.readouterr().err == ("" if before is None else "Some have changed.\n")
    assert run.experiment.data.catalog == Path("/moved/c.csv")
    assert run.experiment.trainer.max_epochs == 3, "how long it trains is not stored"
    assert (run.folder / "model.json").read_text() == "trained" and not run.trained.exists()


def test_a_resumed_run_without_moved_paths_keeps_its_experiment(
    small: Experiment, calls: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run.create(tmp_path / "run", small)
    text = (run.folder / "experiment.yaml").read_text() + "# a remark\n"
    (run.folder / "experiment.yaml").write_text(text)
    fit.run_training(None, ["trainer.max_epochs=9"], resume=run.folder, progress=False, lock=False)
    assert (run.folder / "experiment.yaml").read_text() == text
    monkeypatch.setenv("LOCAL_RANK", "1")
    calls.clear()
    fit.run_training(None, ["data.catalog=/moved"], resume=run.folder, progress=False, lock=True)
    assert (run.folder / "experiment.yaml").read_text() == text and [call[0] for call in calls] == [
        "prepared",
        "work",
    ]


def test_small_rules_of_a_training(
    small: Experiment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert default_folder("cub200/arcface", 7) == Path("runs/cub200-arcface-seed7")
    with pytest.raises(
        ConfigError, match=r"Nothing to train: name a preset or a YAML file, or --resume RUN\."
    ):
        fit.run_training(None, lock=False)
    fit._printer(True)("shown")
    fit._printer(False)("hidden")
    assert capsys.readouterr().err == "shown\n"
    for lock, left in ((True, False), (False, True)):
        folder = tmp_path / f"empty {lock}"
        folder.mkdir()
        with fit._held(folder, lock):
            assert (folder / ".lock").exists() is lock
        assert folder.exists() is left


def test_the_work_of_a_run(small: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: dict[str, Any] = {}
    run = Run.create(tmp_path / "run", small)
    monkeypatch.setattr(fit, "validation_baseline", lambda prepared, run: 0.25)
    monkeypatch.setattr(fit, "run_epochs", lambda *given, **options: calls.update(epochs=(given, options)))
    monkeypatch.setattr(fit, "conclude", lambda *given: calls.update(end=given))
    settings = changed(small, schedule={"warmup_epochs": 1})
    launched = fit.launched

    def launching(*given: Any, **options: Any) -> Any:
        calls["launched"] = (given, options)
        return launched(*given, **options)

    monkeypatch.setattr(fit, "launched", launching)
    for validations, progress in (({"original": "v"}, True), ({}, False)):
        inputs = SimpleNamespace(validations=validations)
        prepared: Any = SimpleNamespace(experiment=settings, module="module", inputs=inputs)
        said: list[str] = []
        fit._work(prepared, run, said.append, progress)
        (fabric, module, given_inputs, records, checkpoint), options = calls["epochs"]
        assert (module, given_inputs, checkpoint, options) == (
            "module",
            inputs,
            run.checkpoint,
            {"progress": progress},
        )
        assert (records._validations, records._baseline) == (validations, 0.25 if progress else None)
        assert (records.max_epochs, records._rank, records._spec) == (3, 0, settings.validation)
        assert calls["launched"] == ((settings.trainer, run.folder), {"frozen_weights": True})
        assert calls["end"][:4] == (prepared, run, 0 if validations else None, "cpu")
        calls["end"][4]("words")
        assert said == ["words"] and run.log.read_text().endswith(" words\n") and fabric.world_size == 1
