"""The Catalog: a table of images, one row an image, in one Parquet or CSV file.

Columns: ``path`` (relative to the catalog's folder), ``label``, ``split`` (train, val, test, or a word of
your own), optional ``mask`` (path of a picture, white = object) and ``super_label``; all further columns
are properties.
"""

from collections.abc import Sequence
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from likewise.data.containment import absolute_paths, rebased_paths, tidy_paths
from likewise.data.rows_where import rows_where
from likewise.data.tables import read_table, write_table
from likewise.errors import CatalogError, choices
from likewise.files import digest

RESERVED = ("path", "label", "split", "mask", "super_label")


class Catalog:
    """A validated table of images. Build one with :meth:`read`, :meth:`from_table` or :meth:`from_images`.

    Attributes:
        root: Absolute folder that ``path`` and ``mask`` are relative to; they cannot leave it.
    """

    def __init__(self, table: pd.DataFrame, root: Path) -> None:
        self._table = table
        self.root = root

    @classmethod
    def read(cls, path: Path | str, *, root: Path | str | None = None) -> "Catalog":
        """Read a .parquet or .csv catalog.

        Args:
            path: The file.
            root: Folder the paths are relative to, where that is not the folder of the file.

        Raises:
            CatalogError: Missing, empty, damaged, without ``path``, with duplicate or escaping paths.
        """
        path = Path(path)
        if path.is_dir():
            raise CatalogError(
                f"{path} is a folder: give a .parquet or .csv file (likewise data prepare makes one)."
            )
        return cls._checked(
            read_table(path), path.absolute().parent if root is None else Path(root), str(path)
        )

    @classmethod
    def from_table(cls, table: pd.DataFrame, root: Path | str) -> "Catalog":
        """A catalog of the rows of ``table``, whose paths are relative to ``root``.

        Raises:
            CatalogError: As :meth:`read`.
        """
        return cls._checked(table, Path(root), "The table")

    @classmethod
    def from_images(cls, paths: Sequence[Path | str], labels: Sequence[str] | None = None) -> "Catalog":
        """A catalog of image files, in the given order, with their common folder as root and no split.

        Args:
            paths: Files, each once.
            labels: One per file; without them labels are "".

        Raises:
            CatalogError: No paths, a path twice, or labels of another length.
        """
        files = [Path(path).absolute() for path in paths]
        if not files:
            raise CatalogError("A catalog needs at least one image: the list of paths is empty.")
        if labels is not None and len(labels) != len(files):
            raise CatalogError(f"There are {len(labels)} labels for {len(files)} images: give one for each.")
        root = _common_folder(files)
        table = pd.DataFrame({"path": [file.relative_to(root).as_posix() for file in files]}, dtype="str")
        table["label"] = list(labels) if labels is not None else ""
        return cls.from_table(table, root)

    @classmethod
    def _checked(cls, table: pd.DataFrame, root: Path, name: str) -> "Catalog":
        root = root.absolute()
        if not root.is_dir():
            raise CatalogError(f"{name}: there is no folder {root} that its paths could be relative to.")
        if len(table) == 0:
            raise CatalogError(f"{name} holds no images: it needs at least one row.")
        _check_columns(table, name)
        table = table.reset_index(drop=True)
        for column in RESERVED:
            if column in table or column in ("label", "split"):
                table[column] = _text(table, column)
        if (table["path"] == "").any():
            raise CatalogError(
                f"{name}: row {int((table['path'] == '').to_numpy().argmax()) + 1} has no path."
            )
        for column in ("path", "mask"):
            if column in table:
                table[column] = tidy_paths(table[column], column)
        twice = table["path"].duplicated()
        if twice.any():
            raise CatalogError(
                f"{name}: {table['path'][twice].iloc[0]!r} stands in it more than once "
                f"({int(twice.sum())} repeated rows): keep one row for each image."
            )
        order = [column for column in RESERVED if column in table]
        return cls(table[order + [column for column in table if column not in RESERVED]], root)

    def __len__(self) -> int:
        return len(self._table)

    def __repr__(self) -> str:
        return f"Catalog({len(self)} images, {len(self.label_codes[1])} labels, root={str(self.root)!r})"

    @property
    def table(self) -> pd.DataFrame:
        """The rows, numbered from 0. A copy: changing it does not change the catalog."""
        return self._table.copy()

    @property
    def ids(self) -> list[str]:
        """The ``path`` column: unique, and what other results refer to."""
        return self._table["path"].tolist()

    @property
    def paths(self) -> list[Path]:
        """Absolute image files, in order.

        Raises:
            CatalogError: A symbolic link leads out of the root.
        """
        return absolute_paths(self.root, self.ids)

    @property
    def mask_paths(self) -> list[Path | None]:
        """Absolute mask files, in order; None where a row has none.

        Raises:
            CatalogError: As :attr:`paths`.
        """
        if "mask" not in self._table:
            return [None] * len(self)
        masks = self._table["mask"].tolist()
        files = iter(absolute_paths(self.root, [mask for mask in masks if mask]))
        return [next(files) if mask else None for mask in masks]

    @property
    def labels(self) -> NDArray[np.object_]:
        """(N,) strings; "" where a row has none."""
        return np.asarray(self._table["label"].tolist(), dtype=object)

    @cached_property
    def label_codes(self) -> tuple[NDArray[np.int64], list[str]]:
        """(N,) numbers 0..C-1 and the C names they stand for, sorted."""
        codes, names = pd.factorize(self._table["label"], sort=True)
        return codes.astype(np.int64), [str(name) for name in names]

    @property
    def splits(self) -> list[str]:
        """The different values of ``split``, sorted."""
        return sorted(self._table["split"].unique().tolist())

    @property
    def properties(self) -> list[str]:
        """Names of the columns that are not path, label, split, mask or super_label."""
        return [str(column) for column in self._table if column not in RESERVED]

    @cached_property
    def fingerprint(self) -> str:
        """A digest of all rows and columns, in order; the folder and the pixels do not count."""
        parts: list[str] = []
        for column in self._table:
            values, missing = self._table[column].tolist(), self._table[column].isna().tolist()
            texts = ["" if gap else str(value) for value, gap in zip(values, missing, strict=True)]
            parts += [str(column), "\x1f".join(texts)]
        return digest(*parts)

    def select(
        self,
        split: str | Sequence[str] | None = None,
        where: str | None = None,
        labels: Sequence[str] | None = None,
    ) -> "Catalog":
        """The rows that fit all given conditions, in order.

        Args:
            split: One split or several.
            where: A pandas query over the columns, for instance ``"brand == 'acme' and height > 3"``.
            labels: Keep these labels.

        Raises:
            CatalogError: A split, label or column that does not exist, or no row fits.
        """
        table = self._table
        if split is not None:
            wanted = [split] if isinstance(split, str) else list(split)
            self._check_values("split", wanted)
            table = table[table["split"].isin(wanted)]
        if labels is not None:
            self._check_values("label", labels)
            table = table[table["label"].isin(list(labels))]
        if where is not None:
            table = table[rows_where(table, where)]
        if len(table) == 0:
            raise CatalogError(
                f"No row fits split={split!r}, where={where!r}, labels={labels!r}: loosen the conditions."
            )
        return Catalog(table.reset_index(drop=True), self.root)

    def take(self, rows: ArrayLike) -> "Catalog":
        """The rows at these places, in the order given.

        Args:
            rows: (K,) different integers 0..N-1, or (N,) booleans, True = kept.

        Raises:
            CatalogError: No row, a row twice, a place outside 0..N-1, or not one boolean for each row.
        """
        chosen = np.asarray(rows)
        if chosen.dtype == bool and chosen.shape == (len(self),):
            chosen = np.flatnonzero(chosen)
        places = chosen.tolist() if chosen.ndim == 1 and chosen.dtype.kind in "iu" else []
        if not places or min(places) < 0 or max(places) >= len(self) or len(set(places)) < len(places):
            raise CatalogError(
                f"Cannot take rows {rows!r:.60}: give some of 0 to {len(self) - 1}, each once, or True or False each."
            )
        return Catalog(self._table.iloc[chosen].reset_index(drop=True), self.root)

    def write(self, path: Path | str, *, root: Path | str | None = None) -> None:
        """Write a .parquet or .csv catalog, whole or not at all; paths become relative to its folder.

        Text, numbers and truth values come back from both formats as they were; other types need Parquet.

        Args:
            path: The new file, in a folder at or above the images.
            root: Make paths relative to this folder instead; :meth:`read` then needs the same root.

        Raises:
            CatalogError: The images are not below the folder, or a column does not fit into a CSV file.
        """
        path = Path(path)
        folder = path.absolute().parent if root is None else Path(root).absolute()
        table = self._table.copy()
        for column in ("path", "mask"):
            if column in table:
                table[column] = rebased_paths(table[column], self.root, folder, column)
        write_table(table, path)

    def _check_values(self, column: str, wanted: Sequence[str]) -> None:
        present = set(self._table[column].unique())
        for value in wanted:
            if value not in present:
                raise CatalogError(
                    f"The catalog has no {column} {value!r}: {choices(str(value), map(repr, present))}"
                )


def _check_columns(table: pd.DataFrame, name: str) -> None:
    columns = list(table.columns)
    for column in columns:
        if not isinstance(column, str) or columns.count(column) > 1:
            raise CatalogError(f"{name}: column {column!r} must have a name of its own.")
    for column in RESERVED:
        if column in columns:
            continue
        near = [other for other in columns if other.lower().rstrip("s") == column]
        if column in ("path", "label"):  # a slip here would lose the labels without a word
            free = [other for other in columns if other not in RESERVED]
            near = near or get_close_matches(column, free, n=1, cutoff=0.75)
        if near:
            raise CatalogError(f"{name} has no column {column!r} but {near[0]!r}: rename that column.")
        if column == "path":
            raise CatalogError(
                f"{name} has no column 'path', only {', '.join(columns)}: name the image files in it."
            )


def _text(table: pd.DataFrame, column: str) -> "pd.Series[str]":
    if column not in table:
        return pd.Series([""] * len(table), dtype="str")
    values = table[column]
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    texts = ["" if missing else value if isinstance(value, str) else str(value) for value, missing in
             zip(values.tolist(), values.isna().tolist(), strict=True)]  # fmt: skip
    return pd.Series(texts, dtype="str", index=table.index)


def _common_folder(files: Sequence[Path]) -> Path:
    folder = files[0].parent
    for file in files:
        while not file.is_relative_to(folder):
            folder = folder.parent
    return folder
