"""Stanford Online Products: the lists ``Ebay_train.txt`` and ``Ebay_test.txt`` beside the image folders."""

from pathlib import Path

import pandas as pd

from likewise.data.benchmarks.benchmark import Archive, Benchmark, find_folder
from likewise.data.catalog import Catalog
from likewise.errors import CatalogError

_HEADER = ["image_id", "class_id", "super_class_id", "path"]
_LISTS = {"train": "Ebay_train.txt", "test": "Ebay_test.txt"}


def build_sop(source: Path) -> Catalog:
    """The catalog of ``source`` with the official split; images are listed, not opened.

    ``label`` is the class number with leading zeros (``00001``: sorted names are in the official order),
    ``super_label`` the kind of product (``bicycle``).

    Raises:
        CatalogError: A list is missing or damaged.
    """
    root = find_folder(
        source, tuple(_LISTS.values()), ("Stanford_Online_Products",), "Stanford Online Products"
    )
    table = pd.concat([_listed(root / file, split) for split, file in _LISTS.items()], ignore_index=True)
    return Catalog.from_table(table, root)


def _listed(file: Path, split: str) -> pd.DataFrame:
    header, *lines = file.read_text(encoding="utf-8").splitlines() or [""]
    if header.split() != _HEADER:
        raise CatalogError(f"{file} must begin with the header {' '.join(_HEADER)!r}, got {header!r}.")
    rows = []
    for position, line in enumerate(lines, start=2):
        parts = line.split()
        if not parts:
            continue
        if len(parts) != len(_HEADER) or not parts[1].isdigit():
            raise CatalogError(f"{file}, line {position}: expected {len(_HEADER)} fields, got {line!r}.")
        folder = parts[3].split("/")[0]
        rows.append((parts[3], f"{int(parts[1]):05d}", split, folder.removesuffix("_final")))
    return pd.DataFrame(rows, columns=["path", "label", "split", "super_label"])


SOP = Benchmark(
    name="sop",
    title="Stanford Online Products",
    images=120_053,
    classes=22_634,
    page="https://cvgl.stanford.edu/projects/lifted_struct/",
    archives=(
        Archive(
            url="http://ftp.cs.stanford.edu/cs/cvgl/Stanford_Online_Products.zip",
            name="Stanford_Online_Products.zip",
            md5="7f73d41a2f44250d4779881525aea32e",
        ),
    ),
    build=build_sop,
)
