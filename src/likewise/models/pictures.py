"""From any form of an image to the square of pixels that a model sees.

Paths, encoded bytes, PIL images, arrays and tensors all go through :func:`square`, so the same photo gives the same
embedding, explanation and distance in every form.
"""

import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from likewise.arrays import is_dataframe
from likewise.data import EvalTransform, Preprocessing
from likewise.errors import ImageError, InputError
from likewise.images import EncodedImage, as_rgb

Picture = Path | str | bytes | Image.Image | np.ndarray | Tensor
"""One image: a path, the bytes of an image file, a PIL image, an array ``(H, W, 3)`` or a tensor ``(3, H, W)``."""

FORMS = (
    "paths, PIL images, the bytes of image files, uint8 arrays (H, W, 3), or a uint8 tensor (N, 3, H, W) or array "
    "(N, H, W, 3)"
)


def listed(images: Any, what: str) -> list[Picture]:
    """``images`` as a list of images, each of a form that :func:`square` accepts.

    Args:
        images: A sequence, array, Series or iterator of images; or a batch, a uint8 tensor ``(N, 3, H, W)`` or
            array ``(N, H, W, 3)``.
        what: Function that takes them, for messages.

    Raises:
        InputError: One image instead of several, none at all, or something that is not an image.
    """
    single = isinstance(images, str | bytes | os.PathLike | Image.Image)
    if single or (isinstance(images, np.ndarray | Tensor) and images.ndim < 4 and not _holds_objects(images)):
        shape = f" {tuple(images.shape)}" if isinstance(images, np.ndarray | Tensor) else ""
        raise InputError(
            f"{what} takes a list of images, not one {type(images).__name__}{shape}: write [image]."
        )
    if is_dataframe(images):
        raise InputError(f"{what} takes a list of images, not a DataFrame: give the column of their paths.")
    if not isinstance(images, Iterable):
        raise InputError(f"{what} takes a list of images, not a {type(images).__name__}: give {FORMS}.")
    items: list[Picture] = list(images)
    if not items:
        raise InputError(f"{what} got no images: the list is empty.")
    for place, item in enumerate(items):
        check_picture(item, f"image {place}" if len(items) > 1 else "the image")
    return items


def is_path(item: object) -> bool:
    """Whether an image is given by name."""
    return isinstance(item, str | os.PathLike)


def check_picture(item: object, name: str) -> None:
    """Refuse what is not an image, or pixels in another form than documented.

    Raises:
        InputError: With the form that is expected.
    """
    if isinstance(item, np.ndarray):
        _check_array(item, name)
    elif isinstance(item, Tensor):
        if item.dtype != torch.uint8 or item.ndim != 3 or item.shape[0] != 3 or 0 in item.shape:
            raise InputError(
                f"The tensor of {name} is {item.dtype} {tuple(item.shape)}: give uint8 (3, H, W), 0..255 RGB, not yet "
                "normalised."
            )
    elif isinstance(item, Image.Image) and 0 in item.size:
        raise InputError(f"{name} has no pixels ({item.width} x {item.height}): leave it out.")
    elif not isinstance(item, str | os.PathLike | bytes | Image.Image):
        raise InputError(f"{name} is a {type(item).__name__}, which is not an image: give {FORMS}.")


def square(preprocessing: Preprocessing, item: Picture, name: str = "the image") -> Tensor:
    """uint8 ``(3, S, S)`` as the model sees it: upright RGB, resized and cropped.

    A tensor of exactly the model's input size is used unchanged. Everything else is treated as a photo.

    Args:
        preprocessing: Preprocessing of the model.
        item: See ``Picture``; checked.
        name: Name in messages, if it is not a path.

    Raises:
        ImageError: It cannot be read, or contains numbers that are not an image.
    """
    side = preprocessing.crop_px
    if isinstance(item, Tensor) and item.shape[1:] == (side, side):
        return item.cpu()
    transform = EvalTransform(preprocessing)
    encoded = _encoded(item, name)
    try:
        if encoded is not None:
            generator = np.random.default_rng(0)  # nothing is drawn
            plan = transform.plan(encoded.size, generator)
            seen = transform.apply(encoded.decode(plan.min_side_px), None, plan, generator)[0]
        else:
            seen = transform(as_rgb(_as_pil(item), name))[0]
    except (MemoryError, Image.DecompressionBombError) as error:
        raise ImageError(
            f"{name} is too large to be prepared ({error or 'not enough memory'}): make it smaller."
        ) from error
    pixels: Tensor = seen.as_subclass(Tensor)
    return pixels


def squares(preprocessing: Preprocessing, items: Sequence[Picture]) -> Tensor:
    """uint8 ``(N, 3, S, S)`` of images from :func:`listed`.

    Raises:
        ImageError: One of them cannot be read.
    """
    return torch.stack([square(preprocessing, item, f"image {place}") for place, item in enumerate(items)])


def _encoded(item: Picture, name: str) -> EncodedImage | None:
    """The file of an image, if it is not decoded yet."""
    if isinstance(item, str | os.PathLike):
        return EncodedImage(Path(item).expanduser())
    if isinstance(item, bytes):
        return EncodedImage(item, name=name)
    if isinstance(item, Image.Image) and item.format in ("JPEG", "MPO"):
        return _undecoded_jpeg(item, name)
    return None


def _undecoded_jpeg(picture: Image.Image, name: str) -> EncodedImage | None:
    """A large JPEG that ``Image.open`` has not decoded yet is decoded at a fraction of its size, as from its path."""
    stream: Any = getattr(picture, "fp", None)
    if stream is None or not getattr(picture, "tile", None):
        return None
    try:
        place = stream.tell()
        stream.seek(0)
        data = stream.read()
        stream.seek(place)
        encoded = EncodedImage(bytes(data), name=name)
    except (OSError, ValueError, io.UnsupportedOperation, ImageError):
        return None
    # After picture.draft() the image is smaller than its file.
    return encoded if sorted(encoded.size) == sorted(picture.size) else None


def _as_pil(item: Any) -> Image.Image:
    if isinstance(item, Image.Image):
        return item
    values = item.permute(1, 2, 0).cpu().numpy() if isinstance(item, Tensor) else item
    values = values[:, :, 0] if values.ndim == 3 and values.shape[2] == 1 else values
    if values.dtype == np.uint16:
        values = values.astype(values.dtype.newbyteorder("="))
    return Image.fromarray(np.ascontiguousarray(values))


def _check_array(values: np.ndarray, name: str) -> None:
    if (
        values.ndim == 3
        and values.shape[2] in (1, 3, 4)
        and values.dtype == np.uint8
        and 0 not in values.shape
    ):
        return
    grey = (
        values.ndim == 2
        and values.dtype.kind in "ub"
        and values.dtype.itemsize <= 2
        and 0 not in values.shape
    )
    if grey:
        return
    words = f"The array of {name} is {values.dtype} {tuple(values.shape)}"
    if values.ndim == 3 and values.shape[0] == 3 and values.shape[2] not in (1, 3, 4):
        raise InputError(f"{words}: the channels must come last, (H, W, 3); write array.transpose(1, 2, 0).")
    raise InputError(f"{words}: give uint8 (H, W, 3), 0..255 RGB, or grey (H, W).")


def _holds_objects(values: np.ndarray | Tensor) -> bool:
    """An array of paths or of images, not of pixels."""
    return isinstance(values, np.ndarray) and values.dtype.kind in "UO" and values.ndim == 1
