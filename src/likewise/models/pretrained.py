"""Published weights of backbones: downloaded only where a user asks for them."""

from pathlib import Path
from typing import Any

import torch
from huggingface_hub import get_session, hf_hub_url, try_to_load_from_cache
from torch import nn

from likewise.errors import ModelError
from likewise.models.shipped_networks import is_shipped, load_shipped_backbone
from likewise.models.weights import load_into, without_wrappers

_SAFE = "model.safetensors"
_PATIENCE_S = 5.0
_BN_INCEPTION = "http://data.lip6.fr/cadene/pretrainedmodels/bn_inception-52deb4733.pth"


def load_pretrained(network: nn.Module, name: str) -> None:
    """Download (or take from the cache) the published weights of a backbone's network, and load them.

    Files of the Hugging Face hub are verified by it; BN-Inception by the checksum in its name. The weights of
    ``likewise:small`` come with likewise.

    Raises:
        ModelError: There are none, or they cannot be downloaded; the message says how to give a file instead.
    """
    if name == "bn_inception":
        _load_bn_inception(network)
        return
    if is_shipped(name):
        load_shipped_backbone(network, name)
        return
    import timm  # takes two seconds to load: only where a network of it is wanted

    if not timm.is_model_pretrained(name):
        tags = timm.list_pretrained(name.split(".", maxsplit=1)[0])
        hint = f"choose one of: {', '.join(tags)}." if tags else "give a weights file."
        raise ModelError(f"There are no published weights for '{name}': {hint}")
    config: Any = timm.get_pretrained_cfg(name)
    overlay = {"file": str(file)} if (file := _from_hub(name, config)) is not None else None
    try:
        source = timm.create_model(
            name, pretrained=True, num_classes=0, pretrained_cfg_overlay=overlay, **_size(network, config)
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise _unreachable(name, _address(config), error) from error
    network.load_state_dict(source.state_dict())


def _from_hub(name: str, config: Any) -> Path | None:
    """The weights file in the cache of the Hugging Face hub; None if timm has to download it.

    The hub is contacted once, for at most a few seconds, before timm starts its download with many retries.

    Raises:
        ModelError: It is not in the cache, and the hub cannot be reached.
    """
    if not config.hf_hub_id:
        return None
    repository, _, revision = str(config.hf_hub_id).partition("@")
    names = [config.hf_hub_filename] if config.hf_hub_filename else [_SAFE, "pytorch_model.bin"]
    for filename in names:
        cached = try_to_load_from_cache(repository, filename, revision=revision or None)
        if isinstance(cached, str):
            return Path(cached)
    address = _address(config)
    if (error := hub_silence(address)) is not None:
        raise _unreachable(name, address, error) from error
    return None


def hub_silence(address: str) -> Exception | None:
    """Ask the Hugging Face hub once, for at most a few seconds, before a download with its many retries.

    Returns:
        Why it does not answer; None if it does.
    """
    try:
        get_session().head(address, timeout=_PATIENCE_S)
    except Exception as error:  # whichever HTTP library the hub uses has its own errors
        return error
    return None


def _address(config: Any) -> str:
    if not config.hf_hub_id:
        return str(config.url)
    repository, _, revision = str(config.hf_hub_id).partition("@")
    return str(hf_hub_url(repository, config.hf_hub_filename or _SAFE, revision=revision or None))


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
        f"The weights of '{name}' cannot be downloaded ({reason}): get {url} on a machine with access, and give that "
        "file with -o model.weights=FILE (train), --weights FILE (other commands) or weights=FILE (Python). The "
        "network likewise:small needs no download (train: -o model.backbone=likewise:small)."
    )
