"""Catalogs of images: building, checking, splitting and loading them.

Modules that need torch are loaded on first use, so that commands for catalogs start quickly.
"""

import importlib
from typing import TYPE_CHECKING, Any

from likewise.data.catalog import Catalog
from likewise.data.failures import Failure

if TYPE_CHECKING:
    from likewise.data.augmentation import Augmentation
    from likewise.data.checking import CheckReport, Issue, check
    from likewise.data.loading import Batch, CatalogDataset, Sample, default_workers, make_loader
    from likewise.data.masks import TrueMask, read_mask, read_true_mask
    from likewise.data.preparing import Prepared, prepare, prepare_table
    from likewise.data.preprocessing import IMAGENET, PUBLISHED_BN_INCEPTION, Preprocessing, normalize
    from likewise.data.sampling import sample_rows
    from likewise.data.splits import with_background_bias, with_fold, with_half
    from likewise.data.transforms import EvalTransform, PairTransform, Plan, TrainTransform, Transform

_HOMES = {
    "augmentation": ("Augmentation",),
    "checking": ("CheckReport", "Issue", "check"),
    "sampling": ("sample_rows",),
    "loading": ("Batch", "CatalogDataset", "Sample", "default_workers", "make_loader"),
    "masks": ("TrueMask", "read_mask", "read_true_mask"),
    "preparing": ("Prepared", "prepare", "prepare_table"),
    "preprocessing": ("IMAGENET", "PUBLISHED_BN_INCEPTION", "Preprocessing", "normalize"),
    "splits": ("with_background_bias", "with_fold", "with_half"),
    "transforms": ("EvalTransform", "PairTransform", "Plan", "TrainTransform", "Transform"),
}

__all__ = [
    "IMAGENET",
    "PUBLISHED_BN_INCEPTION",
    "Augmentation",
    "Batch",
    "Catalog",
    "CatalogDataset",
    "CheckReport",
    "EvalTransform",
    "Failure",
    "Issue",
    "PairTransform",
    "Plan",
    "Prepared",
    "Preprocessing",
    "Sample",
    "TrainTransform",
    "Transform",
    "TrueMask",
    "check",
    "default_workers",
    "make_loader",
    "normalize",
    "prepare",
    "prepare_table",
    "read_mask",
    "read_true_mask",
    "sample_rows",
    "with_background_bias",
    "with_fold",
    "with_half",
]


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"likewise.data.{home}"), name)
    raise AttributeError(f"module 'likewise.data' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
