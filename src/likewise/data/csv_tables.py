"""Lossless CSV: read what spreadsheets write, and write files that read back unchanged.

A column becomes numbers only if every value is one in plain form ("007" and "+1" stay text), and a text column that
would be taken for numbers is written in quotes, which the reader respects.
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

from likewise.data.columns import RESERVED as _TEXT_COLUMNS
from likewise.data.csv_decoding import CsvText, decode_csv
from likewise.data.folder_scan import IMAGE_SUFFIXES
from likewise.errors import CatalogError
from likewise.printable import counted

_FIELD = r'("(?:[^"]|"")*"|[^DIVIDER\r\n]*)(DIVIDER|\r\n|\n|\r|$)'
_OTHER_WIDTH = re.compile(r"Expected (\d+) columns, got (\d+): ?([^\r\n]{0,60})")
_DECIMAL_COMMA = re.compile(r"-?(?:\d+|\d{1,3}(?:\.\d{3})+)(?:,\d+)?")


def read_csv(path: Path, notes: list[str]) -> pd.DataFrame:
    """The rows of a CSV file; deviations from the usual format are added to ``notes``.

    Raises:
        CatalogError: It is empty.
        ValueError: It is not text, or its rows differ in length.
    """
    content = decode_csv(path.read_bytes())
    if not content.text.strip():
        raise CatalogError(f"{path} is empty: it needs a header row with at least a column 'path'.")
    deviations = [*content.notes]
    raw_names, first = _first_records(content.text, content.divider)
    listed = raw_names[0].lower().endswith(IMAGE_SUFFIXES) and len(raw_names) <= 2
    names = ["path", "label"][: len(raw_names)] if listed else [name.strip() for name in raw_names]
    if listed:
        deviations.append(
            "it has no header, so it was read as a list of paths" + (" and labels" * (len(names) > 1))
        )
    table = _parsed(content, names, skip_header=not listed)
    quoted = {name for name, field in zip(names, first, strict=False) if field.startswith('"')}
    decimals = []
    for name in map(str, table.columns):
        if name not in _TEXT_COLUMNS and name not in quoted and names.count(name) == 1:
            table[name] = _numbers(table[name])
            commas = None if content.divider == "," else _decimal_commas(table[name])
            if commas is not None:
                table[name] = commas
                decimals.append(repr(name))
    if decimals:
        deviations.append(f"decimal commas in {', '.join(decimals)} were read as numbers")
    if deviations:
        notes.append(f"{path.name}: {'; '.join(deviations)}.")
    return table


def _parsed(content: CsvText, names: list[str], skip_header: bool) -> pd.DataFrame:
    # Numbered names, because those of the file may be doubled; all as text at first.
    numbers = [str(number) for number in range(len(names))]
    try:
        arrow = pa_csv.read_csv(
            pa.BufferReader(f"{content.text}\n".encode()),  # a lone header without a line end cannot be read
            read_options=pa_csv.ReadOptions(column_names=numbers, skip_rows_after_names=int(skip_header)),
            parse_options=pa_csv.ParseOptions(delimiter=content.divider, newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(numbers, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        other = _OTHER_WIDTH.search(str(error))
        if other is None:
            raise
        raise ValueError(
            f"its first line has {counted(int(other[1]), 'column')}, and the line {other[3]!r} has {other[2]}: delete "
            "lines above the header row and below the last image, and quote text that contains the divider"
        ) from error
    table: pd.DataFrame = arrow.to_pandas()
    empty = table == ""
    # Spreadsheets add columns without a name and rows without values.
    used = [number for number, name in zip(numbers, names, strict=True) if name or not empty[number].all()]
    table = table[~empty.all(axis=1)][used].reset_index(drop=True)
    return table.set_axis([names[int(number)] for number in used], axis=1)


def _first_records(text: str, divider: str) -> tuple[list[str], list[str]]:
    """Names in the header, and the raw fields (with their quotes) of the first row."""
    field_of = re.compile(_FIELD.replace("DIVIDER", re.escape(divider)))
    records: list[list[str]] = [[]]
    for match in field_of.finditer(text.lstrip("\r\n")):
        field, end = match.groups()
        records[-1].append(field)
        if end != divider:
            if len(records) == 2 or match.end() >= len(text):
                break
            records.append([])
    names = next(csv.reader(io.StringIO(divider.join(records[0])), delimiter=divider))
    return names, records[1] if len(records) > 1 else []


def _decimal_commas(texts: "pd.Series[Any]") -> "pd.Series[float] | None":
    """``texts`` such as 3,5 or 1.234,50 as numbers; None if they are not all of that form."""
    if not pd.api.types.is_string_dtype(texts.dtype):
        return None
    filled = [value for value in texts.tolist() if value]
    if not any("," in value for value in filled) or not all(map(_DECIMAL_COMMA.fullmatch, filled)):
        return None
    plain = [value.replace(".", "").replace(",", ".") for value in texts.tolist()]
    return pd.Series(
        [float(value) if value else np.nan for value in plain], dtype="float64", index=texts.index
    )


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
        integers = [None if value in ("", "nan", "NaN") else int(value) for value in values]
        return pd.Series(integers, dtype="Int64" if missing else "int64", index=texts.index)
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


def csv_text(table: pd.DataFrame, path: Path) -> str:
    """The rows as CSV (UTF-8, commas), such that :func:`read_csv` gives them back.

    Raises:
        CatalogError: CSV cannot hold the type of a column. ``path`` is for the message.
    """
    quoting: Literal[0, 2] = csv.QUOTE_MINIMAL
    table = table.copy()
    for name in table:
        values = table[name]
        if values.dtype == object:  # truth values with gaps, for instance
            values = table[name] = values.infer_objects().convert_dtypes()
        foreign = values.dtype == object and values.notna().any()
        if pd.api.types.is_string_dtype(values.dtype) and not foreign:
            if values.str.contains("\x00", regex=False).any():
                raise CatalogError(
                    f"Cannot write {path}: CSV cannot hold the zero bytes in column {name!r}; use .parquet."
                )
            looks_like_numbers = not pd.api.types.is_string_dtype(_numbers(values.fillna("")).dtype)
            # Python's writer leaves a lone carriage return without quotes, and readers take it for the end of a row.
            if (name not in _TEXT_COLUMNS and looks_like_numbers) or values.str.contains(
                "\r", regex=False
            ).any():
                quoting = csv.QUOTE_NONNUMERIC
        elif not _is_plain(values):
            raise CatalogError(
                f"Cannot write {path}: CSV cannot hold column {name!r} ({kinds_of_values(values)}); use .parquet, or "
                "make its values text."
            )
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, quoting=quoting, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(zip(*[_cells(table[name]) for name in table], strict=True))
    return stream.getvalue()


def _is_plain(values: "pd.Series[Any]") -> bool:
    kinds = pd.api.types
    return not kinds.is_complex_dtype(values.dtype) and (
        kinds.is_numeric_dtype(values.dtype) or kinds.is_bool_dtype(values.dtype)
    )


def kinds_of_values(values: "pd.Series[Any]") -> str:
    """The type of a column, or those of its objects, in words.

    >>> kinds_of_values(pd.Series([1, "a", None], dtype=object))
    'int, str'
    """
    if values.dtype != object:
        return str(values.dtype)
    return ", ".join(sorted({type(value).__name__ for value in values[values.notna()]}))


def _cells(values: "pd.Series[Any]") -> list[Any]:
    return [None if gap else value for value, gap in zip(values.tolist(), values.isna(), strict=True)]
