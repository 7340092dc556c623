"""Verdict of a training: is its model better than the untrained backbone?

After the end of a training, ``run.json`` contains the comparison with the untrained backbone on unseen classes, and the
verdict is that of :mod:`likewise.training.decision`. Before that, only the epochs can be compared.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from likewise.arguments import checked
from likewise.results import Verdict
from likewise.results.cells import Cell, Column, Measured
from likewise.results.metric_words import metric_name, percent
from likewise.results.table import Table

if TYPE_CHECKING:
    import pandas as pd

    from likewise.training.experiment import Experiment

_MODELS = {"backbone": "untrained backbone", "trained": "trained model"}


def verdict_of_result(result: Mapping[str, Any]) -> Verdict | None:
    """The verdict of a training that ended; None if it was not compared with the backbone."""
    scores = list(result.get("scores") or [])
    if not scores:
        return None
    helped, choice = result.get("helped"), result.get("kept")
    headline, level = {
        True: ("Training helped.", "good"),
        False: ("Training did not help.", "bad" if choice == "trained" else "warning"),
        None: ("It is not certain that training helped.", "unsure"),
    }[helped if isinstance(helped, bool) else None]
    deciding = next((score for score in scores if score["classes_are"] == "unseen"), scores[0])
    sentence = _sentence(str(result.get("headline", "")))
    model = _MODELS["trained" if choice == "trained" else "backbone"]
    return Verdict(
        headline, level, [f"The model of this run is the {model}.", *_notes(result)],  # type: ignore[arg-type]  # a Level
        _sentence(str(result.get("advice", ""))), sentence,
        f"{percent(float(deciding['backbone']))} → {percent(float(deciding['trained']))}",
    )  # fmt: skip


@checked
def compared_table(result: Mapping[str, Any]) -> Table | None:
    """Trained model and untrained backbone side by side, the selected one marked; None if not compared."""
    scores = list(result.get("scores") or [])
    if not scores:
        return None
    rows: list[list[Cell]] = [
        [str(score["classes_are"]), metric_name(str(score["metric"])),
         float(score["backbone"]), float(score["trained"]),
         Measured(float(score["trained"]) - float(score["backbone"]), low=float(score["low"]),
                  high=float(score["high"])),
         int(score["classes"]), int(score["images"])]
        for score in scores
    ]  # fmt: skip
    columns: list[Column | str] = [
        "classes are", "metric",
        *(Column(f"{words}, kept" if name == result.get("kept") else words, "percent")
          for name, words in _MODELS.items()),
        Column("difference", "points"), "classes", "images",
    ]  # fmt: skip
    return Table(columns, rows)


def verdict_of_epochs(
    table: "pd.DataFrame", selecting: str, name: str, best: int, experiment: "Experiment"
) -> Verdict:
    """The verdict of a training that has not ended, or was not compared: from its epochs alone.

    Args:
        table: ``metrics.csv``.
        selecting: The column that chose the epoch.
        name: Name of that metric, for readers.
        best: The chosen epoch.
        experiment: Experiment that was run.
    """
    reached = float(table[selecting].max())
    start = table[table["epoch"] == 0]
    evidence = [
        f"The model of epoch {best} was selected by {name} on validation images.",
        "This is a single training: only several seeds show the variation.",
    ]
    if not len(start) or math.isnan(float(start[selecting].iloc[0])):
        return Verdict(
            "The untrained model was not measured.", "info", evidence,
            sentence=f"{name} on the validation classes reached {percent(reached)}.", number=percent(reached),
        )  # fmt: skip
    before = float(start[selecting].iloc[0])
    number = f"{percent(before)} → {percent(reached)}"
    if best == 0 or reached <= before:
        return Verdict(
            "Training did not help.", "bad", evidence,
            "Train on more classes or more images per class, or use the untrained backbone.",
            f"No epoch beats the untrained model's {name} of {percent(before)} on the validation classes.", number,
        )  # fmt: skip
    rising = best == int(table["epoch"].iloc[-1]) == experiment.trainer.max_epochs
    advice = "The last epoch was the best: train longer, it may still rise." if rising else ""
    sentence = f"{name} on the validation classes rose from {percent(before)} to {percent(reached)}."
    return Verdict("Training helped.", "good", evidence, advice, sentence, number)


def _notes(result: Mapping[str, Any]) -> list[str]:
    notes = result.get("notes")
    return [_sentence(str(note)) for note in notes] if isinstance(notes, list) else []


def _sentence(text: str) -> str:
    """With a capital and a full stop."""
    text = text.strip()
    return text and text[0].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
