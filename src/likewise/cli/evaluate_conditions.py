"""``likewise eval --backgrounds``: the scores of ``eval`` under each condition of the background test."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from likewise.cli.console import print_json, print_table, say
from likewise.cli.targets import parts_beside
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
) -> "ConditionEvaluation":
    """Measure, print and write (.json) the scores under each condition."""
    from likewise.audit import evaluate_conditions

    with parts_beside(out) as parts:
        found = evaluate_conditions(
            model, catalog, backgrounds, repeats=repeats, recall_at=recall_at, metrics=metrics, seed=seed,
            batch_size=batch_size, num_workers=workers, progress=True, parts=parts,
        )  # fmt: skip
        scores = found.scores(average)
        if out is not None:
            write_json(out, scores)
    if as_json:
        print_json(scores)
    else:
        _print(scores, found, repeats)
    return found


def _print(scores: dict[str, dict[str, Any]], found: "ConditionEvaluation", repeats: int) -> None:
    from likewise.results import metric_name

    rows = [[name, *(_cell(values[metric]) for metric in found.metrics)] for name, values in scores.items()]
    print_table(["condition", *(metric_name(metric) for metric in found.metrics)], rows)
    say(
        f"{found.gallery_size} images searched among each other; ± is the deviation over {repeats} draws of "
        "backgrounds. In words, with neighbours and attention:  likewise audit background"
    )


def _cell(score: dict[str, float]) -> str:
    """A mean with the standard deviation over draws, where there are several: ``58.0 ± 1.2 %``."""
    spread = f" ± {100 * score['std']:.1f}" if score["std"] else ""
    return f"{100 * score['mean']:.1f}{spread} %"
