"""What the agreement audit says follows from the numbers: every branch, from correlations written by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest

from likewise.audit import AgreementAudit, GroupTest, PairAgreement, fisher_mean
from likewise.audit.saliency_agreement.baselines import CENTER, NOISE, RANDOM
from likewise.audit.saliency_agreement.groups import group_test
from likewise.results import HEADLINE_WORDS


def pair(a: str, b: str, mean: float, images: int = 60, spread: float = 0.1) -> PairAgreement:
    z = np.arctanh(mean) + np.random.default_rng(len(a + b)).uniform(-spread, spread, images)
    return PairAgreement(a, b, fisher_mean(np.tanh(z - z.mean() + np.arctanh(mean))), 0.1, 0.1)


def audit(
    mean: float, images: int = 60, spread: float = 0.1, retrained: float | None = None,
    cross_training: float | None = None,
    noise: float | None = None, references: bool = True, test: GroupTest | None = None, **reference: float,
) -> AgreementAudit:  # fmt: skip
    models = [pair("a", "b", mean, images, spread)]
    read_against = {RANDOM: 0.1, CENTER: 0.05} | reference if references else {}
    if noise is not None:
        read_against[NOISE] = noise
    against = [pair("a", name, value, images, spread) for name, value in read_against.items()]
    roles = {"retrained": retrained, "cross_training": cross_training}
    extra = {
        name: [pair("a", name, value, images, spread)] for name, value in roles.items() if value is not None
    }
    summaries = {
        "pair": models[0],
        **{one.b: one for one in against},
        **{name: one[0] for name, one in extra.items()},
    }
    return AgreementAudit(
        ["a", "b"], models, against, images, retrained=extra.get("retrained", []),
        cross_training=extra.get("cross_training", []),
        summaries=summaries, group_test=test, settings="50 noisy copies",
    )  # fmt: skip


CASES = {
    "nearly the same": (audit(0.85), "info", "Yes, the models look at nearly the same locations."),
    "in part": (audit(0.55), "info", "In part: the models share many locations."),
    "hardly": (audit(0.25), "info", "Hardly: the models look at different locations."),
    "chance": (audit(0.12), "info", "No agreement beyond chance can be shown."),
    "below chance": (audit(-0.5), "info", "No agreement beyond chance can be shown."),
    "as edges are": (audit(0.62, **{"edge map": 0.6}), "info", "No agreement beyond chance can be shown."),
    "perhaps chance": (
        audit(0.18, images=60, spread=0.6), "unsure", "Too few images to distinguish agreement from chance.",
    ),
    "as two trainings": (
        audit(0.6, retrained=0.65, cross_training=0.65), "info", "Yes, as much as two trainings of one model.",
    ),
    "less than two trainings": (audit(0.6, retrained=0.75, cross_training=0.6), "info", "In part"),
    "perhaps as two trainings": (audit(0.6, retrained=0.65, cross_training=0.62, spread=0.6), "info", "In part"),
    "four images": (audit(0.85, images=4, spread=0.01), "unsure", "Too few images to tell whether the models agree."),
    "wide": (audit(0.5, images=6, spread=0.8), "unsure", "Too few images to tell whether the models agree."),
    "nothing": (audit(float("nan")), "unsure", "Cannot tell: no saliency map can be compared."),
    "own noise is no chance level": (
        audit(0.85, noise=0.9), "info", "Yes, the models look at nearly the same locations.",
    ),
    "without references": (audit(0.05, references=False), "info", "Hardly"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_every_branch(case: str) -> None:
    found, level, headline = CASES[case]
    verdict = found.verdict()
    assert (verdict.level, verdict.headline[: len(headline)]) == (level, headline), verdict
    assert len(verdict.headline.split()) <= HEADLINE_WORDS and verdict.evidence and verdict.sentence
    assert bool(verdict.advice) == (level == "unsure")


def test_too_few_images_name_how_many_would_do() -> None:
    assert "about 5 images" in audit(0.85, images=4, spread=0.01).verdict().advice
    needed = int(audit(0.5, images=6, spread=0.8).verdict().advice.split("about ")[1].split()[0])
    assert 6 < needed < 200


def test_groups_of_too_few_models_are_not_tested() -> None:
    def groups(size: int) -> GroupTest:
        names = [f"m{number}" for number in range(2 * size)]
        kinds = {name: "one" if number < size else "two" for number, name in enumerate(names)}
        pairs = [
            pair(a, b, 0.8 if kinds[a] == kinds[b] else 0.2)
            for place, a in enumerate(names) for b in names[place + 1 :]
        ]  # fmt: skip
        found = group_test(pairs, kinds)
        assert found is not None
        return found

    assert groups(3).smallest == groups(3).p_value == pytest.approx(2 / 20) and not groups(3).can_be_shown
    assert groups(4).smallest == groups(4).p_value == pytest.approx(2 / 70) and groups(4).can_be_shown
    assert "too few models" in " ".join(audit(0.5, test=groups(3)).verdict().evidence)
    assert "p 0.029" in " ".join(audit(0.5, test=groups(4)).verdict().evidence)


def test_json_has_the_verdict() -> None:
    told = json.loads(json.dumps(audit(0.85).to_dict(), allow_nan=False))
    assert told["verdict"]["number"] == "correlation 0.85" and told["verdict"]["level"] == "info"


def test_of_several_models_the_most_and_the_least_alike_are_named() -> None:
    found = audit(0.5)
    found.pairs[:] = [pair("a", "b", 0.5), pair("a", "c", 0.2), pair("b", "c", 0.7)]
    evidence = " ".join(found.verdict().evidence)
    assert (
        "over 3 pairs" in evidence
        and "Most similar: b and c (0.70); least similar: a and c (0.20)." in evidence
    )
    assert "Most similar" not in " ".join(audit(0.5).verdict().evidence)


def test_two_trainings_of_one_model_are_in_the_evidence() -> None:
    evidence = " ".join(audit(0.6, retrained=0.65, cross_training=0.61).verdict().evidence)
    assert "A model trained twice: 0.650; two models with the same difference of training: 0.610." in evidence


def test_every_word_and_number_of_a_verdict() -> None:
    found = audit(0.55, retrained=0.75, cross_training=0.6, noise=0.9, spread=0.0)
    verdict = found.verdict()
    assert verdict.evidence == [
        "Mean correlation of the saliency maps of two models: 0.55, over 1 pair and 60 images (50 noisy copies).",
        "A model trained twice: 0.750; two models with the same difference of training: 0.600.",
        "A model and the centre prior: 0.05.",
        "A model and itself under other noise: 0.90.",
        "A model and random weights: 0.10.",
    ]
    assert verdict.sentence == (
        "The mean correlation of two models' saliency maps is 0.55 (95 % interval over 60 images 0.55 to 0.55)."
    )
    mean, reference = pytest.approx(0.55), pytest.approx(0.1)
    assert verdict.measures == {
        "correlation": mean, "interval": {"low": mean, "high": mean}, "images": 60,
        "reference": {"name": "random weights", "correlation": reference},
    }  # fmt: skip
    assert audit(0.05, references=False).verdict().measures["reference"] is None
    assert verdict.thresholds == {"much": 0.7, "some": 0.4, "same": 0.05, "half_interval": 0.1, "images": 5}


def test_of_several_pairs_the_most_and_the_least_alike_are_named() -> None:
    found = replace(audit(0.5), pairs=[pair("a", "b", 0.5), pair("a", "c", 0.8), pair("b", "c", 0.2)])
    evidence = found.verdict().evidence
    assert "Most similar: a and c (0.80); least similar: b and c (0.20)." in evidence
    assert ", over 3 pairs and " in evidence[0]
