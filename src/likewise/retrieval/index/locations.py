"""Locations of the images of an index, which stay valid if the project folder is moved or copied.

A row stores the absolute path of its image and its path relative to the folder of the index. The relative path is tried
first, so that a moved or copied project uses its own images.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from likewise.files import is_remote


class Locations:
    """Places as an index at ``uri`` sees them."""

    def __init__(self, uri: str) -> None:
        self._home = None if is_remote(uri) else os.path.realpath(Path(uri).absolute().parent)
        self._folders: dict[str, str] = {}

    def of(self, path: str | Path) -> str:
        """The location of a file, with links in its folders resolved. A link to a file is not resolved."""
        folder, name = os.path.split(os.path.abspath(path))  # noqa: PTH100 - resolve() follows the last link
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        return os.path.join(self._folders[folder], name)  # noqa: PTH118 - quick, for every image of a catalog

    def distinct(self, paths: Sequence[str | Path]) -> list[str]:
        """The locations of several files; two names of the same location keep their own spelling."""
        places: dict[str, None] = {}
        for path in paths:
            place = self.of(path)
            places[place if place not in places else str(path)] = None
        return list(places)

    def way(self, place: str) -> str | None:
        """Path relative to the folder of the index; None if the index is on object storage."""
        return None if self._home is None else os.path.relpath(place, self._home)

    def find(self, path: str | None, way: str | None) -> str | None:
        """The location of the image of a row; None if the row has none."""
        if way is not None and self._home is not None:
            near = os.path.normpath(f"{self._home}/{way}")
            if near == path or os.path.lexists(near):
                return near
        return None if path is None else self.of(path)
