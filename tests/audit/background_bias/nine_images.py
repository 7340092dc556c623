"""Nine images of four classes, the last of them alone in its class."""

from typing import Any

import numpy as np
import pandas as pd

from likewise.data import Catalog

LABELS = np.array(list("aabbbcccd"))
NAN = float("nan")


def catalog(labels: np.ndarray = LABELS, **columns: Any) -> Catalog:
    table = pd.DataFrame(
        {"path": [f"{row}.png" for row in range(len(labels))], "label": labels, "split": ""} | columns
    )
    return Catalog.from_table(table, ".")
