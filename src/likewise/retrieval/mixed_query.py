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
    """The vector ``(D,)`` of a query for :meth:`likewise.Index.search`, of length 1; see the formula above.

    Distances to it are not those of two images: search with ``threshold=None``.

    Args:
        index: Its model embeds.
        image: What hits should be like; None for texts alone.
        texts: What hits should show.
        without: What hits should not show.
        unlike: Images that hits should not be like.
        weight: Of texts and of what is to be avoided, relative to the image.

    Raises:
        InputError: Nothing that hits should be like, or an image that cannot be read.
        ConfigError: The model's distance is not the cosine distance.
        ModelError: A text, and the model has no text tower.
    """
    if image is None and not texts:
        raise InputError("A query needs something that hits should be like: give an image or a text.")
    if index.info().distance != "cosine":
        raise ConfigError(
            f"{index.path} compares by the distance '{index.info().distance}', and only vectors of the cosine distance "
            "can be added: search with one image."
        )
    query = np.zeros(index.info().dim, np.float32) if image is None else _unit(index.vector(image))
    for sign, wanted in ((1.0, texts), (-1.0, without)):
        if wanted:
            query = query + sign * weight * index.model.embed_text(list(wanted)).sum(axis=0)
    for picture in unlike:
        query = query - weight * _unit(index.vector(picture))
    if np.linalg.norm(query) < _SHORTEST:
        raise InputError("What hits should be like and unlike is the same, so nothing is left to search for.")
    return _unit(query)


def _unit(vector: np.ndarray) -> np.ndarray:
    found: np.ndarray = (vector / np.linalg.norm(vector)).astype(np.float32)
    return found
