"""Reading weights files, and loading them into a network with a sentence where they do not fit.

Pickles are read with ``weights_only=True``: a file that wants to run code is refused.
"""

import pickle
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from likewise.arguments import checked
from likewise.errors import ModelError
from likewise.models.pickles import refused_names, stand_ins
from likewise.models.usable_weights import check_weights

StateDict = dict[str, Tensor]

# Keys under which training programs store the weights, in search order.
_NESTS = ("state_dict_ema", "model_ema", "state_dict", "model", "network")
# Prefixes added by wrappers (DataParallel, torch.compile).
_WRAPPERS = ("module.", "_orig_mod.")
# Classifiers of timm's and torchvision's architectures and of the released BN-Inception.
_CLASSIFIERS = (
    "classifier",
    "head",
    "fc",
    "last_linear",
    "last_layer",
    "head_dist",
    "conv_classifier",
    "aux_head",
)


def read_file(path: Path | str) -> Any:
    """Content of a weights file: a state dict, or a checkpoint with one.

    Raises:
        ModelError: The file is missing, is not a weights file, or would run code when read.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelError(f"There is no weights file {path}: check the path.")
    try:
        if path.suffix.lower() == ".safetensors":
            return load_file(path)
        with torch.serialization.safe_globals(stand_ins(path)):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        names = refused_names(path)
        if not names:
            raise ModelError(_unreadable(path)) from error
        raise ModelError(
            f"{path} is not read because it wants to do more than give weights ({names[0]}): "
            "save its state dict alone, torch.save(model.state_dict(), ...), where you trust the file."
        ) from error
    except Exception as error:  # bytes that are not weights can make a reader raise anything
        raise ModelError(_unreadable(path)) from error


@checked
def read_state_dict(path: Path | str) -> StateDict:
    """The state dict in a weights file, without the prefixes of DataParallel and torch.compile.

    Raises:
        ModelError: As :func:`read_file`; or the file contains no state dict.
    """
    values = read_file(path)
    for nest in _NESTS:
        if isinstance(values, Mapping) and isinstance(values.get(nest), Mapping):
            values = values[nest]
            break
    if not isinstance(values, Mapping):
        raise ModelError(
            f"{path} contains no state dict but a {type(values).__name__}: save model.state_dict() instead."
        )
    state = {str(key): value for key, value in values.items() if isinstance(value, Tensor)}
    if not state:
        raise ModelError(f"{path} contains no weights: save model.state_dict() instead.")
    return without_wrappers(state)


def without_wrappers(state: StateDict) -> StateDict:
    """``state`` without the prefixes that every key shares because the network was wrapped."""
    for prefix in _WRAPPERS:
        if all(key.startswith(prefix) for key in state):
            state = {key.removeprefix(prefix): value for key, value in state.items()}
    return state


def own_part(state: StateDict, expected: Mapping[str, Tensor], source: str) -> StateDict:
    """The weights of one network in a checkpoint of a training program, without the prefix of their names.

    A training program stores the network in an attribute, so that its names begin with ``model.`` or ``backbone.``,
    next to others (``loss.``, ``ema_model.``). The prefix is found by the names of the network.

    Args:
        state: All weights of a file.
        expected: State dict of the network.
        source: Name of the file, for messages.

    Returns:
        ``state`` itself if its names already fit, or if no prefix makes them fit.

    Raises:
        ModelError: Several prefixes fit, with different weights.
    """
    needed = [key for key in expected if not key.endswith("num_batches_tracked")]
    if not needed or any(key in state for key in needed):
        return state
    parts = {}
    for prefix in sorted({key.removesuffix(needed[0]) for key in state if key.endswith(f".{needed[0]}")}):
        part = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        if all(key in part and part[key].shape == expected[key].shape for key in needed):
            parts[prefix] = part
    if not parts:
        return state
    first, *others = parts
    for other in others:
        if any(not torch.equal(parts[first][key], parts[other][key]) for key in needed):
            raise ModelError(
                f"{source} contains this network more than once, with different weights, as '{first}' and as "
                f"'{other}': save the intended state dict to a separate file."
            )
    return parts[first]


def load_into(network: nn.Module, state: StateDict, source: str) -> None:
    """Load ``state`` into ``network``; every key must fit, except a classifier and counters of batch norm.

    Raises:
        ModelError: Keys are missing, unknown or of another shape; the first of them are named.
    """
    # timm has a function per architecture that converts the layouts in which its weights were released.
    convert = getattr(sys.modules[type(network).__module__], "checkpoint_filter_fn", None)
    if convert is not None:
        # It fails on files of other architectures: the comparison below names the keys that do not fit.
        with suppress(KeyError, RuntimeError, ValueError, AttributeError, IndexError, TypeError):
            state = dict(convert(dict(state), network))
    expected = network.state_dict()
    state = own_part(state, expected, source)
    # The released BN-Inception keeps batch norm as (1, C).
    state = {
        key: value[0] if key in expected and value.shape == (1, *expected[key].shape) else value
        for key, value in state.items()
    }
    state = {
        key: value for key, value in state.items() if key in expected or not _is_classifier(key, network)
    }
    missing = [key for key in expected if key not in state and not key.endswith("num_batches_tracked")]
    unknown = [key for key in state if key not in expected]
    shapes = [key for key in state if key in expected and state[key].shape != expected[key].shape]
    if missing or unknown or shapes:
        raise ModelError(
            f"{source} does not fit this network: {_mismatch(missing, unknown, shapes, state, expected)}."
        )
    check_weights({key: state[key] for key in expected if key in state}, source)
    network.load_state_dict(state, strict=False)


def _mismatch(
    missing: list[str], unknown: list[str], shapes: list[str], state: StateDict, expected: StateDict
) -> str:
    parts = []
    if missing:
        parts.append(
            f"{len(missing)} of its {len(expected)} keys are missing in the file, first '{missing[0]}'"
        )
    if unknown:
        parts.append(f"{len(unknown)} keys of the file are unknown, first '{unknown[0]}'")
    if shapes:
        key = shapes[0]
        parts.append(f"{len(shapes)} differ in shape, first '{key}': {_shape(state[key])} in the file, "
                     f"{_shape(expected[key])} in the network")  # fmt: skip
    return "; ".join(parts) + "; give the file of the same architecture and size"


def _is_classifier(key: str, network: nn.Module) -> bool:
    config = getattr(network, "pretrained_cfg", None) or {}
    named = config.get("classifier") or ()
    named = (named,) if isinstance(named, str) else tuple(named)
    return any(key.startswith(f"{name}.") for name in (*named, *_CLASSIFIERS))


def _shape(tensor: Tensor) -> str:
    return "x".join(str(side) for side in tensor.shape) or "scalar"


def _unreadable(path: Path) -> str:
    return (
        f"{path} cannot be read as weights: it must be a whole .safetensors file, or a state dict that torch.save "
        "wrote (.pth, .pt, .ckpt)."
    )
