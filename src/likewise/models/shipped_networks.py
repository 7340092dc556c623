"""Networks whose weights come with likewise, by the name that follows ``likewise:``."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from likewise.data.preprocessing import IMAGENET, Preprocessing
from likewise.errors import ModelError, choices
from likewise.models.saving import read_weights
from likewise.models.spec import ModelSpec

KIND = "likewise:"
SMALL = f"{KIND}small"
SHIPPED_FOLDER = Path(__file__).parent / "shipped"
SHIPPED_SPECS = {
    "small": ModelSpec(
        backbone="mobilenetv4_conv_small",
        dim=256,
        preprocessing=Preprocessing(resize_px=160, crop_px=160, mean=IMAGENET.mean, std=IMAGENET.std),
    )
}
_BACKBONE = "embedder.backbone.network."


def is_shipped(name: str) -> bool:
    """Whether a backbone's name is that of a network that comes with likewise."""
    return name.startswith(KIND)


def shipped_spec(name: str) -> ModelSpec:
    """The specification of ``likewise:NAME``.

    Raises:
        ModelError: There is none of that name.
    """
    short = name.removeprefix(KIND)
    if short not in SHIPPED_SPECS:
        raise ModelError(f"likewise ships no model {short!r}: {choices(short, SHIPPED_SPECS)}")
    return SHIPPED_SPECS[short]


def load_shipped_backbone(network: nn.Module, name: str) -> None:
    """Load the weights of ``likewise:NAME`` into the network of its backbone.

    Raises:
        ModelError: There is none of that name, or its files are damaged.
    """
    shipped_spec(name)
    state = read_weights(SHIPPED_FOLDER / name.removeprefix(KIND))
    stored = {key.removeprefix(_BACKBONE): value for key, value in state.items() if key.startswith(_BACKBONE)}
    fill(network, stored, name)


def fill(network: nn.Module, state: Mapping[str, Tensor], name: str) -> None:
    """Load a state dict that may leave out what no embedding depends on; that becomes zero.

    Raises:
        ModelError: A key or a shape does not fit.
    """
    # Zeros, so that every machine has the same fingerprint.
    expected = {key: torch.zeros_like(value) for key, value in network.state_dict().items()}
    unknown = [
        key for key, value in state.items() if key not in expected or expected[key].shape != value.shape
    ]
    if unknown:
        raise ModelError(f"The weights of {name} do not fit its network, first {min(unknown)!r}.")
    network.load_state_dict(expected | {key: value.to(expected[key].dtype) for key, value in state.items()})
