"""timm models of a folder or of the hub: ``config.json`` with an ``architecture``, and a weights file."""

from typing import Any

from likewise.data.preprocessing import Preprocessing
from likewise.errors import ModelError
from likewise.models.building import build
from likewise.models.external.repository import Repository
from likewise.models.similarity_model import SimilarityModel
from likewise.models.spec import ModelSpec
from likewise.models.timm_backbone import TimmBackbone, check_timm_name, timm_preprocessing
from likewise.models.weights import load_into, read_state_dict

_WEIGHTS = ("model.safetensors", "pytorch_model.bin")


def load_timm_repository(repository: Repository, preprocessing: Preprocessing | None) -> SimilarityModel:
    """A timm model as a backbone that can be saved and trained further.

    Raises:
        ModelError: timm has no such architecture, it was built with extra arguments, or its weights do not fit.
    """
    repository.refuse_output("a timm model")
    config = repository.json("config.json") or {}
    architecture = str(config.get("architecture"))
    check_timm_name(architecture)
    cfg = _input_of(config, architecture)
    prepared = preprocessing or timm_preprocessing(cfg)
    backbone = TimmBackbone(architecture, size_px=prepared.crop_px)
    extra = _own_arguments(config, cfg, backbone)
    if extra:
        raise ModelError(
            f"{repository.title} was built with arguments of its own ({', '.join(sorted(extra))}), which the backbone "
            f"'{architecture}' does not take here: put a function that builds it into torch:package.module:function."
        )
    spec = ModelSpec(backbone=architecture, pooling=backbone.native_pooling, dim=None, preprocessing=prepared)
    weights = next((file for name in _WEIGHTS if (file := repository.file(name)) is not None), None)
    if weights is None:
        raise ModelError(
            f"{repository.title} holds no weights: it needs {' or '.join(_WEIGHTS)} beside config.json."
        )
    model = build(spec)
    load_into(model.network.embedder.backbone.network, read_state_dict(weights), str(weights))  # type: ignore[union-attr,arg-type]
    model.name = repository.name
    return model


def _input_of(config: dict[str, Any], architecture: str) -> dict[str, Any]:
    """The ``pretrained_cfg`` of a config.json; earlier versions of timm wrote its values at the top level."""
    import timm  # takes two seconds to load: only if one of its networks is needed

    default = timm.get_pretrained_cfg(architecture)
    defaults = {} if default is None else default.to_dict()  # type: ignore[no-untyped-call]
    values = config.get("pretrained_cfg")
    values = values if isinstance(values, dict) else config
    merged = {**defaults, **{key: value for key, value in values.items() if value is not None}}
    missing = [key for key in ("input_size", "mean", "std") if key not in merged]
    if missing:
        raise ModelError(
            f"The config.json of '{architecture}' says nothing about {', '.join(missing)}: write pretrained_cfg."
        )
    return merged


def _own_arguments(config: dict[str, Any], cfg: dict[str, Any], backbone: TimmBackbone) -> set[str]:
    """Arguments of the architecture that a ModelSpec cannot hold."""
    arguments = config.get("model_args") or {}
    side, pool = cfg["input_size"][-1], getattr(backbone.network, "global_pool", None)
    extra = set(arguments) - {"num_classes", "pretrained", "in_chans", "drop_rate", "drop_path_rate"}
    if arguments.get("img_size") in (side, [side, side]):
        extra -= {"img_size"}
    if not isinstance(pool, str) or arguments.get("global_pool") == pool:
        extra -= {"global_pool"}
    return extra
