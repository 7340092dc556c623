"""What the background audit says follows from the numbers: every branch, from rows written by hand."""

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from likewise.audit import BackgroundAudit, BackgroundComparison
from likewise.audit.background_bias.audit import class_table, differences
from likewise.audit.background_bias.chance import chance_map_at_r
from likewise.audit.background_bias.conditions import ConditionEvaluation
from likewise.audit.background_bias.mask_plausibility import MaskPlausibility
from likewise.audit.background_bias.neighbors import NeighborChange
from likewise.audit.background_bias.verdict import SERIOUS
from likewise.data import Catalog
from likewise.explain.attention import AttentionScores
from likewise.report import Verdict, sections_of
from likewise.results import HEADLINE_WORDS
from likewise.retrieval import RetrievalResult

PER_CLASS = 4
GOOD_MASKS = MaskPlausibility(50)


def audit(classes: int = 10, spread: float = 0.02, masks: MaskPlausibility | None = GOOD_MASKS, model: str = "birds",
          seed: int = 0, **means: float) -> BackgroundAudit:  # fmt: skip
    """An audit whose classes score ``means`` under each condition, give or take ``spread``."""
    labels = np.repeat([f"class {number:02d}" for number in range(classes)], PER_CLASS)
    random = np.random.default_rng(seed)
    results = {}
    for condition, mean in {"original": 0.8, "replaced": 0.8, **means}.items():
        values = mean + np.repeat(random.uniform(-spread, spread, classes), PER_CLASS)
        relevant = np.full(len(labels), PER_CLASS - 1)
        results[condition] = [
            RetrievalResult(labels, relevant, {"map@r": values, "recall@1": values}, len(labels))
        ]
    table = pd.DataFrame({"path": [f"{row}.png" for row in range(len(labels))], "label": labels})
    evaluation = ConditionEvaluation(results, {}, Catalog.from_table(table, "."), [])
    share = np.array([0.25])
    return BackgroundAudit(
        model=model, fingerprint="f", evaluation=evaluation, metric="map@r",
        differences=differences(evaluation, "map@r"), chance=chance_map_at_r(labels),
        neighbors=NeighborChange(3, share, share, share, np.zeros((1, 1), int), np.zeros((1, 1), int)),
        per_class=class_table(evaluation, "map@r"), attention=None, attention_ids=[], photos=6, repeats=1,
        compositing="published", masks=masks,
    )  # fmt: skip


def of(**means: float) -> Verdict:
    return audit(**means).verdict()  # type: ignore[arg-type]


LOSES_A_LOT = {"replaced": 0.5, "background_only": 0.4, "object_only": 0.6}
CASES = {
    "decides a lot": (LOSES_A_LOT, "bad", "Yes, the background decides a lot."),
    "has a say": ({"replaced": 0.74}, "warning", "Yes, the background has a say."),
    "little": ({"object_only": 0.8, "background_only": 0.3}, "good", "No, the background decides little."),
    "a shown loss too small to matter": ({"replaced": 0.775, "spread": 0.001}, "good", "No, the background decides"),
    "too few classes": (LOSES_A_LOT | {"classes": 6}, "unsure", "Too few classes to tell"),
    "one class fewer than two tests need": ({"replaced": 0.5, "classes": 5}, "unsure", "Too few classes to tell"),
    "enough for one test": ({"replaced": 0.5, "classes": 6}, "bad", "Yes, the background decides a lot."),
    "a serious loss neither shown nor excluded": ({"replaced": 0.7, "spread": 0.6}, "unsure", "Too few images to tell"),
    "nothing is found": ({"original": 0.05, "replaced": 0.05}, "unsure", "The search finds too little"),
    "misled": ({"object_only": 0.99, "original": 0.7, "replaced": 0.7}, "bad", "Yes, backgrounds mislead"),
    "misled a little": ({"object_only": 0.88, "replaced": 0.8}, "warning", "Yes, backgrounds mislead"),
    "perhaps misled": (
        {"object_only": 0.95, "spread": 0.45, "seed": 1}, "unsure", "Too few images to",
    ),
    "backgrounds tell nothing, object alone not asked": (
        {"background_only": 0.05}, "unsure", "These backgrounds carry no information",
    ),
    "backgrounds tell nothing, object alone the same": (
        {"background_only": 0.05, "object_only": 0.8}, "good", "No, the background decides little.",
    ),
    "object in both halves": (
        {"replaced": 0.5, "background_only": 0.75, "object_only": 0.78}, "unsure", "Cannot tell: the object masks",
    ),
    "doubtful masks": (
        LOSES_A_LOT | {"masks": MaskPlausibility(10, doubts={"soft": ["a", "b"], "tiny": ["b", "c"]})},
        "unsure", "Cannot tell: the object masks look wrong.",
    ),
    "doubtful masks that the user calls exact": (
        LOSES_A_LOT | {"masks": MaskPlausibility(10, exact="user")}, "bad", "Yes, the background decides a lot.",
    ),
    "object in both halves by exact masks": (
        {"replaced": 0.5, "background_only": 0.75, "object_only": 0.78, "masks": MaskPlausibility(10, exact="user")},
        "bad", "Yes, the background decides a lot.",
    ),
    "object in both halves by rendered masks": (
        {"replaced": 0.5, "background_only": 0.75, "object_only": 0.78, "masks": MaskPlausibility(10, exact="catalog")},
        "bad", "Yes, the background decides a lot.",
    ),
    "exact masks of too few images": (
        LOSES_A_LOT | {"masks": MaskPlausibility(10, missing=0.26, exact="user")}, "unsure", "Cannot tell: the",
    ),
    "missing masks": (LOSES_A_LOT | {"masks": MaskPlausibility(10, missing=0.26)}, "unsure", "Cannot tell: the"),
    "some doubtful masks are allowed": (
        LOSES_A_LOT | {"masks": MaskPlausibility(10, doubts={"soft": ["a", "b"]})}, "bad", "Yes, the background",
    ),
    "masks not looked at": (LOSES_A_LOT | {"masks": None}, "bad", "Yes, the background decides a lot."),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_every_branch(case: str) -> None:
    rows, level, headline = CASES[case]
    verdict = of(**rows)  # type: ignore[arg-type]
    assert (verdict.level, verdict.headline[: len(headline)]) == (level, headline), verdict
    assert len(verdict.headline.split()) <= HEADLINE_WORDS and verdict.evidence and verdict.sentence
    assert bool(verdict.advice) == (level != "good"), "advice where something is to be done, and only there"


@pytest.mark.parametrize(
    ("exact", "words"), [("user", "exact by the user"), ("catalog", "exact by the catalog")]
)
def test_who_called_the_masks_exact_is_said(exact: str, words: str) -> None:
    shown = audit(masks=MaskPlausibility(10, exact=exact), **LOSES_A_LOT)  # type: ignore[arg-type]
    said = [*shown.verdict().evidence, *(section.words for section in sections_of(shown))]
    assert sum(words in text and "their plausibility was not checked" in text for text in said) == 2
    assert shown.to_dict()["masks"]["exact"] == exact
    assert (
        "--exact-masks" in of(masks=MaskPlausibility(4, doubts={"tiny": list("abcd")}), **LOSES_A_LOT).advice
    )  # type: ignore[arg-type]


def test_the_large_number_is_the_first_hit_before_and_after() -> None:
    assert of(replaced=0.5, spread=0.0001).number == "80 % → 50 %"
    assert of(object_only=0.99, original=0.7, replaced=0.7, spread=0.0001).number == "99 % → 70 %"


def test_what_cannot_be_told_names_how_much_would_be_needed() -> None:
    assert "6 classes or more" in of(classes=3, replaced=0.5).advice
    assert "7 classes or more" in of(classes=3, replaced=0.5, object_only=0.5).advice
    # The interval must become so narrow that it excludes either no loss or a serious one, whichever is easier.
    for replaced in (0.7, 0.79):
        shown = audit(replaced=replaced, spread=0.6)
        relies = shown.relies
        half, loss = (relies.interval.high - relies.interval.low) / 2, max(-relies.change, 0)
        needed = int(shown.verdict().advice.split("about ")[1].split()[0])
        assert needed == math.ceil(10 * (half / max(loss, SERIOUS - loss)) ** 2 - 1e-9) > 10


def test_backgrounds_that_tell_nothing_are_named_as_such() -> None:
    assert "are independent of the class" in of(
        background_only=0.05, object_only=0.99, original=0.7, replaced=0.7
    ).sentence  # fmt: skip
    assert "is independent of the class" in of(background_only=0.05, object_only=0.8).sentence
    assert "independent" not in of(background_only=0.4, object_only=0.8).sentence


def test_the_interval_is_called_one_only_with_its_test() -> None:
    evidence = " ".join(audit(**LOSES_A_LOT).verdict().evidence)  # type: ignore[arg-type]
    assert "95 % interval over 10 classes" in evidence and "corrected for 2 tests" in evidence


def test_json_has_the_verdict_and_no_nan() -> None:
    told = audit(**LOSES_A_LOT).to_dict()  # type: ignore[arg-type]
    sent = json.loads(json.dumps(told, allow_nan=False))
    assert sent["verdict"]["level"] == "bad" and sent["masks"]["plausible"] is True


# Several models


def compared(*audits: BackgroundAudit) -> Verdict:
    return BackgroundComparison(list(audits)).verdict()


def test_two_equal_models_have_no_winner() -> None:
    one = audit(replaced=0.6)
    verdict = compared(one, replace(one, model="copy"))
    assert verdict.headline == "The models depend on the background equally." and verdict.level == "info"
    assert "No difference is significant" in verdict.sentence and "0.0 % to 0.0 %" in verdict.sentence


def test_two_models_that_could_differ_have_no_winner_either() -> None:
    verdict = compared(audit(replaced=0.6, spread=0.3), audit(replaced=0.62, spread=0.3, model="b", seed=5))
    assert verdict.headline == "No difference between the models can be shown." and verdict.level == "unsure"
    assert "about" in verdict.advice and "classes like these" in verdict.advice


@pytest.mark.parametrize("order", [1, -1])
def test_the_better_of_two_wins_whatever_the_order(order: int) -> None:
    audits = [audit(replaced=0.5, model="base"), audit(replaced=0.78, model="cured", seed=1)][::order]
    verdict = compared(*audits)
    assert verdict.headline == "cured depends least on the background." and verdict.level == "good"
    assert "It also has the best score" in verdict.sentence and verdict.number.count("%") == 2


def test_the_winner_may_find_less() -> None:
    verdict = compared(
        audit(original=0.9, replaced=0.7, model="base"), audit(original=0.5, replaced=0.5, model="cured", seed=1)
    )  # fmt: skip
    assert verdict.headline.startswith("cured") and verdict.level == "info"
    assert "But base has the best score" in verdict.sentence


def test_who_finds_most_may_be_unknown() -> None:
    verdict = compared(
        audit(original=0.9, replaced=0.6, model="base", spread=0.05),
        audit(original=0.6, replaced=0.6, model="cured", spread=0.05, seed=1),
    )
    assert verdict.headline.startswith("cured") and "No model is significantly best" in verdict.sentence


def test_of_three_one_must_beat_both_others() -> None:
    base, cured = audit(replaced=0.5, model="base"), audit(replaced=0.78, model="cured", seed=1)
    verdict = compared(base, audit(replaced=0.6, model="middle", seed=2), cured)
    assert verdict.headline.startswith("cured") and "that of the others loses" in verdict.sentence
    tied = compared(base, cured, replace(cured, model="copy"))
    assert tied.headline == "No single model depends least on the background."
    assert "copy, cured" in tied.sentence


def test_too_few_classes_for_any_winner() -> None:
    verdict = compared(audit(classes=5, replaced=0.2), audit(classes=5, replaced=0.8, model="b"))
    assert verdict.level == "unsure" and "6 classes or more" in verdict.advice


def test_one_audit_alone_is_its_own_verdict() -> None:
    one = audit(replaced=0.5)
    assert compared(one) == one.verdict()


def test_both_halves_alone_are_no_doubt_where_nothing_is_lost() -> None:
    assert of(background_only=0.79, object_only=0.8).level == "good"


def test_attention_is_in_the_evidence_where_it_was_measured() -> None:
    looked = AttentionScores(np.array([0.2, 0.6, np.nan]), ["", "", "full mask"])
    found = replace(audit(), attention=looked, attention_ids=["a", "b", "c"]).verdict()
    assert any(line.startswith("Attention score 0.40 ± 0.20 over 2 images") for line in found.evidence)
    nothing = AttentionScores(np.array([np.nan]), ["empty map"])
    for attention in (None, nothing):
        evidence = replace(audit(), attention=attention).verdict().evidence
        assert not any("Attention" in line for line in evidence)


def test_without_recall_the_metric_itself_is_the_large_number() -> None:
    one = audit(replaced=0.5, spread=0.0001)
    for results in one.evaluation.results.values():
        for result in results:
            del result.per_query["recall@1"]
    found = one.verdict()
    assert found.number == "80 % → 50 %" and "first hit is right" not in found.sentence
    assert found.sentence.startswith("Over all relevant images, the search of birds loses 38 %")


def test_every_word_and_number_of_a_verdict() -> None:
    looked = AttentionScores(np.array([0.2, 0.6, np.nan]), ["", "", "full mask"])
    neighbors = NeighborChange(
        3, np.array([0.1, 0.3]), np.array([0.5, 0.5]), np.array([0.25, 0.75, 0.8]), np.zeros((1, 1), int),
        np.zeros((1, 1), int),
    )  # fmt: skip
    one = replace(audit(spread=0.0, **LOSES_A_LOT), attention=looked, neighbors=neighbors)  # type: ignore[arg-type]
    verdict = one.verdict()
    assert verdict.evidence == [
        "Quality is MAP@R, which measures how completely the images of the same class are ranked first: 80.0 % on the "
        "original images, 50.0 % on replaced backgrounds, a change of -37.5 % (95 % interval over 10 classes -37.5 % "
        "to -37.5 %, p 0.004, corrected for 2 tests; 40 images).",
        "The background alone, with the object painted over, reaches 40.0 %: more than a random order (4.9 %).",
        "The object alone, on grey, reaches 60.0 %; the original background changes this by +33.3 % (95 % interval "
        "+33.3 % to +33.3 %, p 0.004, corrected for 2 tests).",
        NEIGHBORS_IN_WORDS,
        "Attention score 0.40 ± 0.20 over 2 images (1: only at the object, 0: spread evenly, below 0: at the "
        "background).",
        "Of 50 masks checked, none looks wrong.",
    ]
    assert verdict.sentence == (
        "The first hit is right for 80 % of the original images, and for 50 % if only the background is replaced. Over "
        "all relevant images, the search of birds loses 38 % of its quality."
    )
    p_value = 2 * 2 / 2**10  # both signs of ten classes, times two tests
    assert verdict.measures == {
        "relies": {"relative_change": pytest.approx(-3 / 8), "p_value": p_value,
                   "interval": {"low": pytest.approx(-3 / 8), "high": pytest.approx(-3 / 8)}},
        "misled": {"relative_change": pytest.approx(1 / 3), "p_value": p_value,
                   "interval": {"low": pytest.approx(1 / 3), "high": pytest.approx(1 / 3)}},
    }  # fmt: skip
    assert verdict.thresholds == {"notable": 0.05, "serious": 0.15, "p_value": 0.05}
    alone = of(replaced=0.5, spread=0.0)
    assert list(alone.measures) == ["relies"] and alone.measures["relies"]["p_value"] == p_value / 2
    assert "corrected" not in " ".join(alone.evidence)


NEIGHBORS_IN_WORDS = (
    "On a replaced background, 20 % of the images have a different first hit, and 50 % of the first 3 hits change; "
    "60 % find their own original first."
)


def test_every_word_and_number_of_a_comparison() -> None:
    base = audit(original=0.9, replaced=0.6, spread=0.0, model="base")
    cured = audit(original=0.5, replaced=0.5, spread=0.0, model="cured")
    verdict = compared(base, cured)
    assert verdict.evidence == [
        "Quality is MAP@R, which measures how completely the images of the same class are ranked first.",
        "base: MAP@R 90.0 % on the original images, 60.0 % on replaced backgrounds (-33.3 %).",
        "cured: MAP@R 50.0 % on the original images, 50.0 % on replaced backgrounds (0.0 %).",
        "base minus cured: change -33.3 points, 95 % interval -33.3 to -33.3 over classes, p 0.002; MAP@R on replaced "
        "backgrounds +10.0 points, 95 % interval +10.0 to +10.0, p 0.002.",
        "base: Yes, the background decides a lot.",
        "cured: No, the background decides little.",
    ]
    assert verdict.sentence == (
        "If only the background is replaced, the search of cured loses nothing of its quality, that of base loses "
        "33 %. But base has the best score on replaced backgrounds."
    )
    assert verdict.number == "0 % against -33 %" and verdict.thresholds == {
        "negligible": 0.05,
        "p_value": 0.05,
    }
    (difference,) = verdict.measures.values()
    assert list(verdict.measures) == ["base minus cured"] and difference == {
        "relative_change": pytest.approx(-1 / 3), "p_value": 2 / 2**10,
        "interval": {"low": pytest.approx(-1 / 3), "high": pytest.approx(-1 / 3)},
    }  # fmt: skip
    gains = audit(original=0.5, replaced=0.6, spread=0.0, model="gains")
    three = compared(base, audit(original=0.5, replaced=0.4, spread=0.0, model="middle"), gains)
    assert "of gains gains 20 % of its quality, that of the others loses 20 % to 33 %." in three.sentence
    assert three.number == "" and "p 0.006, corrected for 3 pairs of models" in three.evidence[4]
