"""Import of the checkpoints of *On Background Bias in Deep Metric Learning* (Kobs & Hotho 2022)."""

from pathlib import Path

from likewise.distances import ModelDistance
from likewise.models.building import build
from likewise.models.published.checkpoint_keys import fill, find_head, find_trunk
from likewise.models.similarity_model import SimilarityModel
from likewise.models.spec import ModelSpec
from likewise.models.weights import read_state_dict


def import_background_bias(checkpoint: Path | str, distance: ModelDistance = "euclidean") -> SimilarityModel:
    """The model in a Lightning checkpoint: BN-Inception, one linear layer, published preprocessing.

    Weights of the loss in the checkpoint are left out.

    Args:
        checkpoint: File of the released program; read with ``weights_only=True``.
        distance: Distance of the training: "euclidean" for contrastive and triplet loss (and for the
            published retrieval numbers), "cosine" for the others.

    Raises:
        ModelError: The file would run code, or contains no (or more than one) such network.
    """
    source = str(checkpoint)
    state = read_state_dict(checkpoint)
    trunk = find_trunk(state, source)
    weight, bias = find_head(state, source)
    spec = ModelSpec(backbone="bn_inception", dim=len(weight), frozen_batch_norm="statistics")
    model = build(spec)
    fill(model, trunk, weight, bias)
    model.distance, model.name = distance, Path(checkpoint).stem
    return model
