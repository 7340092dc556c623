"""``train``: run an Experiment from its first epoch, or go on where one stopped."""

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from likewise.arguments import checked
from likewise.errors import ConfigError, InputError
from likewise.files import unwritable
from likewise.jobs.lock import folder_lock
from likewise.training.composition import resolve
from likewise.training.conclusion import conclude, validation_baseline
from likewise.training.epoch_records import EpochRecords
from likewise.training.experiment import Experiment
from likewise.training.loop import run_epochs, settings_of_training
from likewise.training.overrides import trust_references
from likewise.training.paths import PATH_KEYS
from likewise.training.preparation import Prepared, prepare_training
from likewise.training.processes import launched
from likewise.training.run_folder import Run, check_free, default_folder, discard, sweep_temporary
from likewise.training.run_record import RunData, check_same_images
from likewise.training.trackers import trackers


@checked
def train(
    experiment: str | Path | Experiment | None = None,
    overrides: Iterable[str] = (),
    *,
    out: Path | str | None = None,
    resume: Path | str | None = None,
    progress: bool = True,
) -> Run:
    """Train a similarity model.

    Args:
        experiment: A preset's name, a YAML file or an Experiment; left out when resuming. A preset of a loss of your
            own has its name instead of the loss, e.g. ``catalog/my_package.losses:MyLoss``.
        overrides: ``key=value`` laid over it, e.g. ``optimizer.lr_head=1e-3``. When resuming only ``trainer.``
            keys and paths (``data.catalog=MOVED``) can be changed, since all others would make it another experiment.
        out: Folder of the Run; ``runs/NAME-seedSEED`` when left out. A folder in which no epoch was finished is
            taken over.
        resume: Folder of a Run that was interrupted; training goes on after its last whole epoch and reaches,
            on the same machine, the same weights as if it had never stopped.
        progress: Show what was fitted to the catalog, a bar and the score of each epoch on stderr.

    Returns:
        The finished Run. Its model is the trained one, or the untrained backbone where training did not certainly
        raise the score on the validation classes (``validation.keep``).

    Raises:
        ConfigError: The experiment is not valid, or does not fit its data; nothing was written then.
        BusyError: Another process is training in the same folder.
        InterruptedWork: Ctrl-C; the message says how to resume.
        WorkError: The loss is no longer a number, or writing failed.
    """
    overrides = list(overrides)
    trust_references([*overrides, *([experiment] if isinstance(experiment, str) else [])])
    return run_training(experiment, overrides, out=out, resume=resume, progress=progress, lock=True)


def run_training(
    experiment: str | Path | Experiment | None,
    overrides: Iterable[str] = (),
    *,
    out: Path | str | None = None,
    resume: Path | str | None = None,
    progress: bool = True,
    lock: bool,
) -> Run:
    """:func:`train`; with ``lock`` False the caller has the lock of the folder."""
    overrides = list(overrides)
    show = _printer(progress)
    if resume is not None:
        run = Run.open(Path(resume))
        _only_resumable(run.folder, experiment, overrides)
        with _held(run.folder, lock):
            return _resumed(run, overrides, show, progress)
    if experiment is None:
        raise ConfigError("Nothing to train: name a preset or a YAML file, or --resume RUN.")
    settings = resolve(experiment, overrides)
    folder = Path(out) if out is not None else default_folder(settings.name, settings.seed)
    if _rank() == 0:
        check_free(folder)
    prepared = prepare_training(settings, rank=_rank(), show=show)
    if _rank() != 0:  # started by the first process, which has made the folder by then
        _work(prepared, Run.open(folder), show, progress)
        return Run(folder)
    _make(folder)
    with _held(folder, lock):
        run = Run.create(folder, prepared.experiment)
        try:
            prepared.data.write(run.folder)
            if prepared.backbone is not None:
                prepared.backbone.save(run.backbone, overwrite=True)
            for note in prepared.notes:
                _log(run, note)
            _work(prepared, run, show, progress)
        except InputError:
            if not run.finished_an_epoch:
                discard(folder)
            raise
    return run


def _resumed(run: Run, overrides: list[str], show: Callable[[str], None], progress: bool) -> Run:
    settings = resolve(run.experiment, overrides)
    before = RunData.read(run.folder)
    started = run.checkpoint.is_file()
    prepared = prepare_training(
        settings, rank=_rank(), show=show, resuming=run.folder, before=before, started=started
    )
    if before is not None:
        warning = check_same_images(run.folder, before, prepared.data)
        if warning:
            show(warning)
    if _rank() == 0:
        if any(text.partition("=")[0].strip() in PATH_KEYS for text in overrides):
            prepared.experiment.model_copy(update={"trainer": run.experiment.trainer}).write(
                run.folder / "experiment.yaml"
            )
        if before is None or not started:
            prepared.data.write(run.folder)
        if prepared.backbone is not None and not (run.backbone / "model.json").is_file():
            prepared.backbone.save(run.backbone, overwrite=True)
        run.take_back()
    _work(prepared, run, show, progress)
    return run


def _work(prepared: Prepared, run: Run, show: Callable[[str], None], progress: bool) -> None:
    settings, module, inputs = prepared.experiment, prepared.module, prepared.inputs

    def say(text: str) -> None:
        if _rank() == 0:
            _log(run, text)
            show(text)

    first, spec, schedule = _rank() == 0, settings.trainer, settings.schedule
    baseline = validation_baseline(prepared, run) if first and progress else None
    with (
        trackers(spec, settings.name, run.folder, enabled=first) as track,
        launched(spec, run.folder, frozen_weights=schedule.warmup_epochs > 0) as fabric,
        settings_of_training(fabric.device),
    ):
        records = EpochRecords(
            settings.validation, schedule, run, inputs.validations, max_epochs=spec.max_epochs, say=say,
            rank=fabric.global_rank, track=track, baseline=baseline,
        )  # fmt: skip
        run_epochs(fabric, module, inputs, records, run.checkpoint, progress=progress and first)
    if first:
        best_epoch = records.standing.best_epoch if inputs.validations else None
        conclude(prepared, run, best_epoch, str(fabric.device), say)


def _only_resumable(folder: Path, experiment: str | Path | Experiment | None, overrides: list[str]) -> None:
    other = next(
        (text for text in overrides if not text.startswith("trainer.") and text.partition("=")[0].strip() not in
         PATH_KEYS), None,
    )  # fmt: skip
    if experiment is not None or other is not None:
        raise ConfigError(
            f"--resume takes the experiment from {folder}; {other or experiment} would make it another one: "
            "leave it out, or start a new run with --out."
        )


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error, "name another folder with --out") from error


@contextmanager
def _held(folder: Path, lock: bool) -> Iterator[None]:
    """Hold the folder's lock, in the first process of a training, and remove what a killed one left."""
    if not lock or _rank() != 0:
        yield
        return
    try:
        with folder_lock(folder):
            sweep_temporary(folder)
            yield
    finally:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _rank() -> int:
    return int(os.environ.get("LOCAL_RANK", "0"))


def _printer(progress: bool) -> Callable[[str], None]:
    def show(text: str) -> None:
        if progress and _rank() == 0:
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()

    return show


def _log(run: Run, text: str) -> None:
    with run.log.open("a", encoding="utf-8") as log:
        log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")
