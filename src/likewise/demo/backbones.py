"""Network of the demo: a pretrained one if available, otherwise the one that ships with likewise."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from likewise.errors import InputError
from likewise.models import SimilarityModel, load
from likewise.models.shipped_networks import SMALL

SHIPPED = SMALL
# Small, fast on a CPU, and good on photos; the first one found is used.
PRETRAINED = (
    "tf_efficientnet_lite0.in1k",
    "resnet50.a1_in1k",
    "resnet18.a1_in1k",
    "mobilenetv3_large_100.ra_in1k",
)
FOR_WEIGHTS = "tf_efficientnet_lite0"
_HUB_FILES = ("model.safetensors", "pytorch_model.bin")


@dataclass(frozen=True)
class Chosen:
    """A network and the reason for its choice.

    Attributes:
        model: It.
        name: As commands take it.
        weights: The file it was loaded with, to be given as ``--weights``; None if it needs none.
        words: One sentence.
    """

    model: SimilarityModel
    name: str
    weights: Path | None
    words: str

    @property
    def options(self) -> str:
        """Options that load the same weights: "" or `` --weights FILE``."""
        return "" if self.weights is None else f" --weights {shlex.quote(str(self.weights))}"


def choose(weights: Path | None, *, own_photos: bool) -> Chosen:
    """The network for the demo.

    Args:
        weights: A file of EfficientNet-Lite0 that the user gave, or None.
        own_photos: True looks for a pretrained network in the cache of the Hugging Face hub, without network access;
            the rendered samples take the shipped network, which learnt from such images.

    Raises:
        InputError: There is no such file.
        ModelError: The file is not of that network.
    """
    if weights is not None:
        if not weights.is_file():
            raise InputError(
                f"There is no weights file {weights}: give the file of {FOR_WEIGHTS}, or leave it out."
            )
        name = f"timm:{FOR_WEIGHTS}"
        return Chosen(load(name, weights), name, weights, f"The network is {name} with the weights you gave.")
    if not own_photos:
        return Chosen(load(SHIPPED), SHIPPED, None, f"The network is {SHIPPED}, which ships with likewise.")
    for tag in PRETRAINED:
        file = cached(tag)
        if file is not None:
            name = f"timm:{tag}"
            words = f"The network is {name}, pretrained on ImageNet, from the cache of the Hugging Face hub."
            return Chosen(load(name, file), name, None, words)
    words = (
        f"The network is {SHIPPED}, which ships with likewise and was trained on rendered products: no pretrained "
        "network "
        "was found on this machine. A network for photos is better: give the file of EfficientNet-Lite0 with --weights."
    )
    return Chosen(load(SHIPPED), SHIPPED, None, words)


def cached(tag: str) -> Path | None:
    """The weights of a timm network in the cache of the Hugging Face hub; no network access."""
    from huggingface_hub import try_to_load_from_cache

    for name in _HUB_FILES:
        file = try_to_load_from_cache(f"timm/{tag}", name)
        if isinstance(file, str):
            return Path(file)
    return None
