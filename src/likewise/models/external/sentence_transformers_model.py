"""Image models of sentence-transformers: ``modules.json`` and folders of transformers models.

The file names Python classes; none is imported. Its modules are recognised by their names, and those that change an
image embedding in a way that is not known here are refused.
"""

from dataclasses import replace
from typing import Any

from likewise.data.preprocessing import Preprocessing
from likewise.errors import ModelError
from likewise.models.external.repository import Repository
from likewise.models.external.transformers_model import load_transformers
from likewise.models.similarity_model import SimilarityModel

MODULES = "modules.json"
# What they do to an embedding: nothing (its length is 1 anyway), or a choice of the output.
_ENCODERS, _LENGTH, _POOLING = ("CLIPModel", "Transformer"), "Normalize", "Pooling"


def load_sentence_transformers(
    repository: Repository, preprocessing: Preprocessing | None
) -> SimilarityModel:
    """The image encoder of a sentence-transformers model.

    Raises:
        ModelError: It is a model of texts alone, or has modules that are not known here.
    """
    modules = _modules(repository)
    kinds = [str(module.get("type", "")).rpartition(".")[2] for module in modules]
    if not kinds or kinds[0] not in _ENCODERS:
        raise ModelError(
            f"{repository.title} begins with the module '{(kinds or [''])[0]}', which takes no images."
        )
    unknown = [kind for kind in kinds[1:] if kind not in {_LENGTH, _POOLING}]
    if unknown:
        raise ModelError(
            f"{repository.title} has the module '{unknown[0]}' behind its encoder, which likewise does not know: load "
            "the encoder alone as hf:org/name or by its folder."
        )
    output = repository.output
    if output is None and _POOLING in kinds:
        output = _pooled(repository, str(modules[kinds.index(_POOLING)].get("path", "")))
    inner = replace(repository, subfolder=str(modules[0].get("path", "")), output=output)
    return load_transformers(inner, preprocessing)


def _modules(repository: Repository) -> list[dict[str, Any]]:
    values = repository.content(MODULES)
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise ModelError(f"{MODULES} of {repository.title} lists no modules: get it again.")
    for value in values:
        place = str(value.get("path", ""))
        if place.startswith(("/", "\\")) or ".." in place:
            raise ModelError(f"{MODULES} of {repository.title} names a folder outside its own ({place}).")
    return values


def _pooled(repository: Repository, place: str) -> str | None:
    """The output that corresponds to a pooling module."""
    config = replace(repository, subfolder=place).json("config.json") or {}
    mode = config.get("pooling_mode")
    if mode == "cls" or config.get("pooling_mode_cls_token"):
        return "class"
    raise ModelError(
        f"{repository.title} pools its tokens by '{mode or 'mean'}' over class and image tokens alike, which likewise "
        f"does not: write {repository.name}#mean for the mean of the image tokens, or #class."
    )
