"""The verdict on several models, word for word, for every outcome."""

from types import SimpleNamespace
from typing import Any

import pytest

from likewise.audit.background_bias import comparison_verdict
from likewise.audit.background_bias.comparison_verdict import ModelPair, _answer, verdict
from likewise.results import Verdict
from likewise.retrieval import Interval

WIDE, SMALL, BETTER, WORSE = (-0.3, 0.2), (-0.004, 0.009), (0.1, 0.3), (-0.3, -0.1)


def effect(interval: tuple[float, float]) -> Any:
    return SimpleNamespace(difference=sum(interval) / 2, interval=Interval(*interval), p_value=0.5)


def comparison(
    models: dict[str, float],
    losses: list[tuple[float, float]],
    replaced: list[tuple[float, float]],
    classes: int = 40,
) -> Any:
    audits = [
        SimpleNamespace(model=name, relative_change=change, classes=classes, metric="map_at_r",
                        scores={"original": {"map_at_r": {"mean": 0.5}}, "replaced": {"map_at_r": {"mean": 0.25}}},
                        verdict=lambda name=name: Verdict(f"Words on {name}.", "info", [], "", "", ""))
        for name, change in models.items()
    ]  # fmt: skip
    places = [(a, b) for a in range(len(models)) for b in range(a + 1, len(models))]
    pairs = [
        ModelPair(
            a,
            b,
            effect(loss),
            effect(other),
            *(0.5 if low < 0 < high else 0.01 for low, high in (loss, other)),
        )
        for (a, b), loss, other in zip(places, losses, replaced, strict=True)
    ]
    return SimpleNamespace(audits=audits, pairs=pairs)


TWO, THREE = {"one": -0.1, "two": -0.4}, {"one": -0.4, "two": 0.1, "three": -0.2}
LONG = {"a model of more than four words": -0.1, "two": -0.4}


@pytest.mark.parametrize(
    ("given", "level", "headline", "words", "figure"),
    [
        (comparison(TWO, [BETTER], [WIDE]), "info", "one depends least on the background.",
         "If only the background is replaced, the search of one loses 10 % of its quality, that of two loses 40 %. "
         "No model is significantly best on replaced backgrounds.", "-10 % against -40 %"),
        (comparison(TWO, [BETTER], [BETTER]), "good", "one depends least on the background.",
         "If only the background is replaced, the search of one loses 10 % of its quality, that of two loses 40 %. "
         "It also has the best score on replaced backgrounds.", "-10 % against -40 %"),
        (comparison(TWO, [BETTER], [WORSE]), "info", "one depends least on the background.",
         "If only the background is replaced, the search of one loses 10 % of its quality, that of two loses 40 %. "
         "But two has the best score on replaced backgrounds.", "-10 % against -40 %"),
        (comparison({"one": 0.001, "two": -0.4}, [BETTER], [WIDE]), "info", "one depends least on the background.",
         "If only the background is replaced, the search of one loses nothing of its quality, that of two loses 40 %. "
         "No model is significantly best on replaced backgrounds.", "0 % against -40 %"),
        (comparison(LONG, [BETTER], [WIDE]), "info", "One model depends least on the background.", None, None),
        (comparison({"m" * 41: -0.1, "two": -0.4}, [BETTER], [WIDE]), "info",
         "One model depends least on the background.", None, None),
        (comparison({"m" * 40: -0.1, "two": -0.4}, [BETTER], [WIDE]), "info",
         f"{'m' * 40} depends least on the background.", None, None),
        (comparison(THREE, [WORSE, WIDE, BETTER], [WORSE, WIDE, BETTER]), "good",
         "two depends least on the background.",
         "If only the background is replaced, the search of two gains 10 % of its quality, that of the others loses "
         "20 % to 40 %. It also has the best score on replaced backgrounds.", ""),
        (comparison(THREE, [BETTER, BETTER, WIDE], [WIDE, WORSE, WORSE]), "info",
         "one depends least on the background.",
         "If only the background is replaced, the search of one loses 40 % of its quality, that of the others changes "
         "by -20.0 % to +10.0 %. But three has the best score on replaced backgrounds.", ""),
        (comparison(THREE, [WORSE, WIDE, WIDE], [WIDE] * 3), "info",
         "No single model depends least on the background.",
         "Some models depend less on it than others (two), but none depends significantly less than every other "
         "model.", None),
        (comparison(THREE, [WORSE, BETTER, WORSE], [WIDE] * 3), "info",
         "No single model depends least on the background.",
         "Some models depend less on it than others (one, three, two), but none depends significantly less than every "
         "other model.", None),
        (comparison(THREE, [SMALL, (-0.005, 0.009), SMALL], [WIDE] * 3), "info",
         "The models depend on the background equally.",
         "No difference is significant, and a difference of 5 % or more is excluded: the losses of one and three "
         "differ by -0.5 % to +0.9 % (95 % interval over classes).", None),
        (comparison(THREE, [SMALL, SMALL, WIDE], [WIDE] * 3), "unsure",
         "No difference between the models can be shown.",
         "On 40 classes, the losses of two and three differ by -30.0 % to +20.0 % (95 % interval over classes), which "
         "includes zero.", None),
        (comparison(TWO, [BETTER], [BETTER], classes=2), "unsure", "Too few classes to compare the models.",
         "With 2 classes and 2 models, no difference can be significant.", "2 of 6 classes"),
    ],
)  # fmt: skip
def test_what_is_said_of_each_outcome(
    given: Any, level: str, headline: str, words: str | None, figure: str | None
) -> None:
    found = _answer(given)
    assert (found.headline, found.level) == (headline, level)
    if words is not None:
        assert found.sentence == words
    if figure is not None:
        assert found.number == figure
    assert found.evidence == comparison_verdict._evidence(given)


def test_the_evidence_and_the_numbers() -> None:
    given = comparison(TWO, [BETTER], [WIDE])
    found = verdict(given)
    assert found.measures == {
        "one minus two": {"relative_change": 0.2, "interval": {"low": 0.1, "high": 0.3}, "p_value": 0.01}
    }
    assert found.thresholds == {"negligible": 0.05, "p_value": 0.05}
    assert found.evidence == [
        "Quality is map_at_r, which measures how completely the images of the same class are ranked first.",
        "one: map_at_r 50.0 % on the original images, 25.0 % on replaced backgrounds (-10.0 %).",
        "two: map_at_r 50.0 % on the original images, 25.0 % on replaced backgrounds (-40.0 %).",
        "one minus two: change +20.0 points, 95 % interval +10.0 to +30.0 over classes, p 0.010; map_at_r on replaced "
        "backgrounds -5.0 points, 95 % interval -30.0 to +20.0, p 0.500.",
        "one: Words on one.",
        "two: Words on two.",
    ]
    assert comparison_verdict._evidence(comparison(THREE, [BETTER, WORSE, WIDE], [WIDE] * 3))[5] == (
        "one minus three: change -20.0 points, 95 % interval -30.0 to -10.0 over classes, p 0.010, corrected for 3 "
        "pairs of models; map_at_r on replaced backgrounds -5.0 points, 95 % interval -30.0 to +20.0, p 0.500, "
        "corrected for 3 pairs of models."
    )
    assert verdict(comparison({"one": -0.1}, [], [])).headline == "Words on one."
