"""The fingerprint of a model, which identifies its embeddings."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from likewise.data.preprocessing import Preprocessing
from likewise.files import digest

# Counts batches seen in training; normalisation does not use it, and some released files lack it.
_IGNORED = "num_batches_tracked"


def model_fingerprint(weights: str, spec: dict[str, Any], preprocessing: Preprocessing) -> str:
    """16 hexadecimal characters from the digest of the weights, the spec and the preprocessing."""
    # Preprocessing may be given in the spec or be the backbone's own: only the one in use counts.
    spec = {key: value for key, value in spec.items() if key != "preprocessing"}
    return digest(weights, json.dumps(spec, sort_keys=True), preprocessing.identity())


def weights_digest(network: nn.Module) -> str:
    """Digest of names, types, shapes and bytes of all weights, in the order of their names."""
    state = network.state_dict()
    return tensors_digest({name: tensor for name, tensor in state.items() if not name.endswith(_IGNORED)})


def tensors_digest(tensors: Mapping[str, Tensor]) -> str:
    """Digest of names, types, shapes and bytes, in the order of the names."""
    state = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        values = tensor.detach().cpu().contiguous()
        state.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
        if values.numel():
            state.update(values.reshape(-1).view(torch.uint8).numpy().data)
    return state.hexdigest()


def foreign_identity(network: nn.Module) -> dict[str, Any]:
    """Identity of a network without a spec, in addition to its weights.

    It consists of the types of its modules, the buffers that are not saved with the weights, and the attribute
    ``identity`` of modules whose weights are stored elsewhere.
    """
    identity: dict[str, Any] = {}
    saved = network.state_dict().keys()
    unsaved = {name: buffer for name, buffer in network.named_buffers() if name not in saved}
    if unsaved:
        identity["buffers"] = tensors_digest(unsaved)
    names = [getattr(module, "identity", None) for module in network.modules()]
    said = [name for name in names if isinstance(name, str)]
    if said:
        identity["identity"] = said
    identity["modules"] = [f"{name} {type(module).__qualname__}" for name, module in network.named_modules()]
    return identity


class WeightsDigest:
    """:func:`weights_digest`, computed again only when a weight was written.

    torch counts writes to a tensor (but not those through ``.data``), so a search need not read all
    weights for every image.
    """

    def __init__(self) -> None:
        self._key: tuple[tuple[int, int], ...] = ()
        self._digest = ""

    def of(self, network: nn.Module) -> str:
        """The digest of the current weights."""
        tensors = [
            tensor for name, tensor in network.state_dict(keep_vars=True).items() if _IGNORED not in name
        ]
        key = tuple((tensor.data_ptr(), _version(tensor)) for tensor in tensors)
        if not self._digest or -1 in {version for _, version in key} or key != self._key:
            self._digest, self._key = weights_digest(network), key
        return self._digest


def _version(tensor: Tensor) -> int:
    return -1 if tensor.is_inference() else tensor._version
