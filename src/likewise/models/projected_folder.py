"""A projected model on disk: the projection, and the model below it or a reference to that."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file

from likewise import __version__
from likewise.errors import LikewiseError, ModelError
from likewise.files import write_json
from likewise.models.model_reference import Holder, ModelReference
from likewise.models.projection import Projection
from likewise.models.saving import ABOUT_FILE, save_model, target_folder, write_weights
from likewise.models.usable_weights import check_weights

if TYPE_CHECKING:
    from likewise.models.similarity_model import SimilarityModel

PROJECTION_FILE = "projection.safetensors"
_BASE = "base"
_FORMAT = 2  # of model.json; 1 is a model that is built from a spec


def save_projected(
    model: "SimilarityModel",
    folder: Path,
    *,
    overwrite: bool = False,
    reference: ModelReference | None = None,
) -> Path:
    """Write a projected model; the model below it goes into the subfolder ``base`` if it can be saved.

    Args:
        model: Made by :meth:`SimilarityModel.projected`.
        folder: Made where it does not exist.
        overwrite: Replace a model that is there.
        reference: Reference to the model below if it cannot be saved (ONNX files, other libraries). None: its name.

    Raises:
        InputError: The folder contains a model already, or cannot be written.
        ModelError: The model below can neither be saved nor loaded by a name that is neither code nor an address.
    """
    base, projection = model.base, model.projection
    assert base is not None and projection is not None
    saved = base.spec is not None or base.base is not None
    if not saved:
        reference = reference or ModelReference.to(base.name, str(folder / ABOUT_FILE))
        reference.require_data(Holder(f"The projection of {base.name!r}", "export that model to ONNX first"))
    about = {
        "format": _FORMAT, "likewise": __version__, "name": model.name, "distance": model.distance, "dim": model.dim,
        "fingerprint": model.fingerprint, "base_fingerprint": base.fingerprint,
        "base": None if saved or reference is None else reference.model_dump(mode="json"),
        "any_prefix": model.prefix_sizes is not None,
    }  # fmt: skip
    with target_folder(folder, overwrite) as target:
        if saved:
            writer = save_model if base.base is None else save_projected
            writer(base, target / _BASE, overwrite=True)
        tensors = {"weight": projection.weight.cpu(), "center": projection.center.cpu()}
        write_weights(tensors, target / PROJECTION_FILE)
        write_json(target / ABOUT_FILE, about)
    return folder


def is_projected(folder: Path) -> bool:
    """Whether a folder holds a projected model."""
    return (folder / PROJECTION_FILE).is_file()


def load_projected(
    folder: Path, load_folder: Callable[[Path], "SimilarityModel"], load: Callable[..., "SimilarityModel"]
) -> "SimilarityModel":
    """The model that :func:`save_projected` wrote, on the CPU.

    Args:
        folder: Folder of the model.
        load_folder: Loads the model below from a folder.
        load: Loads it by name, as :func:`likewise.load`.

    Raises:
        ModelError: A file is damaged or missing, or the model below is another one now.
    """
    about = _read_about(folder)
    reference, fingerprint = about["base"], about["base_fingerprint"]
    if reference is None:
        base = load_folder(folder / _BASE)
    else:
        holder = Holder(f"The projection in {folder}", "put that model back, or fit the projection again")
        base = reference.load(load, str(folder / ABOUT_FILE), fingerprint, holder)
    if base.fingerprint != fingerprint:
        raise ModelError(
            f"{folder} projects the embeddings of another model ({fingerprint}) than {base.name!r} is now "
            f"({base.fingerprint}): fit it again."
        )
    model = base.projected(_read_projection(folder))
    model.name = about["name"]
    model.prefix_sizes = () if about["any_prefix"] else None
    if model.fingerprint != about["fingerprint"] or model.distance != about["distance"]:
        raise ModelError(
            f"{folder}: {PROJECTION_FILE} and {ABOUT_FILE} do not belong together: save or copy the model again."
        )
    return model


def _read_about(folder: Path) -> dict[str, Any]:
    path = folder / ABOUT_FILE
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        if about["format"] != _FORMAT:
            raise ValueError(f"format is {about['format']!r}")
        for key in ("name", "fingerprint", "base_fingerprint", "distance"):
            if not isinstance(about[key], str):
                raise ValueError(f"{key} is {about[key]!r}")
        about["any_prefix"] = bool(about["any_prefix"])
        if about["base"] is not None:
            about["base"] = ModelReference.model_validate(about["base"])
    except (OSError, ValueError, KeyError, TypeError, ValidationError, RecursionError) as error:
        raise ModelError(
            f"{path} does not describe the projection beside it ({str(error).splitlines()[0]}): fit it again."
        ) from error
    return dict(about)


def _read_projection(folder: Path) -> Projection:
    path = folder / PROJECTION_FILE
    try:
        tensors = load_file(path)
        check_weights(tensors, str(path))
        weight, center = tensors["weight"], tensors["center"]
        if weight.dim() != 2 or center.shape != weight.shape[1:] or weight.dtype != torch.float32:
            raise ModelError(f"the shapes are {tuple(weight.shape)} and {tuple(center.shape)}")
    except (SafetensorError, OSError, KeyError, LikewiseError) as error:
        raise ModelError(
            f"{path} is damaged ({str(error).rstrip('.')}): fit the projection again."
        ) from error
    return Projection(weight, center)
