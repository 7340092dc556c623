"""Marks as a catalog that training and calibration read."""

import csv
import io
from typing import Any

from likewise.printable import inert
from likewise.serve.feedback import Journal
from likewise.serve.problems import ConflictError, NotThereError
from likewise.serve.served_index import ServedIndex

_FORMULA = ("=", "+", "-", "@")


def exported(served: ServedIndex, journal: Journal) -> str:
    """CSV with one row per image: path, label, id and left_out.

    Images that were marked as duplicates of each other share a label; every other image of a pair has a label of its
    own. A mark on a query that is not in the index has no file: ``left_out`` is the number of such marks.

    Raises:
        ConflictError: Two images are marked as a wrong pair, and as duplicates by way of others.
    """
    lines = [line for line in journal.current() if "id" in line["query"]]
    left_out = len(journal.current()) - len(lines)
    root: dict[str, str] = {}

    def find(name: str) -> str:
        root.setdefault(name, name)
        while root[name] != name:
            name = root[name]
        return name

    for line in lines:
        first, second = find(line["query"]["id"]), find(line["hit"])
        if line["mark"] == "duplicate":
            root[max(first, second)] = min(first, second)
    for line in lines:
        if line["mark"] == "wrong" and find(line["query"]["id"]) == find(line["hit"]):
            raise ConflictError(
                f"{line['query']['id']!r} and {line['hit']!r} are marked as wrong, and as duplicates by way of other "
                "images: clear one of these marks."
            )
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(["path", "label", "id", "left_out"])
    for name in sorted(root):
        place = _place(served, name)
        if place is not None:
            writer.writerow([place, _text(find(name)), _text(name), left_out])
    return stream.getvalue()


def _place(served: ServedIndex, name: str) -> str | None:
    try:
        row: dict[str, Any] = served.row(name)
    except NotThereError:  # removed since
        return None
    return served.image_file(row)


def _text(value: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{value}" if value.startswith(_FORMULA) else inert(value)
