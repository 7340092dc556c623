"""An index at a glance: its columns, counts of their values, and its health."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from likewise.errors import InputError
from likewise.retrieval.index.results import plain
from likewise.retrieval.index.schema import MASK, is_property
from likewise.retrieval.index.store_view import StoreView
from likewise.serve.served_index import ServedIndex
from likewise.serve.server_folders import model_name

_MOST_VALUES = 200  # of a column, most frequent first
_OWN = ("label", "split")


def columns_of(view: StoreView) -> list[str]:
    """Columns that can be counted and coloured by: label, split and properties."""
    return [name for name in view.schema.names if name in _OWN or is_property(name)]


def column_kind(kind: pa.DataType) -> str:
    """Kind of a column: text, number or flag."""
    if pa.types.is_boolean(kind):
        return "flag"
    return "number" if pa.types.is_integer(kind) or pa.types.is_floating(kind) else "text"


def described(served: ServedIndex) -> dict[str, Any]:
    """The description of an index in ``/v1/info``."""

    def counted(view: StoreView) -> tuple[int, int, list[dict[str, Any]]]:
        table, columns = _table(view, columns_of(view), None), []
        for name in table.column_names:
            values = pc.count_distinct(_named(table[name])).as_py()
            if values or is_property(name):
                kind = column_kind(table.schema.field(name).type)
                columns.append({"name": name, "kind": kind, "values": values})
        masked = _table(view, [MASK], None)[MASK] if MASK in view.schema.names else pa.nulls(0)
        return table.num_rows, len(masked) - masked.null_count, columns

    images, masks, columns = served.read(counted)
    info, threshold = served.index.info(), served.threshold
    approximate = info.approximate
    measured = served.recall
    if measured is None and approximate is not None:
        measured = {
            "measured": approximate.recall,
            "k": approximate.recall_at,
            "queries": approximate.queries,
        }
    return {
        "name": served.name,
        "images": images,
        "masks": masks,
        "text": served.problem is None and served.index.model.text is not None,
        "dimension": info.dim,
        "metric": info.distance,
        "model": {"name": model_name(info.model), "fingerprint": info.fingerprint},
        "runtime": None if served.problem else served.index.model.runtime,
        "columns": columns,
        "threshold": None if threshold is None else threshold.distance,
        "created": info.created,
        "changed": served.changed,
        "recall": measured,
        "problem": served.problem,
    }


def facets(served: ServedIndex, where: str | None, names: list[str]) -> dict[str, Any]:
    """Counts of the values of columns among the matching images, most frequent first.

    Raises:
        InputError: There is no such column.
    """

    def counted(view: StoreView) -> dict[str, Any]:
        existing = columns_of(view)
        for name in names:
            if name not in existing:
                raise InputError(f"{served.name} has no column {name!r}: choose among {', '.join(existing)}.")
        table = _table(view, names or existing, view.condition(where))
        counts = {name: _counts(table[name]) for name in table.column_names}
        return {
            "facets": {name: values[:_MOST_VALUES] for name, values in counts.items()},
            "more": {
                name: len(values) - _MOST_VALUES
                for name, values in counts.items()
                if len(values) > _MOST_VALUES
            },
            "images": table.num_rows,
        }

    answer: dict[str, Any] = served.read(counted)
    return answer


def listed(
    served: ServedIndex, where: str | None, limit: int, after: str | None, spread: bool = False
) -> dict[str, Any]:
    """Images in the order of their ids, from the one behind ``after``; with ``spread`` evenly over all of them."""

    def found(view: StoreView) -> dict[str, Any]:
        fits = view.condition(where)
        ids = sorted(name for batch in view.scan(["id"], fits) for name in batch.column(0).to_pylist())
        total = len(ids)
        if spread and total:
            ids = [ids[row] for row in np.linspace(0, total - 1, min(limit, total)).round().astype(int)]
        place = int(np.searchsorted(np.array(ids, dtype=object), after, side="right")) if after and ids else 0
        names = ids[place : place + limit]
        columns = ["id", *columns_of(view)]
        rows = {row["id"]: row for row in view.rows(names, columns).to_pylist()}
        more = place + limit < len(ids)
        return {
            "images": [shown_row(rows[name]) for name in names],
            "total": total,
            "next_cursor": names[-1] if more else None,
        }

    answer: dict[str, Any] = served.read(found)
    return answer


def shown_row(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the index for JSON, without places on the disk."""
    return {
        "id": row["id"],
        "label": row.get("label") or "",
        "split": row.get("split") or "",
        "properties": {name: plain(value) for name, value in row.items() if is_property(name)},
    }


def _counts(column: pa.ChunkedArray) -> list[dict[str, Any]]:
    pairs = [(each["values"].as_py(), each["counts"].as_py()) for each in pc.value_counts(_named(column))]
    pairs.sort(key=lambda pair: (-pair[1], str(pair[0])))
    return [{"value": plain(value), "count": count} for value, count in pairs if value is not None]


def _named(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text without the empty one, which means that there is none; NaN counts as none too."""
    if pa.types.is_string(column.type):
        return column.filter(pc.not_equal(column, ""))
    return column.filter(pc.is_finite(column)) if pa.types.is_floating(column.type) else column.drop_null()


def _table(view: StoreView, names: list[str], where: str | None) -> pa.Table:
    view.count(where)
    kinds = pa.schema([view.schema.field(name) for name in names])
    batches = list(view.scan(names, where))
    return pa.Table.from_batches(batches) if batches else kinds.empty_table()
