"""Find BN-Inception and its linear head in a state dict whose prefixes nobody wrote down.

The released programs wrapped the network in modules of their own, so that keys begin with ``trunk.``,
``model.0.`` or the like. The network is recognised by its own key names, the head by its shape.
"""

from typing import cast

import torch

from likewise.errors import ModelError
from likewise.models.bn_inception import BNInception
from likewise.models.embedder import Embedder
from likewise.models.similarity_model import SimilarityModel
from likewise.models.weights import StateDict, load_into

_FEATURES = 1024
_IMAGENET_CLASSES = 1000


def find_trunk(state: StateDict, source: str) -> StateDict:
    """The weights of BN-Inception in ``state``, without the prefix of their keys.

    Raises:
        ModelError: The network is missing, incomplete, or present twice with different weights.
    """
    with torch.device("meta"):  # only names and shapes are needed
        expected = {key: value.shape for key, value in BNInception().state_dict().items()}
    needed = [key for key in expected if not key.endswith("num_batches_tracked")]
    prefixes = {key.removesuffix(needed[0]) for key in state if key.endswith(needed[0])}
    prefixes = {prefix for prefix in prefixes if prefix == "" or prefix.endswith(".")}
    if not prefixes:
        raise ModelError(
            f"{source} contains no BN-Inception: no key ends in '{needed[0]}' (its first is '{next(iter(state))}'); "
            "give the checkpoint of that network."
        )
    complete = {}
    for prefix in sorted(prefixes):
        missing = [key for key in needed if prefix + key not in state]
        if not missing:
            complete[prefix] = {key: state[prefix + key] for key in expected if prefix + key in state}
    if not complete:
        raise ModelError(f"{source} contains only a part of BN-Inception: '{missing[0]}' is missing.")
    chosen = _only(complete, "BN-Inception networks", source)
    wrong = [key for key, value in complete[chosen].items() if _flat(value, expected[key]) != expected[key]]
    if wrong:
        raise ModelError(f"{source}: '{chosen}{wrong[0]}' has the shape {list(complete[chosen][wrong[0]].shape)}, "
                         f"not {list(expected[wrong[0]])}: it is another network.")  # fmt: skip
    return complete[chosen]


def find_head(state: StateDict, source: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight ``(D, 1024)`` and bias ``(D,)`` of the one linear layer on the features.

    Raises:
        ModelError: There is no such layer, or there are several different ones.
    """
    layers = {}
    for key, weight in state.items():
        name = key.removesuffix(".weight")
        bias = state.get(f"{name}.bias")
        is_linear = key.endswith(".weight") and weight.dim() == 2 and weight.shape[1] == _FEATURES
        if not is_linear or bias is None or bias.shape != weight.shape[:1]:
            continue
        if name.endswith("last_linear") and len(weight) == _IMAGENET_CLASSES:
            continue  # the trunk's own classifier
        layers[name] = {"weight": weight, "bias": bias}
    if not layers:
        raise ModelError(
            f"{source} contains no linear layer on {_FEATURES} features: the embedding's head is missing."
        )
    layer = _only(layers, f"linear layers on {_FEATURES} features", source)
    return layers[layer]["weight"], layers[layer]["bias"]


def fill(model: SimilarityModel, trunk: StateDict, weight: torch.Tensor, bias: torch.Tensor) -> None:
    """Put the weights into a model of BN-Inception with a linear head."""
    embedder = cast("Embedder", model.network.embedder)
    load_into(embedder.backbone.network, trunk, "the checkpoint")
    embedder.head.load_state_dict({"weight": weight, "bias": bias})


def _only(candidates: dict[str, StateDict], what: str, source: str) -> str:
    """The one candidate; several with equal weights are aliases of one."""
    names = list(candidates)
    first = candidates[names[0]]
    for name in names[1:]:
        other = candidates[name]
        if any(key not in other or not torch.equal(value, other[key]) for key, value in first.items()):
            raise ModelError(
                f"{source} contains {len(names)} different {what} ({', '.join(repr(name) for name in names)}): "
                "save the intended state dict to a separate file."
            )
    return names[0]


def _flat(value: torch.Tensor, expected: torch.Size) -> torch.Size:
    # The oldest files keep batch norm as (1, C).
    return value.shape[1:] if value.shape == (1, *expected) else value.shape
