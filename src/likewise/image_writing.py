"""Writing images: the suffix names the format, and a file appears whole or not at all."""

import io
from pathlib import Path

from PIL import Image

from likewise.errors import ImageError
from likewise.files import whole_file
from likewise.pixels import rgb

WRITTEN = {  # extensions of written images, and their formats
    ".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".bmp": "BMP", ".tif": "TIFF", ".tiff": "TIFF",
}  # fmt: skip


def save_image(image: Image.Image, path: Path | str, quality: int = 90) -> None:
    """Write ``image`` in the format its suffix names, whole or not at all.

    Args:
        image: Any 8-bit image; for formats without alpha it is laid on white first.
        path: Ends in .jpg, .jpeg, .png, .webp, .bmp, .tif or .tiff.
        quality: 1 to 100, for JPEG and WebP.

    Raises:
        ImageError: The suffix is none of these.
        WorkError: Writing failed; an older file of that name is kept.
    """
    kind = WRITTEN.get(Path(path).suffix.lower())
    if kind is None:
        raise ImageError(f"Cannot write {path}: the name must end in one of {', '.join(WRITTEN)}.")
    if kind in ("JPEG", "BMP") and image.mode != "L":
        image = rgb(image, str(path))
    with whole_file(path) as temporary:
        image.save(temporary, format=kind, **({"quality": quality} if kind in ("JPEG", "WEBP") else {}))


def encode_png(image: Image.Image) -> bytes:
    """``image`` as the bytes of a PNG file."""
    stream = io.BytesIO()
    image.save(stream, format="PNG")
    return stream.getvalue()


def encode_jpeg(image: Image.Image, quality: int = 90) -> bytes:
    """``image`` as the bytes of a JPEG file; transparent parts are laid on white."""
    stream = io.BytesIO()
    (image if image.mode == "L" else rgb(image, "the image")).save(stream, format="JPEG", quality=quality)
    return stream.getvalue()
