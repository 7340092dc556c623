"""Networks that come with likewise: ``likewise:small`` needs no download and no network access.

The weights are our own training on rendered articles (``experiments/small_network.py``, numbers in docs/models.md).
Matrices are stored in half precision and used in single.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from likewise.data.preprocessing import IMAGENET, Preprocessing
from likewise.errors import ModelError, choices
from likewise.files import write_json
from likewise.models.building import build
from likewise.models.saving import (
    ABOUT_FILE,
    WEIGHTS_FILE,
    check_distance,
    describe,
    read_about,
    read_weights,
    write_weights,
)
from likewise.models.similarity_model import SimilarityModel
from likewise.models.spec import ModelSpec

SMALL = "likewise:small"

_FOLDER = Path(__file__).parent
_SPECS = {
    "small": ModelSpec(
        backbone="mobilenetv4_conv_small",
        dim=256,
        preprocessing=Preprocessing(resize_px=160, crop_px=160, mean=IMAGENET.mean, std=IMAGENET.std),
    )
}


def load_shipped(name: str, weights: Path | None, preprocessing: Preprocessing | None) -> SimilarityModel:
    """The network that ships as ``likewise:NAME``.

    Raises:
        ModelError: There is none of that name, or weights or a preprocessing are given, which it has itself.
    """
    if name not in _SPECS:
        raise ModelError(f"likewise ships no model {name!r}: {choices(name, _SPECS)}")
    if weights is not None or preprocessing is not None:
        what = "weights" if weights is not None else "preprocessing"
        raise ModelError(f"likewise:{name} has its own {what}: leave {what} out.")
    folder = _FOLDER / name
    try:
        about = read_about(folder)
        model = _filled(name, read_weights(folder))
        check_distance(about, model.dim, folder)
    except ModelError as error:
        raise _damaged(name, folder) from error
    if model.fingerprint != about["fingerprint"]:
        raise _damaged(name, folder)
    return model


def write_shipped(name: str, state: Mapping[str, Tensor], folder: Path) -> SimilarityModel:
    """Write the files that :func:`load_shipped` reads; ``state`` may leave out what no embedding depends on."""
    stored = {
        key: (value.half() if value.is_floating_point() and value.dim() > 1 else value).contiguous()
        for key, value in state.items()
    }
    model = _filled(name, stored)
    folder.mkdir(parents=True, exist_ok=True)
    write_weights(stored, folder / WEIGHTS_FILE, {"format": "pt"})
    write_json(folder / ABOUT_FILE, describe(model))
    return model


def _damaged(name: str, folder: Path) -> ModelError:
    return ModelError(f"The files of likewise:{name} in {folder} are damaged: install likewise again.")


def _filled(name: str, state: Mapping[str, Tensor]) -> SimilarityModel:
    model = build(_SPECS[name])
    # Not stored, because our pooling does not use it: zeros, so that every machine has the same fingerprint.
    expected = {key: torch.zeros_like(value) for key, value in model.network.state_dict().items()}
    unknown = [
        key for key, value in state.items() if key not in expected or expected[key].shape != value.shape
    ]
    if unknown:
        raise ModelError(f"The weights of likewise:{name} do not fit its network, first {min(unknown)!r}.")
    model.network.load_state_dict(
        expected | {key: value.to(expected[key].dtype) for key, value in state.items()}
    )
    model.name = f"likewise:{name}"
    return model
