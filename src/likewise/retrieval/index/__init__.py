"""The index: embeddings in LanceDB, searched by image, filtered by label and property, tied to their model."""

from likewise.models.model_reference import ModelReference
from likewise.retrieval.index.adding import Added
from likewise.retrieval.index.building import EmbeddingOptions
from likewise.retrieval.index.index import Index
from likewise.retrieval.index.metadata import Approximate, IndexInfo
from likewise.retrieval.index.results import Hit, SearchResult
from likewise.retrieval.index.sheet import Searched, search_grid, search_sheet
from likewise.retrieval.index.sync import Synced

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
    "Synced",
    "search_grid",
    "search_sheet",
]
