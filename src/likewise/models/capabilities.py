"""What can be done with a model: one table, made from the model itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch

from likewise.arguments import checked
from likewise.errors import ModelError
from likewise.models.exporting import why_not_exported
from likewise.models.external.address import AddressNetwork
from likewise.models.external.vectors_file import no_network
from likewise.models.projection import foundation
from likewise.models.similarity_model import SimilarityModel
from likewise.models.token_trace import trace_tokens


@dataclass(frozen=True)
class Capability:
    """One thing that can be done with models.

    Attributes:
        name: As in the table.
        description: Short description, and the commands that do it.
        supports: Whether a model can do it.
    """

    name: str
    description: str
    supports: Callable[[SimilarityModel], bool]


def _embeds_images(model: SimilarityModel) -> bool:
    return model.embeds_images


def _has_exact_parts(model: SimilarityModel) -> bool:
    if model.decomposable or not model.embeds_images or not model.differentiable:
        return model.decomposable
    side = model.preprocessing.crop_px
    try:
        trace_tokens(cast("Any", model.network).embedder, torch.zeros(1, 3, side, side, device=model.device))
    except ModelError:
        return False
    return True


CAPABILITIES = (
    Capability(
        "evaluate", "metrics, thresholds, indexes of stored images (eval, calibrate, index)", lambda _: True
    ),
    Capability("embed", "new images (embed, search IMAGE)", _embeds_images),
    Capability(
        "text", "texts as queries (search --text, eval --text-column)", lambda model: model.text is not None
    ),
    Capability("exact parts", "similarity as an exact sum over locations (explain)", _has_exact_parts),
    Capability("hiding", "hiding places of an image (explain, saliency --method occlusion)", _embeds_images),
    Capability(
        "gradients",
        "maps by gradients (saliency, audit agreement)",
        lambda model: model.embeds_images and model.differentiable,
    ),
    Capability(
        "background audit", "changed backgrounds (audit background, eval --backgrounds)", _embeds_images
    ),
    Capability("property audit", "properties of the images (audit properties)", lambda _: True),
    Capability("train", "its backbone can be trained further (train)", lambda model: model.spec is not None),
    Capability(
        "save",
        "a folder of its own (SimilarityModel.save)",
        lambda model: model.spec is not None or model.base is not None,
    ),
    Capability("export", "ONNX or TorchScript (export)", lambda model: why_not_exported(model) is None),
    Capability(
        "local",
        "images stay on this machine",
        lambda model: not isinstance(foundation(model).network, AddressNetwork),
    ),
)
"""All capabilities, in the order of the table."""


@checked
def capabilities(model: SimilarityModel) -> dict[str, bool]:
    """Names of :data:`CAPABILITIES`, and whether ``model`` has them."""
    return {each.name: each.supports(model) for each in CAPABILITIES}


def require_network(model: SimilarityModel) -> None:
    """Refuse stored vectors where images are embedded anew.

    Raises:
        ModelError: The model is stored vectors.
    """
    if not model.embeds_images:
        raise ModelError(no_network(model.name))
