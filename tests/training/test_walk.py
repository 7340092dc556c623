"""How far an Experiment travels before the first step: a reader follows it through few functions."""

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import likewise
from likewise.training import Experiment
from likewise.training.module import TrainingModule

MOST = 12
PACKAGE = str(Path(likewise.__file__).parent)
NOT_COUNTED = (
    "experiment.py",
    "arguments.py",
    "argument_kinds.py",
)  # its own methods, and the check of arguments


def test_an_experiment_passes_at_most_twelve_functions(small: Experiment, tmp_path: Path) -> None:
    small.write(tmp_path / "experiment.yaml")
    passed: set[str] = set()
    stepped = False

    def follow(frame: FrameType, event: str, _: Any) -> None:
        nonlocal stepped
        code = frame.f_code
        if stepped or event != "call" or not code.co_filename.startswith(PACKAGE):
            return
        stepped = code is TrainingModule.forward.__code__
        count = code.co_argcount + code.co_kwonlyargcount
        values = [frame.f_locals.get(name) for name in code.co_varnames[:count]]
        if any(isinstance(value, Experiment) for value in values) and not code.co_filename.endswith(
            NOT_COUNTED
        ):
            passed.add(code.co_qualname)

    sys.setprofile(follow)
    try:
        likewise.train(
            tmp_path / "experiment.yaml", ["trainer.max_epochs=1"], out=tmp_path / "run", progress=False
        )
    finally:
        sys.setprofile(None)
    assert stepped and "prepare_training" in passed
    assert len(passed) <= MOST, sorted(passed)
