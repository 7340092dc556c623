"""Paths of a catalog: relative, tidy, and never outside its root."""

import os
import posixpath
from pathlib import Path

import pandas as pd

from likewise.errors import CatalogError

_WAY_OUT = "paths must be relative and lie inside the folder of their catalog"


def tidy_paths(paths: "pd.Series[str]", column: str) -> "pd.Series[str]":
    """``paths`` without ``./`` and doubled slashes, so that one file has one name.

    Args:
        paths: Relative paths with forward slashes; "" stays "".
        column: Name of the column, for messages.

    Raises:
        CatalogError: One is absolute, holds ``..`` or a zero byte.
    """
    wrong = paths.str.contains(r"^/|(?:^|/)\.\.(?:/|$)|^[A-Za-z]:[\\/]|\x00", regex=True)
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise CatalogError(
            f"Row {row + 1}: {column} {paths.iloc[row]!r} leaves the catalog's folder: {_WAY_OUT}."
        )
    untidy = paths.str.contains(r"(?:^|/)\.(?:/|$)|//|/$", regex=True)
    if untidy.any():
        paths = paths.where(~untidy, paths.map(posixpath.normpath))
    return paths


class Inside:
    """Answers what tidy relative paths mean below ``root``; each folder is resolved only once."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._base = os.path.realpath(root)
        self._folders: dict[str, bool] = {}

    def path(self, relative: str) -> str:
        """The absolute path.

        Raises:
            CatalogError: A symbolic link leads out of the root.
        """
        folder = posixpath.dirname(relative)
        if folder not in self._folders:
            self._folders[folder] = self._holds(f"{self._base}/{folder}")
        path = f"{self._root}/{relative}"
        if not self._folders[folder] or (os.path.islink(path) and not self._holds(path)):  # noqa: PTH114 - quick
            raise CatalogError(f"{relative!r} is a link that leads out of {self._root}: {_WAY_OUT}.")
        return path

    def _holds(self, path: str) -> bool:
        real = os.path.realpath(path)
        return real == self._base or real.startswith(self._base.rstrip(os.sep) + os.sep)


def absolute_paths(root: Path, relatives: "list[str]") -> list[Path]:
    """The files that tidy relative paths mean; symbolic links may not lead out of ``root`` either.

    Raises:
        CatalogError: A link leads out.
    """
    inside = Inside(root)
    return [Path(inside.path(relative)) for relative in relatives]


def rebased_paths(paths: "pd.Series[str]", root: Path, folder: Path, column: str) -> "pd.Series[str]":
    """``paths`` of a catalog in ``root`` as they read from a catalog in ``folder``.

    Raises:
        CatalogError: An image lies outside ``folder``.
    """
    base, target = Path(os.path.realpath(root)), Path(os.path.realpath(folder))
    filled = paths != ""
    if base == target or not filled.any():
        return paths
    result = paths.copy()
    if base.is_relative_to(target):
        result[filled] = base.relative_to(target).as_posix() + "/" + paths[filled]
        return result
    if target.is_relative_to(base):
        prefix = target.relative_to(base).as_posix() + "/"
        if paths[filled].str.startswith(prefix).all():
            result[filled] = paths[filled].str.slice(len(prefix))
            return result
    common = Path(os.path.commonpath([base, target]))
    raise CatalogError(
        f"A catalog in {folder} cannot name the images in {root} ({column}: {_WAY_OUT}): write it to "
        f"{common} or another folder above them, or give both write and read the same root."
    )
