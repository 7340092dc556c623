"""likewise: train, search, explain and audit image similarity models.

Everything public is reachable from here and loaded on first use, so that ``import likewise`` is quick
and loads no torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from likewise import (
        audit,
        checks,
        curation,
        data,
        explain,
        jobs,
        losses,
        models,
        report,
        retrieval,
        scenes,
        training,
    )
    from likewise.checks import check
    from likewise.data import Catalog
    from likewise.extensions import trust
    from likewise.models import Embeddings, SimilarityModel, load
    from likewise.retrieval import Index
    from likewise.serve.client import Client
    from likewise.training import Experiment, train

_PACKAGES = (
    "audit",
    "checks",
    "curation",
    "data",
    "explain",
    "jobs",
    "losses",
    "models",
    "report",
    "retrieval",
    "scenes",
    "training",
)
_NAMES = {
    "check": "checks",
    "Catalog": "data",
    "Embeddings": "models",
    "SimilarityModel": "models",
    "load": "models",
    "Client": "serve.client",
    "Index": "retrieval",
    "Experiment": "training",
    "train": "training",
    "trust": "extensions",
}

__all__ = [
    "Catalog", "Client", "Embeddings", "Experiment", "Index", "SimilarityModel", "__version__",
    "audit", "check", "checks", "curation", "data", "explain", "jobs", "load", "losses", "models", "report",
    "retrieval", "scenes", "train", "training", "trust",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return importlib.import_module(f"likewise.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(f"likewise.{_NAMES[name]}"), name)
    raise AttributeError(f"module 'likewise' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
