"""Keeping a report on disk, so that it can be drawn again, alone or together with others.

FOLDER/report.json           title, verdicts, sections with their tables in full precision, facts
FOLDER/pictures/DIGEST.png   the pictures, named after their content
"""

import base64
import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from likewise.errors import InputError
from likewise.files import digest, inside, whole_file, write_json
from likewise.images import image_size
from likewise.report.cells import Cell, Column, Measured
from likewise.report.inlined import inlined
from likewise.report.report import Report
from likewise.report.sections import Picture, Section, Verdict
from likewise.report.table import Table

_FORMAT = 1
_NAME = "report.json"


def save_report(report: Report, folder: Path | str) -> Path:
    """Write the report into ``folder``; an older report there is replaced. Returns the path of its JSON.

    Raises:
        InputError: The folder holds something else, or cannot be written.
    """
    folder = Path(folder)
    target = folder / _NAME
    if folder.exists() and not target.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} exists and holds no report: choose a new folder for it.")
    keep: set[Path] = set()
    sections = [_section_to_json(section, folder, keep) for section in report.sections]
    verdicts = [verdict.to_dict() for verdict in report.verdicts]
    head = {"format": _FORMAT, "title": report.title, "lead": report.lead, "facts": dict(report.facts)}
    write_json(target, {**head, "verdicts": verdicts, "sections": sections})
    for old in set((folder / "pictures").glob("*")) - keep:
        old.unlink()
    return target


def load_report(path: Path | str) -> Report:
    """Read a report from its folder or its ``report.json``.

    Raises:
        InputError: It is missing, damaged, or of a newer form.
    """
    file = Path(path)
    if file.is_dir() or file.suffix != ".json":
        file = file / _NAME
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"There is no report at {path}: give a folder that holds {_NAME}.") from error
    except ValueError as error:
        raise InputError(f"{file} is damaged ({error}): make the report again.") from error
    if not isinstance(stored, dict) or "sections" not in stored or "title" not in stored:
        raise InputError(
            f"{file} is not a report of likewise: give a folder that a command of likewise wrote."
        )
    if stored.get("format") != _FORMAT:
        raise InputError(
            f"{file} has the form {stored.get('format')}, this likewise reads {_FORMAT}: update it."
        )
    try:
        sections = [_section_from_json(section, file.parent) for section in stored["sections"]]
        verdicts = [Verdict.from_dict(verdict) for verdict in stored["verdicts"]]
        return Report(stored["title"], stored["lead"], sections, verdicts, stored["facts"])
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{file} is damaged ({error}): make the report again.") from error


def _section_to_json(section: Section, folder: Path, keep: set[Path]) -> dict[str, Any]:
    return {
        "title": section.title,
        "words": section.words,
        "table": _table_to_json(section.table) if section.table is not None else None,
        "pictures": [_picture_to_json(picture, folder, keep) for picture in section.pictures],
        "charts": [_picture_to_json(picture, folder, keep) for picture in section.charts],
        "folded": section.folded,
        "chapter": section.chapter,
    }


def _section_from_json(stored: dict[str, Any], folder: Path) -> Section:
    table = stored["table"]
    return Section(
        title=stored["title"],
        words=stored["words"],
        table=_table_from_json(table) if table is not None else None,
        pictures=[_picture_from_json(picture, folder) for picture in stored["pictures"]],
        charts=[_picture_from_json(picture, folder) for picture in stored["charts"]],
        folded=bool(stored["folded"]),
        chapter=bool(stored["chapter"]),
    )


def _picture_to_json(picture: Picture, folder: Path, keep: set[Path]) -> dict[str, Any]:
    shown = inlined(picture)
    kind, data = shown.uri.removeprefix("data:image/").split(";base64,")
    content = base64.b64decode(data)
    name = f"pictures/{digest(content)}.{'jpg' if kind == 'jpeg' else kind}"
    with whole_file(folder / name) as temporary:
        temporary.write_bytes(content)
    keep.add(folder / name)
    return {
        "file": name,
        "caption": picture.caption,
        "alt": picture.alt,
        "wide": shown.wide,
        "width": shown.width,
    }


def _picture_from_json(stored: dict[str, Any], folder: Path) -> Picture:
    path = inside(folder, stored["file"])
    if not path.is_file():
        raise InputError(f"The report misses its picture {path}: make the report again.")
    data = path.read_bytes()
    density = image_size(data)[0] / stored["width"]
    return Picture(data, stored["caption"], stored["alt"], stored["wide"], density)


def _table_to_json(table: Table) -> dict[str, Any]:
    return {
        "columns": [asdict(column) for column in table.columns],
        "rows": [[_cell_to_json(cell) for cell in row] for row in table.rows],
        "caption": table.caption,
    }


def _table_from_json(stored: dict[str, Any]) -> Table:
    rows = [[_cell_from_json(cell) for cell in row] for row in stored["rows"]]
    return Table([Column(**column) for column in stored["columns"]], rows, stored["caption"])


def _cell_to_json(cell: Cell) -> Any:
    if isinstance(cell, Measured):
        return {name: _cell_to_json(value) for name, value in asdict(cell).items() if value is not None}
    if isinstance(cell, float) and not math.isfinite(cell):
        return {"float": repr(cell)}  # JSON has no word for it
    return cell


def _cell_from_json(stored: Any) -> Cell:
    if isinstance(stored, dict):
        if "float" in stored:
            return float(stored["float"])
        return Measured(**{name: _number(value) for name, value in stored.items()})
    if stored is None or isinstance(stored, str | bool | int | float):
        return stored
    raise TypeError(f"{stored!r} is no cell of a table")


def _number(stored: Any) -> float:
    cell = _cell_from_json(stored)
    if not isinstance(cell, int | float):
        raise TypeError(f"{stored!r} is no number")
    return float(cell)
