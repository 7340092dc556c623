"""Queries of ``likewise search``: images, texts, and images with texts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from likewise.errors import ConfigError, InputError

if TYPE_CHECKING:
    import numpy as np

    from likewise.retrieval import Index

Texts = Annotated[
    list[str] | None,
    typer.Option(
        "--text",
        metavar="TEXT",
        help="Text that hits should show, for models with a text tower such as CLIP. With images, it is added to each "
        "of them. Repeatable.",
    ),
]
Without = Annotated[
    list[str] | None,
    typer.Option("--without", metavar="TEXT", help="Text that hits should not show. Repeatable."),
]
Unlike = Annotated[
    list[str] | None,
    typer.Option("--unlike", metavar="IMAGE", help="Image that hits should not be like. Repeatable."),
]
Ids = Annotated[
    list[str] | None,
    typer.Option(
        "--id",
        metavar="ID",
        help="Image of the index to search for, by its id; its file is not needed. Repeatable.",
    ),
]
Weight = Annotated[
    float,
    typer.Option(
        min=0.001,
        max=1000,
        help="Weight of --text, --without and --unlike relative to the image: the vectors are added and the sum is "
        "normalised.",
    ),
]


@dataclass(frozen=True)
class Query:
    """One query.

    Attributes:
        file: Image file of the query, or None.
        id: Image of the index as query, or None.
        vector: Embedding of the query.
        problem: Why there is no vector.
    """

    file: str | None
    id: str | None
    vector: "np.ndarray | None" = None
    problem: str = ""


@dataclass(frozen=True)
class QueryTerms:
    """Text and image terms of a query besides image files.

    Attributes:
        ids: Images of the index.
        texts: Content to find.
        without: Content to avoid.
        unlike: Image files to be dissimilar to.
        weight: Weight of all terms relative to the image.
    """

    ids: Sequence[str]
    texts: Sequence[str]
    without: Sequence[str]
    unlike: Sequence[str]
    weight: float

    @property
    def plain(self) -> bool:
        """Whether there is nothing besides the image."""
        return not (self.texts or self.without or self.unlike)

    @property
    def words(self) -> str:
        """In words, for captions and titles."""
        signs = [
            ("", self.texts),
            ("not ", self.without),
            ("unlike ", [Path(name).name for name in self.unlike]),
        ]
        return "; ".join(f"{sign}{text}" for sign, texts in signs for text in texts)

    def check(self, images: Sequence[str], threshold: Path | None, skip_self: bool) -> None:
        """Refuse terms that do not go together.

        Raises:
            ConfigError: Nothing to search for, or an option for image queries alone.
        """
        if not images and not self.ids and not self.texts:
            raise ConfigError("There is nothing to search for: name an image, or give --text or --id.")
        if not self.plain and threshold is not None:
            raise ConfigError(
                "A threshold is calibrated on pairs of images, so it says nothing about texts: leave --threshold out."
            )
        if not images and not self.ids and skip_self:
            raise ConfigError("--skip-self is for images: leave it out, or name an image.")

    def queries(self, index: "Index", images: Sequence[str]) -> Iterator[Query]:
        """One query per image file and per id, or one of the texts alone."""
        # Ids first: an unknown id is an error of the user, to be reported before any result.
        queries = [Query(None, name) for name in self.ids] + [Query(file, None) for file in images]
        for each in queries or [Query(None, None)]:
            try:
                yield replace(each, vector=self._vector(index, each))
            except InputError as error:
                if len(queries) < 2 or each.id is not None:
                    raise
                yield replace(each, problem=str(error))

    def _vector(self, index: "Index", query: Query) -> "np.ndarray":
        from likewise.retrieval import mixed_query

        image = query.file if query.id is None else index.stored_vector(query.id)
        if self.plain and image is not None:
            return index.vector(image)
        more = {"texts": self.texts, "without": self.without, "unlike": self.unlike}
        return mixed_query(index, image, **more, weight=self.weight)
