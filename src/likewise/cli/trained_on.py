"""Warn of results on classes that a model was trained with, before they are measured."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from likewise.cli.console import say

if TYPE_CHECKING:
    from likewise.data import Catalog
    from likewise.models import SimilarityModel


def warn_trained_on(models: "Sequence[SimilarityModel]", catalog: "Catalog | None") -> dict[str, str]:
    """Say on stderr which classes of the catalog each model was trained with.

    Returns:
        The warnings as a fact for the end of a page; empty where no class is known to a model.
    """
    from likewise.models import training_overlap

    if catalog is None:
        return {}
    overlaps = [training_overlap(model, catalog) for model in models]
    words = [one.words for one in overlaps if one is not None]
    for warning in words:
        say(f"Warning: {warning}")
    return {"trained on": " ".join(words)} if words else {}
