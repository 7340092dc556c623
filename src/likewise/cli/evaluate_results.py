"""End of ``likewise eval``: print and write scores, check thresholds."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from likewise.cli.console import print_json, print_pairs, print_table, say, written_after
from likewise.cli.output_checks import REPORTS, check_file, check_report
from likewise.cli.trained_on import trained_on_json
from likewise.errors import CROSSED, ConfigError, choices
from likewise.files import write_json, write_text
from likewise.inert import csv_cell

if TYPE_CHECKING:
    from likewise.audit.evaluation import EvaluationSummary
    from likewise.data import Catalog
    from likewise.models import SimilarityModel
    from likewise.retrieval import ModelEvaluation, Threshold

FailUnder = Annotated[
    list[str] | None,
    typer.Option(
        metavar="METRIC=VALUE",
        help="Exit with code 1 if a metric is below VALUE (0 to 1), for instance map@r=0.5. Repeatable.",
    ),
]
_WORST_CLASSES = 30


def minimum_scores(texts: Sequence[str] | None, metrics: Sequence[str]) -> dict[str, float]:
    """Metric to the value it must reach, from METRIC=VALUE.

    Raises:
        ConfigError: Another form, a metric that is not measured, or a value outside 0 to 1.
    """
    least_values = {}
    for text in texts or []:
        name, _, value = text.partition("=")
        try:
            least = float(value)
        except ValueError:
            least = float("nan")
        if not 0 <= least <= 1:
            raise ConfigError(
                f"--fail-under is {text!r}: write METRIC=VALUE, a value of 0 to 1, such as map@r=0.5."
            )
        if name not in metrics:
            raise ConfigError(f"--fail-under names {name!r}, which is not measured: {choices(name, metrics)}")
        least_values[name] = least
    return least_values


def check_scores_file(out: Path | None, conditions: bool) -> None:
    """Refuse an ``--out`` that the scores cannot be written to."""
    if conditions:
        check_file("--out", out, (".json",))
    elif out is not None and out.suffix.lower() in {".json", ".csv"}:
        check_file("--out", out, (".json", ".csv"))
    elif out is not None and out.suffix and out.suffix.lower() not in REPORTS:
        check_file("--out", out, (".json", ".csv", *REPORTS))
    else:
        check_report(out)


def finish_scores(
    model: "SimilarityModel",
    catalog: "Catalog",
    evaluation: "ModelEvaluation",
    summary: dict[str, Any],
    thresholds: Mapping[str, float],
    *,
    out: Path | None,
    as_json: bool,
    per_class: bool,
    seed: int,
    facts: Mapping[str, str],
) -> list[str]:
    """Print and write the scores; returns what is below the thresholds."""
    from likewise.audit.evaluation import EvaluationSummary
    from likewise.cli.audit_results import facts_of

    page = EvaluationSummary(model.name, summary, evaluation.result.per_class, thresholds)

    def write() -> None:
        if out is not None:
            _write(page, out, lambda: {**facts, **facts_of([model], catalog, seed)})

    with written_after(write):
        if as_json:
            scores = {name: entry["value"] for name, entry in summary["metrics"].items()}
            extra = {"per_class": evaluation.result.per_class.to_dict("records")} if per_class else {}
            verdict = {"verdict": page.verdict().to_dict()} if thresholds else {}
            print_json(
                {
                    **scores,
                    "gallery_size": summary["gallery_size"],
                    **verdict,
                    **extra,
                    **trained_on_json(facts),
                }
            )
        else:
            _print(evaluation, summary, per_class)
    return page.crossed


def end_below(crossed: Sequence[str]) -> None:
    """End the command with exit code 1 where scores are below their thresholds."""
    if crossed:
        say(f"Failed (--fail-under): {'; '.join(crossed)}.")
        raise typer.Exit(CROSSED)


def _write(page: "EvaluationSummary", out: Path, facts: Callable[[], dict[str, str]]) -> None:
    ending = out.suffix.lower()
    if ending == ".json":
        classes = page.per_class.to_dict("records")
        write_json(out, {**page.summary, "verdict": page.verdict().to_dict(), "per_class": classes})
        return
    if ending == ".csv":
        inert = page.per_class.assign(label=page.per_class["label"].map(csv_cell))
        write_text(out, inert.to_csv(index=False))
        return
    from likewise.report import Report, save_report

    report = Report.of("Retrieval scores", page, facts=facts())
    if out.suffix:
        report.save(out)
    else:
        save_report(report, out)
    say(f"Report: {out}")


def _print(evaluation: "ModelEvaluation", summary: dict[str, Any], per_class: bool) -> None:
    from likewise.results import metric_name, percent

    rows = [
        (metric_name(name), percent(entry["value"]),
         "" if entry["low"] is None else f"{percent(entry['low'])} to {percent(entry['high'])}")
        for name, entry in summary["metrics"].items()
    ]  # fmt: skip
    print_table(["metric", "value", f"{percent(summary['level'], 0)} interval"], rows)
    sizes = {
        "gallery size": summary["gallery_size"],
        "queries": summary["queries"],
        "classes": summary["classes"],
        "queries left out (alone in their class)": summary["lone"],
        "images left out (no label)": evaluation.unlabelled,
    }
    print_pairs({name: value for name, value in sizes.items() if value})
    if per_class:
        table = evaluation.result.per_class
        worst = table.head(_WORST_CLASSES).astype(object)
        for name in set(summary["metrics"]) & set(table.columns):
            worst[name] = [percent(value) for value in worst[name]]
        names = [metric_name(str(column)) for column in table.columns]
        print_table(names, worst.to_numpy(dtype=object).tolist(), "Classes, worst first")
        if len(table) > len(worst):
            say(f"{len(table) - len(worst)} more classes: write all with --out classes.csv")


def _range_words(low: float, high: float) -> str:
    """An interval in a table of the terminal."""
    return f"{low:z.4f} to {high:z.4f}"


def print_threshold(threshold: "Threshold", confidence: float, file: Path) -> None:
    """The calibrated threshold, its error rates, and where it is."""
    from likewise.results import percent

    rates = {"false match": threshold.false_match, "false non-match": threshold.false_non_match}
    rows = [
        (name, rate.rate, _range_words(rate.low, rate.high), f"{rate.pairs:,}")
        for name, rate in rates.items()
    ]
    title = f"Same up to a {threshold.distance_name} distance of {threshold.distance:z.4f}"
    print_table(["error", "rate", f"{percent(confidence, 0)} interval", "pairs"], rows, title)
    say(
        f"Measured on {threshold.images} images of {threshold.classes} classes; both rates are equal, "
        f"{threshold.equal_error_rate:z.4f}, at {threshold.equal_error_distance:z.4f}. Written to {file}"
    )
