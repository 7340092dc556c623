"""Reference levels: what working models and random weights reach, measured by ``experiments/reference_levels.py``.

A measure warns if it is worse than 95 % of the working reference runs and fails if it is worse than all of them. No
check has another default limit, except those that follow from the question itself (chance, no difference).
"""

import json
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from likewise.checks.definition import Limit, Measure

_QUANTILE = 0.95
_FEWEST = 8  # working runs, below which a measure has no level


@cache
def reference_rows() -> list[dict[str, Any]]:
    """Rows of the table: check, measure, better, model, kind, set, value.

    ``kind`` is "working", "random" (weights), or "foreign" (trained on images of another kind).
    """
    file = files("likewise.checks").joinpath("levels.json")
    return list(json.loads(file.read_text(encoding="utf-8"))["rows"]) if file.is_file() else []


def reference_limit(check: str, name: str, measure: Measure) -> Limit | None:
    """The limit of a measure from the reference runs; None if it was not measured or has no bad side.

    A measure without an interval only warns: few images alone can move it beyond every reference run.
    """
    values = np.array([
        row["value"] for row in reference_rows()
        if (row["check"], row["measure"], row["kind"]) == (check, name, "working") and row["value"] is not None
    ])  # fmt: skip
    if measure.better == "neither" or len(values) < _FEWEST:
        return None
    badness = -values if measure.better == "higher" else values
    sign = -1.0 if measure.better == "higher" else 1.0
    return Limit(
        # Adding 0 makes the zero of a sign positive.
        warn=float(sign * np.quantile(badness, _QUANTILE)) + 0.0,
        fail=None if measure.low is None or measure.high is None else float(sign * badness.max()) + 0.0,
        source=f"95 % and all of {len(values)} reference runs",
    )  # fmt: skip
