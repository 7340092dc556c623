"""Calibration and metrics from sixteen threads give the bits of one."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from likewise.retrieval import calibrate, evaluate, normalized_r_precision

RANDOM = np.random.default_rng(0)
LABELS = np.repeat(np.arange(30), 10)
VECTORS = (RANDOM.normal(size=(30, 16))[LABELS] + 0.7 * RANDOM.normal(size=(300, 16))).astype(np.float32)


@pytest.mark.parametrize("measured", [
    lambda: calibrate(VECTORS, LABELS).model_dump_json(),
    lambda: evaluate(VECTORS, LABELS),
    lambda: normalized_r_precision(VECTORS, LABELS),
], ids=["calibrate", "evaluate", "normalized_r_precision"])  # fmt: skip
def test_sixteen_threads_give_the_bits_of_one(measured) -> None:  # type: ignore[no-untyped-def]
    alone = measured()
    with ThreadPoolExecutor(16) as pool:
        together = [one.result() for one in [pool.submit(measured) for _ in range(48)]]
    assert all(found == alone for found in together)
