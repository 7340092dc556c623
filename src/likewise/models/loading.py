"""``likewise.load``: a model from a folder, or from a name such as ``timm:resnet50.a1_in1k``."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import cast

import torch

from likewise.arguments import checked
from likewise.bounds import Count
from likewise.data.preprocessing import Preprocessing
from likewise.errors import ModelError, choices
from likewise.extensions import Registry
from likewise.missing_inputs import missing_model
from likewise.models.backbone_registry import create_backbone
from likewise.models.building import build
from likewise.models.devices import pick_device
from likewise.models.external.address import load_address
from likewise.models.external.hub import is_foreign_folder, load_foreign_folder, load_hub
from likewise.models.external.onnx_file import load_onnx
from likewise.models.external.open_clip_model import load_open_clip
from likewise.models.external.preprocessing_choice import PreprocessingChoice, resolve_preprocessing
from likewise.models.external.repository import split_dim, split_output
from likewise.models.external.torch_module import load_torch
from likewise.models.external.vectors_file import load_vectors
from likewise.models.kinds import VECTOR_ENDINGS
from likewise.models.projected_folder import is_projected, load_projected
from likewise.models.random_state import random_state_kept
from likewise.models.saving import check_distance, read_about, read_weights
from likewise.models.shipped import load_shipped
from likewise.models.similarity_model import SimilarityModel
from likewise.models.spec import ModelSpec
from likewise.models.trained_on import TrainedOn
from likewise.models.usable_weights import check_weights

Loader = Callable[[str, Path | None, Preprocessing | None], SimilarityModel]


@checked
def load(
    name: str | Path,
    weights: Path | str | None = None,
    device: str | torch.device | None = None,
    *,
    preprocessing: PreprocessingChoice = None,
    output: str | None = None,
    dim: Count | None = None,
    trusted: bool = True,
) -> SimilarityModel:
    """Load a model.

    Args:
        name: One of

            - ``likewise:small``: the network that comes with likewise, which needs no download;
            - a folder: a Run, or whatever ``SimilarityModel.save`` wrote;
            - ``timm:NAME``: a timm backbone (or ``timm:bn_inception``) without further layers, with its
              published weights (which are downloaded on first use) or with ``weights``;
            - ``torch:package.module:function``: what the function returns, a ``torch.nn.Module`` from
              normalised images to vectors (an attribute ``preprocessing`` describes its input);
            - ``onnx:FILE``: images or normalised images to vectors; input described in the file's
              metadata, in ``FILE.json`` beside it, or by ``preprocessing``;
            - ``hf:org/name``: a model of the Hugging Face hub (transformers, timm, OpenCLIP,
              sentence-transformers); or the folder of one;
            - ``open_clip:ARCH/TAG``: a model of OpenCLIP, or ``open_clip:ARCH`` with ``weights``;
            - ``http://HOST/embed``: a model behind an address;
            - ``vectors:FILE``, or an .npz, .npy or .parquet file: vectors of stored images, without a network;
            - ``KIND:NAME`` of an installed package or of :func:`register_kind`.
        weights: Local weights file of the backbone or module.
        device: "cpu", "cuda", "cuda:1"...; None is the first GPU or else the CPU.
        preprocessing: Preprocessing of a model that does not describe its own: a Preprocessing, the name "imagenet"
            or "bn_inception", or a JSON file. Refused for Runs, which store theirs.
        output: Output of a transformers model that is the embedding: "class", "mean", "pooler" or "projection".
            None: that of the architecture. ``NAME#output`` is equivalent.
        dim: Number of leading dimensions to keep, see :meth:`SimilarityModel.truncated`. ``NAME#128`` is equivalent.
        trusted: False for a name from a file or a request: ``torch:`` names, which run code, and addresses, which
            receive images, are refused. All other kinds are data.

    Raises:
        ModelError: There is no such model, or its weights do not fit.
        MissingExtraError: The kind of model needs an optional dependency.
    """
    text, written = split_dim(str(name))
    if dim is not None and written not in (None, dim):
        raise ModelError(f"'{name}' has {written} dimensions and dim is {dim}: leave one of them out.")
    text = text if output is None else split_output(f"{text}#{output}")[0] + f"#{output}"
    # Libraries draw weights before they read them: loading a model must not change the random state of torch.
    with random_state_kept():
        model = _loaded(name, text, None if weights is None else Path(weights), preprocessing, trusted)
    kept_dim = dim or written
    return (model if kept_dim is None else model.truncated(kept_dim)).to(pick_device(device))


@checked
def register_kind(kind: str, loader: Loader) -> None:
    """Make models of another source known as ``KIND:NAME``, in this process.

    Args:
        kind: The prefix before the colon.
        loader: Takes the name behind the colon, a weights file or None, and a Preprocessing or None; returns a
            :class:`SimilarityModel`.

    Raises:
        ConfigError: The kind is taken or cannot be a name.
    """
    _KINDS.register(kind, loader)


def kinds() -> list[str]:
    """The prefixes of model names: those of likewise, of installed packages and of :func:`register_kind`."""
    return _KINDS.names()


def load_folder(folder: Path) -> SimilarityModel:
    """The model that :meth:`SimilarityModel.save` (or a training) wrote to ``folder``, on the CPU.

    Raises:
        ModelError: The folder contains no finished model, or its two files do not belong together.
    """
    if is_projected(folder):
        return load_projected(folder, load_folder, partial(load, device="cpu", trusted=False))
    about = read_about(folder)
    spec: ModelSpec = about["spec"].model_copy(update={"preprocessing": about["preprocessing"]})
    model = build(spec)
    state = read_weights(folder)
    expected = model.network.state_dict()
    wrong = [
        key
        for key in {*expected, *state}
        if key not in expected or key not in state or expected[key].shape != state[key].shape
    ]
    if wrong:
        raise ModelError(
            f"{folder}: the weights do not fit the spec in model.json, first '{min(wrong)}': save it again."
        )
    check_weights(state, str(folder))
    model.network.load_state_dict(state)
    model.spec, model.distance, model.name = about["spec"], about["distance"], about["name"]
    model.trained_on = TrainedOn.read(folder)
    check_distance(about, model.dim, folder)
    if model.fingerprint != about["fingerprint"]:
        raise ModelError(
            f"{folder}: model.safetensors and model.json do not belong together (a save or a copy was cut "
            "off): save or copy the model again."
        )
    return model


def _loaded(
    name: str | Path, text: str, weights: Path | None, preprocessing: PreprocessingChoice, trusted: bool
) -> SimilarityModel:
    """The model on the CPU; see :func:`load`."""
    kind, colon, rest = text.partition(":")
    # A Path is always a path, whatever its name looks like.
    if colon and rest and (kind in _LOADERS or kind in _KINDS.names()) and not isinstance(name, Path):
        if kind in _USERS_OWN and not trusted:
            raise ModelError(
                f"'{text}' {_USERS_OWN[kind]}, and this name was not given by you but read from a file: name the "
                "model yourself if you trust it."
            )
        return _KINDS.get(kind)(rest, weights, resolve_preprocessing(preprocessing))
    place, output = split_output(text)
    folder = Path(place).expanduser()
    if folder.suffix.lower() in VECTOR_ENDINGS and folder.is_file():
        return load_vectors(str(folder), weights, resolve_preprocessing(preprocessing))
    if not folder.is_dir():
        raise ModelError(_unknown(text))
    foreign = is_foreign_folder(folder)
    if weights is not None or (preprocessing is not None and not foreign):
        what = "weights" if weights is not None else "preprocessing"
        raise ModelError(f"{folder} has its own {what}: leave {what} out.")
    if foreign:
        return load_foreign_folder(text, resolve_preprocessing(preprocessing))
    if output is not None:
        raise ModelError(f"{folder} was saved by likewise and has one output: leave '#{output}' out.")
    return load_folder(folder)


def _load_timm(name: str, weights: Path | None, preprocessing: Preprocessing | None) -> SimilarityModel:
    # Pooled by us where the backbone does the same: such a model can be explained by position.
    pooling = create_backbone(name).native_pooling
    spec = ModelSpec(
        backbone=name,
        weights=weights,
        pretrained=weights is None,
        pooling=pooling,
        dim=None,
        preprocessing=preprocessing,
    )
    model = build(spec)
    model.name = f"timm:{name}"
    return model


_LOADERS: dict[str, Loader] = {
    "likewise": load_shipped,
    "timm": _load_timm,
    "torch": load_torch,
    "onnx": load_onnx,
    "hf": load_hub,
    "open_clip": load_open_clip,
    "http": load_address("http"),
    "https": load_address("https"),
    "vectors": load_vectors,
}
_KINDS: Registry[Loader] = Registry("model", "", _LOADERS, lambda _, loader: cast(Loader, loader))
# Kinds whose names must come from the user, and what they do.
_USERS_OWN = {
    "torch": "runs Python code",
    "http": "sends images to a server",
    "https": "sends images to a server",
}


def _unknown(text: str) -> str:
    kind, colon, rest = text.partition(":")
    if colon and kind in _KINDS.names():
        return (
            f"There is no folder '{text}'; for the model of that name give a str, not a Path."
            if rest
            else f"'{text}' names nothing behind the colon: write for instance timm:resnet50 or onnx:model.onnx."
        )
    if colon and "/" not in kind and len(kind) > 1:
        return f"There is no kind of model '{kind}:' in '{text}': {choices(kind, _KINDS.names())}"
    return missing_model(text)
