"""Conditions of the background audit: versions of the test images.

``original`` images; ``replaced`` with the background of a random photo; ``background_only`` without
the object; ``object_only`` without a background.

Source: Kobs & Hotho 2022 for ``original`` and ``replaced`` (evaluation crop for the object, training
transform for the photo, for queries and gallery); the other two are ours.
"""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from torch import Tensor
from torchvision import tv_tensors

from likewise.data.augmentation import Augmentation
from likewise.data.background_crops import FreshCrops
from likewise.data.backgrounds import BackgroundBank
from likewise.data.compositing import Compositing, clean_edges, composite, fill_object, paint_background
from likewise.data.preprocessing import Preprocessing
from likewise.data.transforms import EvalTransform
from likewise.errors import ConfigError, ImageError, choices

Condition = Literal["original", "replaced", "background_only", "object_only"]
CONDITIONS: tuple[Condition, ...] = get_args(Condition)


class ShowCondition:
    """A pair transform that shows an image, cut for evaluation, under one condition.

    The random choices of ``replaced`` come from the dataset's seed and draw: the same seed and draw give
    the same backgrounds for every model, so models can be compared image by image.
    """

    def __init__(
        self,
        condition: Condition,
        preprocessing: Preprocessing,
        bank: BackgroundBank | None = None,
        *,
        compositing: Compositing = "published",
    ) -> None:
        """Prepare.

        Args:
            condition: See the module.
            preprocessing: Preprocessing of the model.
            bank: Photos, for ``replaced``.
            compositing: ``published`` or ``clean``, for ``replaced`` and ``object_only``.

        Raises:
            ConfigError: The condition or the compositing does not exist, or ``replaced`` has no photos.
        """
        if condition not in CONDITIONS:
            raise ConfigError(f"There is no condition {condition!r}: {choices(condition, CONDITIONS)}")
        if compositing not in get_args(Compositing):
            raise ConfigError(
                f"There is no compositing {compositing!r}: {choices(compositing, get_args(Compositing))}"
            )
        if condition == "replaced" and bank is None:
            raise ConfigError("The condition 'replaced' needs background photos: give a folder of them.")
        self.condition = condition
        self._compositing = compositing
        self._photos = None
        if condition == "replaced" and bank is not None:
            # The published test varies the photos as in training, whatever the training of this model was.
            self._photos = FreshCrops(bank, preprocessing, Augmentation())

    def __call__(
        self, image: tv_tensors.Image, mask: tv_tensors.Mask | None, generator: np.random.Generator
    ) -> tuple[tv_tensors.Image, tv_tensors.Mask | None]:
        """Show one image; the mask stays.

        Raises:
            ImageError: There is no mask and the condition needs one.
        """
        if self.condition == "original":
            return image, mask
        if mask is None:
            raise ImageError(
                f"The condition {self.condition!r} needs a mask: make masks with  likewise masks."
            )
        pixels, edge = image.as_subclass(Tensor), mask.as_subclass(Tensor)
        if self.condition == "background_only":
            return tv_tensors.Image(fill_object(pixels, edge)), mask
        if self._compositing == "clean":
            pixels, edge = clean_edges(pixels, edge)
        if self._photos is None:
            return tv_tensors.Image(paint_background(pixels, edge)), mask
        return tv_tensors.Image(composite(pixels, self._photos.draw(generator), edge)), mask


def condition_transform(
    condition: Condition,
    preprocessing: Preprocessing,
    bank: BackgroundBank | None = None,
    *,
    compositing: Compositing = "published",
) -> EvalTransform:
    """The evaluation transform of ``preprocessing`` that shows images under ``condition``."""
    pair_transform = ShowCondition(condition, preprocessing, bank, compositing=compositing)
    return EvalTransform(preprocessing, pair_transform=pair_transform)


def is_random(condition: str) -> bool:
    """Whether another draw of ``condition`` gives other images."""
    return condition == "replaced"


def needs_masks(conditions: Sequence[str]) -> bool:
    """Whether any of ``conditions`` needs object masks."""
    return any(condition != "original" for condition in conditions)
