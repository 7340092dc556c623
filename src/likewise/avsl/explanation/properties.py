"""Association of a node's responses with image properties: rank tests with multiple-testing correction."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from likewise.arrays import without_blanks
from likewise.retrieval import holm

_MOST_VALUES = 20  # of a number, beyond which it counts as continuous
_COLUMNS = ["property", "share", "p_value", "high", "high_mean", "low", "low_mean"]


def property_table(
    table: pd.DataFrame, properties: Sequence[str], responses: NDArray[np.float64]
) -> pd.DataFrame:
    """Fraction of the order of the responses explained by each property.

    Of values in groups (text, truth values, numbers with at most 20 different ones) the share is epsilon squared of the
    Kruskal-Wallis test, (H - k + 1) / (N - k); of other numbers it is Spearman's coefficient squared, less what
    chance gives, (rho^2 - 1 / (N - 1)) / (1 - 1 / (N - 1)). Both are 0 on average where there is no connection, and
    not below 0 here.

    Args:
        table: Rows of a catalog.
        properties: Names; label and super_label count as well.
        responses: (N,).

    Returns:
        property, share 0..1, p_value (Holm over the properties), high, high_mean, low, low_mean; largest share first.
        A property with one value, or none that two images have, is left out.
    """
    names = [name for name in ("label", "super_label", *properties) if name in table]
    rows = [row for name in names if (row := _row(name, table[name], responses)) is not None]
    scores = pd.DataFrame(rows, columns=_COLUMNS)
    if len(scores):
        scores["p_value"] = holm(scores["p_value"].to_numpy())
    return scores.sort_values(["share", "p_value"], ascending=[False, True], kind="stable", ignore_index=True)


def _row(name: str, column: pd.Series, responses: NDArray[np.float64]) -> list[Any] | None:
    present = without_blanks(column).notna().to_numpy()
    values, numbers = column[present], responses[present]
    if pd.api.types.is_numeric_dtype(values) and values.nunique() > _MOST_VALUES:
        return _of_numbers(name, values.to_numpy(np.float64), numbers)
    sizes = values.value_counts()
    shared = values.isin(sizes.index[sizes >= 2]).to_numpy()
    values, numbers = values[shared], numbers[shared]
    groups = {str(value): numbers[(values == value).to_numpy()] for value in values.unique()}
    if len(groups) < 2 or np.ptp(numbers) == 0:
        return None
    from scipy import stats  # takes a second to load

    test = stats.kruskal(*groups.values())
    share = (test.statistic - len(groups) + 1) / (len(numbers) - len(groups))
    means = {value: float(group.mean()) for value, group in groups.items()}
    high, low = max(means, key=lambda value: means[value]), min(means, key=lambda value: means[value])
    return [name, float(np.clip(share, 0, 1)), float(test.pvalue), high, means[high], low, means[low]]


def _of_numbers(name: str, values: NDArray[np.float64], responses: NDArray[np.float64]) -> list[Any] | None:
    if np.ptp(responses) == 0 or len(responses) < 3:
        return None
    from scipy import stats

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        test = stats.spearmanr(values, responses)
    chance = 1 / (len(responses) - 1)
    share = (float(test.statistic) ** 2 - chance) / (1 - chance)
    middle = np.median(values)
    more, less = float(responses[values > middle].mean()), float(responses[values <= middle].mean())
    words = ("more", "less") if more >= less else ("less", "more")
    means = (max(more, less), min(more, less))
    return [name, float(np.clip(share, 0, 1)), float(test.pvalue), words[0], means[0], words[1], means[1]]
