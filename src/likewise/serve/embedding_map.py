"""The map of an index: all its images in two dimensions."""

import threading
from collections import OrderedDict
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from likewise.curation import projection
from likewise.errors import InputError
from likewise.retrieval.index.results import plain
from likewise.retrieval.index.search import vectors_of
from likewise.retrieval.index.store_view import StoreView
from likewise.serve.overview import column_kind, columns_of
from likewise.serve.served_index import ServedIndex

_KEPT = 4
_DIGITS = 5

_maps: OrderedDict[tuple[str, int, str], dict[str, Any]] = OrderedDict()
_lock = threading.Lock()


def mapped(
    served: ServedIndex, method: Literal["pca", "umap"], color: str | None, where: str | None = None
) -> dict[str, Any]:
    """Coordinates of the images from 0 to 1, and the values of a column.

    A condition leaves images out; the others stay where they are on the map of all.

    Raises:
        CatalogError: The condition cannot be used.
        InputError: There is no such column, or UMAP needs more images.
        MissingExtraError: UMAP is not installed.
    """

    def drawn(view: StoreView) -> dict[str, Any]:
        key = served.path, view.version, method
        with _lock:  # one at a time: UMAP of many images takes minutes and all cores
            if key not in _maps:
                _maps[key] = _projected(view, method)
                while len(_maps) > _KEPT:
                    _maps.popitem(last=False)
            found = _maps[key]
        answer = found | {"color": None if color is None else _colors(served, view, color)}
        return answer if where is None else _chosen(answer, view, where)

    answer: dict[str, Any] = served.read(drawn)
    return answer


def _projected(view: StoreView, method: Literal["pca", "umap"]) -> dict[str, Any]:
    batches = list(view.scan(["id", "vector"]))
    if not batches:
        return {"method": method, "x": [], "y": [], "ids": [], "explained_variance": None}
    ids = [name for batch in batches for name in batch.column("id").to_pylist()]
    vectors = np.concatenate([vectors_of(batch) for batch in batches])
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    made = projection(vectors / np.maximum(lengths, 1e-12), method)
    points = made.points.astype(np.float64).round(_DIGITS)
    return {
        "method": method,
        "x": points[:, 0].tolist(),
        "y": points[:, 1].tolist(),
        "ids": ids,
        "explained_variance": made.explained_variance,
    }


def _chosen(answer: dict[str, Any], view: StoreView, where: str) -> dict[str, Any]:
    """Only the images that fit a condition."""
    batches = view.scan(["id"], view.condition(where))
    fitting = {name for batch in batches for name in batch.column("id").to_pylist()}
    rows = [row for row, name in enumerate(answer["ids"]) if name in fitting]
    color = answer["color"]
    if color is not None:
        color = color | {"values": [color["values"][row] for row in rows]}
    return (
        answer | {"color": color} | {part: [answer[part][row] for row in rows] for part in ("x", "y", "ids")}
    )


def _colors(served: ServedIndex, view: StoreView, column: str) -> dict[str, Any]:
    if column not in columns_of(view):
        raise InputError(
            f"{served.name} has no column {column!r} to colour by: choose among {', '.join(columns_of(view))}."
        )
    values = pa.chunked_array(
        [batch.column(column) for batch in view.scan([column])], view.schema.field(column).type
    )
    kind = "number" if column_kind(values.type) == "number" else "text"
    shown = [plain(value) for value in values.to_pylist()]
    if kind == "number":
        shown = [None if value is None or value != value else value for value in shown]  # noqa: PLR0124 - NaN
    return {"column": column, "kind": kind, "values": shown}
