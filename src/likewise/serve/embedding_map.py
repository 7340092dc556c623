"""The map of an index: all its images in two dimensions, computed once per version and kept beside the index."""

import json
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from likewise.curation.projection import check_umap, projection
from likewise.errors import InputError, LikewiseError, WorkError
from likewise.files import digest, whole_file
from likewise.processes import main_left_out
from likewise.retrieval.index.results import plain
from likewise.retrieval.index.schema import vectors_of
from likewise.retrieval.index.store_view import StoreView
from likewise.serve.overview import column_kind, columns_of
from likewise.serve.served_index import ServedIndex

Method = Literal["pca", "umap"]

_KEPT = 4
_DIGITS = 5
_POLL_SECONDS = 0.2
_VARIANCE = b"explained_variance"  # key in the metadata of a file

_maps: OrderedDict[Path, dict[str, Any]] = OrderedDict()
_lock = threading.Lock()
_log = logging.getLogger("likewise.serve")


def mapped(
    served: ServedIndex, method: Method, color: str | None, where: str | None = None
) -> dict[str, Any] | None:
    """Coordinates of the images from 0 to 1, and the values of a column.

    A condition leaves images out; the others stay where they are on the map of all. A map by UMAP takes minutes and is
    made by a job, once per version of the index.

    Returns:
        None if the map by UMAP of this version is not made yet.

    Raises:
        CatalogError: The condition cannot be used.
        InputError: There is no such column, or UMAP needs more images.
        MissingExtraError: UMAP is not installed.
    """

    def drawn(view: StoreView) -> dict[str, Any] | None:
        with _lock:
            points = _points(served, view, method)
        if points is None:
            return None
        answer = points | {"color": None if color is None else _colors(served, view, color, points["ids"])}
        return answer if where is None else _chosen(answer, view, where)

    answer: dict[str, Any] | None = served.read(drawn)
    return answer


def make_map(served: ServedIndex, folder: Path, check: Callable[[], None]) -> str:
    """Compute a map by UMAP in a separate process and store it beside the index; returns the name of its file.

    Args:
        served: The index.
        folder: For files of the work.
        check: Called several times per second; ends the work by an exception.

    Raises:
        WorkError: The process failed.
    """

    def read(view: StoreView) -> tuple[Path, list[str], np.ndarray]:
        return _file(served, view), *_rows(view)

    file: Path
    file, ids, vectors = served.read(read)
    np.save(folder / "vectors.npy", vectors)
    process = get_context("spawn").Process(target=_project, args=(folder,), daemon=True)
    with main_left_out(folder):
        process.start()
    try:
        while process.is_alive():
            process.join(_POLL_SECONDS)
            check()
    finally:
        process.kill()
        process.join()
    if process.exitcode != 0:
        raise WorkError(
            f"The map of {served.name} could not be computed (its process ended with {process.exitcode}): see the log "
            "of the server, or use the method 'pca'."
        )
    points = np.load(folder / "points.npy")
    _keep(file, ids, points, None)
    return file.name


def _project(folder: Path) -> None:
    """Runs in a separate process, which can be killed and does not slow the server down."""
    np.save(folder / "points.npy", projection(np.load(folder / "vectors.npy"), "umap").points)


def _points(served: ServedIndex, view: StoreView, method: Method) -> dict[str, Any] | None:
    """Ids and coordinates on the map of all images; the last requested maps stay in memory."""
    file = _file(served, view, method)
    if file not in _maps:
        if file.is_file():
            table = pq.read_table(file)
            ids, points = table["id"].to_pylist(), np.column_stack([table["x"], table["y"]])
            variance = json.loads((table.schema.metadata or {}).get(_VARIANCE, b"null"))
        elif method == "umap":
            check_umap(view.count())
            return None
        else:
            ids, vectors = _rows(view)
            made = projection(vectors) if ids else None
            points = np.empty((0, 2)) if made is None else made.points
            variance = None if made is None else made.explained_variance
            try:
                _keep(file, ids, points, variance)
            except LikewiseError as error:  # the map is there all the same
                _log.warning("%s: the map is not kept: %s", served.name, error)
        x, y = points.astype(np.float64).round(_DIGITS).T.tolist()
        _maps[file] = {"method": method, "x": x, "y": y, "ids": ids, "explained_variance": variance}
        while len(_maps) > _KEPT:
            _maps.popitem(last=False)
    return _maps[file]


def _file(served: ServedIndex, view: StoreView, method: Method = "umap") -> Path:
    """File of the map of one version; an index that was built again under the same name has other ones."""
    about = served.store.metadata
    key = digest(str(about["created"]), served.fingerprint, str(view.version))
    return served.state / "maps" / f"{method}-{key}.parquet"


def _keep(file: Path, ids: list[str], points: np.ndarray, variance: tuple[float, float] | None) -> None:
    """Write a map; the last ones of its method are kept."""
    table = pa.table({"id": pa.array(ids, pa.string()), "x": points[:, 0], "y": points[:, 1]})
    with whole_file(file) as temporary:
        pq.write_table(table.replace_schema_metadata({_VARIANCE: json.dumps(variance)}), temporary)
    method = file.name.partition("-")[0]
    others = sorted(file.parent.glob(f"{method}-*.parquet"), key=lambda each: each.stat().st_mtime)
    for older in others[:-_KEPT]:
        older.unlink(missing_ok=True)


def _rows(view: StoreView) -> tuple[list[str], np.ndarray]:
    """Ids and unit vectors."""
    batches = list(view.scan(["id", "vector"]))
    if not batches:
        return [], np.empty((0, 0), np.float32)
    vectors = np.concatenate([vectors_of(batch) for batch in batches])
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return [name for batch in batches for name in batch.column("id").to_pylist()], vectors / np.maximum(
        lengths, 1e-12
    )


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


def _colors(served: ServedIndex, view: StoreView, column: str, ids: list[str]) -> dict[str, Any]:
    """The values of a column in the order of the points: a map may be older than the order of the rows in memory."""
    if column not in columns_of(view):
        raise InputError(
            f"{served.name} has no column {column!r} to colour by: choose among {', '.join(columns_of(view))}."
        )
    rows = pa.Table.from_batches(
        list(view.scan(["id", column])), pa.schema([view.schema.field("id"), view.schema.field(column)])
    )
    values = rows[column].take(pc.index_in(pa.array(ids, pa.string()), value_set=rows["id"]))
    kind = "number" if column_kind(values.type) == "number" else "text"
    if pa.types.is_floating(values.type):  # JSON has neither NaN nor infinity
        values = pc.if_else(pc.is_finite(values), values, None)
    return {"column": column, "kind": kind, "values": [plain(value) for value in values.to_pylist()]}
