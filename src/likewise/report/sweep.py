"""The page of a sweep: its results table, and how to read it."""

from likewise.report.sections import Section
from likewise.training import SweepResults
from likewise.training.sweep_results import VALIDATION


def sections(results: SweepResults) -> list[Section]:
    """The table, and how to read it."""
    if results.scored_on == VALIDATION:
        words = (
            "The catalog has no test classes, so each fold is scored on its own validation classes, which also "
            "selected the epoch: the scores are optimistic. Mean and standard deviation over the folds."
        )
    else:
        words = (
            "**Separated**: mean and standard deviation over the folds' models. **Concatenated**: the embeddings of "
            "all folds joined. The untrained reference has the same backbone and a random head."
        )
    return [Section(f"Losses: {results.classes_words.lower()}", words, results.table())]
