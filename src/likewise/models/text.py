"""Texts to vectors in the space of a model's image embeddings."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from likewise.errors import InputError, ModelError
from likewise.models.evaluating import evaluating


@dataclass(frozen=True)
class Tokens:
    """Texts as a text tower takes them.

    Attributes:
        ids: int64 ``(N, L)``.
        mask: ``(N, L)``, 1 where there is a token; None if the tower wants none.
        cut: For each text the number of tokens that were kept, or None if the whole text was.
    """

    ids: Tensor
    mask: Tensor | None
    cut: list[int | None]


Tokenizer = Callable[[list[str]], Tokens]


class TextTower:
    """The text half of a model such as CLIP.

    Args:
        module: ``(ids, mask)`` of :class:`Tokens` to vectors ``(N, D)``.
        make_tokenizer: Called with the first text.
        title: Title of the model, for messages.
    """

    def __init__(self, module: nn.Module, make_tokenizer: Callable[[], Tokenizer], title: str) -> None:
        self.module = module.eval().requires_grad_(False)
        self._make, self._title = make_tokenizer, title
        self._tokenizer: Tokenizer | None = None

    def embed(self, texts: Sequence[str], device: torch.device, batch_size: int = 64) -> np.ndarray:
        """float32 ``(N, D)`` of length 1, in the order of ``texts``.

        Texts beyond the limit of the tower are truncated, as in the source, with a warning that names the first.

        Raises:
            InputError: No texts, or one that is empty.
            ModelError: The tokenizer cannot be loaded or does not fit.
        """
        checked = checked_texts(texts)
        if self._tokenizer is None:
            self._tokenizer = self._make()
        self.module.to(device)
        parts = [
            self._vectors(checked[start : start + batch_size], device)
            for start in range(0, len(checked), batch_size)
        ]
        return np.concatenate(parts)

    @torch.no_grad()
    def _vectors(self, texts: list[str], device: torch.device) -> np.ndarray:
        assert self._tokenizer is not None
        tokens = self._tokenizer(texts)
        _warn_of_cuts(texts, tokens.cut)
        mask = None if tokens.mask is None else tokens.mask.to(device)
        try:
            with evaluating(self.module):
                vectors = self.module(tokens.ids.to(device), mask)
        except IndexError as error:  # an id beyond the embedding table
            raise ModelError(
                f"The tokenizer of {self._title} gives tokens that its text tower does not have: it belongs to another "
                "model; put its own tokenizer files beside the weights."
            ) from error
        rows: np.ndarray = F.normalize(vectors.float(), dim=-1).cpu().numpy()
        return rows


def checked_texts(texts: Sequence[str]) -> list[str]:
    """``texts`` as a list.

    Raises:
        InputError: There are none, or one is empty.
    """
    listed = list(texts)
    if not listed:
        raise InputError("embed_text got no texts: the list is empty.")
    for place, text in enumerate(listed, start=1):
        if not text.strip():
            which = "The text" if len(listed) == 1 else f"Text {place} of {len(listed)}"
            raise InputError(f"{which} is empty: write what to look for.")
    return listed


def _warn_of_cuts(texts: list[str], cut: list[int | None]) -> None:
    places = [place for place, length in enumerate(cut) if length is not None]
    if places:
        first = texts[places[0]]
        quoted = first if len(first) <= 60 else f"{first[:57]}..."
        others = f" (and {len(places) - 1} more)" if len(places) > 1 else ""
        warnings.warn(
            f"The text {quoted!r}{others} is longer than the model reads: the first {cut[places[0]]} tokens count, the "
            "rest is ignored.",
            stacklevel=4,
        )
