"""``sweep``: train every loss of the study on every fold under one protocol, and compare them.

Source: Musgrave et al. 2020 (protocol), Kobs et al. 2021 (the 14 losses and the untrained reference).
"""

import sys
import time
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from likewise.arguments import checked
from likewise.bounds import CountOrZero
from likewise.errors import BusyError, InterruptedWork, LikewiseError
from likewise.extensions import resume_command
from likewise.files import write_json, write_text
from likewise.jobs.lock import folder_lock
from likewise.models import SimilarityModel, build
from likewise.printable import duration
from likewise.progress import progress_bar
from likewise.readable import readable
from likewise.training.fit import run_training
from likewise.training.images import labelled_images, training_images
from likewise.training.overrides import trust_references
from likewise.training.reality_check import REALITY_CHECK_LOSSES, UNTRAINED
from likewise.training.sweep_plan import Member, SweepPlan
from likewise.training.sweep_results import EMBEDDINGS, FINISHED, TEST, VALIDATION, SweepResults

_FAILURE = "failed.txt"


@readable
@dataclass
class Sweep:
    """A sweep and its progress.

    Attributes:
        plan: Plan of the trainings.
        failed: Title of each failed Run, and what went wrong.
        elsewhere: Titles of runs that another process is working on.
    """

    plan: SweepPlan
    failed: dict[str, str] = field(default_factory=dict)
    elsewhere: list[str] = field(default_factory=list)

    @property
    def finished(self) -> int:
        """Number of finished runs."""
        return sum((member.folder / FINISHED).is_file() for member in self.plan.members())

    def results(self) -> SweepResults:
        """The scores of the finished runs."""
        return SweepResults.of(self.plan)


@checked
def sweep(
    presets: str,
    overrides: Iterable[str] = (),
    *,
    out: Path | str,
    losses: Sequence[str] | None = None,
    folds: Sequence[CountOrZero] | None = None,
    progress: bool = True,
) -> Sweep:
    """Train the losses of the study, one Run for each loss and fold.

    Finished runs are left alone, interrupted ones go on; a run that fails is noted and the others are trained.
    Several processes may work on one folder: each takes the next run that no other has.

    Args:
        presets: Presets with ``*`` instead of the loss, e.g. ``catalog/*``; a data set alone means its
            presets of the Reality Check protocol.
        overrides: ``key=value`` laid over each of them.
        out: Folder of the sweep.
        losses: Names of losses in presets, also of your own; "untrained" is the reference. None takes the 14 of the
            study and it.
        folds: Folds to train. None: all of the protocol.
        progress: Show a bar on stderr.

    Returns:
        Finished and failed runs.

    Raises:
        ConfigError: A preset, override, loss or fold is wrong, or the folder contains another sweep.
        CatalogError: The images cannot be read.
        InterruptedWork: Ctrl-C; the message says how to go on.
    """
    overrides = list(overrides)
    trust_references([presets, *overrides, *(losses or ())])
    plan = SweepPlan.make(presets, overrides, out, losses, folds)
    for member in {member.fold: member for member in plan.members()}.values():
        training_images(member.experiment)
    plan.write()
    return _work(plan, progress)


@checked
def resume_sweep(folder: Path | str, progress: bool = True) -> Sweep:
    """Go on with the sweep of a folder.

    Raises:
        ConfigError: The folder contains no sweep.
        InterruptedWork: Ctrl-C; the message says how to go on.
    """
    return _work(SweepPlan.open(folder), progress)


def _work(plan: SweepPlan, progress: bool) -> Sweep:
    done, members = Sweep(plan), plan.members()
    remaining = [member for member in members if not (member.folder / FINISHED).is_file()]
    test = _Test(members[0])
    if progress:
        for note in test.notes:
            sys.stderr.write(f"{note}\n")
    busy: list[Member] = []
    with progress_bar("sweep", len(members), done=len(members) - len(remaining), enabled=progress) as bar:
        for member in remaining:
            bar.note(member.title)
            try:
                _one(member, test)
            except BusyError:
                busy.append(member)
            except (InterruptedWork, KeyboardInterrupt) as stop:
                raise InterruptedWork(
                    f"Interrupted; {done.finished} of {len(members)} runs are finished. "
                    f"Resume with:  {resume_command(plan.folder)}"
                ) from stop
            except (LikewiseError, RuntimeError, OSError) as error:
                # RuntimeError is what torch raises, out of memory for instance; the next loss may fit.
                done.failed[member.title] = str(error) if isinstance(error, LikewiseError) else repr(error)
                write_text(member.folder / _FAILURE, traceback.format_exc())
            bar.advance()
    # The other process has finished some of them in the meantime.
    done.elsewhere += [member.title for member in busy if not (member.folder / FINISHED).is_file()]
    return done


def _one(member: Member, test: "_Test") -> None:
    """Train, embed the test images, and only then call the run finished."""
    member.folder.mkdir(parents=True, exist_ok=True)
    with folder_lock(member.folder):
        if (member.folder / FINISHED).is_file():  # by another process, in the meantime
            return
        start = time.monotonic()
        model, scores = _untrained(member) if member.loss == UNTRAINED else _trained(member)
        scored_on = test.embed(model, member)
        (member.folder / _FAILURE).unlink(missing_ok=True)
        seconds = time.monotonic() - start
        record = {"validation": scores, "scored_on": scored_on, "took": duration(seconds)}
        write_json(member.folder / FINISHED, record)


def _trained(member: Member) -> tuple[SimilarityModel, dict[str, Any]]:
    begun = (member.folder / "experiment.yaml").is_file()
    run = (
        run_training(None, resume=member.folder, progress=False, lock=False)
        if begun
        else run_training(member.experiment, out=member.folder, progress=False, lock=False)
    )
    from likewise.report import write_pages

    write_pages(run)
    return run.trained_model(), run.best()


def _untrained(member: Member) -> tuple[SimilarityModel, dict[str, Any]]:
    model = build(member.experiment.model, seed=member.experiment.seed)
    model.name, model.distance = member.experiment.name, REALITY_CHECK_LOSSES[UNTRAINED].distance
    model.save(member.folder, overwrite=True)
    return model, {}


class _Test:
    """The images that score the runs: the test classes, read once; without any, the validation classes of each fold."""

    def __init__(self, member: Member) -> None:
        images = labelled_images(member.experiment.data)
        self.notes = images.notes
        self._images = images.catalog.select(split=TEST) if TEST in images.catalog.splits else None

    def embed(self, model: SimilarityModel, member: Member) -> str | None:
        """Embed them, and say which they were: "test", "validation" or None if there are none."""
        images = self._images or training_images(member.experiment).val
        if images is None:
            return None
        workers = member.experiment.trainer.num_workers
        model.embed(images, num_workers=workers).save(member.folder / EMBEDDINGS)
        return TEST if self._images is not None else VALIDATION
