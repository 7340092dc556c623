"""What the property audit says follows from the numbers: every branch, from influences written by hand."""

import json
import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from likewise.audit import PropertyAudit, PropertyComparison, PropertyInfluence
from likewise.audit.property_influence.comparison_verdict import _groups
from likewise.audit.property_influence.verdict import SERIOUS
from likewise.errors import InputError
from likewise.results import HEADLINE_WORDS
from likewise.retrieval import Interval, PropertyScore

LABEL = ("label", 0.8, 0.001, None)


def influence(name: str, share: float, p: float, half: float = 0.02) -> PropertyInfluence:
    return PropertyInfluence(name, 10 * share, share, p, 4, None, Interval(share - half, share + half))


def audit(*rows: tuple[str, float, float, bool | None], half: float = 0.02, **options: Any) -> PropertyAudit:
    """An audit of (name, share, p, whether it should matter)."""
    influences = sorted((influence(*row[:3], half=half) for row in rows), key=lambda row: -row.share)
    score = PropertyScore("hue", 1.0, 1.0, np.ones(3), pd.DataFrame(), 10, 0, 0)
    expected = {name: should for name, _, _, should in rows if should is not None}
    options["should_matter"] = expected | options.get("should_matter", {})
    return PropertyAudit(
        "cars", "f", influences, {row.name: score for row in influences}, 100, False, **options
    )


CASES = {
    "nothing expected": (audit(LABEL, ("hue", 0.1, 0.2, None)), "info", "'label' steers the embedding most.", "80 %"),
    "strongest is not the one that is shown": (
        audit(("serial", 0.9, 0.3, None), LABEL), "info", "'label' steers the embedding most.", "80 %",
    ),
    "nothing is shown": (
        audit(("hue", 0.1, 0.2, None)), "info", "No property steers the embedding significantly.", "",
    ),
    "a lot": (audit(LABEL, ("hue", 0.3, 0.001, False)), "bad", "'hue' should not matter, but does.", "30 %"),
    "a little": (audit(LABEL, ("hue", 0.1, 0.001, False)), "warning", "'hue' should not matter, but does.", "10 %"),
    "hardly": (audit(LABEL, ("hue", 0.02, 0.4, False)), "good", "'hue' hardly matters, as it should.", "2 %"),
    "shown, but hardly": (audit(LABEL, ("hue", 0.04, 0.001, False)), "good", "'hue' hardly matters", "4 %"),
    "large, but perhaps chance": (
        audit(LABEL, ("hue", 0.3, 0.2, False)), "unsure", "Too few images to tell whether 'hue' matters.", "30 %",
    ),
    "small, but perhaps large": (
        audit(LABEL, ("hue", 0.02, 0.4, False), half=0.3), "unsure", "Too few images to tell whether 'hue'", "2 %",
    ),
    "a shown one counts more than a larger one that is not": (
        audit(LABEL, ("noise", 0.5, 0.3, False), ("hue", 0.3, 0.001, False)), "bad", "'hue' should not matter", "30 %",
    ),
    "two": (
        audit(LABEL, ("hue", 0.3, 0.001, False), ("sun", 0.1, 0.001, False)), "bad", "'hue' should not matter", "30 %",
    ),
    "two that hardly matter": (
        audit(LABEL, ("hue", 0.03, 0.5, False), ("sun", 0.01, 0.5, False)), "good", "The properties hardly", "3 %",
    ),
    "too few permutations": (
        audit(LABEL, ("hue", 0.3, 0.1, False), permutations=19), "unsure", "Too few permutations to tell what", "",
    ),
    "it matters": (audit(("label", 0.8, 0.001, True)), "good", "'label' matters, as it should.", "80 %"),
    "it does not matter, but should": (
        audit(LABEL, ("brand", 0.01, 0.4, True)), "bad", "'brand' should matter, but does not.", "1 %",
    ),
    "it perhaps does not matter": (
        audit(LABEL, ("brand", 0.04, 0.2, True)), "unsure", "Too few images to tell whether 'brand' matters.", "4 %",
    ),
    "two that matter": (
        audit(("label", 0.8, 0.001, True), ("brand", 0.3, 0.001, True)), "good", "The properties matter, as", "30 %",
    ),
    "both as they should": (
        audit(("label", 0.8, 0.001, True), ("hue", 0.02, 0.4, False)), "good", "The properties matter and", "2 %",
    ),
    "both wrong": (
        audit(("label", 0.01, 0.4, True), ("hue", 0.3, 0.001, False)), "bad", "'hue' should not matter", "30 %",
    ),
    "too few permutations to see that it matters": (
        audit(("label", 0.8, 0.1, True), permutations=19), "unsure", "Too few permutations", "",
    ),
    "not measured": (
        audit(LABEL, left_out={"shop": "all images have the same value"}, should_matter={"shop": False}),
        "unsure", "Cannot tell whether 'shop' matters.", "",
    ),
    "a long name": (
        audit(LABEL, ("the angle of the sun above the sea", 0.3, 0.2, False)), "unsure", "Too few images", "30 %",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_every_branch(case: str) -> None:
    found, level, headline, number = CASES[case]
    verdict = found.verdict()
    assert (verdict.level, verdict.headline[: len(headline)], verdict.number) == (level, headline, number), (
        verdict
    )
    assert len(verdict.headline.split()) <= HEADLINE_WORDS and verdict.evidence and verdict.sentence
    assert bool(verdict.advice) == (level not in {"good", "info"})


def test_the_others_that_matter_are_named() -> None:
    found = audit(LABEL, ("hue", 0.3, 0.001, False), ("sun", 0.1, 0.001, False)).verdict()
    assert "The same is true of 'sun'." in found.sentence
    assert (
        "--permutations 40 or more"
        in audit(LABEL, ("hue", 0.3, 0.1, False), permutations=19).verdict().advice
    )


def test_every_expected_property_is_in_the_evidence() -> None:
    rows = [(f"p{number}", 0.5 - number / 100, 0.001, False) for number in range(6)]
    assert any("'hue'" in line for line in audit(*rows, ("hue", 0.01, 0.9, False)).verdict().evidence)


def test_models_side_by_side() -> None:
    one = audit(LABEL, ("hue", 0.3, 0.001, False))
    same = PropertyComparison([one, replace(one, model="b")]).verdict()
    assert same.headline == "The same property steers all models most." and "'label'" in same.sentence
    other = replace(audit(LABEL, ("hue", 0.9, 0.001, False)), model="b")
    different = PropertyComparison([one, other]).verdict()
    assert different.headline == "Different properties steer the models most."
    assert (
        "cars: 'label'; b: 'hue'" in different.sentence and "30 % (cars) to 90 % (b)" in different.evidence[0]
    )
    unknown = replace(audit(("label", 0.8, 0.3, None), ("hue", 0.9, 0.3, False)), model="b")
    verdict = PropertyComparison([one, unknown]).verdict()
    assert verdict.level == "unsure" and verdict.sentence.startswith("For b, no property")
    brand = audit(LABEL, ("hue", 0.3, 0.001, False), ("brand", 0.2, 0.001, True), left_out={"shop": "one value"},
                  should_matter={"shop": False})  # fmt: skip
    weaker = replace(
        brand, model="b", influences=[replace(row, share=row.share / 2) for row in brand.influences]
    )
    evidence = PropertyComparison([brand, weaker]).verdict().evidence
    assert any("'hue' should not matter: at most 30 %" in line and "(cars)" in line for line in evidence)
    assert any("'brand' should matter: at least 10 %" in line and "(b)" in line for line in evidence)
    assert "'shop' is not measured: one value." in evidence
    for found in (same, different, verdict):
        assert len(found.headline.split()) <= HEADLINE_WORDS


def test_one_group_and_one_name_for_each_audit() -> None:
    one = audit(LABEL, ("hue", 0.3, 0.001, False))
    two = [one, replace(one, model="b")]
    for words in (["x"], ["x", "y", "z"]):
        with pytest.raises(InputError, match=f"There are {len(words)} groups for 2 models"):
            PropertyComparison(two, words)
        with pytest.raises(InputError, match=f"There are {len(words)} model names for 2 audits"):
            PropertyComparison(two, None, words)
    assert PropertyComparison(two, ["x", "y"], ["m", "n"]).models == ["m", "n"]


@pytest.mark.parametrize(
    "other", [audit(LABEL), audit(LABEL, ("hue", 0.3, 0.001, False), ("sun", 0.1, 0.2, None)), "images"]
)
def test_audits_of_other_properties_or_numbers_of_images_are_not_compared(other: Any) -> None:
    one = audit(LABEL, ("hue", 0.3, 0.001, False))
    with pytest.raises(InputError, match="other images or properties than cars"):
        PropertyComparison([one, one, replace(one, images=99) if other == "images" else other])


def groups(size: int, apart: float) -> list[str]:
    audits = [
        replace(
            audit(LABEL, ("hue", 0.3 + number % size / 100 + apart * (number < size), 0.001, None)),
            model=f"m{number}",
        )
        for number in range(2 * size)
    ]
    kinds = ["first"] * size + ["second"] * size
    return list(PropertyComparison(audits, kinds).verdict().evidence)


def test_groups_are_only_judged_where_they_can_be() -> None:
    assert any("Too few models to tell whether first and second differ" in line for line in groups(3, 0.5))
    assert any("'hue': first is higher" in line for line in groups(6, 0.5))
    assert any("do not differ significantly in any property" in line for line in groups(6, 0.0))


def test_json_has_the_verdict() -> None:
    told = json.loads(json.dumps(audit(LABEL, ("hue", 0.3, 0.001, False)).to_dict(), allow_nan=False))
    assert told["verdict"]["level"] == "bad" and told["properties"]["hue"]["interval"] == pytest.approx(
        {"low": 0.28, "high": 0.32}
    )


def test_without_intervals_the_share_itself_decides_what_may_be() -> None:
    def without(share: float) -> PropertyAudit:
        found = audit(LABEL, ("hue", share, 0.4, False))
        found.influences[:] = [replace(one, interval=None) for one in found.influences]
        return found

    large, small = without(0.3).verdict(), without(0.1).verdict()
    assert large.headline == "Too few images to tell whether 'hue' matters." and "200 images" in large.advice
    assert small.level == "good" and "interval" not in " ".join(small.evidence)


@pytest.mark.parametrize(
    ("share", "should", "margin"),
    [
        (0.3, False, 0.3),  # to show that it matters is easier than to show that it does not
        (0.02, False, SERIOUS - 0.02),
        (0.04, True, 0.04),
        (0.001, True, 0.01),
    ],
)
def test_the_advised_number_of_images_shows_or_excludes_the_influence(
    share: float, should: bool, margin: float
) -> None:
    half = 0.4
    verdict = audit(LABEL, ("hue", share, 0.2, should), half=half).verdict()
    assert verdict.level == "unsure"
    assert verdict.advice == f"Measure on about {math.ceil(100 * (half / margin) ** 2 - 1e-9)} images."


def test_without_an_interval_twice_as_many_images_are_advised() -> None:
    uncertain = audit(LABEL, ("hue", 0.3, 0.2, False))
    rows = [replace(row, interval=None) for row in uncertain.influences]
    assert replace(uncertain, influences=rows).verdict().advice == "Measure on about 200 images."


def test_every_word_and_number_of_a_verdict() -> None:
    rows = (LABEL, ("hue", 0.3, 0.001, False), ("sun", 0.1, 0.002, False), ("brand", 0.02, 0.4, True))
    verdict = audit(*rows).verdict()
    ends = {"label": (78, 82, "8.0", "0.001"), "hue": (28, 32, "3.0", "0.001"), "sun": (8, 12, "1.0", "0.002"),
            "brand": (0, 4, "0.2", "0.400")}  # fmt: skip
    assert verdict.evidence == [
        f"'{name}': {(low + high) // 2} % of the way from chance to perfect grouping (95 % interval over images "
        f"{low} % to {high} %), NR-Prec {score}, p {p} (corrected for 4 properties)."
        for name, (low, high, score, p) in ends.items()
    ]
    assert verdict.sentence == (
        "'hue' reaches 30 % of the way from chance to perfect grouping. The same is true of 'sun'. cars groups images "
        "most by 'label', 80 % of the way from chance to perfect grouping."
    )
    assert verdict.thresholds == {"notable": 0.05, "serious": 0.2, "p_value": 0.05}
    assert verdict.measures == {
        name: {"share": share, "p_value": p, "should_matter": should,
               "interval": {"low": pytest.approx(share - 0.02), "high": pytest.approx(share + 0.02)}}
        for name, share, p, should in rows
    }  # fmt: skip


@pytest.mark.parametrize(
    ("row", "level"),
    [
        (("hue", 0.05, 0.049, False), "warning"), (("hue", 0.0499, 0.049, False), "good"),
        (("hue", 0.05, 0.05, False), "good"), (("hue", 0.2, 0.049, False), "bad"),
        (("hue", 0.199, 0.049, False), "warning"), (("hue", 0.181, 0.05, False), "unsure"),
        (("hue", 0.179, 0.05, False), "good"), (("hue", 0.03, 0.4, True), "unsure"),
        (("hue", 0.0299, 0.4, True), "bad"), (("hue", 0.03, 0.049, True), "good"),
    ],
)  # fmt: skip
def test_each_threshold_begins_where_it_says(row: tuple[str, float, float, bool], level: str) -> None:
    assert audit(LABEL, row, half=0.02).verdict().level == level


def test_a_long_name_is_cut_in_the_headline_alone() -> None:
    name = "the angle of the sun above the sea"
    verdict = audit(LABEL, (name, 0.3, 0.001, False)).verdict()
    assert verdict.headline == "'the angle of…' should not matter, but does." and name in verdict.sentence
    assert audit(LABEL, ("x" * 41, 0.3, 0.001, False)).verdict().headline.startswith(f"'{'x' * 36}…'")
    assert audit(LABEL, ("x" * 40, 0.3, 0.001, False)).verdict().headline.startswith(f"'{'x' * 40}'")


@pytest.mark.parametrize(
    ("tests", "sizes", "words"),
    [
        (1, (3, 3), "no p-value can be below 0.10"),  # 2 of the 20 ways to choose three of six
        (1, (4, 4), "do not differ significantly"),  # 2 of 70
        (2, (4, 4), "no p-value can be below 0.06"), (9, (2, 2), "no p-value can be below 1.00"),
    ],
)  # fmt: skip
def test_groups_of_too_few_models_cannot_differ(tests: int, sizes: tuple[int, int], words: str) -> None:
    row = SimpleNamespace(p_value=0.2, effect=0.1)
    comparison: Any = SimpleNamespace(
        tests=lambda: {f"p{number}": row for number in range(tests)}, group_names=("a", "b"),
        groups=["a"] * sizes[0] + ["b"] * sizes[1],
    )  # fmt: skip
    (sentence,) = _groups(comparison)
    assert words in sentence
    if "below" in words:
        assert f"with {sizes[0]} and {sizes[1]} models and {tests} properties" in sentence


def test_groups_that_differ_are_named_with_the_direction() -> None:
    found = {"hue": (0.01, 0.5), "sun": (0.04, -0.75), "sat": (0.05, 1.0)}
    comparison: Any = SimpleNamespace(
        tests=lambda: {name: SimpleNamespace(p_value=p, effect=effect) for name, (p, effect) in found.items()},
        group_names=("new", "old"), groups=["new"] * 9 + ["old"] * 9,
    )  # fmt: skip
    assert _groups(comparison) == [
        "'hue': new is higher (p 0.010, corrected; effect +0.50).",
        "'sun': new is lower (p 0.040, corrected; effect -0.75).",
    ]
