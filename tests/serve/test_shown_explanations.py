"""An explanation on the page: it holds only if both checks win, and places are fractions of the image."""

import base64
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likewise import SimilarityModel
from likewise.explain import PairExplanation, explain_pair
from likewise.explain.perturbation import Faithfulness
from likewise.serve.explaining import _fractions, _shown


@pytest.fixture(scope="module")
def pair(world: Path, model: SimilarityModel) -> PairExplanation:
    files = (world / "photos" / f"{number}.png" for number in (0, 4))
    return explain_pair(model, *files, check=False)


def wins(share: float) -> Faithfulness:
    return Faithfulness(0.2, 0.5, [0.4 if number < 10 * share else 0.6 for number in range(10)])


@pytest.mark.parametrize(
    ("first", "second", "holds"),
    [
        (wins(1), wins(1), True), (wins(0.9), wins(0.9), True), (wins(1), wins(0.8), False),
        (wins(0.8), wins(1), False), (wins(0), wins(0), False),
        (None, None, None), (wins(1), None, None), (None, wins(1), None),
    ],
)  # fmt: skip
def test_an_explanation_holds_if_both_checks_win(
    first: Faithfulness | None, second: Faithfulness | None, holds: bool | None, pair: PairExplanation
) -> None:
    checked = replace(pair, a=replace(pair.a, faithfulness=first), b=replace(pair.b, faithfulness=second))
    shown = _shown(checked)
    assert shown["holds"] is holds and (shown["check"] is None) == (holds is None)
    if first is not None and second is not None:
        for name, check in (("the query", first), ("the hit", second)):
            assert f"20 % of {name} changes the distance by +0.500" in shown["check"]
            assert f"random parts by {check.random_mean:+z.3f} on average" in shown["check"]


def test_matches_and_overlays_are_those_of_their_image(pair: PairExplanation) -> None:
    shown = _shown(pair)
    assert [each["rank"] for each in shown["matches"]] == [*range(1, len(pair.matches) + 1)]
    for match, each in zip(pair.matches, shown["matches"], strict=True):
        assert each["share"] == pytest.approx(match.similarity / (pair.similarity or 1))
        assert each["query"] == _fractions(match.box_a, pair.a.image.size)
        assert each["hit"] == _fractions(match.box_b, pair.b.image.size)
    for name, side in (("query", pair.a), ("hit", pair.b)):
        png = Image.open(io.BytesIO(base64.b64decode(shown["overlays"][name].partition(",")[2])))
        assert png.size == side.image.size and png.mode == "RGBA"
        opacity = np.asarray(png)[..., 3].astype(float)
        strong = np.asarray(
            Image.fromarray(np.abs(side.refined_map).astype(np.float32)).resize(
                png.size, Image.Resampling.BICUBIC
            )
        )
        assert np.corrcoef(opacity.ravel(), strong.ravel())[0, 1] > 0.8
    assert shown["distance"] == pair.distance and shown["exact"] is (pair.kind != "hiding")


def test_fractions_are_left_top_width_and_height() -> None:
    assert _fractions((10, 20, 30, 80), (40, 100)) == [0.25, 0.2, 0.5, 0.6]
