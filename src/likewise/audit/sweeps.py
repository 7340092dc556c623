"""The finished runs of a sweep, as the audits take them."""

from pathlib import Path
from typing import NamedTuple

from likewise.errors import InputError
from likewise.extensions import resume_command
from likewise.training import UNTRAINED, SweepPlan, sweep_loss
from likewise.training.sweep_results import FINISHED


class SweepTraining(NamedTuple):
    """One finished run.

    Attributes:
        folder: Folder of the run.
        name: The loss, as the study prints it.
        training: Name of the fold.
        group: "ranking" or "classification"; "" for the untrained reference.
    """

    folder: Path
    name: str
    training: str
    group: str


def finished_trainings(sweep: Path | str) -> list[SweepTraining]:
    """The finished runs of a sweep, loss by loss in the order of the study.

    Raises:
        ConfigError: The folder contains no sweep.
        InputError: No run is finished.
    """
    plan = SweepPlan.open(sweep)
    order = list(plan.losses)
    members = sorted(plan.members(), key=lambda member: (order.index(member.loss), member.fold))
    trainings = [
        SweepTraining(
            member.folder, sweep_loss(member.loss).name, f"fold {member.fold}",
            "" if member.loss == UNTRAINED else sweep_loss(member.loss).kind,
        )
        for member in members
        if (member.folder / FINISHED).is_file()
    ]  # fmt: skip
    if not trainings:
        raise InputError(f"No run of {sweep} is finished: resume it with  {resume_command(sweep)}")
    return trainings
