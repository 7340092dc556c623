"""Refuse output names that cannot be written, before the work."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from likewise.errors import ConfigError, InputError
from likewise.files import discard_folder, parts_folder
from likewise.temporary import sweep

REPORTS = (".html", ".md", ".txt")


def check_file(option: str, path: Path | None, endings: Sequence[str]) -> None:
    """Check the extension and location of a file.

    Raises:
        ConfigError: The ending is none of these.
        InputError: A folder has the name, or the file's folder can neither be made nor written.
    """
    if path is None:
        return
    if path.suffix.lower() not in endings:
        *others, last = endings
        words = f"{', '.join(others)} or {last}" if others else last
        raise ConfigError(f"{option} writes {words}, not {path.name!r}: change the ending.")
    if path.is_dir():
        raise InputError(f"{option}: {path} is a folder; give the name of a file.")
    check_folder(option, path.parent)


def check_folder(option: str, path: Path | None) -> None:
    """Refuse a folder that can neither be made nor written.

    Raises:
        InputError: A file has its name or that of a folder above it, or it may not be written.
    """
    if path is None:
        return
    nearest = next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        problem = "may not be written" if nearest.is_dir() else "is not a folder"
        raise InputError(f"{option}: {nearest} {problem}; choose another location.")


def check_picture(option: str, path: Path | None, *, or_page: bool = False) -> None:
    """As :func:`check_file` for images, and optionally pages."""
    if path is not None:
        from likewise.images import WRITTEN

        check_file(option, path, (*WRITTEN, *((".html",) if or_page else ())))


def check_report(out: Path | None, tables: Path | None = None) -> None:
    """Refuse what an audit could not write: a page, or a folder that keeps the report; and a folder of tables."""
    if out is not None and out.suffix:
        check_file("--out", out, REPORTS)
    else:
        check_folder("--out", out)
        if out is not None and out.is_dir() and not (out / "report.json").is_file() and any(out.iterdir()):
            raise InputError(f"--out: {out} exists and contains no report: choose a new folder.")
    check_folder("--tables", tables)


@contextmanager
def parts_beside(out: Path | None) -> Iterator[Path | None]:
    """The folder ``OUT.parts`` of finished measurements, removed at the end; None if nothing is written.

    After an interruption, the same command resumes from it.
    """
    parts = None if out is None else parts_folder(out)
    yield parts
    if parts is not None:
        discard_folder(parts)


def check_new_model(option: str, path: Path) -> None:
    """Refuse a folder that holds a model already, or cannot be written.

    Raises:
        InputError: It is one.
    """
    if (path / "model.json").exists():
        parts = parts_folder(path)
        if (parts / "job.json").is_file():  # of a command that was stopped when its model was written
            discard_folder(parts)
        sweep(path.absolute().parent)
        raise InputError(f"{option}: {path} contains a model already: choose another folder.")
    check_folder(option, path)
