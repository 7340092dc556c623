"""From the images of a request to what the model sees: decoded within limits, cut, masked."""

import threading
from dataclasses import dataclass
from typing import Literal

import torch
from PIL import Image
from torch import Tensor

from likewise.arguments import cores
from likewise.data import Preprocessing
from likewise.data.compositing import fill_object, paint_background
from likewise.data.mask_model import MaskModel
from likewise.errors import InputError, MissingExtraError
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
        name: What messages call it.
        data: The encoded image.
    """

    name: str
    data: bytes


class QueryImages:
    """Prepares the images of requests.

    Args:
        limits: Of decoding.
        masks: The mask model; None where there is none.
    """

    def __init__(self, limits: Limits, masks: MaskModel | None = None) -> None:
        self.limits, self._masks = limits, masks
        self._masking = threading.Lock()

    @property
    def masks(self) -> bool:
        """Whether the object of an image can be found."""
        return self._masks is not None

    def pixels(
        self, preprocessing: Preprocessing, upload: Upload, region: Region | None = None, part: Part = "none"
    ) -> Tensor:
        """uint8 ``(3, S, S)`` of an image, or of a part of it.

        Raises:
            ImageError: It cannot be read.
            InputError: The region has no pixels, or there is no mask model.
        """
        encoded = EncodedImage(upload.data, self.limits, upload.name)
        with _decoding:
            if region is None and part == "none":
                return square(preprocessing, upload.data, upload.name)
            return square(preprocessing, self.picture(encoded, region, part), upload.name)

    def picture(self, encoded: EncodedImage, region: Region | None, part: Part) -> Image.Image:
        """The decoded image, cut to ``region`` and with only its object or background."""
        image = encoded.decode()
        if part != "none":
            image = self._masked(image, part)
        return image if region is None else cut(image, region)

    def _masked(self, image: Image.Image, part: Part) -> Image.Image:
        if self._masks is None:
            raise MissingExtraError("Searching by object or background (likewise serve --masks)", "masks")
        with self._masking:
            mask = self._masks.predict([image])[0].mask
        if mask is None:
            raise InputError(
                "The mask model found no object in the image: search with all of it, or a region."
            )
        pixels, edge = _tensor(image), _tensor(mask)
        shown = paint_background(pixels, edge) if part == "object" else fill_object(pixels, edge)
        return Image.fromarray(shown.permute(1, 2, 0).numpy())


def cut(image: Image.Image, region: Region) -> Image.Image:
    """The part of an upright image; ``region`` is left, top, width, height as shares of it.

    Raises:
        InputError: Less than one pixel is left.
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
