"""Decides by their pixels which candidate pairs are copies."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from likewise.curation.alignment import coarse_fits, refined_fits
from likewise.curation.copies import DuplicatePair, Kind
from likewise.curation.prints import Prints, squeezed
from likewise.data import Catalog
from likewise.errors import ImageError
from likewise.images import EncodedImage
from likewise.progress import progress_bar

_COARSE = 0.86
_FINE_PX = 64
_WHOLE = 0.97  # share of a side from which a window counts as the whole image
_PAIRS_AT_ONCE = 128


def decided_pairs(
    catalog: Catalog, prints: Prints, candidates: NDArray[np.int64], limit: float, progress: bool
) -> list[DuplicatePair]:
    """The candidates whose pixels agree, the best placement of each pair."""
    best: dict[tuple[int, int], DuplicatePair] = {}
    paths = catalog.paths
    with progress_bar("comparing", len(candidates), enabled=progress) as bar:
        for start in range(0, len(candidates), 4096):
            block = candidates[start : start + 4096]
            bar.advance(len(block))
            fits, windows = coarse_fits(
                _turned(prints.pixels[block[:, 0]], block[:, 2]), prints.pixels[block[:, 1]]
            )
            likely = np.flatnonzero(fits >= min(_COARSE, limit))
            for part in range(0, len(likely), _PAIRS_AT_ONCE):
                rows = likely[part : part + _PAIRS_AT_ONCE]
                for pair in _refined(paths, prints, block[rows], windows[rows]):
                    key = (min(pair.a, pair.b), max(pair.a, pair.b))
                    if pair.score >= limit and (key not in best or _better(pair, best[key])):
                        best[key] = pair
    return [
        DuplicatePair(*key, _kind(paths, pair), pair.mirrored, pair.score)
        for key, pair in sorted(best.items())
    ]


def _better(pair: DuplicatePair, other: DuplicatePair) -> bool:
    """Whole and unmirrored views explain a pair best; symmetrical images fit both ways."""
    return (pair.kind == "cropped", pair.mirrored, -pair.score) < (
        other.kind == "cropped",
        other.mirrored,
        -other.score,
    )


def _turned(pixels: NDArray[np.uint8], mirrored: NDArray[np.int64]) -> NDArray[np.uint8]:
    return np.where(mirrored[:, None, None, None].astype(bool), pixels[:, :, ::-1], pixels)


def _refined(
    paths: Sequence[Any], prints: Prints, pairs: NDArray[np.int64], windows: NDArray[np.float32]
) -> list[DuplicatePair]:
    fine: dict[int, NDArray[np.uint8]] = {}
    for number in np.unique(pairs[:, :2]).tolist():
        try:
            fine[number] = squeezed(paths[prints.rows[number]], _FINE_PX)[1]
        except ImageError:  # gone since it was read for its print
            fine[number] = np.zeros((_FINE_PX, _FINE_PX, 3), np.uint8)
    inner = _turned(np.stack([fine[a] for a in pairs[:, 0].tolist()]), pairs[:, 2])
    outer = np.stack([fine[b] for b in pairs[:, 1].tolist()])
    fits, places = refined_fits(_planes(inner), _planes(outer), torch.from_numpy(windows))
    found = []
    for (a, b, mirrored), fit, place in zip(pairs.tolist(), fits.tolist(), places.tolist(), strict=True):
        whole = min(place[1], place[3]) > _WHOLE
        resized = (prints.sizes[a] != prints.sizes[b]).any()
        kind: Kind = "cropped" if not whole else "resized" if resized else "re-encoded"
        found.append(
            DuplicatePair(int(prints.rows[a]), int(prints.rows[b]), kind, bool(mirrored), min(fit, 1.0))
        )
    return found


def _planes(pixels: NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float() / 255


def _kind(paths: Sequence[Any], pair: DuplicatePair) -> Kind:
    """The kind of a pair: exact where all decoded pixels are equal."""
    if pair.kind != "re-encoded" or pair.mirrored or pair.score < 0.999:
        return pair.kind
    same = EncodedImage(paths[pair.a]).decode().tobytes() == EncodedImage(paths[pair.b]).decode().tobytes()
    return "exact" if same else pair.kind
