"""Published weights of backbones: downloaded only where a user asks for them."""

from typing import Any

import torch
from torch import nn

from likewise.errors import ModelError
from likewise.models.weights import load_into, without_wrappers

_BN_INCEPTION = "http://data.lip6.fr/cadene/pretrainedmodels/bn_inception-52deb4733.pth"


def load_pretrained(network: nn.Module, name: str) -> None:
    """Download (or take from the cache) the published weights of a backbone's network, and load them.

    Files of the Hugging Face hub are verified by it; BN-Inception by the checksum in its name.

    Raises:
        ModelError: There are none, or they cannot be had; says how to give a file instead.
    """
    if name == "bn_inception":
        _load_bn_inception(network)
        return
    import timm  # takes two seconds to load: only where a network of it is wanted

    if not timm.is_model_pretrained(name):
        tags = timm.list_pretrained(name.split(".", maxsplit=1)[0])
        hint = f"choose one of: {', '.join(tags)}." if tags else "give a weights file."
        raise ModelError(f"There are no published weights for '{name}': {hint}")
    config: Any = timm.get_pretrained_cfg(name)
    try:
        source = timm.create_model(name, pretrained=True, num_classes=0, **_size(network, config))
    except (OSError, RuntimeError, ValueError) as error:
        raise _unreachable(name, f"https://huggingface.co/{config.hf_hub_id}", error) from error
    network.load_state_dict(source.state_dict())


def _size(network: nn.Module, config: Any) -> dict[str, Any]:
    size = getattr(getattr(network, "patch_embed", None), "img_size", None)
    return {"img_size": size} if size and getattr(config, "fixed_input_size", False) else {}


def _load_bn_inception(network: nn.Module) -> None:
    try:
        state = torch.hub.load_state_dict_from_url(
            _BN_INCEPTION, map_location="cpu", check_hash=True, weights_only=True
        )
    except (OSError, RuntimeError) as error:
        raise _unreachable("bn_inception", _BN_INCEPTION, error) from error
    load_into(network, without_wrappers(dict(state)), _BN_INCEPTION)


def _unreachable(name: str, url: str, error: Exception) -> ModelError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
    return ModelError(
        f"The weights of '{name}' cannot be downloaded ({reason}): get the file from {url} and give it as "
        "weights."
    )
