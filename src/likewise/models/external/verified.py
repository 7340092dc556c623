"""Verification of the preprocessing: compared with that of the source library on test images at loading."""

from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from likewise.data import EvalTransform
from likewise.data.preprocessing import Preprocessing
from likewise.errors import ModelError
from likewise.extensions import what_happened

Source = Callable[[Image.Image], Tensor]
"""Source preprocessing, from an RGB image to the network input, ``(3, H, W)`` or ``(1, 3, H, W)``."""

# Steps of 8 bits: torchvision's resampling of tensors rounds its weights differently from Pillow's, for rows and for
# columns, and a library that resizes after scaling to 0..1 does not round to 8 bits at all. A wrong filter or size
# differs by ten and more.
_TOLERANCE_LEVELS = 2.01
# Landscape, portrait and square; odd sides, so that the crop falls on half pixels; a side below most input sizes.
_SIZES = ((320, 213), (187, 290), (150, 150), (501, 333))


class AnotherShapeError(Exception):
    """The source does not give an image of the expected size."""


def largest_difference(preprocessing: Preprocessing, source: Source, images: list[Image.Image]) -> float:
    """Of all pixels, in steps of 8-bit values (0..255).

    Raises:
        AnotherShapeError: The source gives another size.
    """
    transform, worst = EvalTransform(preprocessing), 0.0
    # How far one 8-bit step moves the network's input, per channel.
    step = preprocessing.value_range / 255 / torch.tensor(preprocessing.std)
    for image in images:
        ours = preprocessing.normalize(transform(image)[0].as_subclass(Tensor))
        theirs = torch.as_tensor(source(image)).float().squeeze(0)
        if theirs.shape != ours.shape:
            shape = "numbers" if theirs.dim() != 3 else f"{theirs.shape[2]} x {theirs.shape[1]} px"
            raise AnotherShapeError(
                f"gives {shape} {tuple(theirs.shape)} for an image of {image.width} x {image.height} px"
            )
        worst = max(worst, float(((ours - theirs).abs() / step.reshape(3, 1, 1)).max()))
    return worst


def verify(preprocessing: Preprocessing, source: Source, title: str) -> Preprocessing:
    """``preprocessing``, after comparing it with the source's own on test images.

    Args:
        preprocessing: Preprocessing from the files of the model.
        source: Preprocessing of an image by the library of the model.
        title: Title of the model, for messages.

    Raises:
        ModelError: They differ by more than two steps of 8 bits: it cannot be expressed.
    """
    way_out = (
        "give preprocessing=, or put your own function around the model (torch:package.module:function)."
    )
    try:
        worst = largest_difference(preprocessing, source, probe_images())
    except AnotherShapeError as error:
        raise ModelError(
            f"The image processor of {title} {error}, not what its files say: {way_out}"
        ) from error
    except Exception as error:  # foreign code may raise anything
        raise ModelError(
            f"The image processor of {title} fails on a test image ({what_happened(error).rstrip('.')}): {way_out}"
        ) from error
    if not worst <= _TOLERANCE_LEVELS:
        raise ModelError(
            f"The image processor of {title} does something that likewise cannot express: pixels differ by up to "
            f"{worst:.1f} of 255 from resizing and cropping as its files say; {way_out}"
        )
    return preprocessing


def probe_images() -> list[Image.Image]:
    """Images with everything that resampling can get wrong: noise, edges and slopes; the same each time.

    Their values leave room for the overshoot of filters: libraries clip what leaves 0..255 at different steps.
    """
    generator = np.random.default_rng(0)
    images = []
    for width, height in _SIZES:
        x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
        slopes = np.stack([x, y, (x * 9 % 1 > 0.5)], axis=-1) * 255
        noise = generator.integers(0, 256, slopes.shape)
        pixels = np.where((x + y)[..., None] < 1, slopes, noise).astype(np.uint8)
        images.append(Image.fromarray(64 + pixels // 2))
    return images
