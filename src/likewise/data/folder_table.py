"""From a folder of images to the rows of a catalog: labels from class folders, splits from split folders."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from likewise.data.folder_scan import IMAGE_SUFFIXES, LeftOut, scan_folder
from likewise.data.written_folders import written_kind
from likewise.errors import CatalogError, choices

Layout = Literal["auto", "splits", "classes"]

_TRAIN = {"train": "train", "training": "train", "trainset": "train"}
_HELD_OUT = {
    "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test", "testset": "test",
}  # fmt: skip
SPLIT_FOLDERS = _TRAIN | _HELD_OUT


@dataclass(frozen=True)
class FolderTable:
    """The rows of a folder.

    Attributes:
        table: Columns ``path`` (relative to the folder), ``label`` and ``split``; "" if there is none.
        notes: Sentences for the user: what was left out, and how the folders were read.
        left_out: The same counts as data.
        has_splits: Whether the first folders are splits.
    """

    table: pd.DataFrame
    notes: tuple[str, ...]
    left_out: LeftOut
    has_splits: bool


def folder_table(source: Path, layout: Layout = "auto") -> FolderTable:
    """List the images below ``source``, at any depth.

    The label is the top-level folder of an image, or the second level if the top-level folders are splits
    (``train``, ``Validation``, ``TEST``...). Folders that hold one folder and no image are passed through.
    Images outside any class folder have no label.

    Args:
        source: The folder.
        layout: ``splits``: the first folders are splits; ``classes``: they are classes; ``auto``: they are
            splits where their names say so.

    Raises:
        CatalogError: No such folder, a folder that cannot be read, no images, or ``splits`` is requested and
            a folder has another name.
    """
    if not source.is_dir():
        raise CatalogError(f"There is no folder {source}: give the folder of your images.")
    try:
        scan = scan_folder(source)
    except OSError as error:
        raise CatalogError(
            f"The folder {source} cannot be read ({error.strerror}): check that you may read it."
        ) from error
    if not scan.images:
        kind = written_kind(str(source), os.listdir(source))  # noqa: PTH208 - names are all it needs
        if kind is not None:
            raise CatalogError(
                f"{source} contains no images, likewise wrote it ({kind}): give the folder of your images."
            )
        raise CatalogError(
            f"{source} contains no images: expected files that end in {', '.join(IMAGE_SUFFIXES)}. "
            f"{' '.join(scan.left_out.notes())}".rstrip()
        )
    notes = scan.left_out.notes()
    folders = [path.split("/")[:-1] for path in scan.images]
    depth = 0
    while not _splits_at(folders, depth, layout) and _is_wrapped(folders, depth):
        depth += 1
    if depth:
        notes.append(f"All images are in {'/'.join(folders[0][:depth])}: its subfolders are the classes.")
    splits = _splits_at(folders, depth, layout)
    if layout == "splits":
        _check_split_folders(source, folders, depth, splits)
    if splits:
        named = sorted({names[depth] for names in folders if len(names) > depth})
        are = "folder {} is a split" if len(named) == 1 else "folders {} are splits"
        notes.append(f"The {are.format(', '.join(named))}.")
        depth += 1
    labels = [names[depth] if len(names) > depth else "" for names in folders]
    notes += _notes_on_labels(scan.images, folders, labels, depth)
    table = pd.DataFrame({"path": scan.images, "label": labels}, dtype="str")
    table["split"] = [
        splits.get(names[depth - 1], "") if splits and len(names) >= depth else "" for names in folders
    ]
    return FolderTable(table, tuple(notes), scan.left_out, bool(splits))


def _is_wrapped(folders: list[list[str]], depth: int) -> bool:
    """Whether all images are in a single folder at this level, and in subfolders of it."""
    return all(len(names) > depth + 1 for names in folders) and len({names[depth] for names in folders}) == 1


def _splits_at(folders: list[list[str]], depth: int, layout: Layout) -> dict[str, str]:
    """The split of each folder at this level; empty if the folders are classes."""
    tops = {names[depth] for names in folders if len(names) > depth}
    by_name = {name: SPLIT_FOLDERS[name.lower()] for name in tops if name.lower() in SPLIT_FOLDERS}
    if layout == "classes" or not by_name:
        return {}
    # "train" beside "car" and "plane" is a class; beside "test" it is a split, and so is "unlabeled" there.
    is_pair = "train" in by_name.values() and len(set(by_name.values())) > 1
    return {name: by_name.get(name, name) for name in tops} if len(by_name) == len(tops) or is_pair else {}


def _check_split_folders(source: Path, folders: list[list[str]], depth: int, splits: dict[str, str]) -> None:
    tops = sorted({names[depth] for names in folders if len(names) > depth})
    wrong = [name for name in tops if name.lower() not in SPLIT_FOLDERS]
    if wrong or not splits:
        name = wrong[0] if wrong else "."
        raise CatalogError(
            f"{source / name} is not a split folder: {choices(name.lower(), ('train', 'val', 'test'))}"
        )


def _notes_on_labels(paths: list[str], folders: list[list[str]], labels: list[str], depth: int) -> list[str]:
    notes = []
    loose = [path for path, label in zip(paths, labels, strict=True) if not label]
    if loose and len(loose) < len(paths):
        notes.append(
            f"{len(loose):,} of {len(paths):,} images are outside the class folders and have no label "
            f"(for example {loose[0]!r})."
        )
    deep = next((names for names in folders if len(names) > depth + 1), None)
    if deep is not None:
        notes.append(f"The label is the first folder: {'/'.join(deep)!r} has the label {deep[depth]!r}.")
    return notes
