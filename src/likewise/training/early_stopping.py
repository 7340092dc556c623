"""Best checkpoint, early stopping and reduction on plateau, from the table of validation scores alone.

A resumed training needs no other state than that table.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from likewise.training.experiment import ScheduleSpec, ValidationSpec


@dataclass(frozen=True)
class Standing:
    """State of a training after a validation.

    Attributes:
        best: Best score so far; None before the first validation.
        best_epoch: Its epoch, the first of equals; 0 is the untrained model.
        waited: Validations since the best one, those of the warm-up not counted.
        stop: Whether patience has run out.
        factor: Factor of the learning rates at a plateau, above 0, at most 1.
    """

    best: float | None = None
    best_epoch: int = 0
    waited: int = 0
    stop: bool = False
    factor: float = 1.0


def standing(
    scores: Iterable[tuple[int, float]], validation: ValidationSpec, schedule: ScheduleSpec
) -> Standing:
    """The standing after these validations, which follow early stopping and reduction on plateau as torch has them.

    Args:
        scores: Epoch and score of every validation, in order; larger is better, NaN is never the best.
        validation: Gives the patience.
        schedule: Gives the warm-up, and patience and factor of a reduction.

    >>> standing([(0, 0.5), (1, 0.7), (2, 0.6)], ValidationSpec(patience=1), ScheduleSpec())
    Standing(best=0.7, best_epoch=1, waited=1, stop=True, factor=1.0)
    """
    best, best_epoch, waited, stale, factor = -math.inf, 0, 0, 0, 1.0
    for epoch, score in scores:
        if score > best:
            best, best_epoch, waited, stale = score, epoch, 0, 0
        elif epoch > schedule.warmup_epochs:
            waited, stale = waited + 1, stale + 1
        if schedule.name == "plateau" and stale > schedule.plateau_patience:
            factor, stale = factor * schedule.gamma, 0
    stop = validation.patience is not None and waited >= validation.patience
    return Standing(best if best > -math.inf else None, best_epoch, waited, stop, factor)
