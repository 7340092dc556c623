"""Searches: from the body of a request to hits, by :meth:`likewise.Index.search`."""

import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import numpy as np
from torch import Tensor

from likewise.errors import InputError
from likewise.retrieval import Hit, Threshold, mixed_query
from likewise.retrieval.index.results import plain
from likewise.serve.feedback import Journal
from likewise.serve.fetching import Fetcher
from likewise.serve.pages import Pages, Ranking
from likewise.serve.prepared_queries import ImageSearch, Prepared
from likewise.serve.query_images import QueryImages, Upload, query_digest
from likewise.serve.requests import Query, Search, decoded
from likewise.serve.served_index import ServedIndex
from likewise.serve.settings import Settings

THUMBNAIL_PX = 256


class Searcher:
    """Answers searches.

    Args:
        settings: Limits.
        images: Prepares images.
        fetcher: Fetches addresses; None if that is not allowed.
    """

    def __init__(self, settings: Settings, images: QueryImages, fetcher: Fetcher | None) -> None:
        self._settings, self.images, self._fetcher = settings, images, fetcher
        self.pages = Pages()

    def prepare(self, served: ServedIndex, query: Query, files: Sequence[Upload] = ()) -> Prepared:
        """The vector of a query.

        Raises:
            InputError: There is nothing to search for, too much, or an image cannot be read.
        """
        uploads, ids = self.sources(served, query, files)
        self._check(query, uploads, ids)
        vectors = self._embedded(served, query, uploads) + [served.stored_vector(name) for name in ids]
        return self._prepared(served, query, uploads, ids, vectors)

    def _prepared(
        self,
        served: ServedIndex,
        query: Query,
        uploads: list[Upload],
        ids: list[str],
        vectors: list[np.ndarray],
    ) -> Prepared:
        words = [*query.texts, *query.absent, *query.unlike]
        alone = len(vectors) == 1 and not words
        if alone:
            vector = vectors[0]
        else:
            base = _mean(vectors) if vectors else None
            unlike = [served.stored_vector(name) for name in query.unlike]
            vector = mixed_query(
                served.index,
                base,
                texts=query.texts,
                without=query.absent,
                unlike=unlike,
                weight=query.weight,
            )
        mask = None if query.mask == "none" else self.images.mask_source(uploads[0])
        changed = [query.mask, str(query.region)] if query.partial else []
        several = len(vectors) + len(words) > 1
        # Without the numbers, "like a and b" would have the marks of "like a, unlike b".
        numbers = (len(uploads), len(ids), len(query.texts), len(query.absent), query.weight)
        parts = " ".join(map(str, numbers)) if several else ""
        kind = "mixture" if several else "image" if uploads else "id" if ids else "text"
        return Prepared(
            vector, kind, query_digest(uploads, *changed, *ids, *words, parts),
            ids[0] if alone and ids else None, alone, uploads, mask,
        )  # fmt: skip

    def answer(
        self, served: ServedIndex, search: Search, files: Sequence[Upload], journal: Journal
    ) -> dict[str, Any]:
        """The answer to one search, for JSON."""
        started = time.monotonic()
        self.check_k(search)
        if search.cursor is not None:
            page = self.pages.next(search.cursor, search.k)
            return self._shaped(served, page, search, journal, started)
        with served.store.expecting_search():
            prepared = self.prepare(served, search, files)
        return self._answer(served, search, prepared, journal, started)

    def answer_to(self, quick: ImageSearch, vector: np.ndarray) -> dict[str, Any]:
        """The answer to a search for one image whose vector is known."""
        prepared = self._prepared(quick.served, quick.search, [quick.upload], [], [vector])
        return self._answer(quick.served, quick.search, prepared, quick.journal, quick.started)

    def _answer(
        self, served: ServedIndex, search: Search, prepared: Prepared, journal: Journal, started: float
    ) -> dict[str, Any]:
        limit = served.threshold if prepared.plain else None
        exclude = self._itself(served, prepared) if search.skip_self else []
        if search.group_by is not None:
            page = self.pages.groups(served, prepared, search, limit, exclude)
        else:
            near = served.index.nearest_rows(
                prepared.vector, search.k, search.where, approximate=search.approximate, exclude=exclude
            )
            page = self.pages.first(served, prepared, search, near, limit=limit, exclude=exclude)
        return self._shaped(served, page, search, journal, started)

    def _shaped(
        self, served: ServedIndex, page: Ranking, search: Search, journal: Journal, started: float
    ) -> dict[str, Any]:
        result, limit = page.result, page.limit
        distance = (
            search.threshold if search.threshold is not None else None if limit is None else limit.distance
        )
        marks = journal.marks(str(page.query["id"] or page.query["digest"]))
        hits = [
            _hit(served, hit, distance, page.group_sizes.get(hit.id), marks.get(hit.id, []))
            for hit in result.hits
        ]
        return {
            "index": served.name,
            "query": page.query,
            "threshold": None if distance is None else rates_at(limit, distance),
            "nothing_like_this": None if distance is None else not page.any_within(distance),
            "hits": hits,
            "searched": result.searched,
            "exact": result.exact,
            "next_cursor": page.cursor,
            "milliseconds": round(1000 * (time.monotonic() - started), 2),
        }

    def _itself(self, served: ServedIndex, prepared: Prepared) -> list[str]:
        if prepared.image_id is not None:
            return [prepared.image_id]
        return [name for upload in prepared.uploads for name in served.copies(upload.data)]

    def _embedded(self, served: ServedIndex, query: Query, uploads: Sequence[Upload]) -> list[np.ndarray]:
        if not uploads:
            return []
        pixels = (self.pixels(served, query, each) for each in uploads)
        return served.embed(pixels, self._settings.seconds, announced=len(uploads))

    def pixels(self, served: ServedIndex, query: Query, upload: Upload) -> Tensor:
        """uint8 ``(3, S, S)`` of an image of a query, as the model sees it.

        Raises:
            ImageError: It cannot be read.
            InputError: The region has no pixels, or the image has no usable mask.
        """
        return self.images.pixels(served.index.model.preprocessing, upload, query.region, query.mask)

    def sources(
        self, served: ServedIndex, query: Query, files: Sequence[Upload]
    ) -> tuple[list[Upload], list[str]]:
        """Images and ids of a query. An image of the index of which only a part counts is embedded as an upload is.

        Raises:
            InputError: As :meth:`uploads`; or the file of the image is not there.
        """
        uploads, ids = self.uploads(query, files), query.positive_ids
        if query.partial and not uploads and len(ids) == 1:
            row = served.row(ids[0])
            data = served.image(row, self.images.limits)
            return [Upload(ids[0], data, served.mask_file(row))], []
        return uploads, ids

    def uploads(self, query: Query, files: Sequence[Upload]) -> list[Upload]:
        """All images of a request: files, base64 and the address.

        Raises:
            InputError: Not base64, or an address that cannot be fetched.
        """
        written = [*([query.image] if query.image else []), *query.images]
        uploads = [*files, *(Upload("the image", decoded(each)) for each in written)]
        if query.url is not None:
            if self._fetcher is None:
                raise InputError(
                    "This server fetches no addresses: download the image and send it, or start the server with  "
                    "likewise serve --allow-urls"
                )
            uploads.append(Upload(query.url, self._fetcher.fetch(query.url)))
        return uploads

    def check_k(self, search: Search) -> None:
        """Refuse a search for more hits than the limit.

        Raises:
            InputError: k is above it.
        """
        if search.k > self._settings.k:
            raise InputError(
                f"k is {search.k}, and this server gives at most {self._settings.k} hits at once: ask for fewer, and "
                "go on with next_cursor."
            )

    def _check(self, query: Query, uploads: Sequence[Upload], ids: Sequence[str]) -> None:
        most = self._settings.images
        for name, parts in (("images", uploads), ("ids", ids), ("texts", query.texts + query.absent)):
            if len(parts) > most:
                raise InputError(f"The query has {len(parts)} {name}, and this server takes at most {most}.")
        if not uploads and not ids and not query.texts:
            raise InputError("There is nothing to search for: send an image, an id or a text.")
        if not uploads and query.partial:
            raise InputError(
                "'region' and 'mask' are for one image: send one image or one id, or leave them out."
            )


def rates_at(limit: Threshold | None, distance: float) -> dict[str, float | None]:
    """A distance and the error rates measured there; None if they are not known."""
    rates = None if limit is None else limit.rates_at(distance)
    return {
        "distance": distance,
        "false_match_rate": None if rates is None else rates[0],
        "miss_rate": None if rates is None else rates[1],
    }


def image_address(index: str, image_id: str) -> str:
    """Where the thumbnail of an image is."""
    return f"/v1/images/{quote(image_id, safe='/')}/file?index={quote(index, safe='')}&size={THUMBNAIL_PX}"


def _hit(
    served: ServedIndex, hit: Hit, distance: float | None, group_size: int | None, marks: list[dict[str, Any]]
) -> dict[str, Any]:
    # Places on the disk of the server are not for its users.
    return {
        "rank": hit.rank,
        "id": hit.id,
        "label": hit.label,
        "distance": hit.distance,
        "split": hit.split,
        "same": None if distance is None else hit.distance <= distance,
        "properties": {name: plain(value) for name, value in hit.properties.items()},
        "group_size": group_size,
        "image": image_address(served.name, hit.id),
        "marks": marks,
    }


def _mean(vectors: Sequence[np.ndarray]) -> np.ndarray:
    """The sum of unit vectors; :func:`mixed_query` divides it by its length."""
    total: np.ndarray = np.stack([each / np.linalg.norm(each) for each in vectors]).sum(axis=0)
    return total.astype(np.float32, copy=False)
