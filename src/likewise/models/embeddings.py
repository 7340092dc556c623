"""Embeddings: the vectors of a set of images, with their ids, and where they come from."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import ArrayLike

from likewise import argument_kinds as kinds
from likewise.argument_kinds import fitted
from likewise.arguments import checked
from likewise.arrays import as_array, as_rows
from likewise.data.columns import as_text
from likewise.data.failures import Failure
from likewise.errors import InputError
from likewise.files import ContentRecord, whole_file
from likewise.models.embeddings_file import content_records, read_npz, read_parquet
from likewise.readable import readable
from likewise.runtime_choice import RuntimeChoice

_LARGEST_VALUE = 1e15  # squares of larger values leave the range of float32


@readable
@dataclass(frozen=True)
class Embeddings:
    """The result of ``SimilarityModel.embed``.

    Attributes:
        vectors: ``(N, D)`` float32. Rows of plain models have length 1; rows of AVSL models are flat
            (unit embeddings of the levels, then certainties).
        ids: N names, in the order of the input less the failures.
        labels: ``(N,)`` strings, or None if the images have none.
        fingerprint: Fingerprint of the model that made them.
        failures: Images that could not be read.
        distance: The distance the model was trained with: "cosine", "euclidean", "snr" or "avsl".
        records: Content records of the files, so that an index can detect later whether they have changed.
            ``likewise embed`` and :func:`embed_to_file` keep them; None if they are not known.
        runtime: Runtime of the model: "torch", "onnx", "openvino", "compile" or "http"; several, with commas, where the
            work was resumed with another runtime.
        runtime_choice: Why this runtime was chosen, with times and agreement; None if it was not chosen by
            :func:`likewise.models.use_runtime`, or where there are several.
    """

    vectors: np.ndarray
    ids: list[str]
    labels: np.ndarray | None
    fingerprint: str
    failures: list[Failure] = field(default_factory=list)
    distance: str = "cosine"
    records: list[ContentRecord] | None = None
    runtime: str = "torch"
    runtime_choice: RuntimeChoice | None = None

    def __post_init__(self) -> None:
        for name, kind in _FIELDS.items():
            fitted(name, kind, getattr(self, name))
        object.__setattr__(self, "vectors", _vectors(self.vectors))
        object.__setattr__(self, "ids", _texts(self.ids))
        if self.labels is not None:
            object.__setattr__(self, "labels", np.array(_texts(self.labels), dtype=object))
        rows = len(self.vectors)
        if (
            self.vectors.ndim != 2
            or len(self.ids) != rows
            or (self.labels is not None and len(self.labels) != rows)
            or (self.records is not None and len(self.records) != rows)
        ):
            labels = None if self.labels is None else len(self.labels)
            raise InputError(
                f"Embeddings do not fit together: vectors {self.vectors.shape}, {len(self.ids)} ids, "
                f"{labels} labels; vectors must be (N, D), with one id and one label (or no labels) a row."
            )

    def __len__(self) -> int:
        return len(self.ids)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """The vectors, so that embeddings can be given to everything that takes vectors."""
        return np.array(self.vectors, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        """One line with the sizes; the arrays themselves fill screens."""
        classes = "no labels" if self.labels is None else f"{len(set(self.labels.tolist())):,} labels"
        failed = f", {len(self.failures):,} failed" if self.failures else ""
        return (
            f"Embeddings({len(self):,} x {self.dim}, {classes}{failed}, {self.distance}, "
            f"model {self.fingerprint[:8] or 'unknown'})"
        )

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.vectors.shape[1])

    def usable(self) -> "Embeddings":
        """Without the images whose vector nothing can be compared with; these are named among the failures.

        A vector is unusable if it contains NaN, infinity or numbers beyond 1e15; for the distance "cosine" also if it
        is all zeros, and for "snr" if its numbers are all equal.
        """
        with np.errstate(invalid="ignore"):
            finite = (np.abs(self.vectors) <= _LARGEST_VALUE).all(axis=1)
        good = finite
        if self.distance == "cosine":
            good = finite & self.vectors.any(axis=1)
        elif self.distance == "snr":
            good = finite & (self.vectors != self.vectors[:, :1]).any(axis=1)
        if good.all():
            return self
        reasons = {
            True: f"The model gives it a vector that has no {self.distance} distance (all zeros, or all numbers equal)",
            False: "The model gives it a vector with NaN, infinity or numbers beyond 1e15",
        }
        failures = [
            Failure(
                self.ids[row],
                f"{reasons[bool(finite[row])]}: look at the image, and at the model in float32.",
            )
            for row in np.flatnonzero(~good)
        ]
        return replace(self.take(np.flatnonzero(good)), failures=[*self.failures, *failures])

    @checked
    def take(self, rows: ArrayLike) -> "Embeddings":
        """The rows with these numbers, or those marked True, in the order given; the failures stay.

        Raises:
            InputError: A number outside 0..N-1, or not one boolean for each row.
        """
        chosen = as_rows(rows, len(self))
        return replace(
            self,
            vectors=self.vectors[chosen],
            ids=[self.ids[row] for row in chosen],
            labels=None if self.labels is None else self.labels[chosen],
            records=None if self.records is None else [self.records[row] for row in chosen],
        )

    @checked
    def save(self, path: Path | str) -> None:
        """Write ``path`` (.npz or .parquet), whole or not at all.

        Raises:
            InputError: Another file ending.
        """
        path = Path(path)
        Embeddings.check_path(path)
        with whole_file(path) as temporary:
            if path.suffix.lower() == ".npz":
                arrays = {
                    "vectors": self.vectors,
                    "ids": _strings(self.ids),
                    "about": np.array(json.dumps(self._about())),
                }
                if self.labels is not None:
                    arrays["labels"] = _strings(list(self.labels))
                arrays |= self._record_arrays()
                with temporary.open("wb") as handle:
                    np.savez(handle, allow_pickle=False, **arrays)
            else:
                pq.write_table(self._table(), temporary)

    @classmethod
    @checked
    def load(cls, path: Path | str) -> "Embeddings":
        """Read what :meth:`save` wrote.

        Raises:
            InputError: The file is missing or was not written by :meth:`save`.
        """
        path = Path(path)
        Embeddings.check_path(path)
        if not path.is_file():
            raise InputError(
                f"There is no file {path}: make it with  likewise embed MODEL CATALOG --out {path}"
            )
        try:
            vectors, columns, about = read_npz(path) if path.suffix.lower() == ".npz" else read_parquet(path)
            failures = [Failure(*item) for item in about["failures"]]
            choice = about.get("runtime_choice")
            embeddings = cls(
                vectors, columns["id"], columns.get("label"), str(about["fingerprint"]), failures,
                str(about["distance"]), content_records(columns), str(about.get("runtime", "torch")),
                None if choice is None else RuntimeChoice(**choice),
            )  # fmt: skip
            embeddings._check_stored()
            return embeddings
        except Exception as error:  # a damaged file makes its reader raise anything
            raise InputError(
                f"{path} contains no embeddings of likewise, or is damaged: make it with  likewise embed"
            ) from error

    @staticmethod
    @checked
    def check_path(path: Path) -> None:
        """Raise where embeddings cannot be written under this name: check before the work.

        Raises:
            InputError: Another file ending.
        """
        if path.suffix.lower() not in {".npz", ".parquet"}:
            raise InputError(
                f"Embeddings are written as .npz or .parquet, not as {path.name!r}: change the ending."
            )

    def _check_stored(self) -> None:
        if len(set(self.ids)) != len(self.ids):
            raise ValueError("ids are not unique")
        if not np.isfinite(self.vectors).all():
            raise ValueError("vectors hold NaN or infinity")

    def _about(self) -> dict[str, Any]:
        failures = [(failure.id, failure.reason) for failure in self.failures]
        choice = None if self.runtime_choice is None else self.runtime_choice.to_dict()
        return {
            "fingerprint": self.fingerprint, "distance": self.distance, "failures": failures, "runtime": self.runtime,
            "runtime_choice": choice,
        }  # fmt: skip

    def _record_arrays(self) -> dict[str, np.ndarray]:
        """Size, time and digest of each file, under their names."""
        columns = zip(*self.records, strict=True) if self.records else ()
        return {name: np.array(column) for name, column in zip(ContentRecord._fields, columns, strict=False)}

    def _table(self) -> pa.Table:
        flat = pa.array(np.ascontiguousarray(self.vectors).reshape(-1))
        columns: dict[str, Any] = {"id": pa.array(self.ids, pa.string())}
        if self.labels is not None:
            columns["label"] = pa.array([str(label) for label in self.labels], pa.string())
        columns |= {name: pa.array(values.tolist()) for name, values in self._record_arrays().items()}
        columns["vector"] = pa.FixedSizeListArray.from_arrays(flat, self.dim)
        return pa.table(columns).replace_schema_metadata({"likewise": json.dumps(self._about())})


# Vectors, ids and labels take any form, see _vectors and _texts.
_FIELDS = {
    "vectors": kinds.ARRAY,
    "ids": kinds.ARRAY,
    "labels": kinds.any_of([kinds.ARRAY, kinds.NONE]),
    "fingerprint": kinds.TEXT,
    "failures": kinds.list_of(kinds.instance_of(Failure)),
    "distance": kinds.TEXT,
    "records": kinds.any_of([kinds.list_of(None), kinds.NONE]),
    "runtime": kinds.TEXT,
    "runtime_choice": kinds.any_of([kinds.instance_of(RuntimeChoice), kinds.NONE]),
}


def _vectors(values: Any) -> np.ndarray:
    """Numbers of any kind (NumPy of any type and byte order, torch, pandas, lists) as float32 ``(N, D)`` of our own."""
    rows = as_array(values, "vectors")
    if rows.dtype == object:
        try:
            rows = rows.astype(np.float32)
        except (TypeError, ValueError) as error:
            raise InputError("The vectors of embeddings must be numbers, (N, D) float32.") from error
    if rows.dtype.kind not in "fiub":
        raise InputError(f"The vectors of embeddings must be numbers, (N, D) float32, not {rows.dtype}.")
    rows = np.ascontiguousarray(rows, dtype=np.float32)
    # Changes of the array that was given must not change the embeddings.
    return rows.copy() if rows is values or rows.base is not None else rows


def _texts(values: Any) -> list[str]:
    """Ids or labels of any kind as text, "" if one is missing; whole numbers without a point."""
    values = values.tolist() if hasattr(values, "tolist") else list(values)
    missing = pd.Series(values, dtype=object).isna()
    return ["" if gone else as_text(value) for value, gone in zip(values, missing, strict=True)]


def _strings(values: list[Any]) -> np.ndarray:
    # A fixed-width unicode array, so that no pickle is needed to read it.
    return np.array([str(value) for value in values], dtype=np.str_) if values else np.empty(0, np.str_)
