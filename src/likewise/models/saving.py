"""A model on disk: ``model.safetensors`` with the weights, ``model.json`` with everything else."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from likewise import __version__
from likewise.data.preprocessing import Preprocessing
from likewise.distances import ModelDistance
from likewise.errors import InputError, ModelError, WorkError
from likewise.extensions import resume_command
from likewise.files import digest, whole_file, whole_folder, write_json
from likewise.models.spec import ModelSpec
from likewise.models.trained_on import FILE as TRAINED_ON_FILE
from likewise.models.weights import StateDict
from likewise.validation_errors import reason

if TYPE_CHECKING:
    from likewise.models.similarity_model import SimilarityModel

WEIGHTS_FILE = "model.safetensors"
ABOUT_FILE = "model.json"
_FORMAT = 1


def save_model(model: "SimilarityModel", folder: Path, *, overwrite: bool = False) -> Path:
    """See :meth:`SimilarityModel.save`."""
    about = describe(model)
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.network.state_dict().items()}
    with target_folder(folder, overwrite) as target:
        write_weights(state, target / WEIGHTS_FILE, {"format": "pt"})
        if model.trained_on is None:
            (target / TRAINED_ON_FILE).unlink(missing_ok=True)
        else:
            model.trained_on.write(target)
        write_json(target / ABOUT_FILE, about)
    return folder


def describe(model: "SimilarityModel") -> dict[str, Any]:
    """The content of ``model.json``.

    Raises:
        ModelError: The model has no spec, so it could not be loaded again.
    """
    return {
        "format": _FORMAT,
        "likewise": __version__,
        "name": model.name,
        "distance": model.distance,
        "dim": model.dim,
        "fingerprint": model.fingerprint,
        "seal": _seal(model.fingerprint, model.distance, model.dim),
        "preprocessing": model.preprocessing.model_dump(mode="json"),
        # The source of the initial weights is irrelevant on another machine: the weights are here.
        "spec": saveable_spec(model).model_dump(mode="json", exclude={"weights", "pretrained"}),
    }


def saveable_spec(model: "SimilarityModel") -> ModelSpec:
    """The spec of ``model``.

    Raises:
        ModelError: It has none, so it could not be loaded again.
    """
    if model.spec is None:
        raise ModelError(
            f"'{model.name}' is not built from a spec, so its folder could not be loaded again: keep its own "
            "file and load it by its name, or use a timm backbone."
        )
    return model.spec


def read_about(folder: Path) -> dict[str, Any]:
    """The checked content of ``model.json``.

    Raises:
        ModelError: The folder contains no finished model, or the file is damaged or from a later version.
    """
    path = folder / ABOUT_FILE
    if not path.is_file() or not (folder / WEIGHTS_FILE).is_file():
        if (folder / "experiment.yaml").is_file():
            raise ModelError(
                f"The training in {folder} has not saved a model yet: let it finish, or continue it with  "
                f"{resume_command(folder)}"
            )
        raise ModelError(
            f"{folder} contains no model: it needs {WEIGHTS_FILE} and {ABOUT_FILE}, as written by save()."
        )
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        if type(about["format"]) is not int or about["format"] < 1:
            raise ValueError(f"format is {about['format']!r}")
        if about["format"] > _FORMAT:
            raise ModelError(
                f"{path} was written by likewise {about['likewise']}: update likewise to read it."
            )
        about["spec"] = ModelSpec.model_validate(about["spec"])
        about["preprocessing"] = Preprocessing.model_validate(about["preprocessing"])
        if about["distance"] not in get_args(ModelDistance):
            raise ValueError(f"distance is {about['distance']!r}")
        for key in ("fingerprint", "name"):
            if not isinstance(about[key], str):
                raise ValueError(f"{key} is {about[key]!r}")
        _ = about["dim"]
    except (ValueError, KeyError, TypeError, ValidationError, RecursionError) as error:
        why = f"it says nothing about {error}" if isinstance(error, KeyError) else reason(error, ModelSpec)
        raise ModelError(f"{path} is damaged ({why}): save the model again.") from error
    return dict(about)


def check_distance(about: dict[str, Any], dim: int, folder: Path) -> None:
    """Refuse a distance or a dimension that is not the one the model was saved with.

    The fingerprint does not cover them, so a changed word would change every distance.

    Raises:
        ModelError: They were changed, or do not belong to this kind of model.
    """
    avsl = about["spec"].head == "avsl"
    sealed = about.get("seal")  # models of earlier versions have none
    changed = sealed is not None and sealed != _seal(about["fingerprint"], about["distance"], about["dim"])
    if about["dim"] != dim or avsl != (about["distance"] == "avsl") or changed:
        raise ModelError(
            f"{folder / ABOUT_FILE} says distance {about['distance']!r} and dim {about['dim']!r}, which are not those "
            "this model was saved with: bring back the file that was saved, or save the model again."
        )


def _seal(fingerprint: str, distance: str, dim: int) -> str:
    return digest(fingerprint, distance, str(dim))


def read_weights(folder: Path) -> StateDict:
    """The state dict in ``model.safetensors``.

    Raises:
        ModelError: The file is damaged.
    """
    try:
        return dict(load_file(folder / WEIGHTS_FILE))
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{folder / WEIGHTS_FILE} is damaged ({error}): save the model again.") from error


@contextmanager
def target_folder(folder: Path, overwrite: bool) -> Iterator[Path]:
    """A folder to write both files to: a new one appears whole, an existing one keeps its other files."""
    occupied = folder.is_dir() and any(folder.iterdir())
    if not occupied:
        with whole_folder(folder) as temporary:
            yield temporary
        return
    if (folder / ABOUT_FILE).exists() and not overwrite:
        raise InputError(f"{folder} contains a model already: choose another folder, or overwrite it.")
    # If the machine stops between the two files, loading detects it by the fingerprint in model.json.
    yield folder


def write_weights(tensors: StateDict, target: Path, metadata: dict[str, str] | None = None) -> None:
    """Write tensors as safetensors, whole or not at all.

    Raises:
        InputError: The folder cannot be written.
        WorkError: Writing failed on the way.
    """
    with whole_file(target) as temporary:
        try:
            save_file(tensors, temporary, metadata=metadata)
        except SafetensorError as error:
            raise WorkError(f"Writing {target} failed ({error}); make room and save again.") from error
