"""Reading and writing the file of a catalog so that nothing changes on the way.

Parquet keeps types by itself. CSV does not, so: a column becomes numbers only if every value is one in plain
form ("007" and "+1" stay text), and a text column that would be taken for numbers is written in quotes, which
the reader respects.
"""

import csv
import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from likewise.errors import CatalogError
from likewise.files import whole_file

_TEXT_COLUMNS = ("path", "label", "split", "mask", "super_label")
_FIELD = re.compile(r'("(?:[^"]|"")*"|[^,\r\n]*)(,|\r\n|\n|\r|$)')


def read_table(path: Path, notes: list[str] | None = None) -> pd.DataFrame:  # noqa: ARG001
    """The rows of a .parquet or .csv file.

    Args:
        path: The file.
        notes: Sentences on how it was read are added to this list.

    Raises:
        CatalogError: No such file, another suffix, or damaged content.
    """
    if path.suffix.lower() not in (".parquet", ".csv"):
        raise CatalogError(f"{path} is not a catalog: its name must end in .parquet or .csv.")
    if not path.is_file():
        raise CatalogError(
            f"There is no catalog {path}: correct the path, or make it with  likewise data prepare."
        )
    try:
        if path.suffix.lower() == ".parquet":
            table: pd.DataFrame = pq.read_table(path).to_pandas()
            # A file of another program may keep a column such as the path as its index.
            return table.reset_index() if any(table.index.names) else table
        return _read_csv(path)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeDecodeError, OSError) as error:
        kind = "Parquet file" if path.suffix.lower() == ".parquet" else "CSV file (UTF-8, comma, header row)"
        raise CatalogError(f"{path} cannot be read as a {kind}: {str(error).strip()}") from error


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write the rows as .parquet or .csv, whole or not at all.

    Raises:
        CatalogError: Another suffix, or a column whose type the format cannot hold.
    """
    suffix = path.suffix.lower()
    if suffix not in (".parquet", ".csv"):
        raise CatalogError(f"Cannot write {path}: the name of a catalog must end in .parquet or .csv.")
    if suffix == ".parquet":
        try:
            arrow = pa.Table.from_pandas(table, preserve_index=False)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise CatalogError(f"Cannot write {path}: one column mixes types ({error}).") from error
        with whole_file(path) as temporary:
            pq.write_table(arrow, temporary)
        return
    text = _csv_text(table, path)
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def _read_csv(path: Path) -> pd.DataFrame:
    data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    if not data.strip():
        raise CatalogError(f"{path} is empty: it needs a header row with at least a column 'path'.")
    names, first = _first_records(data.decode("utf-8"))
    text = {name: pa.string() for name in names}
    arrow = pa_csv.read_csv(
        pa.BufferReader(data),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(column_types=text, strings_can_be_null=False),
    )
    quoted = {name for name, field in zip(names, first, strict=False) if field.startswith('"')}
    table: pd.DataFrame = arrow.to_pandas()
    for name in names:
        if name not in _TEXT_COLUMNS and name not in quoted and names.count(name) == 1:
            table[name] = _numbers(table[name])
    return table


def _first_records(text: str) -> tuple[list[str], list[str]]:
    """Names in the header, and the raw fields (with their quotes) of the first row."""
    records: list[list[str]] = [[]]
    for match in _FIELD.finditer(text):
        field, end = match.groups()
        records[-1].append(field)
        if end != ",":
            if len(records) == 2 or match.end() >= len(text):
                break
            records.append([])
    names = next(csv.reader(io.StringIO(",".join(records[0]))))
    return names, records[1] if len(records) > 1 else []


def _numbers(
    texts: "pd.Series[str]",
) -> "pd.Series[str] | pd.Series[int] | pd.Series[float] | pd.Series[bool]":
    """``texts`` as truth values, whole or floating numbers if that loses nothing, else unchanged."""
    values: list[str] = texts.tolist()
    filled = [value for value in values if value not in ("", "nan", "NaN")]
    if not filled:
        return texts
    missing = len(filled) < len(values)
    if set(filled) <= {"True", "False"}:
        truth = [None if value == "" else value == "True" for value in values]
        return pd.Series(truth, dtype="boolean" if missing else "bool", index=texts.index)
    if _all_survive(filled, int):
        if any(not -(2**63) <= int(value) < 2**63 for value in filled):
            return texts  # such long numbers are names
        whole = [None if value in ("", "nan", "NaN") else int(value) for value in values]
        return pd.Series(whole, dtype="Int64" if missing else "int64", index=texts.index)
    if _all_survive(filled, float) or _are_short_decimals(filled):
        floats = [np.nan if value in ("", "nan", "NaN") else float(value) for value in values]
        return pd.Series(floats, dtype="float64", index=texts.index)
    return texts


def _all_survive(texts: Sequence[str], kind: Callable[[str], int | float]) -> bool:
    try:
        return all(str(kind(text)) == text for text in texts)
    except ValueError:
        return False


def _are_short_decimals(texts: Sequence[str]) -> bool:
    # Tables of other programs mix "0", "0.5" and "1e-3"; a leading zero as in "007" still means text.
    return all(re.fullmatch(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", text) for text in texts)


def _csv_text(table: pd.DataFrame, path: Path) -> str:
    quoting: Literal[0, 2] = csv.QUOTE_MINIMAL
    table = table.copy()
    for name in table:
        values = table[name]
        if pd.api.types.is_string_dtype(values.dtype):
            looks_like_numbers = not pd.api.types.is_string_dtype(_numbers(values.fillna("")).dtype)
            if name not in _TEXT_COLUMNS and looks_like_numbers:
                quoting = csv.QUOTE_NONNUMERIC
        elif not (pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_bool_dtype(values.dtype)):
            raise CatalogError(
                f"Cannot write {path}: CSV cannot hold column {name!r} ({values.dtype}); use .parquet."
            )
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, quoting=quoting, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(zip(*[_cells(table[name]) for name in table], strict=True))
    return stream.getvalue()


def _cells(values: "pd.Series[Any]") -> list[Any]:
    return [None if gap else value for value, gap in zip(values.tolist(), values.isna(), strict=True)]
