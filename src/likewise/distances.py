"""The distances of embeddings by name: the one table that models, losses, searches and explanations read.

See :func:`likewise.models.pairwise` for the definitions; smaller is more similar.
"""

from typing import Literal, get_args

from likewise.errors import ConfigError, choices

VectorDistance = Literal["cosine", "euclidean", "snr"]
"""Distances of plain vectors."""

ModelDistance = Literal[VectorDistance, "avsl"]
"""Distances of models; that of an AVSL model needs its links and reliabilities, so there is no table of it."""

DISTANCES: tuple[str, ...] = get_args(VectorDistance)


def require_vector_distance(name: str) -> None:
    """Refuse the name of a distance that plain vectors do not have.

    Raises:
        ConfigError: It is none of :data:`DISTANCES`; names the nearest.
    """
    if name not in DISTANCES:
        avsl = " For an AVSL model, give likewise.retrieval.search_distance(model)." if name == "avsl" else ""
        raise ConfigError(f"There is no distance {name!r} of plain vectors: {choices(name, DISTANCES)}{avsl}")
