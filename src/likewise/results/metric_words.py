"""One way to write a metric, for terminals, tables, pages and papers: ``MAP@R 58.0 %``.

Machine output (JSON, CSV) keeps the keys of :func:`likewise.retrieval.evaluate` and values of 0 to 1.
"""

import math
from typing import Literal

from likewise.arguments import checked
from likewise.bounds import Digits
from likewise.results.cells import MISSING, Column

_NAMES = {"map@r": "MAP@R", "map": "MAP", "r_precision": "R-precision"}


@checked
def metric_name(key: str) -> str:
    """Display name of a metric.

    >>> [metric_name(key) for key in ("recall@1", "r_precision", "map@r", "map@10", "precision@1")]
    ['recall@1', 'R-precision', 'MAP@R', 'MAP@10', 'precision@1']
    """
    stem, at, rank = key.partition("@")
    if key in _NAMES:
        return _NAMES[key]
    return f"{_NAMES.get(stem, stem)}{at}{rank}"


@checked
def condition_metric_name(column: str) -> str:
    """The name of a column of a training's ``metrics.csv``, with the condition unless that is the usual one.

    >>> condition_metric_name("original/map@r"), condition_metric_name("replaced/map@r")
    ('MAP@R', 'MAP@R, replaced')
    """
    condition, _, key = column.partition("/")
    return metric_name(key) if condition == "original" else f"{metric_name(key)}, {condition}"


@checked
def percent(share: float, digits: Digits = 1) -> str:
    """A share of 0 to 1 as readers see it; NaN is a dash.

    >>> percent(0.58), percent(-0.004)
    ('58.0 %', '-0.4 %')
    """
    if math.isnan(share):
        return MISSING
    return f"{share * 100:z.{digits}f} %"


@checked
def signed_percent(change: float, digits: Digits = 1) -> str:
    """A change of a share, or relative to one, as readers see it.

    >>> signed_percent(0.032), signed_percent(-0.276)
    ('+3.2 %', '-27.6 %')
    """
    text = percent(change, digits)
    return text if text.startswith(("-", MISSING)) or not text.strip("0. %") else f"+{text}"


@checked
def points(difference: float, low: float | None = None, high: float | None = None) -> str:
    """The difference of two shares, with its 95 % interval where it has one.

    >>> points(0.051), points(-0.02, -0.05, 0.01)
    ('+5.1 points', '-2.0 points, 95 % interval -5.0 to +1.0')
    """
    if low is None or high is None:
        return f"{_signed(difference)} points"
    return f"{_signed(difference)} points, 95 % interval {_signed(low)} to {_signed(high)}"


def _signed(difference: float) -> str:
    return signed_percent(difference).removesuffix(" %")


@checked
def metric_text(key: str, share: float) -> str:
    """Name and value of a metric in a sentence.

    >>> metric_text("map@r", 0.58)
    'MAP@R 58.0 %'
    """
    return f"{metric_name(key)} {percent(share)}"


@checked
def metric_column(
    key: str, best: Literal["max", "min"] | None = None, digits: Digits | None = None
) -> Column:
    """The column of a metric in a table: values of 0 to 1, displayed in per cent below "MAP@R (%)"."""
    return Column(metric_name(key), "percent", digits, best, key)
