"""Training: Experiments, presets, and the loop that runs them."""

from likewise.training.composition import about, compose, preset_names, resolve
from likewise.training.experiment import Experiment
from likewise.training.fit import train
from likewise.training.run_folder import Run
from likewise.training.run_page import kept_report, run_report, training_curves, write_pages
from likewise.training.study import STUDIED, UNTRAINED
from likewise.training.sweep_plan import SweepPlan, is_sweep
from likewise.training.sweep_results import SweepResults
from likewise.training.sweep_runner import Sweep, resume_sweep, sweep

__all__ = [
    "STUDIED", "UNTRAINED", "Experiment", "Run", "Sweep", "SweepPlan", "SweepResults", "about", "compose",
    "is_sweep", "kept_report", "preset_names", "resolve", "resume_sweep", "run_report", "sweep", "train",
    "training_curves", "write_pages",
]  # fmt: skip
