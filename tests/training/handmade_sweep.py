"""A sweep of two folds of three losses whose settings are written by hand."""

from pathlib import Path

from likewise.training import Experiment
from likewise.training.sweep_plan import Member, SweepPlan


class _Plan(SweepPlan):
    """Two folds of three losses in a folder, without presets."""

    def members(self) -> list[Member]:
        members = []
        for fold in self.folds:
            for loss in self.losses:
                settings = EXPERIMENT.model_copy(update={"name": f"{loss} {fold}"})
                members.append(Member(loss, fold, self.folder / f"{loss}-fold{fold}", settings))
        return members


EXPERIMENT = Experiment.parse(
    {
        "seed": 3, "data": {"catalog": "c.csv"}, "model": {"backbone": "test_resnet", "dim": 4},
        "loss": {"name": "triplet"}, "trainer": {"num_workers": 2, "accelerator": "cpu"},
    }
)  # fmt: skip


def plan(folder: Path, losses: tuple[str, ...] = ("triplet", "arcface", "untrained")) -> _Plan:
    return _Plan(folder, "catalog/*", (), losses, (0, 1))
