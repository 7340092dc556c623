"""Exported marks: what shares a label, what is left out, and cells that no spreadsheet takes for a formula."""

import csv
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from likewise.serve.feedback import Journal
from likewise.serve.feedback_export import exported
from likewise.serve.problems import ConflictError, NotThereError

IDS = ("a", "b", "c", "d", "=1+1", "vectors")


def rows_of(marks: list[tuple[str, str, str, str]], folder: Path) -> list[dict[str, str]]:
    journal = Journal(folder / "feedback.jsonl")
    for query, kind, hit, mark in marks:
        journal.add(query, kind, hit, mark=mark, note="", who="me")

    def row(name: str) -> dict[str, Any]:
        if name not in IDS:
            raise NotThereError("It was removed.")
        return {"id": name}

    def image_file(row: dict[str, Any]) -> str | None:
        return None if row["id"] == "vectors" else f"/photos/new/{row['id']}.png"

    served: Any = SimpleNamespace(
        row=row, image_file=image_file, read=lambda _: {"/photos/new", "/photos/old"}
    )
    return list(csv.DictReader(io.StringIO(exported(served, journal))))


def test_duplicates_share_a_label_also_by_way_of_others(tmp_path: Path) -> None:
    rows = rows_of(
        [("c", "id", "b", "duplicate"), ("b", "id", "a", "duplicate"), ("a", "id", "d", "wrong"),
         ("=1+1", "id", "d", "wrong")], tmp_path,
    )  # fmt: skip
    assert {row["id"]: row["label"] for row in rows} == {
        "a": "a",
        "b": "a",
        "c": "a",
        "d": "d",
        "'=1+1": "'=1+1",
    }
    assert [row["path"] for row in rows][1:] == ["new/a.png", "new/b.png", "new/c.png", "new/d.png"]
    assert {row["left_out"] for row in rows} == {"0"}


def test_marks_without_a_file_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = rows_of(
        [("a", "id", "b", "duplicate"), ("0123", "digest", "c", "wrong"), ("4567", "digest", "d", "duplicate"),
         ("89ab", "digest", "d", "wrong"), ("a", "id", "removed", "wrong"), ("a", "id", "vectors", "duplicate")],
        tmp_path,
    )  # fmt: skip
    assert [row["id"] for row in rows] == ["a", "b"] and {row["left_out"] for row in rows} == {"3"}


def test_a_wrong_pair_that_is_a_duplicate_by_way_of_others_is_refused(tmp_path: Path) -> None:
    marks = [("a", "id", "b", "duplicate"), ("b", "id", "c", "duplicate"), ("a", "id", "c", "wrong")]
    with pytest.raises(ConflictError, match="'a' and 'c' are marked as wrong"):
        rows_of(marks, tmp_path)
    assert rows_of([("a", "id", "c", "clear")], tmp_path)  # one mark fewer


def test_no_marks_are_a_catalog_without_rows(tmp_path: Path) -> None:
    assert rows_of([], tmp_path) == []
