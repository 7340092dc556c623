"""``likewise eval --backgrounds``: the scores of ``eval`` under each condition of the background test."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from likewise.cli.console import end_with, print_json, print_table, say, written_after
from likewise.cli.evaluate_results import end_below
from likewise.cli.output_checks import parts_beside
from likewise.files import write_json

if TYPE_CHECKING:
    from likewise.audit import ConditionEvaluation
    from likewise.data import Catalog
    from likewise.models import SimilarityModel


def evaluate_backgrounds(
    model: "SimilarityModel",
    catalog: "Catalog",
    backgrounds: Path,
    *,
    repeats: int,
    recall_at: Sequence[int],
    metrics: Sequence[str] | None,
    average: str,
    seed: int,
    batch_size: int,
    workers: int | None,
    out: Path | None,
    as_json: bool,
    thresholds: Mapping[str, float],
) -> None:
    """Measure, print and write (.json) the scores under each condition, and end with the matching exit code."""
    from likewise.audit import evaluate_conditions
    from likewise.results import metric_text, percent

    with parts_beside(out) as parts:
        evaluation = evaluate_conditions(
            model, catalog, backgrounds, repeats=repeats, recall_at=recall_at, metrics=metrics, seed=seed,
            batch_size=batch_size, num_workers=workers, progress=True, parts=parts,
        )  # fmt: skip
        scores = evaluation.scores(average)
        with written_after(lambda: None if out is None else write_json(out, scores)):
            if as_json:
                print_json(scores)
            else:
                _print(scores, evaluation, repeats)
    end_with(evaluation.failures)
    means = {name: scores["original"][name]["mean"] for name in thresholds}
    end_below(
        [
            f"{metric_text(name, means[name])} < {percent(least)}"
            for name, least in thresholds.items()
            if means[name] < least
        ]
    )


def _print(scores: dict[str, dict[str, Any]], evaluation: "ConditionEvaluation", repeats: int) -> None:
    from likewise.results import metric_name

    rows = [
        [name, *(_cell(values[metric]) for metric in evaluation.metrics)] for name, values in scores.items()
    ]
    print_table(["condition", *(metric_name(metric) for metric in evaluation.metrics)], rows)
    say(
        f"{evaluation.gallery_size} images, leave-one-out; ± is the standard deviation over {repeats} draws "
        "of backgrounds. In words, with neighbours and attention:  likewise audit background"
    )


def _cell(score: dict[str, float]) -> str:
    """A mean with the standard deviation over draws, if there are several: ``58.0 ± 1.2 %``."""
    spread = f" ± {100 * score['std']:z.1f}" if score["std"] else ""
    return f"{100 * score['mean']:z.1f}{spread} %"
