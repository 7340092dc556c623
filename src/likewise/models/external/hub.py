"""``hf:org/name``: timm and OpenCLIP models of the Hugging Face hub. Uses the network, or the hub's cache."""

import json
from pathlib import Path
from typing import Any

from huggingface_hub import hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, HFValidationError
from torch import Tensor, nn

from likewise.data.preprocessing import Preprocessing
from likewise.errors import MissingExtraError, ModelError
from likewise.models.building import build
from likewise.models.embedder import ForeignEmbedder, SimilarityNetwork, output_dim
from likewise.models.similarity_model import SimilarityModel
from likewise.models.spec import ModelSpec
from likewise.models.timm_backbone import TimmBackbone, timm_preprocessing


def load_hub(name: str, weights: Path | None, preprocessing: Preprocessing | None) -> SimilarityModel:
    """The image model ``org/name`` of the hub as a SimilarityModel.

    A timm model becomes a backbone that can be saved and trained further; of an OpenCLIP model the image
    tower is taken.

    Raises:
        ModelError: There is no such model, it is of another kind, or the hub cannot be reached.
        MissingExtraError: An OpenCLIP model, and open_clip is not installed.
    """
    if weights is not None:
        raise ModelError(
            f"'hf:{name}' brings its weights: leave weights out, or load the backbone as timm:NAME."
        )
    model = _open_clip(name, preprocessing) if _is_open_clip(name) else _timm(name, preprocessing)
    model.name = f"hf:{name}"
    return model


def _is_open_clip(name: str) -> bool:
    try:
        hf_hub_download(name, "open_clip_config.json")
    except EntryNotFoundError:  # also when the hub cannot be reached and the file is not in the cache
        return False
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        raise _unreachable(name, error) from error
    return True


def _timm(name: str, preprocessing: Preprocessing | None) -> SimilarityModel:
    import timm  # takes two seconds to load: only where a network of it is wanted

    try:
        network = timm.create_model(f"hf-hub:{name}", pretrained=True, num_classes=0)
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        kind = _transformers_kind(name)
        if kind is not None:
            raise ModelError(
                f"'hf:{name}' is a model of the transformers library ({kind}), which 'hf:' does not support: it takes "
                "timm and OpenCLIP repositories. Write a function that returns a torch.nn.Module around it, and load "
                "that as torch:package.module:function."
            ) from error
        raise _unreachable(name, error) from error
    config: dict[str, Any] = network.pretrained_cfg  # type: ignore[assignment]  # set by timm on every model
    architecture = str(config["architecture"])
    prepared = preprocessing or timm_preprocessing(config)
    spec = ModelSpec(
        backbone=architecture,
        pooling=TimmBackbone(architecture).own_pooling,
        dim=None,
        preprocessing=prepared,
    )
    model = build(spec)
    model.network.embedder.backbone.network.load_state_dict(network.state_dict())  # type: ignore[union-attr]  # TimmBackbone
    return model


def _transformers_kind(name: str) -> str | None:
    """What kind of transformers model a repository holds; None where it holds none or cannot be read."""
    try:
        config = json.loads(Path(hf_hub_download(name, "config.json")).read_text(encoding="utf-8"))
    except (OSError, ValueError, HfHubHTTPError, HFValidationError):
        return None
    if not isinstance(config, dict) or "architecture" in config:
        return None  # timm's own description
    return str(config["model_type"]) if "model_type" in config else None


class _ImageTower(nn.Module):
    def __init__(self, model: Any) -> None:
        super().__init__()
        self.visual = model.visual

    def forward(self, inputs: Tensor) -> Tensor:
        vectors: Tensor = self.visual(inputs)
        return vectors


def _open_clip(name: str, preprocessing: Preprocessing | None) -> SimilarityModel:
    try:
        import open_clip
    except ImportError as error:
        raise MissingExtraError(f"The OpenCLIP model 'hf:{name}'", "hub") from error
    try:
        model = open_clip.create_model(f"hf-hub:{name}")
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise _unreachable(name, error) from error
    prepared = preprocessing or _clip_preprocessing(model.visual.preprocess_cfg)
    network = SimilarityNetwork(prepared, ForeignEmbedder(_ImageTower(model), f"'hf:{name}'")).eval()
    return SimilarityModel(network, prepared, dim=output_dim(network, prepared.crop_px), name=f"hf:{name}")


def _clip_preprocessing(config: dict[str, Any]) -> Preprocessing:
    size = config["size"]
    side = int(size if isinstance(size, int) else size[0])
    return Preprocessing(
        resize_px=side,
        crop_px=side,
        interpolation="bilinear" if config.get("interpolation") == "bilinear" else "bicubic",
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
    )


def _unreachable(name: str, error: Exception) -> ModelError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
    return ModelError(
        f"'hf:{name}' cannot be had from the Hugging Face hub ({reason}): check name and connection, or get "
        "the weights by hand and load them with timm:NAME and weights."
    )
