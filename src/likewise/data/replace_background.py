"""BGAugment: replace the background of training images, with a new draw each time.

`ReplaceBackground` works in the loader with photos of a bank. The two others work on a loaded batch, on its
device, and cost the loader nothing: `replace_from_crops` takes crops prepared from a bank, `replace_within_batch`
the other images of the batch, so it needs no photos.

Source: Kobs & Hotho, On Background Bias in Deep Metric Learning, BGAugment.
"""

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision import tv_tensors

from likewise.data.background_crops import BackgroundCrops, PreparedCrops
from likewise.data.compositing import Compositing, clean_edges, composite, fill_object
from likewise.errors import ConfigError, ImageError, InputError

Schedule = float | Sequence[tuple[float, float]]
"""A probability, or points (epoch, probability) joined by straight lines and constant outside them."""


class ReplaceBackground:
    """A pair transform: with a probability, what the mask does not cover becomes part of a random photo.

    It acts after crop and flip, which image and mask share; the photo gets a crop, flip and colours of its
    own from the same augmentation, as published. The published setting is probability 1, fresh crops and the
    ``published`` composite. Probability 0 changes no pixel and no other random choice.

    Use it as the ``pair_transform`` of a ``TrainTransform``, with a dataset that has masks.
    """

    def __init__(
        self,
        crops: BackgroundCrops,
        *,
        probability: Schedule = 1.0,
        compositing: Compositing = "published",
    ) -> None:
        """Prepare; no photo is read yet.

        Args:
            crops: Source of the backgrounds: `FreshCrops` (published) or `PreparedCrops` (faster).
            probability: Share of images that change, or its schedule over epochs (see `set_epoch`).
            compositing: ``published`` blends with the soft mask; ``clean`` also takes the old background's
                colours out of soft edges, at several times the cost.

        Raises:
            ConfigError: A probability outside 0..1.
        """
        self._crops, self._compositing = crops, compositing
        self._points = _points(probability)
        # In shared memory, so that loader workers which live from epoch to epoch see it change.
        self._probability = torch.tensor(probability_at(probability, 0), dtype=torch.float64)
        self._probability.share_memory_()  # type: ignore[no-untyped-call]  # torch does not type it

    @property
    def probability(self) -> float:
        """The probability in force."""
        return float(self._probability)

    def set_epoch(self, epoch: float) -> None:
        """Take the probability that the schedule has at ``epoch``; call it before the loader is iterated."""
        self._probability.fill_(probability_at(self._points, epoch))

    def __call__(
        self, image: tv_tensors.Image, mask: tv_tensors.Mask | None, generator: np.random.Generator
    ) -> tuple[tv_tensors.Image, tv_tensors.Mask | None]:
        """Change the background of one image, or leave it; the mask stays.

        Raises:
            ImageError: There is no mask.
        """
        if generator.random() >= self.probability:
            return image, mask
        if mask is None:
            raise ImageError(
                "Another background needs a mask of the object: make masks with  likewise masks."
            )
        pixels, edge = image.as_subclass(Tensor), mask.as_subclass(Tensor)
        if self._compositing == "clean":
            pixels, edge = clean_edges(pixels, edge)
        return tv_tensors.Image(composite(pixels, self._crops.draw(generator), edge)), mask


def replace_within_batch(
    images: Tensor,
    masks: Tensor,
    generator: np.random.Generator,
    probability: float = 1.0,
    *,
    compositing: Compositing = "published",
) -> Tensor:
    """Give images the background of another image of the batch, with that image's object filled in.

    Each changed image gets its background from a random *other* row. In class-balanced batches that row is
    usually of another class, which is intended: the background no longer predicts the class.

    Args:
        images: uint8 ``(B, 3, H, W)``, on any device.
        masks: uint8 ``(B, 1, H, W)``.
        generator: Source of the random numbers.
        probability: Share of images that change.
        compositing: See :class:`ReplaceBackground`.

    Returns:
        uint8 ``(B, 3, H, W)``.

    Raises:
        InputError: Fewer than two images.
        ConfigError: The probability is outside 0..1.
    """
    count = len(images)
    if count < 2:
        raise InputError(f"Backgrounds of other images need a batch of two or more images, got {count}.")
    probability = probability_at(probability, 0)
    # A random shift of a random order: every other row is equally likely, none gets its own background.
    order, shift = generator.permutation(count), int(generator.integers(1, count))
    givers = np.empty(count, dtype=np.int64)
    givers[order] = np.roll(order, shift)
    changed = np.flatnonzero(generator.random(count) < probability)
    source = torch.from_numpy(givers[changed]).to(images.device)
    backgrounds = fill_object(images[source], masks[source])
    return _with_backgrounds(images, masks, changed, backgrounds, compositing)


def replace_from_crops(
    images: Tensor,
    masks: Tensor,
    crops: PreparedCrops,
    generator: np.random.Generator,
    probability: float = 1.0,
    *,
    compositing: Compositing = "published",
) -> Tensor:
    """Give images of a loaded batch random crops of photos as backgrounds.

    As `ReplaceBackground`, on the batch's device instead of in the loader: loading takes no longer than without new
    backgrounds.

    Args:
        images: uint8 ``(B, 3, H, W)``, on any device; H and W are the crops' size.
        masks: uint8 ``(B, 1, H, W)``.
        crops: Backgrounds; each is as likely as the other, with replacement.
        generator: Source of the random numbers.
        probability: Share of images that change.
        compositing: See :class:`ReplaceBackground`.

    Returns:
        uint8 ``(B, 3, H, W)``.

    Raises:
        ConfigError: The probability is outside 0..1.
    """
    changed = np.flatnonzero(generator.random(len(images)) < probability_at(probability, 0))
    backgrounds = crops.draw_many(len(changed), generator).to(images.device, non_blocking=True)
    return _with_backgrounds(images, masks, changed, backgrounds, compositing)


def _with_backgrounds(
    images: Tensor, masks: Tensor, rows: NDArray[np.int64], backgrounds: Tensor, compositing: Compositing
) -> Tensor:
    if len(rows) == 0:
        return images
    everything = len(rows) == len(images)
    changed = torch.from_numpy(rows).to(images.device)
    objects, edges = (images, masks) if everything else (images[changed], masks[changed])
    if compositing == "clean":
        objects, edges = clean_edges(objects, edges)
    composed = composite(objects, backgrounds, edges)
    return composed if everything else images.index_copy(0, changed, composed)


def probability_at(schedule: Schedule, epoch: float) -> float:
    """The probability that ``schedule`` has at ``epoch``.

    Raises:
        ConfigError: A probability outside 0..1, no point, or epochs that do not rise.

    >>> probability_at([(0, 0.0), (10, 1.0)], 4)
    0.4
    """
    points = _points(schedule)
    epochs, values = [point[0] for point in points], [point[1] for point in points]
    after = bisect_right(epochs, epoch)
    if after in (0, len(points)):
        return values[0] if after == 0 else values[-1]
    share = (epoch - epochs[after - 1]) / (epochs[after] - epochs[after - 1])
    return values[after - 1] + share * (values[after] - values[after - 1])


def _points(schedule: Schedule) -> list[tuple[float, float]]:
    pairs = [(0, schedule)] if isinstance(schedule, int | float) else schedule
    points = [(float(epoch), float(probability)) for epoch, probability in pairs]
    if not points or any(not 0 <= probability <= 1 for _, probability in points):
        raise ConfigError(f"The probability {schedule!r} must be between 0 and 1 in every epoch.")
    epochs = [epoch for epoch, _ in points]
    if sorted(set(epochs)) != epochs:
        raise ConfigError(f"The epochs of the schedule {schedule!r} must rise from point to point.")
    return points
