"""Losses by name, with published defaults, and a module that trains with any of them.

loss = create(LossSpec(name="arcface", params={"margin": 23.2}), num_classes=100, dim=128)
loss(embeddings, labels).backward()
"""

from likewise.losses.class_sizes import check_class_sizes
from likewise.losses.custom import CustomLoss, CustomMiner
from likewise.losses.entry import Distance, Kind, LossParams
from likewise.losses.miners import MinerParams
from likewise.losses.published import PublishedLoss, published
from likewise.losses.registry import (
    LossDescription,
    describe,
    is_known_loss,
    miner_names,
    names,
    register_loss,
    register_miner,
)
from likewise.losses.similarity_loss import SimilarityLoss, create
from likewise.losses.spec import LossSpec, MinerSpec

__all__ = [
    "CustomLoss",
    "CustomMiner",
    "Distance",
    "Kind",
    "LossDescription",
    "LossParams",
    "LossSpec",
    "MinerParams",
    "MinerSpec",
    "PublishedLoss",
    "SimilarityLoss",
    "check_class_sizes",
    "create",
    "describe",
    "is_known_loss",
    "miner_names",
    "names",
    "published",
    "register_loss",
    "register_miner",
]
