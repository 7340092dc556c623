"""What a training came to, in words: every branch, from rows written by hand."""

import pytest

from likewise.training.decision import ComparedScores, Decision, decide


def row(
    low: float, high: float, where: str = "validation", classes: int = 6, gain: float | None = None
) -> ComparedScores:
    difference = (low + high) / 2 if gain is None else gain
    return ComparedScores(where, "map@r", classes, 20 * classes, 0.69, 0.69 + difference, low, high)  # type: ignore[arg-type]


UP, ABOUT, DOWN = row(0.02, 0.08), row(-0.01, 0.03), row(-0.08, -0.02)
UNSEEN_UP, UNSEEN_ABOUT, UNSEEN_DOWN = (
    row(low, high, "unseen", 12) for low, high in ((0.02, 0.08), (-0.02, 0.03), (-0.08, -0.02))
)

BRANCHES = {
    "gained, unseen up": (
        (UP, UNSEEN_UP), "trained", True,
        "training helped: MAP@R 69.0 % -> 74.0 % (+5.0 points, 95 % interval +2.0 to +8.0) on 12 unseen classes",
    ),
    "gained, unseen unclear": (
        (UP, UNSEEN_ABOUT), "trained", None, "training helped on the validation classes: MAP@R 69.0 % -> 74.0 % "
        "(+5.0 points, "
        "95 % interval +2.0 to +8.0) on 6 validation classes; elsewhere no difference is certain: MAP@R "
        "69.0 % -> 69.5 %",
    ),
    "gained, unseen down": (
        (UP, UNSEEN_DOWN), "trained", False,
        "training helped on the validation classes but not beyond them: MAP@R 69.0 % -> 64.0 %",
    ),
    "gained, nothing unseen": ((UP, None), "trained", True, "training helped: MAP@R 69.0 % -> 74.0 %"),
    "unclear gain": (
        (ABOUT, None), "backbone", None, "training may not have helped: MAP@R 69.0 % -> 70.0 % (+1.0 points, 95 % "
        "interval -1.0 to +3.0) on 6 validation classes; the untrained backbone is kept",
    ),
    "unclear gain, unseen up": (
        (ABOUT, UNSEEN_UP), "backbone", None, "the untrained backbone is kept (the trained model: MAP@R 69.0 % "
        "-> 74.0 %",
    ),
    "lost": ((DOWN, None), "backbone", False, "training did not help: MAP@R 69.0 % -> 64.0 %"),
    "lost, unseen told": (
        (DOWN, UNSEEN_DOWN), "backbone", False, "on 12 unseen classes; the untrained backbone is kept",
    ),
    "lost, unseen up": (
        (DOWN, UNSEEN_UP), "backbone", False, "training did not help: MAP@R 69.0 % -> 64.0 % (-5.0 points, 95 % "
        "interval -8.0 to -2.0) on 6 validation classes; the untrained backbone is kept (the trained model: MAP@R "
        "69.0 % -> 74.0 %",
    ),
    "one class": (
        (row(0.1, 0.2, classes=1), None), "backbone", None, "one validation class cannot tell whether training helped",
    ),
    "one class, unseen": (
        (row(0.1, 0.2, classes=1), UNSEEN_UP), "backbone", None, "and on the others MAP@R 69.0 % -> 74.0 %",
    ),
    "nothing measured": ((None, None), "trained", None, "whether training helped is not known"),
    "only unseen, up": ((None, UNSEEN_UP), "trained", True, "training helped: MAP@R 69.0 % -> 74.0 %"),
    "only unseen, down": ((None, UNSEEN_DOWN), "trained", False, "training did not help: MAP@R 69.0 % -> 64.0 %"),
    "only unseen, unclear": ((None, UNSEEN_ABOUT), "trained", None, "training made no certain difference"),
}  # fmt: skip


@pytest.mark.parametrize("case", BRANCHES)
def test_every_branch_says_what_is_so(case: str) -> None:
    (validation, unseen), kept, helped, words = BRANCHES[case]
    found = decide(validation, unseen, training_classes=6)
    assert (found.kept, found.helped) == (kept, helped)
    assert words in found.headline
    assert "learning rate" not in found.headline + found.advice


@pytest.mark.parametrize(
    ("validation", "helped", "words"),
    [
        (DOWN, False, "lowered the scores"),
        (ABOUT, None, "may not have helped"),
        (UP, True, "training helped"),
    ],
)
def test_the_trained_model_is_kept_where_that_is_asked_for_and_the_words_stay_true(
    validation: ComparedScores, helped: bool | None, words: str
) -> None:
    found = decide(validation, None, always_trained=True)
    assert (found.kept, found.helped) == ("trained", helped)
    assert words in found.headline


@pytest.mark.parametrize("unseen", [UNSEEN_UP, UNSEEN_ABOUT, UNSEEN_DOWN, None])
@pytest.mark.parametrize("validation", [UP, ABOUT, DOWN])
def test_unseen_classes_never_choose(validation: ComparedScores, unseen: ComparedScores | None) -> None:
    assert decide(validation, unseen).kept == decide(validation, None).kept


def test_few_classes_are_the_first_advice() -> None:
    assert "3 classes are few" in decide(DOWN, None, training_classes=3).advice
    assert "more images per class" in decide(DOWN, None, training_classes=40).advice


def test_a_gain_on_two_classes_is_called_little_proof() -> None:
    assert decide(row(0.02, 0.08, classes=2), None).advice.startswith("so few classes prove little; ")
    assert decide(row(0.02, 0.08, classes=3), None).advice == ""
    assert decide(row(0.02, 0.08, classes=2), UNSEEN_UP).advice == ""  # the unseen classes prove it


@pytest.mark.parametrize(
    ("validation", "unseen", "advice"),
    [
        (UP, UNSEEN_ABOUT, "more classes"), (UP, UNSEEN_DOWN, "the backbone without training finds more on unseen"),
        (ABOUT, None, "more classes"), (DOWN, None, "more classes"), (row(0.1, 0.2, classes=1), None, "more classes"),
        (None, None, "leave classes out with -o data.fold=0"), (None, UNSEEN_UP, ""),
        (None, UNSEEN_DOWN, "let classes validate with -o data.fold=0"),
        (None, UNSEEN_ABOUT, "let classes validate with -o data.fold=0"),
    ],
)  # fmt: skip
def test_every_advice(validation: ComparedScores | None, unseen: ComparedScores | None, advice: str) -> None:
    said = decide(validation, unseen, training_classes=20).advice
    assert said.startswith(advice) and bool(said) == bool(advice)
    if validation is not None:
        kept = decide(validation, unseen, always_trained=True).advice
        assert ("-o validation.keep=better" in kept) == (validation.low <= 0 or validation.classes < 2)


def test_results_are_plain_data() -> None:
    found: Decision = decide(UP, UNSEEN_UP)
    assert found.to_dict()["kept"] == "trained"
    assert UP.to_dict()["difference"] == pytest.approx(0.05)
