"""Where the images of an index lie: one spelling for each place, also after the project's folder was moved or copied.

A row keeps the absolute place of its image and the way to it from the folder that the index lies in. If both were
moved together, the way still leads to the image; it is tried first, so that a copy of a project uses its own images.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from likewise.retrieval.index.store_view import is_remote


class Locations:
    """Places as an index at ``uri`` sees them."""

    def __init__(self, uri: str) -> None:
        self._home = None if is_remote(uri) else os.path.realpath(Path(uri).absolute().parent)
        self._folders: dict[str, str] = {}

    def of(self, path: str | Path) -> str:
        """The place of a file, the same for each spelling of the folders above it. A file that is a link is itself."""
        folder, name = os.path.split(os.path.abspath(path))  # noqa: PTH100 - resolve() follows the last link
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        return os.path.join(self._folders[folder], name)  # noqa: PTH118 - quick, for every image of a catalog

    def distinct(self, paths: Sequence[str | Path]) -> list[str]:
        """The places of several files; two names that lead to one place keep their own spelling."""
        found: dict[str, None] = {}
        for path in paths:
            place = self.of(path)
            found[place if place not in found else str(path)] = None
        return list(found)

    def way(self, place: str) -> str | None:
        """From the folder of the index to a place; None where the index is on object storage."""
        return None if self._home is None else os.path.relpath(place, self._home)

    def find(self, path: str | None, way: str | None) -> str | None:
        """The place of the image of a row, from what the row keeps; None where it keeps none."""
        if way is not None and self._home is not None:
            near = os.path.normpath(f"{self._home}/{way}")
            if near == path or os.path.lexists(near):
                return near
        return None if path is None else self.of(path)
