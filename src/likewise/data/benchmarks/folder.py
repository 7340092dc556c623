"""A folder of one's own: one folder for each class, or images without labels; and tables of one's own."""

import shlex
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from likewise.data.catalog import Catalog
from likewise.data.folder_scan import scan_folder
from likewise.data.folder_table import Layout, folder_table
from likewise.data.tables import read_table
from likewise.errors import CatalogError, choices


def list_images(root: Path, inside: Sequence[str] = ("",)) -> list[str]:
    """Images below ``root``, or only in these folders of it: sorted paths relative to ``root``."""
    return scan_folder(root, inside).images


def build_folder(source: Path, layout: Layout = "auto") -> Catalog:
    """The catalog of a folder of images; see :func:`likewise.data.folder_table.folder_table`.

    Raises:
        CatalogError: No such folder, or no images in it.
    """
    listed = folder_table(source, layout)
    catalog = Catalog.from_table(listed.table, source)
    return Catalog(catalog.table, catalog.root, notes=listed.notes, left_out=listed.left_out)


def build_table(
    source: Path,
    *,
    images: Path | None = None,
    path_column: str = "path",
    label_column: str = "label",
    split_column: str = "split",
) -> Catalog:
    """The catalog of a table of one's own; its other columns become properties.

    Args:
        source: The table, of any kind that :meth:`likewise.Catalog.read` takes.
        images: Folder its paths are relative to; its own folder by default.
        path_column: Column of image paths.
        label_column: Column of class names; may be missing when it is the default; "" for none.
        split_column: Column of splits (``train``, ``val``, ``test``); may be missing when it is the default.

    Raises:
        CatalogError: A named column does not exist, or two become one.
    """
    notes: list[str] = []
    if source.is_dir():
        raise CatalogError(
            f"{source} is a folder, not a table: use  likewise data prepare folder {shlex.quote(str(source))}"
        )
    table = read_table(source, notes)
    renamed = {}
    for target, column in (("path", path_column), ("label", label_column), ("split", split_column)):
        if not column and target == "label":
            table = table.drop(columns="label", errors="ignore")
        elif column in table:
            renamed[column] = target
        elif column != target or target == "path":
            raise CatalogError(
                f"{source} has no column {column!r}: {choices(column, map(str, table.columns))}"
            )
    clash = [target for column, target in renamed.items() if target != column and target in table]
    if clash:
        raise CatalogError(
            f"{source} has a column {clash[0]!r} besides the one named for it: rename or remove it."
        )
    folder = source.absolute().parent if images is None else images
    catalog = Catalog.from_table(_with_whole_labels(table.rename(columns=renamed), notes), folder)
    return Catalog(catalog.table, catalog.root, notes=(*notes, *catalog.notes))


def _with_whole_labels(table: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Labels such as "7.0", which pandas writes for integers in columns with missing values, as "7"."""
    if "label" not in table or not pd.api.types.is_string_dtype(table["label"].dtype):
        return table
    labels = table["label"].fillna("")
    filled = labels[labels != ""]
    if not len(filled) or not filled.str.fullmatch(r"-?\d+\.0").all():
        return table
    notes.append(
        f"The labels are whole numbers written as {filled.iloc[0]!r}: they were read as {filled.iloc[0][:-2]!r}."
    )
    return table.assign(label=labels.str.removesuffix(".0"))
