"""A model that a training starts from: the value of ``model.backbone`` may name one, as other commands do."""

from pathlib import Path
from typing import Any

from likewise.data import Preprocessing
from likewise.errors import ConfigError
from likewise.models import ModelSpec, TrainedOn
from likewise.models.external.hub import is_foreign_folder
from likewise.models.kinds import KINDS, VECTOR_ENDINGS
from likewise.models.projected_folder import is_projected
from likewise.models.saving import ABOUT_FILE, WEIGHTS_FILE, read_about
from likewise.training.preprocessing import scaled

_TRAINABLE = {"likewise", "timm"}
_MODEL_FILES = {".onnx", ".safetensors", ".pt", ".pth", ".bin", ".ckpt", *VECTOR_ENDINGS}
_UNFINISHED_FILE = "experiment.yaml"


def with_starting_model(values: dict[str, Any]) -> dict[str, Any]:
    """``values`` of an Experiment with a model's name in ``model.backbone`` replaced by its backbone and weights.

    ``timm:NAME`` is the timm backbone. For the folder of a Run or a saved model, training starts from the weights of
    its backbone, with its preprocessing unless another is given; its head is not used. Other values are returned
    unchanged.

    Raises:
        ConfigError: The model is of a kind that cannot be trained.
        ModelError: The folder's model is damaged.
    """
    model = values.get("model")
    name = model.get("backbone") if isinstance(model, dict) else None
    if not isinstance(model, dict) or not isinstance(name, str | Path):
        return values
    kind, colon, rest = str(name).partition(":")
    folder = Path(name).expanduser()
    if (colon and kind in KINDS and kind not in _TRAINABLE) or _is_untrainable(folder):
        raise ConfigError(
            f"The model '{name}' cannot be trained: give model.backbone a timm name, likewise:small, the folder of a "
            "Run or a saved model, or package.module:Name of your own torch module."
        )
    if any((folder / file).is_file() for file in (ABOUT_FILE, _UNFINISHED_FILE)):
        return values | {"model": _of_folder(folder, model)}
    if kind == "timm" and colon:
        return values | {"model": model | {"backbone": rest}}
    return values


def training_of_start(spec: ModelSpec) -> TrainedOn | None:
    """The training of the model whose weights a training starts from; None if they are not those of such a model.

    Raises:
        ModelError: Its record is damaged.
    """
    if spec.weights is None or spec.weights.name != WEIGHTS_FILE:
        return None
    return TrainedOn.read(spec.weights.parent)


def _of_folder(folder: Path, model: dict[str, Any]) -> dict[str, Any]:
    about = read_about(folder)
    preprocessing: Preprocessing = about["preprocessing"]
    settings = model.get("preprocessing") or {}
    if isinstance(settings, dict):
        settings = preprocessing.model_dump(mode="json") | scaled(settings, preprocessing) | settings
    weights = model.get("weights") or str(folder / WEIGHTS_FILE)
    return model | {
        "backbone": about["spec"].backbone, "weights": weights, "pretrained": False, "preprocessing": settings,
    }  # fmt: skip


def _is_untrainable(path: Path) -> bool:
    return (path.is_file() and path.suffix in _MODEL_FILES) or is_foreign_folder(path) or is_projected(path)
