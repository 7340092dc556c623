"""Reading the files of embeddings, ``.npz`` and ``.parquet``."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from likewise.files import ContentRecord

Parts = tuple[np.ndarray, dict[str, Any], dict[str, Any]]
"""Vectors, lists by the name of their column, and what is said about all of them."""


def read_npz(path: Path) -> Parts:
    """Read an ``.npz`` file."""
    with np.load(path, allow_pickle=False) as stored:
        columns = {"id": stored["ids"].tolist()}
        if "labels" in stored:
            columns["label"] = stored["labels"].astype(object)
        columns |= {name: stored[name].tolist() for name in ContentRecord._fields if name in stored}
        return stored["vectors"], columns, json.loads(str(stored["about"]))


def read_parquet(path: Path) -> Parts:
    """Read a ``.parquet`` file."""
    table = pq.read_table(path)
    about = json.loads(table.schema.metadata[b"likewise"])
    column = table.column("vector")
    flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    vectors = flat.reshape(table.num_rows, column.type.list_size).astype(np.float32, copy=False)
    return vectors, table.drop_columns("vector").to_pydict(), about


def content_records(columns: dict[str, Any]) -> list[ContentRecord] | None:
    """Content records among the columns; None if the file has none."""
    if "digest" not in columns:
        return None
    rows = zip(columns["size"], columns["mtime_ns"], columns["digest"], strict=True)
    return [ContentRecord(int(size), int(time), str(digest)) for size, time, digest in rows]
