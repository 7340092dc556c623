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
        limits: Of decoding.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, served: ServedIndex, image_id: str, size: int, known: str) -> tuple[str, bytes | None]:
        """The ETag of a thumbnail and its JPEG; only images are ever shown.

        Args:
            served: Index of the image.
            image_id: Id of the image.
            size: Most pixels of the longer side.
            known: ETag that the asker has; its JPEG is None.

        Raises:
            InputError: There is no file, or it cannot be read.
        """
        row = served.row(image_id)
        tag = digest(str(row.get(DIGEST) or image_id), str(row.get(TIME)), str(size))
        return tag, None if tag == known else self._made(served, row, size, tag)

    def _made(self, served: ServedIndex, row: dict[str, Any], size: int, tag: str) -> bytes:
        with self._lock:
            found = self._kept.get(tag)
            if found is not None:
                self._kept.move_to_end(tag)
                return found
        image = EncodedImage(served.image(row, self._limits), self._limits, row["id"]).decode(size)
        image.thumbnail((size, size), Image.Resampling.LANCZOS)
        made = encode_jpeg(image, _QUALITY)
        with self._lock:
            if tag not in self._kept:
                self._kept[tag] = made
                self._bytes += len(made)
                while self._bytes > _MOST_BYTES:
                    self._bytes -= len(self._kept.popitem(last=False)[1])
        return made
