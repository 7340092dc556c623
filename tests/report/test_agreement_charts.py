"""Colours of the matrices of an agreement audit."""

import numpy as np
import pytest

from likewise.report.agreement import _between


@pytest.mark.parametrize(
    ("matrix", "limits"),
    [
        ([[1.0, 0.2], [0.6, 1.0]], (0.2, 0.6)),
        ([[1.0, np.nan], [0.6, 1.0]], (0.6, 0.6)),
        ([[1.0, np.nan], [np.nan, 1.0]], (0.0, 1.0)),
        ([[1.0]], (0.0, 1.0)),
    ],
)
def test_colours_span_the_values_between_models(
    matrix: list[list[float]], limits: tuple[float, float]
) -> None:
    assert _between(np.array(matrix)) == limits
