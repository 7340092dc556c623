"""Reading and writing the file of a catalog: which kinds there are, and what each keeps.

Parquet keeps types by itself; CSV is described in :mod:`likewise.data.csv_tables`.
"""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from likewise.data.csv_tables import csv_text, kinds_of_values, read_csv
from likewise.data.folder_scan import IMAGE_SUFFIXES
from likewise.data.record_files import read_json, read_xlsx
from likewise.errors import CatalogError
from likewise.files import whole_file
from likewise.missing_inputs import require_catalog_path

_WRITTEN = (".parquet", ".csv")
_OTHER_FILES = {
    (".xls", ".ods", ".numbers"): "Save it as .xlsx.",
    (".feather", ".arrow", ".pkl", ".pickle", ".h5", ".html"): "Save it as .parquet or .csv.",
    (".zip", ".tar", ".tgz", ".gz", ".7z", ".rar"): "Unpack it first.",
    tuple(IMAGE_SUFFIXES): "Give the folder that holds the image.",
}


def read_table(path: Path, notes: list[str] | None = None) -> pd.DataFrame:
    """The rows of a table: .parquet, .csv, .tsv, .txt, .xlsx, .jsonl or .json.

    Args:
        path: The file.
        notes: Sentences on how it was read are added to this list.

    Raises:
        CatalogError: No such file, another suffix, or damaged content.
    """
    suffix = path.suffix.lower()
    require_catalog_path(path)
    if suffix not in _READERS or not path.is_file():
        way = next((f" {words}" for suffixes, words in _OTHER_FILES.items() if suffix in suffixes), "")
        raise CatalogError(
            f"{path} is not a catalog: it must be a folder of images, or a file whose name ends in "
            f"{', '.join(sorted(_READERS))}.{way}"
        )
    kind, read = _READERS[suffix]
    try:
        return read(path, [] if notes is None else notes)
    except (pa.ArrowException, ValueError, OSError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
        raise CatalogError(f"{path} cannot be read as {kind}: {reason.rstrip('.')}.") from error


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write the rows as .parquet or .csv, whole or not at all.

    Raises:
        CatalogError: Another suffix, or a column whose type the format cannot hold.
    """
    suffix = path.suffix.lower()
    if suffix not in _WRITTEN:
        raise CatalogError(f"Cannot write {path}: the name of a catalog must end in .parquet or .csv.")
    if suffix == ".parquet":
        with whole_file(path) as temporary:
            try:
                pq.write_table(pa.Table.from_pandas(table, preserve_index=False), temporary)
            except (pa.ArrowException, TypeError, OverflowError) as error:
                raise CatalogError(f"Cannot write {path}: {_unwritable(table)}") from error
        return
    text = csv_text(table, path)
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def _unwritable(table: pd.DataFrame) -> str:
    """Which column Parquet cannot hold, and what to do."""
    for name in table:
        try:
            arrow = pa.Table.from_pandas(table[[name]], preserve_index=False)
            pq.write_table(arrow, pa.BufferOutputStream())
        except (pa.ArrowException, TypeError, OverflowError):
            return (
                f"Parquet cannot hold column {name!r} ({kinds_of_values(table[name])}): make its values text."
            )
    return "Parquet cannot hold these columns together: make their values text."


def _read_parquet(path: Path, notes: list[str]) -> pd.DataFrame:  # noqa: ARG001 - as all readers
    # As one file: a folder named like hive partitions would add columns.
    table: pd.DataFrame = pq.read_table(path, partitioning=None).to_pandas()
    # A file of another program may keep a column such as the path as its index.
    return table.reset_index() if any(table.index.names) else table


_Reader = Callable[[Path, list[str]], pd.DataFrame]
_READERS: dict[str, tuple[str, _Reader]] = {
    ".parquet": ("a Parquet file", _read_parquet),
    ".pq": ("a Parquet file", _read_parquet),
    **dict.fromkeys(
        (".csv", ".tsv", ".tab", ".txt"), ("a CSV file (one header row, then one row per image)", read_csv)
    ),
    **dict.fromkeys((".xlsx", ".xlsm"), ("an Excel file", read_xlsx)),
    **dict.fromkeys(
        (".jsonl", ".ndjson"), ("a JSON Lines file", lambda path, _: read_json(path, lines=True))
    ),
    ".json": ("a JSON file", lambda path, _: read_json(path, lines=False)),
}
