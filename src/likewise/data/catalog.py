"""The Catalog: a table of images with one row per image, read from a table or a folder.

Columns: ``path`` (relative to the catalog's folder, or absolute), ``label``, ``split`` (train, val, test, or a word of
your own), optional ``mask`` (path of an image, white = object) and ``super_label``; all further columns
are properties.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from likewise.arguments import checked
from likewise.arrays import as_rows
from likewise.data.columns import RESERVED, checked_table, require_values
from likewise.data.containment import Files, common_folder, existing_folder, rebased_paths
from likewise.data.folder_scan import LeftOut, is_text, why_unnamed
from likewise.data.folder_table import folder_table
from likewise.data.table_query import matching_rows
from likewise.data.tables import read_table, write_table
from likewise.errors import CatalogError
from likewise.files import digest


@checked
class Catalog:
    """A validated table of images. Build one with :meth:`read`, :meth:`from_table` or :meth:`from_images`.

    Attributes:
        root: Absolute folder that ``path`` and ``mask`` are relative to; files elsewhere are named absolutely.
        contained: Whether files outside ``root`` are refused.
        notes: Sentences on how the source was read, such as how many files were left out and why.
        left_out: The same counts as data, for a folder; None otherwise. If its ``folders`` are not empty, images may
            be missing.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        root: Path,
        *,
        contained: bool = False,
        notes: Sequence[str] = (),
        left_out: LeftOut | None = None,
    ) -> None:
        self._table = table
        self.root = root
        self.contained = contained
        self.notes = tuple(notes)
        self.left_out = left_out

    @classmethod
    def read(cls, path: Path | str, *, root: Path | str | None = None, contained: bool = False) -> "Catalog":
        """Read a catalog file, or list a folder of images; a folder is only read, and no file is made.

        In a folder of class folders the first folder of an image is its label; images in a folder without
        class folders have no label. Folders named train, val and test become splits.

        Args:
            path: A .parquet, .csv, .tsv, .txt, .xlsx, .jsonl or .json file; or a folder.
            root: Folder the paths are relative to, where that is not the folder of the file.
            contained: Refuse files outside the root, symbolic links included: for catalogs that come from
                somebody you do not trust.

        Raises:
            CatalogError: Missing, empty, damaged, without ``path``, or with duplicate paths.
        """
        path = Path(path)
        if path.is_dir():
            listed = folder_table(path)
            home = path if root is None else Path(root)
            paths = rebased_paths(listed.table["path"], path.absolute(), home.absolute())
            catalog = cls._checked(listed.table.assign(path=paths), home, str(path), contained)
            notes = (*listed.notes, *catalog.notes)
            return catalog._with(catalog._table, notes=notes, left_out=listed.left_out)
        read_notes: list[str] = []
        table = read_table(path, read_notes)
        home = path.absolute().parent if root is None else Path(root)
        try:
            catalog = cls._checked(table, home, str(path), contained)
        except CatalogError as error:
            if not read_notes:
                raise
            # How the file was read may be the reason: another sheet, another encoding.
            raise CatalogError(" ".join([f"{str(error).rstrip('.')}.", *read_notes])) from error
        return catalog._with(catalog._table, notes=(*read_notes, *catalog.notes))

    @classmethod
    def from_table(cls, table: pd.DataFrame, root: Path | str, *, contained: bool = False) -> "Catalog":
        """A catalog of the rows of ``table``, whose paths are absolute or relative to ``root``.

        Raises:
            CatalogError: As :meth:`read`.
        """
        return cls._checked(table, Path(root), "The table", contained)

    @classmethod
    def from_images(cls, paths: Sequence[Path | str], labels: Sequence[object] | None = None) -> "Catalog":
        """A catalog of image files, in the given order, with their common folder as root and no split.

        Args:
            paths: Files, each once.
            labels: One per file: text or numbers; without them labels are "".

        Raises:
            CatalogError: No paths, a path twice, labels of another length, or a file name that is not UTF-8.
        """
        files = [Path(path).expanduser().absolute() for path in paths]
        if not files:
            raise CatalogError("A catalog needs at least one image: the list of paths is empty.")
        if labels is not None and len(labels) != len(files):
            raise CatalogError(f"There are {len(labels)} labels for {len(files)} images: give one for each.")
        for file in files:
            if not is_text(str(file)):
                raise CatalogError(f"The name of the file {str(file)!r} {why_unnamed()}.")
        root = common_folder(files)
        table = pd.DataFrame({"path": [file.relative_to(root).as_posix() for file in files]}, dtype="str")
        table["label"] = "" if labels is None else pd.Series(list(labels), dtype=object)
        return cls.from_table(table, root)

    @classmethod
    def _checked(cls, table: pd.DataFrame, root: Path, name: str, contained: bool) -> "Catalog":
        root = root.expanduser().absolute()
        if not root.is_dir():
            raise CatalogError(f"{name}: there is no folder {root} that its paths could be relative to.")
        table, notes = checked_table(table, root, name, contained=contained)
        return cls(table, root, contained=contained, notes=notes)

    def _with(
        self, table: pd.DataFrame, notes: Sequence[str] | None = None, left_out: LeftOut | None = None
    ) -> "Catalog":
        """The same catalog with other rows."""
        return Catalog(
            table,
            self.root,
            contained=self.contained,
            notes=self.notes if notes is None else notes,
            left_out=left_out or self.left_out,
        )

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
            CatalogError: A symbolic link leads out of the root of a contained catalog.
        """
        files = Files(self.root, contained=self.contained)
        return [Path(files.path(name)) for name in self.ids]

    @property
    def mask_paths(self) -> list[Path | None]:
        """Absolute mask files, in order; None if a row has none.

        Raises:
            CatalogError: As :attr:`paths`.
        """
        if "mask" not in self._table:
            return [None] * len(self)
        files = Files(self.root, contained=self.contained)
        return [Path(files.path(mask)) if mask else None for mask in self._table["mask"].tolist()]

    @property
    def labels(self) -> NDArray[np.object_]:
        """(N,) strings; "" if a row has none."""
        return np.asarray(self._table["label"].tolist(), dtype=object)

    @cached_property
    def label_codes(self) -> tuple[NDArray[np.int64], list[str]]:
        """(N,) class numbers 0..C-1 and the C class names, sorted."""
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

    def require_labels(self, work: str) -> None:
        """Refuse a catalog in which no image has a label.

        Args:
            work: Work that needs labels, as the beginning of a sentence.

        Raises:
            CatalogError: No row has one.
        """
        if not (self._table["label"] != "").any():
            raise CatalogError(
                f"{work} needs labels, and none of the {len(self):,} images has one: put each class into a folder of "
                f"its own, or add a column 'label'. Embedding, searching and finding duplicates need no labels."
            )

    def select(
        self,
        split: str | Sequence[str] | None = None,
        where: str | None = None,
        labels: Sequence[str] | None = None,
    ) -> "Catalog":
        """The rows that fit all given conditions, in order.

        Args:
            split: One split or several.
            where: A condition over the columns, for instance ``"brand = 'acme' and height > 3"``: the same
                SQL as for a search in an index.
            labels: Keep these labels.

        Raises:
            CatalogError: A split, label or column that does not exist, or no row fits.
        """
        table = self._table
        if split is not None:
            splits = [split] if isinstance(split, str) else list(split)
            require_values(self._table, "split", splits)
            table = table[table["split"].isin(splits)]
        if labels is not None:
            require_values(self._table, "label", labels)
            table = table[table["label"].isin(list(labels))]
        if where is not None:
            table = table[matching_rows(table, where)]
        if len(table) == 0:
            raise CatalogError(
                f"No row fits split={split!r}, where={where!r}, labels={labels!r}: loosen the conditions."
            )
        return self._with(table.reset_index(drop=True))

    def take(self, rows: ArrayLike) -> "Catalog":
        """The rows at these positions, in the given order.

        Args:
            rows: (K,) different integers 0..N-1, or (N,) booleans, True = selected.

        Raises:
            InputError: No row, a duplicate row, a position outside 0..N-1, or a wrong number of booleans.
        """
        positions = as_rows(rows, len(self)).tolist()
        if not positions or len(set(positions)) < len(positions):
            raise CatalogError(
                f"Cannot take rows {rows!r:.60}: give some of 0 to {len(self) - 1}, each once, or True or False each."
            )
        return self._with(self._table.iloc[positions].reset_index(drop=True))

    def write(self, path: Path | str, *, root: Path | str | None = None) -> None:
        """Write a .parquet or .csv catalog, whole or not at all.

        Paths become relative to the folder of the file; images elsewhere keep their absolute path.
        Text, numbers and truth values come back from both formats as they were; other types need Parquet.

        Args:
            path: The new file.
            root: Make paths relative to this folder instead; :meth:`read` then needs the same root.

        Raises:
            CatalogError: A column does not fit into a CSV file, or there is no folder ``root``.
        """
        path = Path(path)
        folder = path.absolute().parent if root is None else existing_folder(root)
        table = self._table.copy()
        for column in ("path", "mask"):
            if column in table:
                table[column] = rebased_paths(table[column], self.root, folder)
        write_table(table, path)
