"""Keeping a report on disk, so that it can be drawn again, alone or together with others.

FOLDER/report.json           title, verdicts, sections with their tables in full precision, charts, facts
FOLDER/pictures/DIGEST.png   the images, named by their content

The input is untrusted: charts contain known shapes only (:mod:`likewise.report.svg`), and all text is shown
as text.
"""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from likewise.arguments import checked
from likewise.drawing import Grid, Tile
from likewise.errors import InputError
from likewise.files import inside, whole_file, whole_folder, write_json
from likewise.images import image_size
from likewise.report.inlined import Inlined, inlined
from likewise.report.report import Report
from likewise.report.sections import Figure, Picture, Section
from likewise.report.svg import Chart
from likewise.results import Verdict
from likewise.results.cells import Cell, Column, Measured
from likewise.results.table import Table

_FORMAT = 2
_READ = (1, _FORMAT)  # 1 had no grids, charts or parts
_NAME = "report.json"


@checked
def save_report(report: Report, folder: Path | str) -> Path:
    """Write the report into ``folder``; an older report there is replaced. Returns the path of its JSON.

    Raises:
        InputError: The folder contains something else, or cannot be written.
    """
    folder = Path(folder)
    if (folder / _NAME).exists():
        _write(report, folder)
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} exists and contains no report: choose a new folder.")
    else:  # pictures without their report would be taken for something else by the next call
        with whole_folder(folder) as temporary:
            _write(report, temporary)
    return folder / _NAME


def _write(report: Report, folder: Path) -> None:
    """Write the pictures, then the report that names them, and remove pictures of an older one."""
    keep: set[Path] = set()
    sections = [_section_to_json(section, folder, keep) for section in report.sections]
    verdicts = [verdict.to_dict() for verdict in report.verdicts]
    head = {"format": _FORMAT, "title": report.title, "lead": report.lead, "facts": dict(report.facts),
            "made": dict(report.made)}  # fmt: skip
    write_json(folder / _NAME, {**head, "verdicts": verdicts, "sections": sections})
    for old in set((folder / "pictures").glob("*")) - keep:
        old.unlink()


@checked
def load_report(path: Path | str) -> Report:
    """Read a report from its folder or its ``report.json``.

    Raises:
        InputError: It is missing, damaged, or of a newer form.
    """
    file = Path(path)
    if file.is_dir() or file.suffix.lower() != ".json":
        file = file / _NAME
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"There is no report at {path}: give a folder that contains {_NAME}.") from error
    except ValueError as error:
        raise InputError(f"{file} is damaged ({error}): make the report again.") from error
    if not isinstance(stored, dict) or "sections" not in stored or "title" not in stored:
        raise InputError(
            f"{file} is not a report of likewise: give a folder that a command of likewise wrote."
        )
    if stored.get("format") not in _READ:
        raise InputError(
            f"{file} has the form {stored.get('format')}, this version of likewise reads {_FORMAT}: update it."
        )
    try:
        sections = [_section_from_json(section, file.parent) for section in stored["sections"]]
        verdicts = [Verdict.from_dict(verdict) for verdict in stored["verdicts"]]
        return Report(
            stored["title"], stored["lead"], sections, verdicts, stored["facts"], stored.get("made", {})
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{file} is damaged ({error}): make the report again.") from error


def _section_to_json(section: Section, folder: Path, keep: set[Path]) -> dict[str, Any]:
    return {
        "title": section.title,
        "words": section.words,
        "table": table_to_json(section.table) if section.table is not None else None,
        "pictures": [_figure_to_json(figure, folder, keep) for figure in section.pictures],
        "charts": [_figure_to_json(figure, folder, keep) for figure in section.charts],
        "parts": [_section_to_json(part, folder, keep) for part in section.parts],
        "folded": section.folded,
        "chapter": section.chapter,
    }


def _section_from_json(stored: dict[str, Any], folder: Path) -> Section:
    table = stored["table"]
    return Section(
        title=stored["title"],
        words=stored["words"],
        table=_table_from_json(table) if table is not None else None,
        pictures=[_figure_from_json(figure, folder) for figure in stored["pictures"]],
        charts=[_figure_from_json(figure, folder) for figure in stored["charts"]],
        parts=[_section_from_json(part, folder) for part in stored.get("parts", [])],
        folded=bool(stored["folded"]),
        chapter=bool(stored["chapter"]),
    )


def _figure_to_json(figure: Figure, folder: Path, keep: set[Path]) -> dict[str, Any]:
    if isinstance(figure, Chart):
        return {"chart": figure.to_dict()}
    if isinstance(figure, Grid):
        rows = [
            [None if tile is None else _tile_to_json(tile, folder, keep) for tile in row]
            for row in figure.rows
        ]
        return {"grid": {"rows": rows, "row_titles": list(figure.row_titles), "title": figure.title,
                         "caption": figure.caption, "tile_px": figure.tile_px}}  # fmt: skip
    image = inlined(figure)
    return {
        "file": _keep_image(image, folder, keep),
        "caption": figure.caption,
        "alt": figure.alt,
        "wide": image.wide,
        "width": image.width,
    }


def _figure_from_json(stored: dict[str, Any], folder: Path) -> Figure:
    if "chart" in stored:
        return Chart.from_dict(stored["chart"])
    if "grid" in stored:
        grid = stored["grid"]
        rows = [
            [None if tile is None else _tile_from_json(tile, folder) for tile in row] for row in grid["rows"]
        ]
        return Grid(rows, grid["row_titles"], grid["title"], grid["caption"], int(grid["tile_px"]))
    data = _kept_image(stored["file"], folder)
    density = image_size(data)[0] / stored["width"]
    return Picture(data, stored["caption"], stored["alt"], stored["wide"], density)


def _tile_to_json(tile: Tile, folder: Path, keep: set[Path]) -> dict[str, Any]:
    file = None if tile.image is None else _keep_image(inlined(tile), folder, keep)
    return {"file": file, "caption": tile.caption, "border": tile.border, "mark": tile.mark}


def _tile_from_json(stored: dict[str, Any], folder: Path) -> Tile:
    image = None if stored["file"] is None else _kept_image(stored["file"], folder)
    red, green, blue = stored["border"] or (0, 0, 0)
    border = None if stored["border"] is None else (int(red), int(green), int(blue))
    return Tile(image, stored["caption"], border, stored["mark"])


def _keep_image(image: Inlined, folder: Path, keep: set[Path]) -> str:
    name = f"pictures/{image.key}.{'png' if image.uri.startswith('data:image/png') else 'jpg'}"
    if folder / name not in keep:
        with whole_file(folder / name) as temporary:
            temporary.write_bytes(image.data)
        keep.add(folder / name)
    return name


def _kept_image(name: str, folder: Path) -> bytes:
    path = inside(folder, name)
    if not path.is_file():
        raise InputError(f"The report lacks its image {path}: make the report again.")
    return path.read_bytes()


def table_to_json(table: Table) -> dict[str, Any]:
    """Columns, rows in full precision and caption of a table."""
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
    raise TypeError(f"{stored!r} is not a cell of a table")


def _number(stored: Any) -> float:
    cell = _cell_from_json(stored)
    if not isinstance(cell, int | float):
        raise TypeError(f"{stored!r} is not a number")
    return float(cell)
