"""Curation: duplicates, doubtful labels and a map of a set of images, from their embeddings."""

from likewise.curation.projection import Projection, projection

__all__ = ["Projection", "projection"]
