"""The demo's images: the rendered samples, or the user's own folder or catalog."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from likewise.data import Catalog, prepare, with_half
from likewise.errors import CatalogError, InputError
from likewise.files import whole_file
from likewise.scenes import samples

FEWEST_CLASSES = 4


def demo_catalog(data: Path | None) -> Catalog:
    """The catalog the demo runs on, with splits ``train`` and ``test`` of different classes.

    Args:
        data: A catalog file, or a folder with one folder of photos a class; None takes the rendered samples.

    Raises:
        InputError: There is nothing there.
        CatalogError: Too few classes to train on some and test on others.
    """
    if data is None:
        return samples()
    if not data.exists():
        raise InputError(
            f"There is no {data}: name a catalog file, or a folder with one folder of photos a class."
        )
    catalog = prepare("folder", data, "half").catalog if data.is_dir() else Catalog.read(data)
    if not {"train", "test"} <= set(catalog.splits):
        catalog = with_half(catalog)
    for split in ("train", "test"):
        classes = catalog.select(split=split).label_codes[1]
        if len(classes) < FEWEST_CLASSES:
            raise CatalogError(
                f"{data} has {len(classes)} classes to {split}, and the demo needs {FEWEST_CLASSES}: "
                f"give a folder with at least {2 * FEWEST_CLASSES} folders of photos, one a class."
            )
    return catalog


def write_inputs(catalog: Catalog, folder: Path) -> Path:
    """Write the catalog's table into the demo's folder, images where they are not below it linked or copied.

    Returns:
        The catalog file.
    """
    images = folder / "images"
    table = catalog.table
    sources: dict[str, Sequence[Path | None]] = {"path": catalog.paths, "mask": catalog.mask_paths}
    for column, files in sources.items():
        if column not in table:
            continue
        names = []
        for number, file in enumerate(files):
            if file is None:
                names.append("")
                continue
            target = images / column / f"{number:06d}{file.suffix}"
            if not target.exists():
                with whole_file(target) as temporary:
                    shutil.copyfile(file, temporary)
            names.append(target.relative_to(folder).as_posix())
        table[column] = names
    file = folder / "catalog.parquet"
    Catalog.from_table(table, folder).write(file)
    return file


def has_masks(catalog: Catalog) -> bool:
    """Whether every image has a mask."""
    return all(path is not None for path in catalog.mask_paths)


def few_of_each(catalog: Catalog, classes: int, each: int, seed: int = 0) -> list[list[int]]:
    """Rows of ``each`` images of ``classes`` classes, drawn at random, for a sheet."""
    generator = np.random.default_rng(seed)
    codes, names = catalog.label_codes
    chosen = sorted(generator.permutation(len(names))[:classes])
    return [sorted(generator.permutation(np.flatnonzero(codes == code))[:each].tolist()) for code in chosen]
