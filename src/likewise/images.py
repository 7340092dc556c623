"""Reading and writing of images: any file becomes upright 8-bit RGB, or a grey mask.

Files are untrusted: bytes and pixels are limited before anything is decoded, the kind is taken from the
content and not from the name, and only raster formats that Pillow decodes itself are tried. Nothing here
changes Pillow's global settings.
"""

import functools
import io
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, cast

from PIL import ExifTags, Image

from likewise.errors import ImageError
from likewise.image_kinds import HEAD_BYTES, HEIF, can_read_heif, image_kind, missing_image, open_regular
from likewise.image_limits import Limits
from likewise.image_writing import WRITTEN, encode_jpeg, encode_png, save_image
from likewise.jpeg_header import plain_jpeg_size
from likewise.pixels import as_array, grey, rgb

if TYPE_CHECKING:
    import torch

__all__ = [
    "DEFAULT",
    "TURNS",
    "WRITTEN",
    "EncodedImage",
    "Limits",
    "Source",
    "as_rgb",
    "encode_jpeg",
    "encode_png",
    "image_size",
    "open_image",
    "open_mask",
    "save_image",
]

Source = Path | str | bytes | BinaryIO
_Result = TypeVar("_Result")

# Vector and document formats (EPS, PDF, WMF) start other programs or draw at any size: they are left out. So are
# icons, whose header does not give the size of the image inside.
_FORMATS = (
    "JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000", "PCX",
)  # fmt: skip

TURNS = {  # what each EXIF orientation asks for
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


DEFAULT = Limits()


class EncodedImage:
    """An image whose header is read and whose pixels are not decoded yet.

    Attributes:
        data: The encoded bytes.
        name: Name in messages: the path, or "the image" for bytes.
        size: (width, height) in pixels, upright (after EXIF orientation).
    """

    def __init__(self, source: Source, limits: Limits = DEFAULT, name: str | None = None) -> None:
        self.data, self.name = _bytes_of(source, limits, name)
        self._limits = limits
        size = plain_jpeg_size(self.data)
        self._is_plain_jpeg = size is not None
        limits.check_pixels(size or self._image.size, self.name)
        self.size = self._upright_size() if size is None else size

    def decode(self, min_side_px: int | None = None) -> Image.Image:
        """The upright RGB image; transparent parts are laid on white.

        Args:
            min_side_px: Let a JPEG decode at 1/2, 1/4 or 1/8 of its size (several times faster) as long as
                its shorter side keeps at least this many pixels. None decodes all pixels.

        Raises:
            ImageError: The data is truncated or damaged, or contains numbers that are not an image.
        """
        return _guarded(lambda: rgb(self._upright(min_side_px), self.name), self.name)

    def decode_pixels(self, min_side_px: int | None = None) -> "torch.Tensor":
        """As :meth:`decode`, as a uint8 tensor (H, W, 3) of the same values; a third faster for plain JPEGs.

        Raises:
            ImageError: As :meth:`decode`.
        """
        import torch

        if self._is_plain_jpeg and (min_side_px is None or min(self.size) < 2 * min_side_px):
            from torchvision.io import ImageReadMode, decode_jpeg

            self._limits.check_decoding(self.data, "JPEG", self.size, None, self.name)
            try:
                data = torch.frombuffer(bytearray(self.data), dtype=torch.uint8)
                pixels: torch.Tensor = decode_jpeg(data, mode=ImageReadMode.RGB)
                return pixels.permute(1, 2, 0)
            except RuntimeError:
                pass  # damaged, or torchvision without its JPEG reader: Pillow decides, and says why
        return torch.from_numpy(as_array(self.decode(min_side_px)))

    @property
    def orientation(self) -> int:
        """EXIF orientation of the stored pixels, 1 to 8; 1 = upright."""
        return 1 if self._is_plain_jpeg else _guarded(lambda: _orientation(self._image), self.name)

    def decode_mask(self) -> Image.Image:
        """The upright image as one 8-bit grey channel.

        Raises:
            ImageError: As :meth:`decode`; also when part of it is transparent, since it is then not clear
                whether grey or alpha is the mask.
        """
        return _guarded(lambda: grey(self._upright(None), self.name), self.name)

    @functools.cached_property
    def _image(self) -> Image.Image:
        return _guarded(lambda: _header(self.data, self.name), self.name)

    def _upright_size(self) -> tuple[int, int]:
        width, height = self._image.size
        if self._image.format == "PNG":  # Pillow decodes it when it is asked for its orientation
            self._limits.check_decoding(self.data, "PNG", (width, height), None, self.name)
        # Pillow gives the upright size of a TIFF already.
        turned = self._image.format != "TIFF" and _guarded(lambda: _orientation(self._image), self.name) >= 5
        return (height, width) if turned else (width, height)

    def _upright(self, min_side_px: int | None) -> Image.Image:
        image = self._image
        del self._image  # so that the decoded pixels live only as long as they are needed
        kind = str(image.format)
        self._limits.check_decoding(self.data, kind, image.size, min_side_px, self.name)
        if min_side_px is not None and kind in ("JPEG", "MPO"):
            image.draft(None, (min_side_px, min_side_px))  # None keeps the mode
        return _turned(image)


def open_image(source: Source, *, min_side_px: int | None = None, limits: Limits = DEFAULT) -> Image.Image:
    """Open an image as upright 8-bit RGB.

    EXIF orientation is applied; grey, palette, CMYK and 16-bit images are converted (16-bit scaled, not
    clipped); transparent parts are laid on white; of an animation the first frame is taken. Colour
    profiles are not applied.

    Args:
        source: Path, encoded bytes, or a binary stream (read to its end).
        min_side_px: See :meth:`EncodedImage.decode`.
        limits: Limits that are checked before decoding.

    Raises:
        ImageError: Missing, empty, not an image, truncated, or beyond ``limits``.
    """
    return EncodedImage(source, limits).decode(min_side_px)


def as_rgb(picture: Image.Image, name: str = "the image") -> Image.Image:
    """Any PIL image as upright 8-bit RGB: the same pixels that :func:`open_image` reads from its file.

    Args:
        picture: Image of any mode, opened from a file or made in memory. It is not changed.
        name: Name in messages.

    Raises:
        ImageError: Its file is damaged, or it contains numbers that are not an image.
    """
    return _guarded(lambda: rgb(_turned(picture), name), name)


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


def _turned(image: Image.Image) -> Image.Image:
    """The decoded image, rotated and mirrored as its EXIF orientation says."""
    name: Any = getattr(image, "filename", "")
    if image.format == "TIFF" and name:
        cast(
            Any, image
        ).filename = ""  # by its name Pillow would map the file into memory, and garble turned pixels
    image.load()
    if image.format == "TIFF" and name:
        cast(Any, image).filename = name
    # After loading: TIFF has turned itself by then, and PNG may carry its EXIF block behind the pixels.
    turn = TURNS.get(_orientation(image))
    if turn is None:
        return image
    turned = image.transpose(turn)
    transparency = image.info.get("transparency")
    # Otherwise, applying the EXIF orientation again would rotate the image twice.
    turned.info = {} if transparency is None else {"transparency": transparency}
    return turned


def _guarded(work: Callable[[], _Result], name: str) -> _Result:
    try:
        return work()
    except ImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(f"{name} is refused by Pillow: {error}") from error
    except MemoryError as error:
        raise ImageError(f"{name} does not fit into memory: make it smaller.") from error
    except Exception as error:  # damaged data can make a decoder raise anything
        reason = str(error).rstrip(".") or type(error).__name__
        raise ImageError(f"{name} cannot be decoded ({reason}): replace or remove the file.") from error


def _bytes_of(source: Source, limits: Limits, name: str | None = None) -> tuple[bytes, str]:
    if isinstance(source, str | Path):
        return _file_bytes(source, limits), name or str(source)
    if isinstance(source, bytes):
        data, default_name = source, "the image"
    else:
        data, default_name = source.read(limits.max_bytes + 1), str(getattr(source, "name", "the image"))
    limits.check_length(len(data), name or default_name)
    return data, name or default_name


def _file_bytes(path: Path | str, limits: Limits) -> bytes:
    try:
        with open_regular(path) as stream:
            # Not more than the file size: Python allocates the requested size first.
            size = os.fstat(stream.fileno()).st_size
            # One byte more than allowed, to detect files that are too long.
            data = stream.read(min(size, limits.max_bytes) + 1)
    except FileNotFoundError as error:
        raise missing_image(path) from error
    except (OSError, ValueError) as error:  # ValueError: this system cannot write the name (LANG=C)
        reason = getattr(error, "strerror", None) or error
        # Path.is_dir raises for a name that is too long.
        folder = os.path.isdir(path)  # noqa: PTH112
        advice = "name the images in it" if folder else "it must be an image file you may read"
        raise ImageError(f"{path} cannot be read ({reason}): {advice}.") from error
    limits.check_length(len(data), str(path))
    return data


def _header(data: bytes, name: str) -> Image.Image:
    if image_kind(data[:HEAD_BYTES]) == HEIF:
        if not can_read_heif():
            raise ImageError(f"{name} is a HEIC photo: to read those, run  pip install 'likewise[heic]'.")
        from pillow_heif import HeifImageFile  # its plugin would change Pillow for the whole process

        reader: Any = HeifImageFile
        return cast(Image.Image, reader(io.BytesIO(data)))
    # As Image.open does, without its own limit of pixels, which would hold for the whole process.
    for kind in _readable_formats():
        factory, accepts = Image.OPEN[kind]
        accepted = accepts is None or accepts(data[:16])
        if not accepted or isinstance(accepted, str):  # a text says what is missing to read it
            continue
        try:
            return factory(io.BytesIO(data), "")
        except (SyntaxError, IndexError, TypeError, struct.error):
            continue
    raise ImageError(
        f"{name} is not an image that can be read: use JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC."
    )


@functools.cache
def _readable_formats() -> tuple[str, ...]:
    if not all(kind in Image.OPEN for kind in _FORMATS):
        Image.init()
    return tuple(kind for kind in _FORMATS if kind in Image.OPEN)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:
        return 1  # a damaged EXIF block says nothing about the pixels
