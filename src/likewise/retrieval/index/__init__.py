"""The index: embeddings in LanceDB, searched by image, filtered by label and property, tied to their model."""

from likewise.retrieval.index.about import Approximate, IndexInfo, ModelReference
from likewise.retrieval.index.building import Added, EmbeddingOptions
from likewise.retrieval.index.index import Index
from likewise.retrieval.index.results import Hit, SearchResult
from likewise.retrieval.index.sheet import Searched, search_grid, search_sheet

__all__ = [
    "Added",
    "Approximate",
    "EmbeddingOptions",
    "Hit",
    "Index",
    "IndexInfo",
    "ModelReference",
    "SearchResult",
    "Searched",
    "search_grid",
    "search_sheet",
]
