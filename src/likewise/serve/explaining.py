"""Why a hit is a hit: the evidence on both images, their matching places, and whether the explanation holds."""

import base64
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from likewise.drawing import largest_magnitude
from likewise.drawing.overlays import color_of
from likewise.errors import InputError
from likewise.explain import PairExplanation, Side, explain_pair
from likewise.images import encode_jpeg, encode_png
from likewise.models.pictures import Picture
from likewise.results import percent
from likewise.serve.query_images import QueryImages, Upload
from likewise.serve.requests import Query
from likewise.serve.served_index import ServedIndex
from likewise.serve.server_folders import model_name

_HOLDS = (
    0.9  # share of random choices that must change the distance less, as in the sentence of an explanation
)
_STRENGTH = 0.75


class Explainer:
    """Explains pairs of images.

    Args:
        images: Prepares images.
    """

    def __init__(self, images: QueryImages) -> None:
        self._images = images

    def explain(
        self, served: ServedIndex, query: Query, uploads: list[Upload], ids: list[str], hit: str
    ) -> dict[str, Any]:
        """The explanation of a query (one upload or one id) and a hit, for JSON.

        Raises:
            InputError: The query is not one image, or the file of an image does not exist.
        """
        if len(ids) + len(uploads) != 1 or query.texts:
            raise InputError("An explanation compares two images: send one image or one id, and 'hit'.")
        a: Picture
        if uploads:
            a = uploads[0].data
            if query.partial:
                a = self._images.picture(uploads[0], query.region, query.mask)
        else:
            a = served.image(served.row(ids[0]), self._images.limits)
        b = served.image(served.row(hit), self._images.limits)
        with served.explaining:  # gradients of one model, for one pair at a time
            explanation = explain_pair(served.index.model, a, b)
        explanation = replace(
            explanation, model=str(model_name(explanation.model)), a=replace(explanation.a, name="the query"),
            b=replace(explanation.b, name="the hit"),
        )  # fmt: skip
        return _shown(explanation)


def _shown(pair: PairExplanation) -> dict[str, Any]:
    scale = largest_magnitude((pair.a.refined_map, pair.b.refined_map))
    checks = [side.faithfulness for side in (pair.a, pair.b)]
    holds = None if None in checks else all(each is not None and each.win_rate >= _HOLDS for each in checks)
    total = sum(match.similarity for match in pair.matches) or 1.0
    story = replace(
        pair, a=replace(pair.a, faithfulness=None), b=replace(pair.b, faithfulness=None)
    )  # "check" has the rest
    return {
        "distance": pair.distance,
        "similarity": pair.similarity,
        "sentence": story.words,
        "exact": pair.kind != "hiding",
        "holds": holds,
        "check": None if holds is None else _check_words(pair),
        "matches": [
            {
                "rank": rank,
                "share": match.similarity / (pair.similarity or total),
                "query": _fractions(match.box_a, pair.a.image.size),
                "hit": _fractions(match.box_b, pair.b.image.size),
            }
            for rank, match in enumerate(pair.matches, 1)
        ],
        "images": {"query": _jpeg(pair.a.image), "hit": _jpeg(pair.b.image)},
        "overlays": {"query": _overlay(pair.a, scale), "hit": _overlay(pair.b, scale)},
    }


def _check_words(pair: PairExplanation) -> str:
    sentences = []
    for name, side in (("the query", pair.a), ("the hit", pair.b)):
        check = side.faithfulness
        if check is not None:
            sentences.append(
                f"Hiding the named {percent(check.share, 0)} of {name} changes the distance by {check.named:+z.3f}, "
                f"random parts by {check.random_mean:+z.3f} on average; it wins against "
                f"{percent(check.win_rate, 0)} of them."
            )
    return " ".join(sentences)


def _fractions(box: tuple[int, int, int, int], size: tuple[int, int]) -> list[float]:
    left, top, right, bottom = box
    width, height = size
    return [left / width, top / height, (right - left) / width, (bottom - top) / height]


def _overlay(side: Side, scale: float) -> str:
    """The evidence as a transparent PNG: red where it speaks for the similarity, blue where against."""
    values = np.clip(side.refined_map / scale, -1, 1).astype(np.float32)
    stretched = np.clip(
        np.asarray(Image.fromarray(values).resize(side.image.size, Image.Resampling.BICUBIC)), -1, 1
    )
    opacity: NDArray[np.uint8] = (255 * _STRENGTH * np.abs(stretched)).round().astype(np.uint8)
    picture = Image.fromarray(np.dstack([color_of(stretched, signed=True), opacity]))
    return _data_url(encode_png(picture), "png")


def _jpeg(image: Image.Image) -> str:
    return _data_url(encode_jpeg(image), "jpeg")


def _data_url(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
