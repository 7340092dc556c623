"""Thumbnails of the images of an index, kept in memory."""

import threading
from collections import OrderedDict
from typing import Any

from PIL import Image

from likewise.files import digest
from likewise.image_limits import Limits
from likewise.images import EncodedImage, encode_jpeg
from likewise.retrieval.index.schema import DIGEST, TIME
from likewise.serve.served_index import ServedIndex

_MOST_BYTES = 64_000_000
_QUALITY = 85


class Thumbnails:
    """JPEGs by content and size, the ones used last.

    Args:
        limits: Limits of decoding.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._cache: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, served: ServedIndex, image_id: str, size: int, cached_tag: str) -> tuple[str, bytes | None]:
        """The ETag of a thumbnail and its JPEG. Only files that are images are ever returned.

        Args:
            served: Index of the image.
            image_id: Id of the image.
            size: Largest number of pixels of the longer side.
            cached_tag: ETag that the client has cached; if it is current, the JPEG is None.

        Raises:
            InputError: There is no file, or it cannot be read.
        """
        row = served.row(image_id)
        tag = digest(str(row.get(DIGEST) or image_id), str(row.get(TIME)), str(size))
        return tag, None if tag == cached_tag else self._made(served, row, size, tag)

    def _made(self, served: ServedIndex, row: dict[str, Any], size: int, tag: str) -> bytes:
        with self._lock:
            cached = self._cache.get(tag)
            if cached is not None:
                self._cache.move_to_end(tag)
                return cached
        image = EncodedImage(served.image(row, self._limits), self._limits, row["id"]).decode(size)
        image.thumbnail((size, size), Image.Resampling.LANCZOS)
        made = encode_jpeg(image, _QUALITY)
        with self._lock:
            if tag not in self._cache:
                self._cache[tag] = made
                self._bytes += len(made)
                while self._bytes > _MOST_BYTES:
                    self._bytes -= len(self._cache.popitem(last=False)[1])
        return made
