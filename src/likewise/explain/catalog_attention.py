"""Attention scores of the images of a catalog: their stored saliency maps against their masks."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from likewise.arguments import checked
from likewise.data import Catalog, EvalTransform, Failure
from likewise.errors import CatalogError, ImageError
from likewise.explain.attention import AttentionScores, attention_score
from likewise.explain.store import SaliencyStore
from likewise.images import open_mask

_BLOCK = 64
_UNDECIDED = 128  # of a trimap


@checked
def catalog_attention(
    store: SaliencyStore, catalog: Catalog, *, true_masks: bool = False
) -> tuple[AttentionScores, list[Failure]]:
    """Attention score per map of ``store`` whose image has a mask in ``catalog``.

    Masks are resized and cropped like the images. Memory does not grow with the number of images.

    Args:
        store: Saliency maps.
        catalog: Catalog with masks. It may hold more images and be in another order.
        true_masks: The masks are ground truth: pixels of exactly 128 do not count (trimaps).

    Returns:
        Scores in the order of the store (those without a usable mask have the reason ``no mask``), and
        masks that could not be read.

    Raises:
        CatalogError: No image of the store has a mask in the catalog.
    """
    masks = dict(zip(catalog.ids, catalog.mask_paths, strict=True))
    if not any(masks.get(name) for name in store.ids):
        raise CatalogError("No image of the saliency store has a mask: make them with  likewise masks.")
    transform = EvalTransform(store.preprocessing)
    values, reasons = np.full(len(store), np.nan), ["no mask"] * len(store)
    failures: list[Failure] = []
    for start in range(0, len(store), _BLOCK):
        names = store.ids[start : start + _BLOCK]
        read = list(_masks(names, masks, transform, failures, true_masks))
        if not read:
            continue
        rows = np.array([row for row, _ in read])
        resized = np.stack([mask for _, mask in read])
        scores = attention_score(store.read(start, start + len(names))[rows], resized[:, 0], resized[:, 1])
        values[start + rows] = scores.values
        for row, reason in zip(rows.tolist(), scores.reasons, strict=True):
            reasons[start + row] = reason
    return AttentionScores(values, reasons), failures


def shown_mask(
    mask: Image.Image, transform: EvalTransform, *, true_mask: bool = False
) -> NDArray[np.float32]:
    """A mask as the network's square: ``(2, H, W)`` in 0..1, object and "does this pixel count".

    The two are separated before they are resized, so that an undecided band does not become half an object.
    """
    grey = np.asarray(mask)
    undecided = (grey == _UNDECIDED) if true_mask else np.zeros_like(grey, dtype=bool)
    counts = Image.fromarray(np.where(undecided, 0, 255).astype(np.uint8)).convert("RGB")
    thing = mask if not true_mask else Image.fromarray(np.where(grey > _UNDECIDED, 255, 0).astype(np.uint8))
    counted, cut = transform(counts, thing)
    if cut is None:  # a transform that is given a mask gives one back
        raise ImageError("The mask was lost by the transform.")
    return np.stack([cut[0].numpy(), counted[0].numpy()]).astype(np.float32) / np.float32(255)


def _masks(
    names: list[str],
    files: dict[str, Path | None],
    transform: EvalTransform,
    failures: list[Failure],
    true_masks: bool,
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    for row, name in enumerate(names):
        file = files.get(name)
        if file is None:
            continue
        try:
            yield row, shown_mask(open_mask(file), transform, true_mask=true_masks)
        except ImageError as error:
            failures.append(Failure(name, str(error)))
