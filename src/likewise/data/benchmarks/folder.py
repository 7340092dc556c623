"""A folder of one's own: one folder for each class, or images without labels; and tables of one's own."""

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from likewise.data.catalog import Catalog
from likewise.data.tables import read_table
from likewise.errors import CatalogError, choices

IMAGE_SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".jp2", ".ppm", ".pgm",
)  # fmt: skip

# Names that tell of a split made already; as class names they would be a mistake.
_SPLIT_FOLDERS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


def list_images(root: Path, inside: Sequence[str] = (".",)) -> tuple[list[str], list[str]]:
    """Files below ``root`` by their suffix, sorted.

    Hidden files and folders are passed over; links to folders are not followed.

    Args:
        root: Where to look.
        inside: Look only in these folders of ``root``.

    Returns:
        Paths of images and of other files, relative to ``root``, with forward slashes.
    """
    images: list[str] = []
    others: list[str] = []
    for top in inside:
        for folder, folders, files in os.walk(root / top):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in files:
                path = Path(folder, name).relative_to(root).as_posix()
                if not name.startswith("."):
                    (images if name.lower().endswith(IMAGE_SUFFIXES) else others).append(path)
    return sorted(images), sorted(others)


def build_folder(source: Path, split_folders: bool = False) -> Catalog:
    """The catalog of a folder of images.

    ``label`` is the first folder below ``source`` that an image lies in; a folder of images without class
    folders gives rows without labels. No split is made here, except with ``split_folders``.

    Args:
        source: The folder.
        split_folders: The first level is ``train``, ``val`` (or ``valid``) and ``test``, the second the
            classes.

    Raises:
        CatalogError: No images, images beside class folders, or split folders where none were expected.
    """
    if not source.is_dir():
        raise CatalogError(f"There is no folder {source}: give the folder that holds your images.")
    paths, _ = list_images(source)
    if not paths:
        raise CatalogError(
            f"{source} holds no images: expected files that end in {', '.join(IMAGE_SUFFIXES)}."
        )
    tops = {path.split("/")[0] for path in paths if "/" in path}
    if not split_folders and tops and tops <= _SPLIT_FOLDERS.keys():
        raise CatalogError(
            f"The folders of {source} are {', '.join(sorted(tops))}: splits, not classes; add  --split folders."
        )
    if split_folders and not tops <= _SPLIT_FOLDERS.keys():
        wrong = sorted(tops - _SPLIT_FOLDERS.keys())[0]
        raise CatalogError(f"{source / wrong} is not a split folder: {choices(wrong, _SPLIT_FOLDERS)}")
    depth = 1 if split_folders else 0
    loose = [path for path in paths if path.count("/") <= depth]
    if loose and (split_folders or len(loose) < len(paths)):
        raise CatalogError(
            f"{len(loose)} images, {loose[0]!r} for one, lie beside the class folders of {source}: "
            f"move each into the folder of its class."
        )
    table = pd.DataFrame({"path": paths})
    table["label"] = ["" if loose else path.split("/")[depth] for path in paths]
    if split_folders:
        table["split"] = [_SPLIT_FOLDERS[path.split("/")[0]] for path in paths]
    return Catalog.from_table(table, source)


def build_table(
    source: Path,
    *,
    images: Path | None = None,
    path_column: str = "path",
    label_column: str = "label",
    split_column: str = "split",
) -> Catalog:
    """The catalog of a CSV or Parquet table of one's own; its other columns become properties.

    Args:
        source: The table.
        images: Folder its paths are relative to; its own folder by default.
        path_column: Column of image paths.
        label_column: Column of class names; may be missing when it is the default.
        split_column: Column of splits (``train``, ``val``, ``test``); may be missing when it is the default.

    Raises:
        CatalogError: A named column does not exist, or two become one.
    """
    table = read_table(source)
    renamed = {}
    for target, column in (("path", path_column), ("label", label_column), ("split", split_column)):
        if column in table:
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
    return Catalog.from_table(table.rename(columns=renamed), folder)
