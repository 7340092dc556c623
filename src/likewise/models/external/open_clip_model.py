"""OpenCLIP models: ``open_clip:ARCH/TAG``, folders and repositories with ``open_clip_config.json``."""

from pathlib import Path
from typing import Any

import torch
from PIL.Image import Image
from torch import Tensor, nn

from likewise.data.preprocessing import Preprocessing
from likewise.errors import InputError, MissingExtraError, ModelError, choices
from likewise.extensions import what_happened
from likewise.models.embedder import ExternalEmbedder, SimilarityNetwork, output_dim
from likewise.models.external.repository import Repository
from likewise.models.external.verified import verify
from likewise.models.similarity_model import SimilarityModel
from likewise.models.text import TextTower, Tokens
from likewise.models.timm_backbone import check_timm_name
from likewise.models.usable_weights import check_weights

CONFIG = "open_clip_config.json"


class OpenClipTower(nn.Module):
    """Normalised images to the image features of an OpenCLIP model."""

    def __init__(self, visual: nn.Module) -> None:
        super().__init__()
        self.visual = visual

    def forward(self, inputs: Tensor) -> Tensor:
        """``(B, D)`` of images ``(B, 3, H, W)``."""
        vectors: Tensor = self.visual(inputs)
        return vectors


class _TextFeatures(nn.Module):
    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, _: Tensor | None) -> Tensor:
        vectors: Tensor = self.model.encode_text(ids)
        return vectors


def load_open_clip(name: str, weights: Path | None, preprocessing: Preprocessing | None) -> SimilarityModel:
    """``open_clip:ARCH/TAG``, or ``open_clip:ARCH`` with a weights file.

    Raises:
        ModelError: There is no such architecture or tag, or its weights cannot be downloaded.
        MissingExtraError: open_clip is not installed.
    """
    open_clip, title = _library(f"'open_clip:{name}'"), f"'open_clip:{name}'"
    architecture, _, tag = name.partition("/")
    if architecture not in open_clip.list_models():
        raise ModelError(
            f"OpenCLIP has no architecture '{architecture}': {_near(architecture, open_clip.list_models())}"
        )
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    if weights is not None and tag:
        raise ModelError(f"{title} names published weights: leave '/{tag}' or weights out.")
    if weights is not None and not weights.is_file():
        raise ModelError(f"There is no weights file {weights}: check the path.")
    if weights is None and tag not in tags:
        hint = choices(tag, tags) if tags else "there are none; give weights."
        raise ModelError(f"There are no weights '{tag}' of '{architecture}': {hint}")
    pretrained = tag if weights is None else str(weights)
    return _loaded(open_clip, architecture, f"open_clip:{name}", preprocessing, pretrained)


def load_open_clip_repository(repository: Repository, preprocessing: Preprocessing | None) -> SimilarityModel:
    """The OpenCLIP model of a folder or of a repository of the hub.

    Raises:
        ModelError: It names code, its weights are missing or do not fit.
        MissingExtraError: open_clip is not installed.
    """
    open_clip = _library(repository.title)
    repository.refuse_output("an OpenCLIP model")
    _check_config(repository)
    schema = "local-dir:" if repository.local else "hf-hub:"
    return _loaded(open_clip, f"{schema}{repository.source}", repository.name, preprocessing)


def _library(title: str) -> Any:
    try:
        import open_clip
    except ImportError as error:
        raise MissingExtraError(f"The OpenCLIP model {title}", "hub") from error
    return open_clip


def _check_config(repository: Repository) -> None:
    """Refuse configurations that would run code or fetch another repository's."""
    described = (repository.json(CONFIG) or {}).get("model_cfg")
    described = described if isinstance(described, dict) else {}
    text, vision = described.get("text_cfg"), described.get("vision_cfg")
    if not isinstance(text, dict) or not isinstance(vision, dict):
        raise ModelError(f"{repository.title}: {CONFIG} does not describe a model (model_cfg): get it again.")
    if "trust_remote_code" in {*text, *dict(text.get("tokenizer_kwargs") or {})}:
        raise ModelError(
            f"{repository.title} wants its tokenizer to run code (trust_remote_code), which likewise never does: take "
            f"that line out of {CONFIG}."
        )
    if vision.get("timm_model_name"):
        check_timm_name(str(vision["timm_model_name"]))


def _loaded(
    open_clip: Any,
    name: str,
    full_name: str,
    preprocessing: Preprocessing | None,
    pretrained: str | None = None,
) -> SimilarityModel:
    title = f"'{full_name}'"
    try:
        model = open_clip.create_model(name, pretrained, require_pretrained=True)
    except Exception as error:  # damaged files and configurations make it raise anything
        raise ModelError(
            f"{title} cannot be loaded ({what_happened(error).rstrip('.')}): check name and connection, or give a "
            f"folder with {CONFIG} and its weights."
        ) from error
    check_weights(model.eval().state_dict(), title)
    prepared = preprocessing or _preprocessing(model.visual.preprocess_cfg, title)
    network = SimilarityNetwork(prepared, ExternalEmbedder(OpenClipTower(model.visual), title)).eval()
    dim = output_dim(network, prepared.crop_px)
    model.visual = None  # it is in the network now
    text = TextTower(_TextFeatures(model), lambda: _tokenizer(open_clip, name, model, title), title)
    return SimilarityModel(network, prepared, dim=dim, name=full_name, text=text)


def _preprocessing(config: dict[str, Any], title: str) -> Preprocessing:
    """Preprocessing from a model's ``preprocess_cfg``, verified with OpenCLIP's transform.

    Raises:
        ModelError: It cannot be expressed.
    """
    size = config["size"]
    height, width = (size, size) if isinstance(size, int) else size
    mode = config.get("resize_mode", "shortest")
    if height != width or mode not in {"shortest", "squash"}:
        raise ModelError(
            f"{title} takes images of {width} x {height} px with resize_mode '{mode}', and likewise prepares squares "
            "without a border: give preprocessing=."
        )
    try:
        prepared = Preprocessing(
            resize_px=height,
            crop_px=height,
            interpolation="bilinear" if config.get("interpolation") == "bilinear" else "bicubic",
            mean=config["mean"],
            std=config["std"],
            resize_mode="squash" if mode == "squash" else "shorter",
        )
    except InputError as error:
        raise ModelError(
            f"The preprocess_cfg of {title} is not usable ({error}): correct {CONFIG}."
        ) from error
    from open_clip.transform import PreprocessCfg, image_transform_v2

    def source(image: Image) -> Tensor:
        transform = image_transform_v2(PreprocessCfg(**config), is_train=False)
        return torch.as_tensor(transform(image))

    return verify(prepared, source, title)


def _tokenizer(open_clip: Any, name: str, model: Any, title: str) -> Any:
    try:
        tokenizer = open_clip.get_tokenizer(name)
    except Exception as error:  # its files may be missing or be anything
        raise ModelError(f"The tokenizer of {title} cannot be loaded: {what_happened(error)}") from error
    limit = int(getattr(tokenizer, "context_length", None) or model.context_length)

    def tokens(texts: list[str]) -> Tokens:
        # Twice the length: a text that reaches beyond the limit was cut.
        longer = tokenizer(texts, context_length=limit + 1)
        cut = [limit if row[:, limit].item() != padding(row) else None for row in longer.split(1)]
        return Tokens(tokenizer(texts), None, cut)

    def padding(row: Tensor) -> int:
        return (
            int(getattr(getattr(tokenizer, "tokenizer", None), "pad_token_id", None) or 0)
            if row.numel()
            else 0
        )

    return tokens


def _near(name: str, names: list[str]) -> str:
    hint = choices(name, names)
    return (
        hint if hint.startswith("did you mean") else "open_clip.list_models() shows all, such as 'ViT-B-32'."
    )
