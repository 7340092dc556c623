"""Paths of a catalog: what they mean, one spelling for each file, and whether they may leave the root.

The user who names a catalog is trusted: its paths may be absolute or lead anywhere. A *contained* catalog (one that
came over the network, or from an index) may not: its paths stay inside the root, symbolic links included.
"""

import os
import posixpath
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from likewise.errors import CatalogError

_WAY_OUT = "paths must be relative and lie inside the folder of their catalog"
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]|\\\\")


def tidy_paths(
    paths: "pd.Series[str]", column: str, root: Path, *, contained: bool = False
) -> "tuple[pd.Series[str], list[str]]":
    r"""``paths`` so that one file has one name: relative to ``root`` below it, absolute elsewhere.

    Without ``./``, ``..`` and doubled slashes. ``\`` becomes ``/`` where no file has a ``\`` in its name.

    Args:
        paths: Paths in any spelling; "" stays "".
        column: Name of the column, for messages.
        root: Absolute folder that relative paths start from.
        contained: Refuse what leads out of ``root``.

    Returns:
        The paths, and sentences on what was changed in meaning.

    Raises:
        CatalogError: An address (https://...), a Windows drive, a zero byte, or what leaves a contained root.
    """
    notes = []
    _refuse(paths, column)
    windows = paths.str.contains("\\", regex=False)
    if windows.any():
        converted = windows & ~paths.map(lambda path: os.path.lexists(root / path))
        if converted.any():
            paths = paths.where(~converted, paths.str.replace("\\", "/", regex=False))
            notes.append(f"\\ was read as / in {int(converted.sum()):,} of {len(paths):,} rows of {column}.")
    wandering = paths.str.contains(r"^/|^~/|(?:^|/)\.\.(?:/|$)", regex=True)
    if wandering.any():
        placed = paths[wandering].map(_Homes(root, contained).placed)
        outside = placed.str.startswith("/")
        if contained and outside.any():
            row = int(outside.index[outside][0])
            raise CatalogError(
                f"Row {row + 1}: {column} {paths.iloc[row]!r} leaves the catalog's folder: {_WAY_OUT}."
            )
        paths = paths.copy()
        paths[wandering] = placed
    untidy = paths.str.contains(r"(?:^|/)\.(?:/|$)|.//|/$", regex=True)
    if untidy.any():
        paths = paths.where(~untidy, paths.map(posixpath.normpath))
    return paths, notes


class Files:
    """Answers which files the tidy paths of a catalog mean; each folder is resolved only once.

    Args:
        root: Absolute folder of the catalog.
        contained: Refuse what leads out of it.
    """

    def __init__(self, root: Path, *, contained: bool = False) -> None:
        self._root = str(root)
        self._contained = contained
        self._base = os.path.realpath(root)
        self._inside: dict[str, bool] = {}

    def path(self, path: str) -> str:
        """The absolute path; names outside ASCII take the Unicode form that exists on disk.

        Raises:
            CatalogError: A symbolic link leads out of a contained root.
        """
        absolute = path if path.startswith("/") else f"{self._root}/{path}"
        if self._contained and not self._is_inside(path, absolute):
            raise CatalogError(f"{path!r} is a link that leads out of {self._root}: {_WAY_OUT}.")
        return absolute if path.isascii() else _existing_form(absolute)

    def _is_inside(self, path: str, absolute: str) -> bool:
        folder = posixpath.dirname(path)
        if folder not in self._inside:
            self._inside[folder] = self._holds(f"{self._base}/{folder}")
        return self._inside[folder] and (not os.path.islink(absolute) or self._holds(absolute))  # noqa: PTH114 - quick

    def _holds(self, path: str) -> bool:
        real = os.path.realpath(path)
        return real == self._base or real.startswith(self._base.rstrip(os.sep) + os.sep)


def rebased_paths(paths: "pd.Series[str]", root: Path, folder: Path) -> "pd.Series[str]":
    """``paths`` of a catalog in ``root`` as they read from a catalog in ``folder``: absolute if not below it."""
    base, target = Path(os.path.realpath(root)), Path(os.path.realpath(folder))
    filled = paths != ""
    if base == target or not filled.any():
        return paths
    absolute = filled & paths.str.startswith("/")
    relative = filled & ~absolute
    result = paths.copy()
    result[relative] = f"{base.as_posix().rstrip('/')}/" + paths[relative]
    prefix = f"{target.as_posix().rstrip('/')}/"
    below = filled & result.str.startswith(prefix)
    result[below] = result[below].str.slice(len(prefix))
    return result


def common_folder(files: Sequence[Path]) -> Path:
    """The deepest folder there is that contains all absolute ``files``, which need not be there."""
    folder = files[0].parent
    for file in files:
        while not file.is_relative_to(folder):
            folder = folder.parent
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return folder


class _Homes:
    """Resolved paths: relative if below the root, otherwise absolute."""

    def __init__(self, root: Path, contained: bool) -> None:
        self._root = str(root)
        self._contained = contained
        self._prefixes = tuple(f"{folder.rstrip('/')}/" for folder in (str(root), os.path.realpath(root)))

    def placed(self, path: str) -> str:
        path = path if self._contained else os.path.expanduser(path)  # noqa: PTH111
        absolute = posixpath.normpath(posixpath.join(self._root, path))
        absolute = "/" + absolute.lstrip("/")  # POSIX keeps two leading slashes
        for prefix in self._prefixes:
            if absolute.startswith(prefix):
                return absolute.removeprefix(prefix)
        return absolute


def _refuse(paths: "pd.Series[str]", column: str) -> None:
    suspicious = paths.str.contains(r"://|\x00|^[A-Za-z]:[\\/]|^\\\\", regex=True)
    for row, path in paths[suspicious].items():
        where = f"Row {int(str(row)) + 1}: {column} {path!r}"
        if "\x00" in path:
            raise CatalogError(f"{where} contains a zero byte, which file names cannot contain: correct it.")
        if path.lower().startswith("file://"):
            raise CatalogError(
                f"{where} is an address of this machine: write the path alone, without 'file://'."
            )
        if _ADDRESS.match(path):
            raise CatalogError(
                f"{where} is an address: download the images first, then list the files they were saved to."
            )
        if os.name != "nt" and _DRIVE.match(path):
            raise CatalogError(
                f"{where} lies on a Windows drive, which this machine does not have: write the paths relative to the "
                f"folder of the images, and name that folder with  --root  (in Python root=)."
            )


def _existing_form(path: str) -> str:
    """``path``, or the same name in the Unicode form (composed or decomposed) that exists on disk."""
    if os.path.lexists(path):
        return path
    existing = ""
    for part in path.split("/")[1:]:
        forms = (part, unicodedata.normalize("NFC", part), unicodedata.normalize("NFD", part))
        existing = next((f"{existing}/{form}" for form in forms if os.path.lexists(f"{existing}/{form}")), "")
        if not existing:
            return path
    return existing


def existing_folder(root: Path | str) -> Path:
    """The absolute path of a folder that paths shall be relative to.

    Raises:
        CatalogError: There is no such folder.
    """
    if not Path(root).is_dir():
        raise CatalogError(
            f"There is no folder {root} that the paths could be relative to: choose another root."
        )
    return Path(root).absolute()
