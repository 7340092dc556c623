"""Losses by name: what each is, its published defaults, and one module that trains with any of them.

loss = create(LossSpec(name="arcface", params={"margin": 23.2}), num_classes=100, dim=128)
loss(embeddings, labels).backward()
"""

from likewise.losses.class_sizes import check_class_sizes
from likewise.losses.entry import Distance, Kind
from likewise.losses.published import PublishedLoss, published
from likewise.losses.registry import LossDescription, describe, miner_names, names
from likewise.losses.similarity_loss import SimilarityLoss, create
from likewise.losses.spec import LossSpec, MinerSpec

__all__ = [
    "Distance",
    "Kind",
    "LossDescription",
    "LossSpec",
    "MinerSpec",
    "PublishedLoss",
    "SimilarityLoss",
    "check_class_sizes",
    "create",
    "describe",
    "miner_names",
    "names",
    "published",
]
