"""Searches for one small image, which one thread answers from the file to the hits, many at a time.

To hand such a search from thread to thread costs more than its own work in Python. Everything else (large images,
conditions, texts, explanations) can take longer than a batch may wait for, and is worked on in a thread of its own.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
from torch import Tensor

from likewise.arguments import cores
from likewise.images import EncodedImage
from likewise.serve.batching import Batcher
from likewise.serve.feedback import Journal
from likewise.serve.prepared_queries import ImageSearch
from likewise.serve.query_images import Upload
from likewise.serve.requests import Search
from likewise.serve.searching import Searcher
from likewise.serve.served_index import EMBEDDING_THREADS, ServedIndex

# Other images could hold up the rest of their batch.
_SMALL_BYTES, _SMALL_PIXELS = 500_000, 4_000_000
_STARTS = (b"\xff\xd8", b"\x89PNG", b"RIFF")  # of JPEG, PNG and WebP, whose size is read without decoding
_FREE = ("index", "image", "images", "k", "threshold", "region")
_DEFAULTS = {name: each.get_default() for name, each in Search.model_fields.items() if name not in _FREE}

Answer = dict[str, Any]
Result = TypeVar("Result")


class QuickSearches:
    """Answers searches for small images in batches.

    Args:
        searcher: Prepares the queries and forms the answers.
        most: Most searches in a batch.
        threads: Batches that are worked on at the same time.
    """

    def __init__(self, searcher: Searcher, most: int, threads: int = EMBEDDING_THREADS) -> None:
        self._searcher = searcher
        self._batcher: Batcher[ImageSearch, Answer] = Batcher(self._answers, most, "search", threads=threads)
        # With cores to spare, the images of a batch are decoded by several threads.
        spare = cores() > threads
        self._decoders = ThreadPoolExecutor(cores(), thread_name_prefix="decode") if spare else None

    def of(
        self, served: ServedIndex, search: Search, files: Sequence[Upload], journal: Journal
    ) -> ImageSearch | None:
        """A search, if it is a quick one.

        Raises:
            InputError: Its image is not base64, or k is above the limit.
            ImageError: The image is damaged or too large.
        """
        written = [each for each in (search.image, *search.images) if each is not None]
        sizes = [*(len(each.data) for each in files), *(len(each) * 3 // 4 for each in written)]
        if len(sizes) != 1 or sizes[0] > _SMALL_BYTES:
            return None
        if any(getattr(search, name) != usual for name, usual in _DEFAULTS.items()):
            return None
        self._searcher.check_k(search)
        upload = self._searcher.uploads(search, files)[0]
        if not upload.data.startswith(_STARTS):
            return None
        width, height = EncodedImage(upload.data, self._searcher.images.limits, upload.name).size
        if width * height > _SMALL_PIXELS:
            return None
        return ImageSearch(served, search, upload, journal)

    def submit(self, quick: ImageSearch) -> "Future[Answer]":
        """The answer, later."""
        return self._batcher.submit(quick)

    def close(self) -> None:
        """Answer what waits, then end the threads."""
        self._batcher.close()
        if self._decoders is not None:
            self._decoders.shutdown()

    def _answers(self, batch: list[ImageSearch]) -> list[Answer | Exception]:
        """The answer to each search, or why there is none."""
        mapped = map if self._decoders is None else self._decoders.map
        pixels = list(mapped(self._pixels, batch))
        answers: dict[int, Answer | Exception] = {
            row: each for row, each in enumerate(pixels) if isinstance(each, Exception)
        }
        for served in dict.fromkeys(quick.served for quick in batch):
            usable = {
                row: each
                for row, each in enumerate(pixels)
                if batch[row].served is served and not isinstance(each, Exception)
            }
            if usable:
                vectors = served.vectors(list(usable.values()))
                compared = self._compared(served, [batch[row] for row in usable], vectors)
                answers.update(zip(usable, compared, strict=True))
        return [answers[row] for row in range(len(batch))]

    def _pixels(self, quick: ImageSearch) -> Tensor | Exception:
        return _outcome(lambda: self._searcher.pixels(quick.served, quick.search, quick.upload))

    def _compared(
        self, served: ServedIndex, batch: list[ImageSearch], vectors: list[np.ndarray]
    ) -> list[Answer | Exception]:
        def answer(quick: ImageSearch, vector: np.ndarray) -> Answer | Exception:
            return _outcome(lambda: self._searcher.answer_to(quick, vector))

        with served.store.compared_together(vectors, [quick.search.k for quick in batch]):
            return list(map(answer, batch, vectors))


def _outcome(work: Callable[[], Result]) -> Result | Exception:
    """The result, or why there is none: a bad image must not fail the others of its batch."""
    try:
        return work()
    except Exception as error:
        return error
