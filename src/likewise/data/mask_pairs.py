"""Matching of predicted and true masks of two catalogs or folders."""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

from likewise.data.catalog import Catalog
from likewise.data.containment import Files
from likewise.data.failures import Failure
from likewise.errors import CatalogError, InputError, choices

_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"}


@dataclass(frozen=True)
class MaskPair:
    """A predicted and a true mask of one image.

    Attributes:
        id: The image in the true catalog, or the name of the true mask.
        predicted: Mask file.
        true: Mask file.
        image: The photo, where a catalog names it.
    """

    id: str
    predicted: Path
    true: Path
    image: Path | None


@dataclass(frozen=True)
class _Mask:
    id: str
    mask: Path
    image: Path | None


def pair_masks(
    predicted: Catalog | Path | str, true: Catalog | Path | str, predicted_column: str, true_column: str
) -> tuple[list[MaskPair], list[Failure]]:
    """Match masks by image file, else by relative name, else by file name alone, whichever finds any.

    The last is what flat mask folders need, such as rembg writes.

    Returns:
        Pairs in the order of the true side, and true masks that have no prediction.

    Raises:
        InputError: A side has no masks, or nothing matches.
    """
    predicted_masks, true_masks = _masks(predicted, predicted_column), _masks(true, true_column)
    for key in _KEYS:
        by_name = {name: mask for mask, name in _unique(predicted_masks, key)}
        matched = [(mask, by_name.get(name)) for mask, name in _unique(true_masks, key)]
        if any(partner for _, partner in matched):
            break
    else:
        raise InputError(
            f"No mask of {_named(predicted)} belongs to one of {_named(true)}: images or file names must agree "
            f"(for instance {predicted_masks[0].id} and {true_masks[0].id})."
        )
    pairs = [
        MaskPair(mask.id, partner.mask, mask.mask, mask.image or partner.image)
        for mask, partner in matched if partner is not None
    ]  # fmt: skip
    paired = {pair.id for pair in pairs}
    missing = [
        Failure(mask.id, "There is no predicted mask for it.") for mask in true_masks if mask.id not in paired
    ]
    return pairs, missing


def _masks(source: Catalog | Path | str, column: str) -> list[_Mask]:
    if isinstance(source, str | Path):
        folder = Path(source)
        if not folder.is_dir():
            raise InputError(f"There is no folder {folder}: give a catalog or a folder of masks.")
        files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in _SUFFIXES)
        masks = [_Mask(file.relative_to(folder).as_posix(), file, None) for file in files]
    else:
        table = source.table
        if column not in table:
            raise CatalogError(
                f"The catalog has no column {column!r} of masks: {choices(column, table.columns)}"
            )
        names = table[column].astype("object").fillna("").astype(str).tolist()
        rows = [row for row, name in enumerate(names) if name]
        files_of = Files(source.root, contained=source.contained)
        files = [Path(files_of.path(names[row])) for row in rows]
        ids, images = source.ids, source.paths
        masks = [_Mask(ids[row], file, images[row]) for row, file in zip(rows, files, strict=True)]
    if not masks:
        raise InputError(f"{_named(source)} names no masks: make them with  likewise masks.")
    return masks


def _unique(masks: Sequence[_Mask], key: Callable[[_Mask], Hashable]) -> list[tuple[_Mask, Hashable]]:
    """Masks with their key, without those whose key is missing or shared."""
    keyed = [(mask, key(mask)) for mask in masks]
    times = Counter(name for _, name in keyed)
    return [(mask, name) for mask, name in keyed if name is not None and times[name] == 1]


def _named(source: Catalog | Path | str) -> str:
    return str(source) if isinstance(source, str | Path) else f"the catalog in {source.root}"


_KEYS: tuple[Callable[[_Mask], Hashable], ...] = (
    lambda mask: None if mask.image is None else mask.image.resolve(),
    lambda mask: str(Path(mask.id).with_suffix("")),
    lambda mask: Path(mask.id).stem,
    lambda mask: mask.mask.stem,
)
