"""The page of retrieval scores: every metric with its interval, and every class."""

from likewise.audit.evaluation import EvaluationSummary
from likewise.report.sections import Section
from likewise.results import Cell, Column, Measured, Table, metric_column, metric_name, percent


def sections(scores: EvaluationSummary) -> list[Section]:
    """Every metric, and the classes."""
    rows: list[list[Cell]] = [
        [metric_name(name), Measured(entry["value"], low=entry["low"], high=entry["high"])]
        for name, entry in scores.summary["metrics"].items()
    ]
    metrics = [name for name in scores.per_class.columns if name in scores.summary["metrics"]]
    columns: list[Column | str] = ["class", "images", *[metric_column(name) for name in metrics]]
    classes = Table(
        columns, scores.per_class[["label", "queries", *metrics]].to_numpy(dtype=object).tolist(),
        "Mean over the images of each class, worst first.",
    )  # fmt: skip
    level = percent(scores.summary["level"], 0)
    return [
        Section(
            "Retrieval scores", "",
            Table(["metric", Column("value", "percent")], rows, f"With {level} intervals over classes."),
        ),
        Section("Every class", "", classes, folded=True),
    ]  # fmt: skip
