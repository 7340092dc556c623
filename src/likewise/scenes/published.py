"""Reads the published set of rendered cars: ``samples.csv`` with the properties and ``images/{frame}.png``.

Source: the published download (index column ``frame``, 11 property columns, 100,000 frames).
"""

from pathlib import Path

import pandas as pd

from likewise.arguments import checked
from likewise.data import Catalog
from likewise.errors import CatalogError
from likewise.scenes.parameters import CAR_PROPERTIES


@checked
def read_published_cars(folder: Path | str) -> Catalog:
    """The published cars as a catalog: the label is the car model, and the 11 properties are columns.

    Args:
        folder: Holds ``samples.csv`` and ``images/``.

    Raises:
        CatalogError: A file, a column or an image is missing, or a property cannot be read.
    """
    folder = Path(folder)
    file = folder / "samples.csv"
    if not file.is_file():
        raise CatalogError(f"There is no {file}: give the folder of the published samples.csv and images/.")
    try:
        table = pd.read_csv(file)
    except (ValueError, UnicodeDecodeError) as error:
        raise CatalogError(f"{file} cannot be read as a table ({error}): download it again.") from None
    names = ["frame", *(each.name for each in CAR_PROPERTIES)]
    missing = [name for name in names if name not in table]
    if missing:
        raise CatalogError(f"{file} has no column {missing[0]!r}: expected {', '.join(names)}.")
    for name in names:
        if name != "model":
            table[name] = _numbers(table[name], name, file)
    table["model"] = table["model"].astype("str")
    table = table.sort_values("frame", ignore_index=True)
    table["path"] = [f"images/{frame:.0f}.png" for frame in table["frame"]]
    _check_images(folder, table["path"].tolist())
    table["label"], table["split"] = table["model"], ""
    return Catalog.from_table(table[["path", "label", "split", *names[1:]]], folder)


def _numbers(column: "pd.Series[float]", name: str, file: Path) -> "pd.Series[float]":
    numbers = pd.to_numeric(column, errors="coerce")
    if numbers.isna().any():
        row = int(numbers.isna().to_numpy().argmax())
        raise CatalogError(f"{file}: {name} is {column.iloc[row]!r} in row {row + 1}; expected a number.")
    return numbers


def _check_images(folder: Path, paths: list[str]) -> None:
    present = {f"images/{path.name}" for path in (folder / "images").glob("*.png")}
    absent = [path for path in paths if path not in present]
    if absent:
        raise CatalogError(
            f"{folder} lacks {len(absent)} of {len(paths)} images, first {absent[0]}: unpack all of them there."
        )
