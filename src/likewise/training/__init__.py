"""Training: Experiments, presets, and the loop that runs them.

Training code is loaded on first use, because it needs lightning-fabric (extra ``train``). Experiments, presets, Runs
and the results of sweeps can be read without it.
"""

import importlib
from typing import TYPE_CHECKING, Any

from likewise.errors import MissingExtraError
from likewise.training.composition import compose, preset_description, preset_groups, preset_names, resolve
from likewise.training.experiment import Experiment
from likewise.training.reality_check import REALITY_CHECK_LOSSES, UNTRAINED, sweep_loss
from likewise.training.run_folder import Run
from likewise.training.run_verdict import compared_table
from likewise.training.sweep_plan import SweepPlan, is_sweep
from likewise.training.sweep_results import SweepResults
from likewise.training.whitening import Whitened, fit_whitening

if TYPE_CHECKING:
    from likewise.training.fit import train
    from likewise.training.sweep_runner import Sweep, resume_sweep, sweep

__all__ = [
    "REALITY_CHECK_LOSSES", "UNTRAINED", "Experiment", "Run", "Sweep", "SweepPlan", "SweepResults",
    "Whitened", "compared_table", "compose", "fit_whitening", "is_sweep", "preset_description",
    "preset_groups", "preset_names", "resolve", "resume_sweep", "sweep", "sweep_loss", "train",
]  # fmt: skip

_TRAINING = {"train": "fit", "Sweep": "sweep_runner", "resume_sweep": "sweep_runner", "sweep": "sweep_runner"}


def __getattr__(name: str) -> Any:
    if name not in _TRAINING:
        raise AttributeError(f"module 'likewise.training' has no attribute {name!r}")
    try:
        module = importlib.import_module(f"likewise.training.{_TRAINING[name]}")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "lightning_fabric":
            raise
        raise MissingExtraError("Training", "train") from error
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)
