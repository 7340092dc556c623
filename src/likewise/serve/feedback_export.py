"""Marks as a catalog that training and calibration read."""

import csv
import io
import os
from pathlib import Path
from typing import Any

from likewise.printable import inert
from likewise.retrieval.index.schema import WAY
from likewise.retrieval.index.store_view import StoreView
from likewise.serve.feedback import Journal
from likewise.serve.problems import ConflictError, NotThereError
from likewise.serve.served_index import ServedIndex

_FORMULA = ("=", "+", "-", "@")


def exported(served: ServedIndex, journal: Journal) -> str:
    """CSV with one row per image: path, label, id and left_out.

    Paths are relative to the folder that holds all images of the index, so that they tell nothing of the server.
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
    home = _photo_folder(served) if root else ""
    for name in sorted(root):
        place = _place(served, name)
        if place is not None:
            writer.writerow(
                [Path(os.path.relpath(place, home)).as_posix(), _text(find(name)), _text(name), left_out]
            )
    return stream.getvalue()


def _photo_folder(served: ServedIndex) -> str:
    """The folder that holds all images of the index."""

    def folders(view: StoreView) -> set[str]:
        rows = (row for batch in view.scan(["path", WAY]) for row in batch.to_pylist())
        return {os.path.dirname(place) for row in rows if (place := served.image_file(row))}  # noqa: PTH120 - quick

    photo_folders: set[str] = served.read(folders)
    return os.path.commonpath(photo_folders) if photo_folders else ""


def _place(served: ServedIndex, name: str) -> str | None:
    try:
        row: dict[str, Any] = served.row(name)
    except NotThereError:  # removed since
        return None
    return served.image_file(row)


def _text(value: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{value}" if value.startswith(_FORMULA) else inert(value)
