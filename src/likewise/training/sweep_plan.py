"""Plan of a sweep: losses x folds under one protocol, stored in ``sweep.yaml`` of its folder.

All runs share backbone, optimiser, batch and data; the loss's own settings come from its preset. Each run has
its own seed, so that the heads and batches of two losses differ as much as those of two trainings with the same
loss.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml

from likewise.arguments import checked
from likewise.bounds import CountOrZero
from likewise.errors import ConfigError, choices
from likewise.extensions import is_reference
from likewise.files import write_text
from likewise.losses import names
from likewise.training.class_plan import choose_folding
from likewise.training.composition import is_preset, preset_names, resolve
from likewise.training.experiment import Experiment
from likewise.training.images import labelled_images
from likewise.training.reality_check import REALITY_CHECK_LOSSES, UNTRAINED, sweep_loss, sweep_number
from likewise.training.yaml_files import read_yaml

PROTOCOL = "reality-check"
RECORD = "sweep.yaml"
_KEYS = ("presets", "overrides", "losses", "folds")
# The untrained reference is a separate run, and every loss is evaluated as trained.
_ALL_TRAINED = ("validation.keep=trained", "validation.compare=false")


@dataclass(frozen=True)
class Member:
    """One run of a sweep.

    Attributes:
        loss: Name in presets; "untrained" is the untrained reference.
        fold: Fold of the training classes that validates.
        folder: Folder of its Run.
        experiment: Experiment to run; for the reference only seed, model and data count.
    """

    loss: str
    fold: int
    folder: Path
    experiment: Experiment

    @property
    def title(self) -> str:
        """Loss and fold, for people."""
        return f"{sweep_loss(self.loss).name}, fold {self.fold}"

    @property
    def sweep_seed(self) -> int:
        """Seed of the sweep, from which that of this run was made."""
        return (self.experiment.seed - _seed_offset(self.loss, self.fold)) % 2**31


@dataclass(frozen=True)
class SweepPlan:
    """A validated sweep.

    Attributes:
        folder: Folder of its runs, one subfolder each.
        presets: Presets with ``*`` instead of the loss, e.g. ``cub200/*/reality-check``.
        overrides: ``key=value`` laid over each of them.
        losses: Names in presets, in the order of the study, then others.
        folds: Numbers of folds.
    """

    folder: Path
    presets: str
    overrides: tuple[str, ...]
    losses: tuple[str, ...]
    folds: tuple[int, ...]

    @classmethod
    @checked
    def make(
        cls,
        presets: str,
        overrides: Iterable[str],
        folder: Path | str,
        losses: Sequence[str] | None = None,
        folds: Sequence[CountOrZero] | None = None,
    ) -> "SweepPlan":
        """Check the requested sweep.

        Args:
            presets: Presets with ``*`` instead of the loss; a data set alone ("cub200", "catalog") means
                its presets of the Reality Check protocol.
            overrides: For all runs.
            folder: Folder of the sweep. A sweep that is there must have the same presets and overrides; its losses and
                folds are added.
            losses: Names in presets, also of losses of your own; None takes the 14 of the study and the untrained
                reference.
            folds: None takes all folds of the protocol.

        Raises:
            ConfigError: No such presets, loss or fold, an override that does not fit, or another sweep's folder.
        """
        pattern = presets if "*" in presets else f"{presets}/*/{PROTOCOL}"
        chosen = tuple(REALITY_CHECK_LOSSES) if losses is None else _in_order(losses)
        first = resolve(_preset(pattern, next((name for name in chosen if name != UNTRAINED), "")), overrides)
        applied = tuple(overrides)
        if (
            "data.folds" in first.fit and first.data.catalog is not None
        ):  # all folds of a sweep use the same division of classes
            count = _fitted_folds(first, None if folds is None else max(folds, default=0))
            applied, first = (*applied, f"data.folds={count}"), resolve(first, [f"data.folds={count}"])
        numbers = tuple(range(first.data.folds)) if folds is None else tuple(sorted(set(folds)))
        plan = cls(Path(folder), pattern, applied, chosen, numbers)
        if (plan.folder / RECORD).is_file():
            plan = plan._joined(cls.open(plan.folder))
        plan.members()
        return plan

    @classmethod
    @checked
    def open(cls, folder: Path | str) -> "SweepPlan":
        """The sweep of a folder.

        Raises:
            ConfigError: The folder contains no sweep.
        """
        record = Path(folder) / RECORD
        if not record.is_file():
            raise ConfigError(f"{folder} is not a sweep: it has no {RECORD}.")
        values = read_yaml(record)
        try:
            return cls(
                Path(folder), str(values["presets"]), tuple(values["overrides"]),
                _in_order(values["losses"]), tuple(int(fold) for fold in values["folds"]),
            )  # fmt: skip
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"{record} is damaged ({error}): it needs {', '.join(_KEYS)}.") from error

    def write(self) -> None:
        """Keep the plan in its folder."""
        values = {
            "presets": self.presets, "overrides": list(self.overrides), "losses": list(self.losses),
            "folds": list(self.folds),
        }  # fmt: skip
        write_text(self.folder / RECORD, yaml.safe_dump(values, sort_keys=False, allow_unicode=True))

    def members(self) -> list[Member]:
        """Every run, fold by fold.

        Raises:
            ConfigError: An override does not fit a loss's preset.
        """
        return list(self._composed)

    @cached_property
    def _composed(self) -> tuple[Member, ...]:
        trained = [name for name in self.losses if name != UNTRAINED]
        members = []
        for fold in self.folds:
            for loss in self.losses:
                preset = _preset(self.presets, trained[0] if loss == UNTRAINED and trained else loss)
                base = resolve(preset, [*_ALL_TRAINED, *self.overrides, f"data.fold={fold}"])
                name = f"{loss.replace(':', '.')}-fold{fold}"
                seed = (base.seed + _seed_offset(loss, fold)) % 2**31
                experiment = base.model_copy(update={"seed": seed, "name": name})
                members.append(Member(loss, fold, self.folder / name, experiment))
        return tuple(members)

    def _joined(self, older: "SweepPlan") -> "SweepPlan":
        if (older.presets, _result_keys(older.overrides)) != (self.presets, _result_keys(self.overrides)):
            raise ConfigError(
                f"{self.folder} contains a sweep of {older.presets} with "
                f"{' '.join(older.overrides) or 'no overrides'}: "
                "give the same, or another folder with --out."
            )
        losses = _in_order({*self.losses, *older.losses})
        return SweepPlan(
            self.folder, self.presets, self.overrides, losses, tuple(sorted({*self.folds, *older.folds}))
        )


def _seed_offset(loss: str, fold: int) -> int:
    """Far apart, so that sweeps with the seeds 0, 1, 2... share none."""
    return 1_000_000 * (fold + 1) + 10_000 * sweep_number(loss)


@checked
def is_sweep(folder: Path | str) -> bool:
    """Whether a sweep was begun in ``folder``."""
    return (Path(folder) / RECORD).is_file()


def _fitted_folds(experiment: Experiment, highest: int | None) -> int:
    """The number of folds for the catalog of a sweep, at least the highest requested fold."""
    data = experiment.data
    developing = labelled_images(data).sizes(data.train_split, data.val_split)
    return choose_folding(developing, fold=highest, pairs=experiment.loss.kind == "ranking").folds


def _result_keys(overrides: Iterable[str]) -> list[str]:
    """The overrides that change results: of ``trainer.`` only the number of epochs does."""
    return sorted(
        text for text in overrides if not text.startswith("trainer.") or text.startswith("trainer.max_epochs")
    )


def _in_order(losses: Iterable[str]) -> tuple[str, ...]:
    requested = set(losses)
    if not requested:
        raise ConfigError(f"A sweep needs at least one loss: {', '.join(REALITY_CHECK_LOSSES)}.")
    others = sorted(requested - REALITY_CHECK_LOSSES.keys())
    registered = names()
    for name in others:
        if name not in registered and not is_reference(name):
            raise ConfigError(
                f"There is no loss {name!r}: {choices(name, [*REALITY_CHECK_LOSSES, *registered])}"
            )
        sweep_loss(name)
    return (*(name for name in REALITY_CHECK_LOSSES if name in requested), *others)


def _preset(pattern: str, loss: str) -> str:
    """The preset of a loss; any loss's preset serves the untrained reference, which has none."""
    name = pattern.replace("*", "contrastive" if loss in {UNTRAINED, ""} else loss)
    if not is_preset(name):
        families = sorted(
            {f"{preset.split('/')[0]}/*/{PROTOCOL}" for preset in preset_names(f"*/*/{PROTOCOL}")}
        )
        raise ConfigError(
            f"There is no preset '{name}' for the sweep: write the loss as * as in {', '.join(families)} or catalog/*."
        )
    return name
