"""Build a network from its ModelSpec."""

import torch
from torch import nn

from likewise.arguments import checked
from likewise.avsl.head import AVSLHead
from likewise.avsl.spec import AVSLSpec
from likewise.bounds import Seed
from likewise.data.preprocessing import Preprocessing
from likewise.models.backbone import Backbone
from likewise.models.backbone_registry import create_backbone
from likewise.models.custom_backbone import is_custom
from likewise.models.embedder import Embedder, SimilarityNetwork
from likewise.models.pooling import create_pooling
from likewise.models.pretrained import load_pretrained
from likewise.models.random_state import random_state_kept
from likewise.models.similarity_model import SimilarityModel
from likewise.models.spec import ModelSpec
from likewise.models.weights import load_into, read_state_dict
from likewise.seeds import derived_seed


@checked
def build(spec: ModelSpec, seed: Seed = 0) -> SimilarityModel:
    """A new model; random weights depend on ``seed`` alone.

    Args:
        spec: Description of the model. Its backbone takes weights from ``spec.weights`` or, with
            ``spec.pretrained``, from the hub; otherwise they are random.
        seed: Seed of the random weights. torch's own random state is neither used nor changed.

    Raises:
        ModelError: There is no such backbone, its weights do not fit or cannot be loaded, or the head
            finds too few levels.
    """
    with random_state_kept():
        # The CPU generator alone: torch.manual_seed would reset those of the GPUs as well.
        torch.default_generator.manual_seed(derived_seed(seed, "weights"))
        backbone = create_backbone(
            spec.backbone, size_px=spec.preprocessing.crop_px if spec.preprocessing else None
        )
        torch.default_generator.manual_seed(derived_seed(seed, "weights", "head"))
        embedder = _embedder(spec, backbone, seed)
    if spec.weights is not None:
        load_into(backbone.network, read_state_dict(spec.weights), str(spec.weights))
    elif spec.pretrained and not is_custom(spec.backbone):
        load_pretrained(backbone.network, spec.backbone)
    preprocessing: Preprocessing = spec.preprocessing or backbone.preprocessing
    _switch_off_unused(embedder, preprocessing.crop_px)
    backbone.freeze_batch_norm(spec.frozen_batch_norm)
    network = SimilarityNetwork(preprocessing, embedder)
    network.eval()
    return SimilarityModel(
        network,
        preprocessing,
        dim=embedder.dim,
        spec=spec,
        name=spec.backbone,
        distance="avsl" if spec.head == "avsl" else "cosine",
    )


def _embedder(spec: ModelSpec, backbone: Backbone, seed: int) -> Embedder:
    if spec.head == "avsl":
        return _avsl_embedder(spec, backbone, seed)
    native = spec.pooling == "native"
    features = backbone.native_dim if native else backbone.num_features
    head: nn.Module = nn.Identity() if spec.dim is None else nn.Linear(features, spec.dim)
    return Embedder(backbone, None if native else create_pooling(spec.pooling), head, spec.dim or features)


def _avsl_embedder(spec: ModelSpec, backbone: Backbone, seed: int) -> Embedder:
    settings = spec.avsl or AVSLSpec()
    numbers = backbone.level_numbers(settings.levels)
    head = AVSLHead([backbone.level_channels(number) for number in numbers], settings, seed=seed)
    return Embedder(backbone, None, head, head.dim, settings.levels)


def _switch_off_unused(embedder: Embedder, side_px: int) -> None:
    """No gradients for weights that no output depends on: DistributedDataParallel waits for every gradient.

    Such are layers above the highest level an AVSL head reads, and a backbone's own pooling where we pool.
    """
    images = torch.rand(1, 3, side_px, side_px, generator=torch.Generator().manual_seed(0))
    backbone = embedder.backbone.eval()
    weights = [weight for weight in backbone.parameters() if weight.requires_grad]
    if not weights:
        return
    with torch.enable_grad():
        outputs = embedder.feature_maps(images) if embedder.reads_levels else [embedder.features(images)]
        total = torch.stack([output.sum() for output in outputs]).sum()
        gradients = torch.autograd.grad(total, weights, allow_unused=True)
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.requires_grad_(gradient is not None)
