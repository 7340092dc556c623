"""The text tower of a transformers model, and its tokenizer."""

from typing import Any

import torch
from torch import Tensor, nn

from likewise.errors import ModelError
from likewise.extensions import what_happened
from likewise.models.external.repository import Repository
from likewise.models.text import TextTower, Tokens

# Trained on texts that are filled up to the full length; all others are given a mask.
_FULL_LENGTH = ("siglip",)
_VOCABULARIES = (
    "tokenizer.json", "vocab.json", "vocab.txt", "spiece.model", "tokenizer.model", "sentencepiece.bpe.model",
)  # fmt: skip


class _TextFeatures(nn.Module):
    """Token ids and mask to vectors."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, mask: Tensor | None) -> Tensor:
        options = {} if mask is None else {"attention_mask": mask}
        features = self.model.get_text_features(input_ids=ids, **options)
        vectors: Tensor = getattr(features, "pooler_output", features)
        return vectors


def text_tower(model: Any, missing: list[str], repository: Repository) -> TextTower | None:
    """The text tower of a model, whose image tower is taken out of it; None without one.

    Args:
        model: The whole model.
        missing: Names of weights that the file lacks; transformers draws them at random.
        repository: Source, for the tokenizer and messages.
    """
    if not hasattr(model, "get_text_features") or getattr(model, "text_model", None) is None:
        return None
    model.vision_model = None  # it is in the network of the SimilarityModel
    config = model.config.text_config
    lacking = [name for name in missing if name.startswith("text_")]

    def make_tokenizer() -> Any:
        if lacking:
            raise ModelError(
                f"The weights of {repository.title} lack {len(lacking)} of its text tower, first '{lacking[0]}': get "
                "the files again, or search with images."
            )
        return _tokenizer(repository, config)

    return TextTower(_TextFeatures(model), make_tokenizer, repository.title)


def _tokenizer(repository: Repository, config: Any) -> Any:
    """Texts to :class:`Tokens`, as the processor of the model makes them.

    Raises:
        ModelError: There is no tokenizer, it is code, or belongs to another model.
    """
    from transformers import AutoTokenizer

    title = repository.title
    described = repository.json("tokenizer_config.json") or {}
    if "AutoTokenizer" in described.get("auto_map", {}):
        raise ModelError(
            f"The tokenizer of {title} is Python code in its repository, which likewise never runs: search with images."
        )
    # Without its files, transformers makes an empty tokenizer, and every text becomes the same.
    if not any(repository.file(name) is not None for name in _VOCABULARIES):
        raise ModelError(
            f"{title} has a text tower, but no tokenizer: put its tokenizer files (such as tokenizer.json) beside the "
            "weights."
        )
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(repository.source, **repository.options)
    except Exception as error:  # the files may contain anything, or be missing
        raise ModelError(
            f"{title} has a text tower, but its tokenizer cannot be loaded ({what_happened(error).rstrip('.')}): put "
            "its tokenizer files beside the weights."
        ) from error
    if len(tokenizer) > config.vocab_size:
        raise ModelError(
            f"The tokenizer of {title} knows {len(tokenizer)} tokens but its text tower {config.vocab_size}: it "
            "belongs to another model; put its own tokenizer files beside the weights."
        )
    limit, full = int(config.max_position_embeddings), config.model_type.startswith(_FULL_LENGTH)

    def tokens(texts: list[str]) -> Tokens:
        lengths = [len(ids) for ids in tokenizer(texts, verbose=False)["input_ids"]]
        padding = {"padding": "max_length" if full else True, "truncation": True, "max_length": limit}
        encoded = tokenizer(texts, return_tensors="pt", **padding)
        mask = None if full else encoded.get("attention_mask")
        cut = [limit if length > limit else None for length in lengths]
        return Tokens(torch.as_tensor(encoded["input_ids"]), mask, cut)

    return tokens
