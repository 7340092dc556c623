"""Warn of results on classes that a model was trained with, before they are measured."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from likewise.cli.console import say

if TYPE_CHECKING:
    from likewise.data import Catalog
    from likewise.models import SimilarityModel

FACT = "trained on"
"""Key of the warnings among the facts of a result."""


def warn_trained_on(models: "Sequence[SimilarityModel]", catalog: "Catalog | None") -> dict[str, str]:
    """Say on stderr which classes of the catalog each model was trained with.

    Returns:
        The warnings as a fact for the end of a page; empty if no model was trained on these classes.
    """
    from likewise.models import training_overlap

    if catalog is None:
        return {}
    overlaps = [training_overlap(model, catalog) for model in models]
    words = [overlap.words for overlap in overlaps if overlap is not None]
    for warning in words:
        say(f"Warning: {warning}")
    return {FACT: " ".join(words)} if words else {}


def trained_on_json(facts: Mapping[str, str]) -> dict[str, str]:
    """The warnings among the facts of a result, to add to its JSON; empty if there are none."""
    words = [text for key, text in facts.items() if key.startswith(FACT)]
    return {"trained_on": " ".join(words)} if words else {}
