"""Decide from the scores alone whether training helped and which of the two models is better.

The choice is made on validation classes; the unseen classes are only reported.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from likewise.results.metric_words import metric_name, percent, points

Kept = Literal["trained", "backbone"]

_RISKY = 8
"""Fewer training classes than this, and more of them is the first advice."""


@dataclass(frozen=True)
class ComparedScores:
    """One metric of the untrained backbone and of the trained model on the same images.

    Attributes:
        classes_are: "validation" or "unseen".
        metric: Name, as in :func:`likewise.retrieval.evaluate`.
        classes: Classes with something to find.
        images: Queries with something to find.
        backbone: Mean over queries, 0 to 1.
        trained: The same of the trained model.
        low: Lower end of the 95 % interval of trained less backbone; classes are drawn again, images where there
            is only one class.
        high: Upper end.
    """

    classes_are: Literal["validation", "unseen"]
    metric: str
    classes: int
    images: int
    backbone: float
    trained: float
    low: float
    high: float

    @property
    def difference(self) -> float:
        """Trained less backbone."""
        return self.trained - self.backbone

    @property
    def words(self) -> str:
        """For instance "MAP@R 69.1 % -> 74.2 % (+5.1 points, 95 % interval +2.0 to +8.3) on 12 unseen classes"."""
        classes = f"{self.classes} {self.classes_are} class" + ("" if self.classes == 1 else "es")
        return (
            f"{metric_name(self.metric)} {percent(self.backbone)} -> {percent(self.trained)} "
            f"({points(self.difference, self.low, self.high)}) on {classes}"
        )

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "difference": self.difference}


@dataclass(frozen=True)
class Decision:
    """Outcome of a training.

    Attributes:
        kept: The model of the Run.
        helped: True, False, or None if undecided.
        headline: One sentence.
        advice: Next step; "" if there is none.
    """

    kept: Kept
    helped: bool | None
    headline: str
    advice: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def decide(
    validation: ComparedScores | None,
    unseen: ComparedScores | None,
    *,
    always_trained: bool = False,
    training_classes: int = _RISKY,
) -> Decision:
    """Choose between backbone and trained model, and say why.

    The trained model is selected if the interval of its gain on two or more validation classes is above zero.

    Args:
        validation: Scores on the validation classes; None if nothing validated.
        unseen: Scores on the classes left for the end; None if none were left.
        always_trained: Keep the trained model in any case; the sentences still report the comparison.
        training_classes: Number of training classes, for the advice.
    """
    if validation is None:
        return _not_chosen(unseen, training_classes)
    # With one class, training images are the only wrong answers, and training has pushed just those away.
    gained = validation.low > 0 and validation.classes > 1
    choice: Kept = "trained" if gained or always_trained else "backbone"
    if gained:
        return _gained(validation, unseen, training_classes)
    if validation.classes < 2 and choice == "backbone":
        unseen_words = f", and on the others {unseen.words}" if unseen is not None else ""
        return Decision(
            choice, None, "one validation class cannot tell whether training helped, so the untrained backbone is "
            f"kept: {validation.words}{unseen_words}", _more(training_classes),
        )  # fmt: skip
    if choice == "trained":
        words = "lowered the scores" if validation.high < 0 else "may not have helped"
        return Decision(
            choice, False if validation.high < 0 else None,
            f"training {words}: {validation.words}; the trained model is kept, as set by validation.keep",
            f"take the better of the two with -o validation.keep=better; {_more(training_classes)}",
        )  # fmt: skip
    lost = validation.difference <= 0
    # The quoted number must support the sentence; contradicting unseen classes are mentioned.
    quoted = unseen if lost and unseen is not None and unseen.difference <= 0 else validation
    help_words = "did not help" if lost else "may not have helped"
    headline = f"training {help_words}: {quoted.words}; the untrained backbone is kept"
    if unseen is not None and quoted is not unseen:
        headline += f" (the trained model: {unseen.words})"
    return Decision(choice, False if lost else None, headline, _more(training_classes))


def _gained(validation: ComparedScores, unseen: ComparedScores | None, training_classes: int) -> Decision:
    if unseen is None:
        advice = "" if validation.classes > 2 else f"so few classes prove little; {_more(training_classes)}"
        return Decision("trained", True, f"training helped: {validation.words}", advice)
    if unseen.low > 0:
        return Decision("trained", True, f"training helped: {unseen.words}", "")
    if unseen.high < 0:
        return Decision(
            "trained", False,
            f"training helped on the validation classes but not beyond them: {unseen.words}, {validation.words}",
            f"the backbone without training finds more on unseen classes; {_more(training_classes)}",
        )  # fmt: skip
    return Decision(
        "trained", None, f"training helped on the validation classes: {validation.words}; elsewhere no difference is "
        f"certain: {unseen.words}", _more(training_classes),
    )  # fmt: skip


def _not_chosen(unseen: ComparedScores | None, training_classes: int) -> Decision:
    if unseen is None:
        return Decision(
            "trained", None,
            "whether training helped is not known: no classes were left out to measure it",
            "leave classes out with -o data.fold=0, or score it and the backbone with likewise eval",
        )  # fmt: skip
    if unseen.low > 0:
        return Decision("trained", True, f"training helped: {unseen.words}", "")
    if unseen.high < 0:
        return Decision(
            "trained", False, f"training did not help: {unseen.words}; without validation classes the trained model "
            "is kept", f"let classes validate with -o data.fold=0; {_more(training_classes)}",
        )  # fmt: skip
    return Decision(
        "trained", None, f"training made no certain difference: {unseen.words}; without validation classes the "
        "trained model is kept", f"let classes validate with -o data.fold=0; {_more(training_classes)}",
    )  # fmt: skip


def _more(training_classes: int) -> str:
    if training_classes < _RISKY:
        return f"{training_classes} classes are few to learn from: more classes would help most"
    return "more classes, or more images per class, would help most"
