"""Curation: duplicates, doubtful labels and a map of a set of images, from their pixels or embeddings."""

from likewise.curation.copies import DuplicatePair, Duplicates
from likewise.curation.duplicates import duplicates
from likewise.curation.projection import Projection, projection
from likewise.curation.suspects import Suspect, Suspects, suspects

__all__ = [
    "DuplicatePair", "Duplicates", "Projection", "Suspect", "Suspects", "duplicates", "projection", "suspects",
]  # fmt: skip
