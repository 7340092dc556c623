"""Splits into training and test classes: always whole classes.

Splits go by the sorted class names. Source: Musgrave et al. 2020 (halves and folds), Kobs & Hotho 2022
(background-bias: the first fold).
"""

from collections.abc import Collection, Sequence

from likewise.arguments import checked
from likewise.bounds import Count, CountOrZero
from likewise.data.catalog import Catalog
from likewise.data.given import require_catalog
from likewise.errors import CatalogError, ConfigError
from likewise.printable import counted

DEVELOPMENT = ("train", "val")
ROLES = ("train", "val", "test")
PUBLISHED_FOLDS = 4
FEWEST_TO_TEST = 12
"""With fewer classes none is left for a test: training and validation need them all."""


def half(classes: Sequence[str]) -> dict[str, str]:
    """The classic split: the first half of the sorted classes ``train``, the rest ``test``.

    Of an odd number, the class in the middle trains.

    >>> half(["wren", "crow", "kite"])
    {'crow': 'train', 'kite': 'train', 'wren': 'test'}
    """
    ordered = sorted(set(classes))
    middle = (len(ordered) + 1) // 2
    return {name: "train" if position < middle else "test" for position, name in enumerate(ordered)}


def default_split(classes: Collection[str]) -> dict[str, str]:
    """The split of each class of a catalog without splits: half of them test, or none where there are few.

    >>> set(default_split(["crow", "kite", "wren"]).values())
    {'train'}
    """
    return half(list(classes)) if len(set(classes)) >= FEWEST_TO_TEST else dict.fromkeys(classes, "train")


def divide(classes: Sequence[str], number: int, folds: int = PUBLISHED_FOLDS) -> dict[str, str]:
    """One cross-validation fold: one of ``folds`` runs of neighbouring classes is ``val``, the rest ``train``.

    With C classes, ``train`` starts at class floor(number * C / folds) of the sorted classes and takes all
    but floor(C / folds) of them, wrapping round; the following ones are ``val``.

    Args:
        classes: Names of the classes to divide (those not used for the test).
        number: Number of the fold, 0 to folds - 1.
        folds: Number of folds, 2 to C.

    Raises:
        ConfigError: ``folds`` or ``number`` is out of range.

    Source: Musgrave et al. 2020, published code.

    >>> divide(["a", "b", "c", "d"], 1)
    {'a': 'val', 'b': 'train', 'c': 'train', 'd': 'train'}
    """
    ordered = sorted(set(classes))
    if len(ordered) < 2:
        raise ConfigError(
            f"{counted(len(ordered), 'class')} cannot be divided into folds: give images of at least two classes."
        )
    if not 2 <= folds <= len(ordered):
        raise ConfigError(
            f"folds is {folds}: with {len(ordered)} classes to divide it must be "
            f"{'2' if len(ordered) == 2 else f'2 to {len(ordered)}'}."
        )
    if not 0 <= number < folds:
        raise ConfigError(f"fold {number} does not exist: choose 0 to {folds - 1}.")
    start, held_out = number * len(ordered) // folds, len(ordered) // folds
    rotated = ordered[start:] + ordered[:start]
    val_classes = set(rotated[len(ordered) - held_out :])
    return {name: "val" if name in val_classes else "train" for name in ordered}


@checked
def with_half(catalog: Catalog) -> Catalog:
    """``catalog`` with its classes split by :func:`half`; rows without a label get no split.

    Raises:
        CatalogError: No row has a label.
    """
    require_catalog(catalog, "with_half").require_labels("A split by classes")
    return _with_splits(catalog, half(_classes(catalog)) | {"": ""}, replace=None)


def with_default_split(catalog: Catalog) -> Catalog:
    """``catalog`` with its classes split by :func:`default_split`; rows without a label get no split.

    Raises:
        CatalogError: No row has a label.
    """
    require_catalog(catalog, "with_default_split").require_labels("A split by classes")
    return _with_splits(catalog, default_split(_classes(catalog)) | {"": ""}, replace=None)


@checked
def with_fold(catalog: Catalog, number: CountOrZero, folds: Count = PUBLISHED_FOLDS) -> Catalog:
    """``catalog`` with its ``train`` and ``val`` rows divided by :func:`divide`; other rows are unchanged.

    Raises:
        CatalogError: There are no ``train`` rows, or one of them has no label.
        ConfigError: As :func:`divide`.
    """
    table = require_catalog(catalog, "with_fold").table
    development = table["split"].isin(DEVELOPMENT)
    if not development.any():
        existing = ", ".join(repr(name) for name in catalog.splits if name)
        raise CatalogError(
            "There is nothing to fold: no row has split 'train' or 'val' "
            f"({f'found: {existing}' if existing else 'the catalog has no splits'}); prepare the catalog with  "
            "--split half  first."
        )
    classes = table["label"][development].unique().tolist()
    _require_labels(catalog.select(split=[name for name in DEVELOPMENT if name in catalog.splits]))
    return _with_splits(catalog, divide(classes, number, folds), replace=DEVELOPMENT)


def fold_classes(catalog: Catalog, fold: int, folds: int = PUBLISHED_FOLDS) -> tuple[Catalog, Catalog]:
    """The rows of ``catalog``, whatever their split, as ``train`` and ``val`` of one fold of its classes.

    Raises:
        CatalogError: A row has no label.
        ConfigError: As :func:`divide`.
    """
    unsplit = Catalog.from_table(catalog.table.assign(split="train"), catalog.root)
    divided = with_fold(unsplit, fold, folds)
    return divided.select(split="train"), divided.select(split="val")


@checked
def with_background_bias(catalog: Catalog) -> Catalog:
    """``catalog``, split into train and test, with the last quarter of the training classes as ``val``.

    Cars196: 74 / 24 / 98 classes, CUB-200-2011: 75 / 25 / 100, Stanford Online Products: 8,489 / 2,829 /
    11,316.

    Source: Kobs & Hotho 2022, published code: the first of the four folds.
    """
    return with_fold(catalog, 0)


def _classes(catalog: Catalog) -> list[str]:
    return [name for name in catalog.label_codes[1] if name]


def _with_splits(catalog: Catalog, splits: dict[str, str], replace: Sequence[str] | None) -> Catalog:
    table = catalog.table
    rows = [True] * len(table) if replace is None else table["split"].isin(list(replace)).tolist()
    pairs = zip(table["label"].tolist(), table["split"].tolist(), rows, strict=True)
    table["split"] = [splits[label] if chosen else old for label, old, chosen in pairs]
    return Catalog.from_table(table, catalog.root)


def _require_labels(catalog: Catalog) -> None:
    missing = int((catalog.table["label"] == "").sum())
    if missing:
        raise CatalogError(
            f"{missing} of {len(catalog)} rows have no label: classes cannot be split without labels."
        )
