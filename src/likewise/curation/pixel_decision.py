"""Decides by their pixels which candidate pairs are copies."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likewise.curation.alignment import coarse_fits, refined_fits
from likewise.curation.copies import DuplicatePair, Kind
from likewise.curation.prints import Prints, squeezed
from likewise.data import Catalog
from likewise.errors import ImageError
from likewise.images import EncodedImage
from likewise.progress import progress_bar

_COARSE = 0.86
_SLACK = 0.03  # how far the fit of the prints may be below the limit
_SMALL_PX, _FINE_PX, _SOURCE_PX = 20, 64, 96  # a crop of 60 % of a side keeps 20 px of the 32 of a print
_WHOLE = 0.97  # share of a side from which a window counts as the whole image
_CANDIDATES_AT_ONCE = 1 << 16
_PAIRS_AT_ONCE = 128


def decided_pairs(
    catalog: Catalog, prints: Prints, candidates: NDArray[np.int64], limit: float, progress: bool
) -> list[DuplicatePair]:
    """The candidates whose pixels agree, the best placement of each pair."""
    best: dict[tuple[int, int], DuplicatePair] = {}
    paths = catalog.paths
    # The windows of an image are made once if all its pairs are in one block.
    candidates = candidates[np.argsort(candidates[:, 1], kind="stable")]
    with progress_bar("comparing", len(candidates), enabled=progress) as bar:
        for start in range(0, len(candidates), _CANDIDATES_AT_ONCE):
            block = candidates[start : start + _CANDIDATES_AT_ONCE]
            bar.advance(len(block))
            fits, windows = coarse_fits(prints.pixels, block)
            likely = fits >= min(_COARSE, limit)
            pairs, windows = block[likely], windows[likely]
            for part in range(0, len(pairs), _PAIRS_AT_ONCE):
                rows = slice(part, part + _PAIRS_AT_ONCE)
                for pair in _refined(paths, prints, pairs[rows], windows[rows], limit):
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
    paths: Sequence[Any],
    prints: Prints,
    pairs: NDArray[np.int64],
    windows: NDArray[np.float32],
    limit: float,
) -> list[DuplicatePair]:
    """Exactly aligned pairs: all of them at 20 px, possible copies again at 64 px, from the files."""
    inner, outer = _turned(prints.pixels[pairs[:, 0]], pairs[:, 2]), prints.pixels[pairs[:, 1]]
    fits, windows = refined_fits(inner, outer, windows, _SMALL_PX, steps=4)
    likely = fits >= limit - _SLACK
    pairs, windows = pairs[likely], windows[likely]
    if not len(pairs):
        return []
    fine: dict[int, NDArray[np.uint8]] = {}
    for number in np.unique(pairs[:, :2]).tolist():
        try:
            fine[number] = squeezed(paths[prints.rows[number]], _SOURCE_PX)[1]
        except ImageError:  # deleted since it was read for its print
            fine[number] = np.zeros((_SOURCE_PX, _SOURCE_PX, 3), np.uint8)
    inner = _turned(np.stack([fine[a] for a in pairs[:, 0].tolist()]), pairs[:, 2])
    outer = np.stack([fine[b] for b in pairs[:, 1].tolist()])
    fits, windows = refined_fits(inner, outer, windows, _FINE_PX, steps=8)
    decided = []
    for (a, b, mirrored), fit, place in zip(pairs.tolist(), fits.tolist(), windows.tolist(), strict=True):
        whole = min(place[1], place[3]) > _WHOLE
        resized = (prints.sizes[a] != prints.sizes[b]).any()
        kind: Kind = "cropped" if not whole else "resized" if resized else "re-encoded"
        decided.append(
            DuplicatePair(int(prints.rows[a]), int(prints.rows[b]), kind, bool(mirrored), min(fit, 1.0))
        )
    return decided


def _kind(paths: Sequence[Any], pair: DuplicatePair) -> Kind:
    """The kind of a pair: exact where all decoded pixels are equal."""
    if pair.kind != "re-encoded" or pair.mirrored or pair.score < 0.999:
        return pair.kind
    same = EncodedImage(paths[pair.a]).decode().tobytes() == EncodedImage(paths[pair.b]).decode().tobytes()
    return "exact" if same else pair.kind
