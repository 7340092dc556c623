"""What is known of a query before it is compared with an index."""

import time
from dataclasses import dataclass, field

import numpy as np

from likewise.serve.feedback import Journal
from likewise.serve.query_images import Upload
from likewise.serve.requests import Search
from likewise.serve.served_index import ServedIndex


@dataclass(frozen=True)
class Prepared:
    """A prepared query.

    Attributes:
        vector: ``(D,)``.
        kind: "image", "id", "text" or "mixture".
        digest: The same for the same query.
        image_id: The one image of the index it is, or None.
        plain: Whether its distances are those of two images, so that a threshold says something about them.
        uploads: Its images.
        mask: "catalog" or "model", whose mask selected the object or the background; None if neither was requested.
    """

    vector: np.ndarray
    kind: str
    digest: str
    image_id: str | None
    plain: bool
    uploads: list[Upload]
    mask: str | None

    @property
    def shown(self) -> dict[str, str | None]:
        """What the answer says about the query."""
        return {"kind": self.kind, "digest": self.digest, "id": self.image_id, "mask": self.mask}


@dataclass(frozen=True)
class ImageSearch:
    """A search for one image that needs nothing but its vector.

    Attributes:
        served: Index to search.
        search: The search.
        upload: Its image.
        journal: Marks of the index.
        started: Time of its arrival, in seconds of :func:`time.monotonic`.
    """

    served: ServedIndex
    search: Search
    upload: Upload
    journal: Journal
    started: float = field(default_factory=time.monotonic)
