"""Vision models of the transformers library, from a folder or from the hub; with their text tower where they have one.

Nothing of a repository is run: ``trust_remote_code`` is never set, pickles are read with ``weights_only``, and what a
configuration names is looked up among the models that transformers itself brings.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from likewise.data.preprocessing import Preprocessing
from likewise.errors import MissingExtraError, ModelError
from likewise.extensions import what_happened
from likewise.models.embedder import ExternalEmbedder, SimilarityNetwork, output_dim
from likewise.models.external.preprocessing_choice import require_preprocessing
from likewise.models.external.repository import Repository
from likewise.models.external.transformers_output import ImageTower, choose_output, image_side
from likewise.models.external.transformers_processor import processor_preprocessing
from likewise.models.external.transformers_text import text_tower
from likewise.models.similarity_model import SimilarityModel
from likewise.models.usable_weights import check_weights

# Their AutoModel is the tower without its projection.
_WITH_PROJECTION = "CLIPVisionModelWithProjection"


def load_transformers(repository: Repository, preprocessing: Preprocessing | None) -> SimilarityModel:
    """The vision model of a repository as a SimilarityModel.

    Raises:
        ModelError: It is code, a model without images, of several image towers or of an unknown kind; its weights or
            its image processor do not fit.
        MissingExtraError: transformers is not installed.
    """
    try:
        import transformers  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise MissingExtraError(f"The transformers model {repository.title}", "hub") from error
    with _quiet():
        config = _config(repository)
        described = None if preprocessing is not None else processor_preprocessing(repository)
        prepared = require_preprocessing(repository.name, preprocessing, described)
        model, missing = _network(repository, config)
        tower = _tower(model, missing, repository)
        network = SimilarityNetwork(prepared, ExternalEmbedder(tower, repository.title)).eval()
        dim = output_dim(network, prepared.crop_px)
        _check_repeatable(network, prepared.crop_px, repository.title)
        return SimilarityModel(
            network,
            prepared,
            dim=dim,
            name=repository.name,
            text=text_tower(model, missing, repository) if tower.output == "projection" else None,
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the progress bars and reports of transformers: what is wrong becomes one sentence here."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _config(repository: Repository) -> Any:
    """The configuration, after refusing what is not a model of images.

    Raises:
        ModelError: See :func:`load_transformers`.
    """
    from transformers import AutoConfig
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING
    from transformers.models.auto.modeling_auto import MODEL_MAPPING

    values, title = repository.json("config.json") or {}, repository.title
    kind = values.get("model_type")
    if kind not in CONFIG_MAPPING:
        if "auto_map" in values:
            raise ModelError(
                f"{title} is Python code in its repository, which likewise never runs (trust_remote_code is not set): "
                "write a function that returns a torch.nn.Module around it, and load that as "
                "torch:package.module:function."
            )
        raise ModelError(
            f"{title} is a model of the kind {kind!r}, which the installed transformers does not have: update "
            "transformers, or check its config.json."
        )
    if "quantization_config" in values:
        raise ModelError(f"{title} has quantised weights, which likewise does not read: take those in float.")
    try:
        config = AutoConfig.from_pretrained(repository.source, **repository.options)
    except Exception as error:  # the file may contain anything
        raise ModelError(f"The config.json of {title} is not usable: {what_happened(error)}") from error
    model = MODEL_MAPPING.get(type(config), None)
    if model is None or (
        model.main_input_name != "pixel_values" and not hasattr(model, "get_image_features")
    ):
        raise ModelError(
            f"{title} is a model of the kind {kind!r}, which takes no images: give the name of an image model."
        )
    towers = [name for name, _ in _image_configs(config)]
    if len(towers) > 1:
        raise ModelError(
            f"{title} has {len(towers)} image towers ({', '.join(towers)}), and likewise cannot know which is meant: "
            "save one of them alone with save_pretrained."
        )
    if str(kind).startswith("siglip2"):
        raise ModelError(
            f"{title} takes patches in the proportions of each image (NaFlex), and likewise prepares squares: take the "
            "same model at a fixed resolution, such as google/siglip2-base-patch16-224."
        )
    return config


def _image_configs(config: Any) -> list[tuple[str, Any]]:
    """The parts of a configuration that describe a network of images."""
    parts = [(name, getattr(config, name, None)) for name in getattr(config, "sub_configs", {})]
    return [(name, part) for name, part in parts if getattr(part, "num_channels", None) is not None]


def _network(repository: Repository, config: Any) -> tuple[Any, list[str]]:
    """The network with its weights, and the names of weights that the file lacks.

    Raises:
        ModelError: It takes no images, or its weights do not fit.
    """
    import transformers

    projected = _WITH_PROJECTION in (getattr(config, "architectures", None) or ())
    maker: Any = getattr(transformers, _WITH_PROJECTION) if projected else transformers.AutoModel
    options = {"config": config, "dtype": torch.float32, "output_loading_info": True, **repository.options}
    options["ignore_mismatched_sizes"] = True  # they are refused here, with their names
    try:
        model, report = _made(maker, repository.source, options)
    except OSError as error:
        raise repository.unreachable(error) from error
    except Exception as error:  # damaged files make readers raise anything
        raise ModelError(
            f"The weights of {repository.title} cannot be loaded: {what_happened(error)}"
        ) from error
    _check_weights_fit(model, report, repository.title)
    check_weights(model.state_dict(), repository.title)
    return model, sorted(report["missing_keys"])


def _check_weights_fit(model: Any, report: dict[str, Any], title: str) -> None:
    """Refuse weights of other shapes, and of more blocks, than the configuration has.

    Other surplus weights are those of a classifier or of the tower that is not taken.
    """
    for name, stored, built in sorted(report["mismatched_keys"]):
        raise ModelError(
            f"The weights of {title} do not fit its config.json: '{name}' is {list(stored)} in the weights and "
            f"{list(built)} by the configuration: get both files again."
        )
    known = {_unnumbered(name) for name in model.state_dict()}
    for name in sorted(report["unexpected_keys"]):
        if _unnumbered(name.removeprefix(f"{model.base_model_prefix}.")) in known:
            raise ModelError(
                f"The weights of {title} hold more blocks than its config.json, first '{name}': get both files again."
            )


def _unnumbered(name: str) -> str:
    return re.sub(r"\d+", "#", name)


def _made(maker: Any, source: str, options: dict[str, Any]) -> Any:
    # Named, so that a configuration cannot name a kernel to be fetched.
    try:
        return maker.from_pretrained(source, attn_implementation="sdpa", **options)
    except ValueError as error:
        if "scaled_dot_product_attention" not in str(error):
            raise
        return maker.from_pretrained(source, attn_implementation="eager", **options)


def _tower(model: Any, missing: list[str], repository: Repository) -> ImageTower:
    """The image tower of a model, without what the weights lack.

    Raises:
        ModelError: More is missing than a pooler, or the tower is not the one the model uses.
    """
    model.eval()
    dual = hasattr(model, "get_image_features")
    network: Any = getattr(model, "vision_model", None) if dual else model
    projection = getattr(model, "visual_projection", None)
    if type(model).__name__ == _WITH_PROJECTION:
        network, dual = model.vision_model, True
    if network is None:
        raise ModelError(
            f"{repository.title} ({model.config.model_type}) keeps its image tower where likewise does not know it: "
            "save the tower alone with save_pretrained."
        )
    inside = "" if network is model else "vision_model."
    lacking = [name for name in missing if name.startswith((inside, "visual_projection"))]
    poolers = [name for name in lacking if name.removeprefix(inside).startswith("pooler.")]
    if len(poolers) < len(lacking):
        raise ModelError(
            f"The weights of {repository.title} lack {len(lacking) - len(poolers)} of the network's, first "
            f"'{min(set(lacking) - set(poolers))}': get the files again."
        )
    if poolers:
        network.pooler = None  # drawn at random by transformers: of no meaning
    tower = choose_output(network, projection, dual, repository)
    if hasattr(model, "get_image_features") and tower.output == "projection":
        _check_features(model, tower, repository.title)
    return tower


@torch.no_grad()
def _check_features(model: Any, tower: ImageTower, title: str) -> None:
    side = image_side(tower.network.config)
    images = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    features = model.get_image_features(pixel_values=images)
    features = getattr(features, "pooler_output", features)
    if not torch.allclose(tower.eval()(images), features, atol=1e-5, rtol=1e-4):
        raise ModelError(
            f"{title} makes its image features in a way that likewise does not know: put your own function around it "
            "(torch:package.module:function)."
        )


@torch.no_grad()
def _check_repeatable(network: nn.Module, side: int, title: str) -> None:
    """Refuse networks that give NaN, or draw at random also in evaluation, such as masked autoencoders."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (1, 3, side, side), generator=generator, dtype=torch.uint8)
    vectors = network(images)
    if not torch.isfinite(vectors).all():
        raise ModelError(
            f"{title} gives NaN or infinity for a test image: check the numbers of its preprocessor_config.json and "
            "config.json, or get its files again."
        )
    if not torch.allclose(network(images), vectors, atol=1e-4):
        raise ModelError(
            f"{title} gives another vector each time for the same image (it hides parts at random, as masked "
            "autoencoders do): take a model that was made for embeddings."
        )
