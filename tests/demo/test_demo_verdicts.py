"""Every branch of every sentence of the demo, from numbers written by hand; also the ones that are no success."""

import pytest

from likewise.demo.verdicts import (
    BiasNumbers,
    cure_verdict,
    evidence_verdict,
    planted_verdict,
    search_verdict,
    training_words,
    trust_verdict,
    twins_verdict,
)
from likewise.report import percent
from likewise.results import HEADLINE_WORDS


def numbers(level, original, replaced, loss):
    return BiasNumbers("a model", level, original, replaced, loss)


BAD = numbers("bad", 0.97, 0.41, 0.6)
GOOD = numbers("good", 0.98, 0.97, 0.01)


@pytest.mark.parametrize(
    ("recall", "level", "headline"),
    [
        (1.0, "good", "The first hit is nearly always right."),
        (0.95, "good", "The first hit is nearly always right."),
        (0.949, "good", "The first hit is mostly right."),
        (0.8, "good", "The first hit is mostly right."),
        (0.79, "warning", "The first hit is right about half of the time."),
        (0.5, "warning", "The first hit is right about half of the time."),
        (0.49, "bad", "The first hit is mostly wrong."),
        (0.0, "bad", "The first hit is mostly wrong."),
    ],
)
def test_search(recall, level, headline):
    verdict = search_verdict(recall, 504, 36)
    assert (verdict.level, verdict.headline) == (level, headline)
    assert verdict.number == percent(recall, 0)
    assert "504" in verdict.sentence and "36" in verdict.sentence
    assert bool(verdict.advice) == (level != "good")


@pytest.mark.parametrize(
    ("share", "covered", "level", "headline"),
    [
        (0.6, 0.2, "good", "The evidence is on the object."),
        (0.31, 0.2, "good", "The evidence is on the object."),
        (0.29, 0.2, "warning", "The evidence is spread over the image."),
        (0.1, 0.2, "warning", "The evidence is spread over the image."),
    ],
)
def test_evidence(share, covered, level, headline):
    verdict = evidence_verdict(share, covered, 12)
    assert (verdict.level, verdict.headline) == (level, headline)
    assert percent(share, 0) in verdict.sentence
    assert verdict.number == f"{share / covered:.1f} × its area"


def test_evidence_on_objects_that_cover_nothing():
    assert evidence_verdict(0.2, 0.0, 12).number == percent(0.2, 0)


@pytest.mark.parametrize(
    ("level", "headline"),
    [
        ("good", "The background does not decide."),
        ("warning", "The background has some influence."),
        ("bad", "The background decides a lot."),
        ("unsure", "The audit cannot tell."),
        ("info", "The audit cannot tell."),
    ],
)
def test_trust_takes_the_level_of_the_audit(level, headline):
    verdict = trust_verdict(numbers(level, 0.98, 0.9, 0.1))
    assert (verdict.level, verdict.headline, verdict.number) == (level, headline, "98 % → 90 %")
    assert "90 %" in verdict.sentence and "98 %" in verdict.sentence


@pytest.mark.parametrize(
    ("level", "headline"),
    [
        ("bad", "The audit detects the planted bias."),
        ("warning", "The audit detects some of the planted bias."),
        ("good", "The model did not learn the planted bias."),
        ("unsure", "The audit cannot tell whether the model learned the bias."),
    ],
)
def test_planted(level, headline):
    verdict = planted_verdict(numbers(level, 0.97, 0.41, 0.6))
    assert (verdict.level, verdict.headline, verdict.number) == (level, headline, "97 % → 41 %")


@pytest.mark.parametrize(
    ("biased", "cured", "level", "headline"),
    [
        (BAD, numbers("good", 0.95, 0.93, 0.02), "good", "BGAugment removes the bias."),
        (BAD, numbers("warning", 0.95, 0.8, 0.1), "good", "BGAugment removes the bias."),
        (BAD, numbers("good", 0.5, 0.5, 0.0), "warning", "BGAugment removes the bias, at a cost."),
        (BAD, numbers("bad", 0.94, 0.87, 0.16), "warning", "BGAugment removes most of the bias."),
        (BAD, numbers("bad", 0.9, 0.6, 0.3), "warning", "BGAugment removes most of the bias."),
        (BAD, numbers("bad", 0.9, 0.6, 0.31), "warning", "BGAugment helps a little."),
        (BAD, numbers("good", 0.42, 0.41, 0.02), "warning", "BGAugment helps a little."),
        (BAD, numbers("bad", 0.97, 0.41, 0.6), "bad", "BGAugment does not help here."),
        (BAD, numbers("bad", 0.97, 0.2, 0.8), "bad", "BGAugment does not help here."),
        (GOOD, numbers("good", 0.99, 0.98, 0.01), "info", "There was no bias to reduce."),
        (numbers("unsure", 0.9, 0.5, 0.4), GOOD, "info", "There was no bias to reduce."),
    ],
)
def test_cure(biased, cured, level, headline):
    verdict = cure_verdict(biased, cured)
    assert (verdict.level, verdict.headline) == (level, headline)
    assert verdict.number == f"{percent(biased.replaced, 0)} → {percent(cured.replaced, 0)}"


def test_a_search_that_gains_without_a_background_costs_nothing():
    assert "costs 0 % of MAP@R instead of 60 %" in " ".join(
        cure_verdict(BAD, numbers("good", 0.9, 0.95, -0.1)).evidence
    )


@pytest.mark.parametrize(
    ("same", "nearest", "level", "headline", "sentence"),
    [
        (
            0,
            [0.2],
            "good",
            "No photo is duplicated.",
            "No two files have the same content, and no other pair is closer",
        ),
        (0, [], "good", "No photo is duplicated.", "No two files"),
        (
            0,
            [0.01, 0.3],
            "info",
            "Some photos are near duplicates.",
            "1 of the nearest pairs is closer than 0.05",
        ),
        (
            1,
            [0.01, 0.02],
            "warning",
            "One photo is duplicated.",
            "1 pair of files has the same content, and 2 of the",
        ),
        (3, [], "warning", "3 photos are duplicated.", "3 pairs of files have the same content"),
    ],
)
def test_twins(same, nearest, level, headline, sentence):
    verdict = twins_verdict(same, nearest, 0.05)
    assert (verdict.level, verdict.headline) == (level, headline)
    assert sentence in verdict.sentence


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [(0.5, 0.6, "helped"), (0.5, 0.505, "changed little"), (0.5, 0.4, "did not help")],
)
def test_training(before, after, words):
    text = training_words(before, after, 7)
    assert f"The training {words}" in text
    assert ("Keep the untrained network" in text) == (words != "helped")


def test_headlines_are_short():
    verdicts = [
        *[search_verdict(share, 9, 3) for share in (0.99, 0.9, 0.6, 0.1)],
        *[trust_verdict(numbers(level, 0.9, 0.4, 0.5)) for level in ("good", "bad", "unsure")],
        *[planted_verdict(numbers(level, 0.9, 0.4, 0.5)) for level in ("good", "bad", "unsure")],
        *[cure_verdict(BAD, other) for other in (GOOD, BAD, numbers("good", 0.5, 0.5, 0.0))],
        *[twins_verdict(count, [], 0.05) for count in (0, 1, 1000)],
        evidence_verdict(0.5, 0.5, 1),
    ]  # fmt: skip
    assert all(len(verdict.headline.split()) <= HEADLINE_WORDS for verdict in verdicts)
