"""Thumbnails of the images of an index, kept in memory."""

import threading
from collections import OrderedDict

from PIL import Image

from likewise.files import digest
from likewise.image_limits import Limits
from likewise.images import EncodedImage, encode_jpeg
from likewise.retrieval.index.schema import DIGEST
from likewise.serve.explaining import image_bytes
from likewise.serve.served_index import ServedIndex

_MOST_BYTES = 64_000_000
_QUALITY = 85


class Thumbnails:
    """JPEGs by content and size, the ones used last.

    Args:
        limits: Of decoding.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def tag(self, served: ServedIndex, image_id: str, size: int) -> str:
        """The ETag of a thumbnail, by the content that the index knows."""
        row = served.row(image_id)
        return digest(str(row.get(DIGEST) or image_id), str(row.get("_mtime_ns")), str(size))

    def get(self, served: ServedIndex, image_id: str, size: int, tag: str) -> bytes:
        """The image, upright, with its longer side at most ``size`` pixels; only images are ever shown.

        Raises:
            InputError: There is no file, or it cannot be read.
        """
        with self._lock:
            found = self._kept.get(tag)
            if found is not None:
                self._kept.move_to_end(tag)
                return found
        data = image_bytes(served, image_id, self._limits)
        image = EncodedImage(data, self._limits, image_id).decode(size)
        image.thumbnail((size, size), Image.Resampling.LANCZOS)
        made = encode_jpeg(image, _QUALITY)
        with self._lock:
            if tag not in self._kept:
                self._kept[tag] = made
                self._bytes += len(made)
                while self._bytes > _MOST_BYTES:
                    self._bytes -= len(self._kept.popitem(last=False)[1])
        return made
