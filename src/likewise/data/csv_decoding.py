"""The text of a CSV file, and how its columns are divided: what spreadsheets of any country write.

UTF-8 and UTF-16 are recognised; other bytes are read as Windows-1252, with a note. Columns may be divided by
comma, semicolon, tab or a vertical bar.
"""

import csv
import io
import re
from dataclasses import dataclass
from itertools import islice

_DIVIDERS = (",", ";", "\t", "|")
_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_SAMPLE_CHARACTERS = 200_000
_SAMPLE_ROWS = 50
_MARKS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_SEPARATOR_LINE = re.compile(r'\A"?sep=([,;|\t])"?(?:\r\n?|\n)')


@dataclass(frozen=True)
class CsvText:
    """A CSV file as text.

    Attributes:
        text: The records, without byte order mark.
        divider: The character between columns.
        notes: Deviations from the usual format, for the user.
    """

    text: str
    divider: str
    notes: tuple[str, ...]


def decode_csv(data: bytes) -> CsvText:
    """The text of ``data``.

    Raises:
        ValueError: It is not text.
    """
    text, encoding = _decoded(data)
    if "\x00" in text:
        raise ValueError("it contains zero bytes, so it is not text: save it as CSV in UTF-8")
    notes = []
    if encoding == "cp1252":
        notes.append("it is not UTF-8 and was read as Windows-1252: if names look wrong, save it as UTF-8")
    separator_line = _SEPARATOR_LINE.match(text)
    if separator_line:
        return CsvText(text[separator_line.end() :], separator_line[1], tuple(notes))
    divider = _divider(text)
    if divider not in (",", "\t"):
        notes.append(f"columns are divided by {_NAMES[divider]}")
    return CsvText(text, divider, tuple(notes))


def _decoded(data: bytes) -> tuple[str, str]:
    for mark, encoding in _MARKS.items():
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding), encoding
    head = data[:400]
    if head[1::2].count(0) > len(head) // 3:
        return data.decode("utf-16-le"), "utf-16-le"
    if head[::2].count(0) > len(head) // 3:
        return data.decode("utf-16-be"), "utf-16-be"
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        # Windows-1252 leaves five bytes undefined; Latin-1 defines them all.
        undefined = any(byte in data for byte in (b"\x81", b"\x8d", b"\x8f", b"\x90", b"\x9d"))
        return data.decode("latin-1" if undefined else "cp1252"), "cp1252"


def _divider(text: str) -> str:
    """The character that divides the most columns such that all rows have equally many."""
    # Excel on a Mac ends lines with CR.
    sample = text[:_SAMPLE_CHARACTERS].replace("\r\n", "\n").replace("\r", "\n")
    best, most = ",", 1
    for divider in _DIVIDERS:
        try:
            rows = [
                row for row in islice(csv.reader(io.StringIO(sample), delimiter=divider), _SAMPLE_ROWS) if row
            ]
        except csv.Error:
            continue
        if len(sample) < len(text) and len(rows) < _SAMPLE_ROWS:
            rows = rows[:-1] or rows  # the last one may be cut off
        widths = {len(row) for row in rows}
        if len(widths) == 1 and max(widths) > most:
            best, most = divider, max(widths)
    return best
