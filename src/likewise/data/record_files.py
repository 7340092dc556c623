"""Tables of Excel (.xlsx) and of JSON (.jsonl with one object per line, .json with a list of objects)."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd

from likewise.data.cell_columns import table_of, typed_column

_MOST_UNPACKED_BYTES = 2_000_000_000


def read_xlsx(path: Path, notes: list[str]) -> pd.DataFrame:
    """The first sheet of an Excel file; its first row names the columns.

    Raises:
        ValueError: It is not an Excel file, or its sheet is empty.
    """
    import openpyxl

    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > _MOST_UNPACKED_BYTES:
            raise ValueError(f"it unpacks to {unpacked / 1e9:.1f} GB")
        # In this mode the sheet is read row by row; formulas give the values that Excel last showed.
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        sheet = book.worksheets[0]
        rows = [
            row for row in sheet.iter_rows(values_only=True) if any(cell not in (None, "") for cell in row)
        ]
        names = book.sheetnames
        book.close()
    except (OSError, ValueError):
        raise
    except Exception as error:  # the library raises whatever its parsers do
        raise ValueError(f"it is damaged or no .xlsx file ({error})") from error
    if not rows:
        raise ValueError(f"its sheet {names[0]!r} is empty")
    if len(names) > 1:
        notes.append(f"{path.name}: of {len(names)} sheets the first, {names[0]!r}, was read.")
    header, *cells = rows
    columns = {}
    for position, name in enumerate(header):
        values = [row[position] if row[position] != "" else None for row in cells]
        title = "" if name is None else str(name).strip()
        if title or any(value is not None for value in values):
            if title in columns:
                raise ValueError(f"two of its columns are called {title!r}")
            columns[title] = typed_column(values)
    return pd.DataFrame(columns)


def read_json(path: Path, lines: bool) -> pd.DataFrame:
    """The records of a JSON file.

    Args:
        path: The file, in UTF-8.
        lines: One object on each line; otherwise one list of objects.

    Raises:
        ValueError: It is not such a file.
    """
    text = path.read_text(encoding="utf-8-sig")
    if not lines:
        return table_of(_objects(_loaded(text), ""))
    rows = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    return table_of(
        [record for number, line in rows for record in _objects([_loaded(line, number)], f"line {number}: ")]
    )


def _loaded(text: str, line: int | None = None) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        where = "" if line is None else f"line {line}: "
        raise ValueError(f"{where}{error or 'it is nested too deeply'}") from error


def _objects(value: Any, where: str) -> list[dict[str, Any]]:
    records = value if isinstance(value, list) else None
    if records is None or not all(isinstance(record, dict) for record in records):
        raise ValueError(f'{where}expected objects such as {{"path": "a.jpg", "label": "wren"}}')
    return records
