"""The one place that opens and writes images: any file becomes upright 8-bit RGB, or a grey mask.

Files are untrusted: bytes and pixels are limited before anything is decoded, the kind is taken from the
content and not from the name, and only raster formats that Pillow decodes itself are tried. Nothing here
changes Pillow's global settings.
"""

import functools
import io
import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, cast

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from likewise.errors import ImageError
from likewise.image_kinds import HEAD_BYTES, HEIF, can_read_heif, image_kind, open_regular
from likewise.image_writing import WRITTEN, encode_jpeg, encode_png, save_image
from likewise.jpeg_header import plain_jpeg_size
from likewise.pixels import grey, rgb

if TYPE_CHECKING:
    import torch

__all__ = [
    "DEFAULT",
    "WRITTEN",
    "EncodedImage",
    "Limits",
    "Source",
    "encode_jpeg",
    "encode_png",
    "image_size",
    "open_image",
    "open_mask",
    "save_image",
]

Source = Path | str | bytes | BinaryIO
_Result = TypeVar("_Result")

# Vector and document formats (EPS, PDF, WMF) start other programs or draw at any size: they are left out.
_FORMATS = (
    "JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000", "ICO", "PCX",
)  # fmt: skip

# What Pillow's decoders raise on damaged data; anything else is a fault of ours and must be seen.
_DAMAGE = (
    OSError, SyntaxError, ValueError, EOFError, TypeError, IndexError, KeyError, OverflowError, RuntimeError,
    AttributeError, NotImplementedError, struct.error, zlib.error,
)  # fmt: skip

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Limits:
    """What is refused before decoding.

    Attributes:
        max_pixels: Largest width times height. Decoding takes four bytes a pixel.
        max_bytes: Largest size of the encoded file.
    """

    max_pixels: int = 120_000_000
    max_bytes: int = 256 * 1024 * 1024


DEFAULT = Limits()


class EncodedImage:
    """An image whose header is read and whose pixels are not decoded yet.

    Attributes:
        name: What messages call it: the path, or "the image" for bytes.
        size: (width, height) in pixels, upright (after EXIF orientation).
    """

    def __init__(self, source: Source, limits: Limits = DEFAULT, name: str | None = None) -> None:
        self._data, self.name = _bytes_of(source, limits, name)
        size = plain_jpeg_size(self._data)
        self._is_plain_jpeg = size is not None
        self.size = self._upright_size() if size is None else size
        if self.size[0] * self.size[1] > limits.max_pixels:
            raise ImageError(
                f"{self.name} has {self.size[0]} x {self.size[1]} pixels, more than the limit of "
                f"{limits.max_pixels:,}: make it smaller, or raise the limit if you trust it."
            )

    def decode(self, min_side_px: int | None = None) -> Image.Image:
        """The upright RGB image; transparent parts are laid on white.

        Args:
            min_side_px: Let a JPEG decode at 1/2, 1/4 or 1/8 of its size (several times faster) as long as
                its shorter side keeps at least this many pixels. None decodes all pixels.

        Raises:
            ImageError: The data is truncated or damaged, or holds numbers that are not a picture.
        """
        return self._guarded(lambda: rgb(self._upright(min_side_px), self.name))

    def decode_pixels(self, min_side_px: int | None = None) -> "torch.Tensor":
        """As :meth:`decode`, as a uint8 tensor (H, W, 3) of the same values; a third faster for plain JPEGs.

        Raises:
            ImageError: As :meth:`decode`.
        """
        import torch

        if self._is_plain_jpeg and (min_side_px is None or min(self.size) < 2 * min_side_px):
            from torchvision.io import ImageReadMode, decode_jpeg

            try:
                data = torch.frombuffer(bytearray(self._data), dtype=torch.uint8)
                pixels: torch.Tensor = decode_jpeg(data, mode=ImageReadMode.RGB)
                return pixels.permute(1, 2, 0)
            except RuntimeError:
                pass  # damaged, or torchvision without its JPEG reader: Pillow decides, and says why
        return torch.from_numpy(np.array(self.decode(min_side_px)))

    def decode_mask(self) -> Image.Image:
        """The upright image as one 8-bit grey channel.

        Raises:
            ImageError: As :meth:`decode`; also when part of it is transparent, since it is then not clear
                whether grey or alpha is the mask.
        """
        return self._guarded(lambda: grey(self._upright(None), self.name))

    @functools.cached_property
    def _image(self) -> Image.Image:
        return self._guarded(lambda: _header(self._data, self.name))

    def _upright_size(self) -> tuple[int, int]:
        width, height = self._image.size
        # Pillow gives the upright size of a TIFF already. (Asking a PNG for its orientation may decode it.)
        turned = self._image.format != "TIFF" and self._guarded(lambda: _orientation(self._image)) >= 5
        return (height, width) if turned else (width, height)

    def _upright(self, min_side_px: int | None) -> Image.Image:
        image = self._image
        if min_side_px is not None and image.format in ("JPEG", "MPO"):
            image.draft(None, (min_side_px, min_side_px))  # None keeps the mode
        image.load()
        # After loading: TIFF has turned itself by then, and PNG may carry its EXIF block behind the pixels.
        turn = _TURNS.get(_orientation(image))
        image = image if turn is None else image.transpose(turn)
        transparency = image.info.get("transparency")
        # Without this, whoever applies the EXIF orientation again would turn the image twice.
        image.info = {} if transparency is None else {"transparency": transparency}
        return image

    def _guarded(self, work: Callable[[], _Result]) -> _Result:
        try:
            return work()
        except ImageError:
            raise
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise ImageError(f"{self.name} is refused by Pillow: {error}") from error
        except MemoryError as error:
            raise ImageError(f"{self.name} does not fit into memory: make it smaller.") from error
        except _DAMAGE as error:
            reason = str(error).rstrip(".") or type(error).__name__
            raise ImageError(
                f"{self.name} cannot be decoded ({reason}): replace or remove the file."
            ) from error


def open_image(source: Source, *, min_side_px: int | None = None, limits: Limits = DEFAULT) -> Image.Image:
    """Open an image as upright 8-bit RGB.

    EXIF orientation is applied; grey, palette, CMYK and 16-bit images are converted (16-bit scaled, not
    clipped); transparent parts are laid on white; of an animation the first frame is taken. Colour
    profiles are not applied.

    Args:
        source: Path, encoded bytes, or a binary stream (read to its end).
        min_side_px: See :meth:`EncodedImage.decode`.
        limits: What to refuse before decoding.

    Raises:
        ImageError: Missing, empty, not an image, truncated, or beyond ``limits``.
    """
    return EncodedImage(source, limits).decode(min_side_px)


def open_mask(source: Source, *, limits: Limits = DEFAULT) -> Image.Image:
    """Open a mask as one 8-bit grey channel, upright: 255 = object, 0 = background, between = soft.

    Raises:
        ImageError: As :func:`open_image`; also for masks with transparent parts.
    """
    return EncodedImage(source, limits).decode_mask()


def image_size(source: Source, *, limits: Limits = DEFAULT) -> tuple[int, int]:
    """(width, height) of the upright image; JPEGs are not decoded for it.

    Raises:
        ImageError: Missing, not an image, or beyond ``limits``.
    """
    return EncodedImage(source, limits).size


def _bytes_of(source: Source, limits: Limits, name: str | None = None) -> tuple[bytes, str]:
    if isinstance(source, str | Path):
        return _file_bytes(source, limits), name or str(source)
    if isinstance(source, bytes):
        data, found = source, "the image"
    else:
        data, found = source.read(limits.max_bytes + 1), str(getattr(source, "name", "the image"))
    _check_length(len(data), name or found, limits)
    return data, name or found


def _file_bytes(path: Path | str, limits: Limits) -> bytes:
    try:
        with open_regular(path) as stream:
            # No more than the file holds: Python first sets aside all that it is asked for.
            size = os.fstat(stream.fileno()).st_size
            # One byte more than allowed tells too long from just right.
            data = stream.read(min(size, limits.max_bytes) + 1)
    except FileNotFoundError as error:
        raise ImageError(f"There is no file {path}: correct the path, or remove it from the list.") from error
    except OSError as error:
        raise ImageError(
            f"{path} cannot be read ({error.strerror or error}): it must be an image file you may read."
        ) from error
    _check_length(len(data), str(path), limits)
    return data


def _check_length(length: int, name: str, limits: Limits) -> None:
    if length == 0:
        raise ImageError(f"{name} is empty (0 bytes): replace or remove the file.")
    if length > limits.max_bytes:
        raise ImageError(
            f"{name} is larger than {limits.max_bytes:,} bytes: make it smaller, or raise the limit."
        )


def _header(data: bytes, name: str) -> Image.Image:
    if image_kind(data[:HEAD_BYTES]) == HEIF:
        if not can_read_heif():
            raise ImageError(f"{name} is a HEIC photo: to read those, run  pip install 'likewise[heic]'.")
        from pillow_heif import HeifImageFile  # its plugin would change Pillow for the whole process

        reader: Any = HeifImageFile
        return cast(Image.Image, reader(io.BytesIO(data)))
    try:
        return Image.open(io.BytesIO(data), formats=_readable_formats())
    except UnidentifiedImageError as error:
        raise ImageError(
            f"{name} is not an image that can be read: use JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF."
        ) from error


@functools.cache
def _readable_formats() -> tuple[str, ...]:
    if not all(kind in Image.OPEN for kind in _FORMATS):
        Image.init()
    return tuple(kind for kind in _FORMATS if kind in Image.OPEN)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except _DAMAGE:
        return 1  # a damaged EXIF block says nothing about the pixels
