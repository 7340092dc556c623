"""Queries made of an image and of texts: more like this, less like that.

The vector of a query is

    q = x + w (sum of t_i) - w (sum of u_j),  divided by its length,

with x the unit vector of the image (zero without one), t_i those of the texts, u_j those of the texts and images that
hits should not be like, and w the weight. For unit vectors the cosine similarity of q and a gallery image g is, up to a
positive factor, the same sum of similarities: x.g + w (sum of t_i.g) - w (sum of u_j.g). Without an image w cancels.
Similarities of images to images vary more than those of images to texts, so
an image outweighs a text at w = 1.
"""

from collections.abc import Sequence

import numpy as np

from likewise.arguments import checked
from likewise.bounds import Positive
from likewise.errors import ConfigError, InputError
from likewise.retrieval.index import Index
from likewise.retrieval.index.model_binding import Query

_SHORTEST = 1e-6


@checked
def mixed_query(
    index: Index,
    image: Query | None = None,
    *,
    texts: Sequence[str] = (),
    without: Sequence[str] = (),
    unlike: Sequence[Query] = (),
    weight: Positive = 1.0,
) -> np.ndarray:
    """The vector ``(D,)`` of length 1 of a query for :meth:`likewise.Index.search`; see the formula above.

    Distances to it are not distances between two images: search with ``threshold=None``.

    Args:
        index: Index whose model embeds the query.
        image: Image that hits should resemble. None: texts alone.
        texts: Descriptions of what hits should show.
        without: Descriptions of what hits should not show.
        unlike: Images that hits should not resemble.
        weight: Weight of texts and of ``without`` and ``unlike``, relative to the image.

    Raises:
        InputError: Neither image nor text, or an unreadable image.
        ConfigError: The distance of the model is not the cosine distance.
        ModelError: A text, and the model has no text tower.
    """
    if image is None and not texts:
        raise InputError("A query needs something that hits should resemble: give an image or a text.")
    if index.info().distance != "cosine":
        raise ConfigError(
            f"{index.path} compares by the distance '{index.info().distance}', and only vectors of the cosine distance "
            "can be added: search with one image."
        )
    query = np.zeros(index.info().dim, np.float32) if image is None else _unit(index.vector(image))
    for sign, words in ((1.0, texts), (-1.0, without)):
        if words:
            query = query + sign * weight * index.model.embed_text(list(words)).sum(axis=0)
    for picture in unlike:
        query = query - weight * _unit(index.vector(picture))
    if np.linalg.norm(query) < _SHORTEST:
        raise InputError(
            "The parts of the query cancel out: leave out what hits should not resemble or show."
        )
    return _unit(query)


def _unit(vector: np.ndarray) -> np.ndarray:
    unit: np.ndarray = (vector / np.linalg.norm(vector)).astype(np.float32)
    return unit
