"""From the images of a request to what the model sees: decoded within limits, cut, masked."""

import os
import threading
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from likewise.arguments import cores
from likewise.data import Preprocessing
from likewise.data.compositing import fill_object, paint_background
from likewise.data.mask_model import MaskModel
from likewise.data.masks import OBJECT_FROM
from likewise.errors import ImageError, InputError
from likewise.files import digest
from likewise.image_limits import Limits
from likewise.images import EncodedImage
from likewise.models.pictures import square

Region = tuple[float, float, float, float]
Part = Literal["none", "object", "background"]

_decoding = threading.BoundedSemaphore(
    cores() + 1
)  # memory of decoding is bounded with the number of threads


@dataclass(frozen=True)
class Upload:
    """An image of a request.

    Attributes:
        name: Name in messages.
        data: The encoded image.
        mask: File of its mask; None if the index knows none.
    """

    name: str
    data: bytes
    mask: str | None = None


class QueryImages:
    """Prepares the images of requests.

    Args:
        limits: Limits of decoding.
        masks: The mask model for images without a mask of the catalog; None if there is none.
    """

    def __init__(self, limits: Limits, masks: MaskModel | None = None) -> None:
        self.limits, self._masks = limits, masks
        self._masking = threading.Lock()

    @property
    def masks(self) -> bool:
        """Whether there is a mask model."""
        return self._masks is not None

    def pixels(
        self, preprocessing: Preprocessing, upload: Upload, region: Region | None = None, part: Part = "none"
    ) -> Tensor:
        """uint8 ``(3, S, S)`` of an image, or of a part of it.

        Raises:
            ImageError: It cannot be read.
            InputError: The region has no pixels, or the image has no usable mask.
        """
        EncodedImage(upload.data, self.limits, upload.name)  # refuses what is too large
        with _decoding:
            if region is None and part == "none":
                return square(preprocessing, upload.data, upload.name)
            return square(preprocessing, self.picture(upload, region, part), upload.name)

    def picture(self, upload: Upload, region: Region | None, part: Part) -> Image.Image:
        """The decoded image, cut to ``region`` and with only its object or background."""
        image = EncodedImage(upload.data, self.limits, upload.name).decode()
        if part != "none":
            image = self._masked(upload, image, part)
        return image if region is None else cut(image, region)

    def mask_source(self, upload: Upload) -> Literal["catalog", "model"]:
        """Where the mask of an image comes from; that of the catalog comes first.

        Raises:
            InputError: From nowhere.
        """
        if upload.mask is None and self._masks is None:
            raise InputError(
                f"There is no mask for {upload.name}: start the server with a mask model (likewise serve --masks "
                "u2netp), or search with an image of an index that was built from a catalog with masks."
            )
        return "model" if upload.mask is None else "catalog"

    def _masked(self, upload: Upload, image: Image.Image, part: Part) -> Image.Image:
        source = self.mask_source(upload)
        if source == "catalog":
            name = f"the mask of {upload.name}"
            mask: Image.Image | None = stored_image(str(upload.mask), name, self.limits).decode_mask()
        elif self._masks is not None:
            with self._masking:
                mask = self._masks.predict([image])[0].mask
        marked = np.zeros(1, bool) if mask is None else np.asarray(mask) >= OBJECT_FROM
        if mask is None or not (marked if part == "object" else ~marked).any():
            raise InputError(
                f"The mask of {upload.name} by the {source} marks no {part}: search with all of it, or a region."
            )
        if mask.size != image.size:
            raise InputError(
                f"The mask of {upload.name} is {mask.width} x {mask.height} pixels and the image {image.width} x "
                f"{image.height}: make the mask from this image again, and run  likewise index sync."
            )
        pixels, edge = _tensor(image), _tensor(mask)
        covered = paint_background(pixels, edge) if part == "object" else fill_object(pixels, edge)
        return Image.fromarray(covered.permute(1, 2, 0).numpy())


def stored_image(file: str, name: str, limits: Limits) -> EncodedImage:
    """An image or a mask of an index; messages do not say where it is on the disk.

    Raises:
        ImageError: It cannot be read, or is beyond the limits.
    """
    if not os.access(file, os.R_OK):
        raise ImageError(
            f"The file of {name} is gone or cannot be read: run  likewise index sync  on the server."
        )
    return EncodedImage(file, limits, name)


def cut(image: Image.Image, region: Region) -> Image.Image:
    """The part of an upright image; ``region`` is left, top, width, height as shares of it.

    Raises:
        InputError: The region is smaller than one pixel.
    """
    left, top, width, height = region
    box = (
        round(left * image.width), round(top * image.height),
        round(min(1.0, left + width) * image.width), round(min(1.0, top + height) * image.height),
    )  # fmt: skip
    if box[2] <= box[0] or box[3] <= box[1]:
        raise InputError(f"'region' {list(region)} holds no pixel of the image: draw a larger box.")
    return image.crop(box)


def query_digest(uploads: list[Upload], *words: str) -> str:
    """A digest that is the same for the same query."""
    return digest(*(upload.data for upload in uploads), *words)


def _tensor(image: Image.Image) -> Tensor:
    from torchvision.transforms.v2.functional import pil_to_tensor

    pixels: Tensor = pil_to_tensor(image)
    return pixels if isinstance(pixels, torch.Tensor) else torch.as_tensor(pixels)
