"""Networks that come with likewise: ``likewise:small`` needs no download and no network access.

The weights are our own training on rendered articles (``experiments/small_network.py``, numbers in docs/models.md).
Matrices are stored in half precision and used in single.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from likewise.data.preprocessing import Preprocessing
from likewise.errors import ModelError
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
from likewise.models.shipped_networks import KIND, SHIPPED_FOLDER, fill, shipped_spec
from likewise.models.similarity_model import SimilarityModel


def load_shipped(name: str, weights: Path | None, preprocessing: Preprocessing | None) -> SimilarityModel:
    """The network that ships as ``likewise:NAME``.

    Raises:
        ModelError: There is none of that name, or weights or a preprocessing are given, which it has itself.
    """
    shipped_spec(name)
    if weights is not None or preprocessing is not None:
        what = "weights" if weights is not None else "preprocessing"
        raise ModelError(f"likewise:{name} has its own {what}: leave {what} out.")
    folder = SHIPPED_FOLDER / name
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
    model = build(shipped_spec(name))
    fill(model.network, state, f"{KIND}{name}")
    model.name = f"{KIND}{name}"
    return model
