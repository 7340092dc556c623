"""The page of one training: did it help, how did it go, what was trained.

Source: ``metrics.csv`` of a Run: one row per epoch (epoch 0 is the untrained model), ``loss``, ``lr/GROUP``,
``images_per_s`` and ``CONDITION/METRIC`` for each condition of the validation images.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from likewise.arguments import checked
from likewise.bounds import CountOrZero
from likewise.errors import InputError
from likewise.files import write_text
from likewise.inert import markdown_literal
from likewise.printable import counted
from likewise.report.charts import Line, lines
from likewise.report.page import chart_style
from likewise.report.report import Report
from likewise.report.sections import Section
from likewise.report.storage import load_report
from likewise.report.svg import Chart, stacked
from likewise.results.cells import Cell, Column
from likewise.results.metric_words import condition_metric_name, metric_name
from likewise.results.provenance import provenance
from likewise.results.table import Table
from likewise.training.run_folder import Run
from likewise.training.run_record import RunData
from likewise.training.run_verdict import compared_table, verdict_of_epochs, verdict_of_result
from likewise.training.sweep_plan import SweepPlan, is_sweep
from likewise.training.sweep_results import SWEEP_TITLE, SweepResults

if TYPE_CHECKING:
    import pandas as pd

    from likewise.training.experiment import Experiment

_DRAWN = ("recall@1", "r_precision", "map@r")


@checked
def training_curves(metrics: "Path | str | pd.DataFrame", best_epoch: CountOrZero | None = None) -> Chart:
    """Loss above, validation metrics below, over the epochs.

    Args:
        metrics: ``metrics.csv`` of a Run, or its table.
        best_epoch: Epoch to mark with a line.

    Raises:
        InputError: The file is missing or contains no epochs.
    """
    table = _read(metrics)
    caption = (
        "" if best_epoch is None else f"The dashed line is epoch {best_epoch}, whose model was selected."
    )
    alt = f"Training loss and validation metrics over {counted(int(table['epoch'].iloc[-1]), 'epoch')}"
    charts = _curves(table, best_epoch)
    if not charts:
        raise InputError(
            f"{metrics if isinstance(metrics, str | Path) else 'The table'} contains no metrics to plot."
        )
    return stacked(charts, caption, alt)


@checked
def run_report(run: Run | Path | str) -> Report:
    """The report of a Run.

    Raises:
        ConfigError: The folder is not a Run.
        InputError: Its ``metrics.csv`` is missing or empty.
    """
    opened = run if isinstance(run, Run) else Run.open(Path(run))
    experiment = opened.experiment
    table = _read(opened.folder / "metrics.csv")
    selecting = f"{experiment.validation.select_on}/{experiment.validation.metric}"
    best = _best_epoch(table, selecting)
    result = opened.result
    sections = [*_compared(result), Section("Training curves", charts=_curves(table, best))]
    if best is not None:
        sections.append(_scores(table, best))
    sections += _skipped(opened.skipped)
    rates = [name for name in table.columns if name.startswith("lr/")]
    if rates:
        curves = [Line(name[3:], table["epoch"], table[name]) for name in rates]
        chart = lines(
            curves, x_label="epoch", y_label="learning rate", log_y=bool((table[rates] > 0).any().all())
        )
        sections.append(Section("Learning rates", charts=[chart], folded=True))
    values = _flat(experiment.model_dump(mode="json"))
    sections.append(Section("The experiment", table=Table(["key", "value"], values), folded=True))
    verdict = verdict_of_result(result)
    if verdict is None and best is not None:
        verdict = verdict_of_epochs(table, selecting, _metric_name(selecting), best, experiment)
    lead = f"{experiment.loss.name} on {_data_name(experiment)}, {counted(int(table['epoch'].iloc[-1]), 'epoch')}."
    return Report(
        f"Training {experiment.name}", markdown_literal(lead), sections, [] if verdict is None else [verdict],
        _facts(opened, experiment, table),
    )  # fmt: skip


@checked
def write_pages(run: Run) -> tuple[Path, Path]:
    """Write ``report.html`` and ``curves.svg`` into the folder of a Run; returns both paths.

    Raises:
        InputError: Its ``metrics.csv`` is missing or empty.
    """
    page, picture = run.folder / "report.html", run.folder / "curves.svg"
    run_report(run).save(page)
    best = int(run.best().get("best_epoch", 0)) or None
    write_text(picture, training_curves(run.folder / "metrics.csv", best).to_svg(chart_style()) + "\n")
    return page, picture


@checked
def kept_report(path: Path | str) -> Report:
    """The report of a Run, of a sweep, or of a folder written by :func:`save_report`.

    Raises:
        InputError: It is none of these, or a sweep without a finished run.
    """
    if is_sweep(path):
        results = SweepResults.of(SweepPlan.open(path))
        return Report.of(SWEEP_TITLE, results, facts=results.facts)
    if (Path(path) / "experiment.yaml").is_file():
        return run_report(path)
    return load_report(path)


def _compared(result: Mapping[str, Any]) -> list[Section]:
    """The table of both models on a page; nothing where they were not compared."""
    table = compared_table(result)
    if table is None:
        return []
    words = (
        "Both models search the same images. Unseen classes were not used in training or model selection; validation "
        "classes selected the epoch. Differences have a 95 % interval over classes."
    )
    return [Section("Comparison with the untrained backbone", words, table)]


def _curves(table: "pd.DataFrame", best: int | None) -> list[Chart]:
    """Loss and validation as two charts, side by side if there is room."""
    marks = {} if best is None else {f"selected: epoch {best}": float(best)}
    charts = []
    if "loss" in table and table["loss"].notna().any():
        losses = table[["epoch", "loss"]].dropna()
        charts.append(
            lines(
                [Line("", losses["epoch"], losses["loss"])],
                x_label="epoch",
                y_label="training loss",
                marks=marks,
            )
        )
    drawn = [name for name in table.columns if name.partition("/")[2] in _DRAWN]
    scored = {name: table[["epoch", name]].dropna() for name in drawn}
    curves = [
        Line(_metric_name(name, drawn), values["epoch"], values[name]) for name, values in scored.items()
    ]
    if curves:
        charts.append(lines(curves, x_label="epoch", y_label="validation", percent=True, marks=marks))
    return charts


def _read(metrics: "Path | str | pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    if isinstance(metrics, pd.DataFrame):
        table = metrics
    else:
        try:
            table = pd.read_csv(metrics)
        except (OSError, pd.errors.EmptyDataError, pd.errors.ParserError) as error:
            raise InputError(f"Cannot read {metrics}: {error}; give the metrics.csv of a run.") from error
    if "epoch" not in table or not len(table):
        raise InputError(
            f"{metrics if isinstance(metrics, str | Path) else 'The table'} contains no epochs to plot."
        )
    return table


def _metric_name(column: str, together: list[str] | None = None) -> str:
    """The metric of a column such as "original/map@r"; with its condition where several are drawn."""
    several = together is None or len({other.partition("/")[0] for other in together}) > 1
    return condition_metric_name(column) if several else metric_name(column.partition("/")[2])


def _best_epoch(table: "pd.DataFrame", selecting: str) -> int | None:
    if selecting not in table or table[selecting].isna().all():
        return None
    place = int(np.nanargmax(table[selecting].to_numpy()))  # the first of equals, as in training
    return int(table["epoch"].iloc[place])


def _scores(table: "pd.DataFrame", best: int) -> Section:
    epochs = {"untrained": 0, "best": best, "last": int(table["epoch"].iloc[-1])}
    row_of = {name: table[table["epoch"] == epoch].head(1) for name, epoch in epochs.items()}
    row_of = {name: row for name, row in row_of.items() if len(row)}
    metrics = [name for name in table.columns if "/" in name and not name.startswith("lr/")]
    rows: list[list[Cell]] = [
        [_metric_name(metric), *(float(row[metric].iloc[0]) for row in row_of.values())] for metric in metrics
    ]
    headings = {
        "untrained": "untrained",
        "best": f"selected (epoch {best})",
        "last": f"last (epoch {epochs['last']})",
    }
    columns = [Column("metric"), *(Column(headings[name], "percent") for name in row_of)]
    return Section("Scores on the validation classes", table=Table(columns, rows))


def _skipped(path: Path) -> list[Section]:
    import pandas as pd

    if not path.is_file():
        return []
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    words = f"{len(table):,} images could not be read and were left out."
    listed = Table(["image", "reason"], table[["path", "reason"]].head(50).to_numpy().tolist())
    return [Section("Images left out", words, listed, folded=True)]


def _facts(run: Run, experiment: "Experiment", table: "pd.DataFrame") -> dict[str, str]:
    data = RunData.read(run.folder)
    images = None
    if data is not None:
        training_data = data.trained_on
        images = (
            f"{len(training_data.images):,} of {len(training_data.classes):,} classes for training, "
            f"{len(data.validated_on):,} classes for validation"
        )
    device = str(run.result.get("device") or experiment.trainer.accelerator)
    facts = provenance(
        models=[(run.folder.resolve().name, run.fingerprint or "none yet")],
        catalog=images,
        seed=experiment.seed,
        device=device,
    )
    if data is not None:
        facts["catalog fingerprint"] = data.trained_on.fingerprint
    facts |= {
        "backbone": experiment.model.backbone,
        "loss": experiment.loss.name,
        "optimizer": f"{experiment.optimizer.name}, learning rate {experiment.optimizer.lr_backbone:g} (backbone), "
        f"{experiment.optimizer.lr_head:g} (head), {experiment.optimizer.lr_loss:g} (loss)",
    }
    if "images_per_s" in table:
        facts["speed"] = f"{table['images_per_s'].median():z,.0f} images/s (median of the epochs)"
    return facts


def _data_name(experiment: "Experiment") -> str:
    data = experiment.data
    return data.benchmark or (data.catalog.name if data.catalog is not None else "the catalog")


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[list[str]]:
    rows: list[list[str]] = []
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            rows += _flat(value, f"{prefix}{key}.")
        else:
            rows.append([f"{prefix}{key}", "" if value is None else str(value)])
    return rows
