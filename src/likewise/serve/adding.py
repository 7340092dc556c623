"""Adding images to a served index and removing them: one transaction each, acknowledged once it is on the disk."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from likewise.data import Failure
from likewise.errors import CatalogError, ImageError, InputError
from likewise.files import content_record, digest, whole_file
from likewise.image_kinds import HEAD_BYTES, image_kind
from likewise.retrieval.index.adding import entry_rows
from likewise.retrieval.index.locations import Locations
from likewise.retrieval.index.metadata import IndexMetadata
from likewise.retrieval.index.schema import Entries, is_property, merged_fields
from likewise.retrieval.index.store import Store
from likewise.serve.problems import ConflictError, NotThereError
from likewise.serve.query_images import QueryImages, Upload
from likewise.serve.served_index import ServedIndex

_TIDY_EVERY = 32  # writes; a version of the index is small, and joining fragments costs more than adding
_ID = re.compile(r"[^\x00-\x1f\x7f]{1,1000}")


@dataclass(frozen=True)
class NewImage:
    """An image to add.

    Attributes:
        upload: Its file.
        id: In the index; "" takes ``uploads/DIGEST``.
        label: "" if it has none.
        split: "" if it has none.
        properties: Text as it was sent; columns of another type convert it.
    """

    upload: Upload
    id: str = ""
    label: str = ""
    split: str = ""
    properties: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The id in the index."""
        return self.id or f"uploads/{digest(self.upload.data)}"


@dataclass(frozen=True)
class AddedImages:
    """Result of an add.

    Attributes:
        added: Ids of new images.
        replaced: Ids of images that were there.
        failures: Images that could not be read; nothing of them is kept.
    """

    added: list[str]
    replaced: list[str]
    failures: list[Failure]


def add_images(
    served: ServedIndex, images: Sequence[NewImage], reader: QueryImages, *, replace: bool, seconds: float
) -> AddedImages:
    """Embed images and write them in one transaction.

    The files are stored in the folder of the server under a name made of their content; names of a request never
    reach the disk.

    Raises:
        ConflictError: An id exists already, or occurs twice, and ``replace`` is False.
        CatalogError: A property that the index cannot store.
    """
    _check_names(images)
    preprocessing = served.index.model.preprocessing
    good, pixels, failures = list[NewImage](), [], list[Failure]()
    for image in images:
        try:
            pixels.append(reader.pixels(preprocessing, image.upload))
            good.append(image)
        except ImageError as error:
            failures.append(Failure(image.name, str(error)))
    if not good:
        return AddedImages([], [], failures)
    vectors = np.stack(served.embed(pixels, seconds))
    with changing(served) as store:
        names = [image.name for image in good]
        existing = set(store.rows(names, ["id"])["id"].to_pylist())
        if existing and not replace:
            raise ConflictError(
                f"{served.name} already holds an image {min(existing)!r}: choose another id, or send replace=true."
            )
        entries = _entries(served, good)
        store.add_columns(merged_fields(store.schema, entries.properties))
        store.upsert(entry_rows(store, IndexMetadata.of(store), entries, vectors))
    return AddedImages(
        [name for name in names if name not in existing],
        [name for name in names if name in existing],
        failures,
    )


def remove_image(served: ServedIndex, image_id: str) -> None:
    """Remove an image from the index; a file that was uploaded stays for snapshots.

    Raises:
        NotThereError: There is no such id.
    """
    with changing(served) as store:
        if not store.delete_ids([image_id]):
            raise NotThereError(f"{served.name} holds no image with the id {image_id!r}.")


@contextmanager
def changing(served: ServedIndex) -> Iterator[Store]:
    """The store to be written; other writers of this machine wait."""
    with served.store.exclusive():
        store = served.store.writer()
        yield store
        served.writes += 1
        if served.writes % _TIDY_EVERY == 0:
            store.tidy()


def _check_names(images: Sequence[NewImage]) -> None:
    names = [image.name for image in images]
    for name in names:
        if not _ID.fullmatch(name):
            raise InputError(
                f"{name!r} cannot be an id: use 1 to 1,000 characters without control characters."
            )
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ConflictError(f"The id {twice!r} occurs twice in the request: send each image once.")


def _entries(served: ServedIndex, images: Sequence[NewImage]) -> Entries:
    places = [_kept(served, image.upload) for image in images]
    columns = sorted({name for image in images for name in image.properties})
    for name in columns:
        if not is_property(name) or "." in name or not _ID.fullmatch(name):
            raise CatalogError(f"{name!r} cannot be the name of a property: use a word such as 'price'.")
    locations = Locations(served.path)
    table = {
        name: pd.Series([image.properties.get(name) for image in images], dtype=object) for name in columns
    }
    return Entries(
        ids=[image.name for image in images],
        labels=[image.label for image in images],
        splits=[image.split for image in images],
        paths=list(places),
        ways=[locations.way(place) for place in places],
        records=[content_record(place) for place in places],
        masks=[None] * len(images),
        mask_ways=[None] * len(images),
        properties=pd.DataFrame(table, index=range(len(images))),
    )


def _kept(served: ServedIndex, upload: Upload) -> str:
    """Write the file of an image, named by its content, and give its place."""
    kind = (image_kind(upload.data[:HEAD_BYTES]) or "image").lower()
    place = served.state / "images" / f"{digest(upload.data)}.{re.sub('[^a-z0-9]', '', kind)}"
    if not place.is_file():
        with whole_file(place) as temporary:
            temporary.write_bytes(upload.data)
    return Locations(served.path).of(place)
