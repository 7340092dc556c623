"""Training: Experiments, presets, and the loop that runs them."""

from likewise.training.composition import about, compose, preset_names, resolve
from likewise.training.experiment import Experiment
from likewise.training.fit import train
from likewise.training.run_folder import Run
from likewise.training.run_page import kept_report, run_report, training_curves, write_pages

__all__ = [
    "Experiment", "Run", "about", "compose", "kept_report", "preset_names", "resolve", "run_report", "train",
    "training_curves", "write_pages",
]  # fmt: skip
