"""``likewise eval`` and ``likewise calibrate``: how good a model is, and up to which distance images are the same."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from likewise.cli.catalogs import read_catalog
from likewise.cli.console import print_json, print_pairs, print_table, say
from likewise.cli.evaluate_conditions import evaluate_backgrounds
from likewise.cli.options import (
    AsJson,
    BatchSize,
    CatalogFile,
    Device,
    Level,
    ModelName,
    Prepared,
    Root,
    Weights,
    Workers,
)
from likewise.cli.targets import check_file
from likewise.errors import UNFINISHED, ConfigError
from likewise.files import write_json, write_text

if TYPE_CHECKING:
    from likewise.data import Catalog, Failure
    from likewise.retrieval import ModelEvaluation

_WORST_CLASSES = 30


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("eval")(evaluate)
    app.command()(calibrate)


def evaluate(
    model: ModelName,
    catalog: CatalogFile,
    *,
    split: Annotated[str | None, typer.Option(help="Only this split, leave-one-out.")] = None,
    root: Root = None,
    queries: Annotated[
        str | None, typer.Option(metavar="WHERE", help="Queries: a condition such as \"domain == 'shop'\".")
    ] = None,
    gallery: Annotated[str | None, typer.Option(metavar="WHERE", help="Gallery: a condition.")] = None,
    query_split: Annotated[str | None, typer.Option(help="Queries: a split.")] = None,
    gallery_split: Annotated[str | None, typer.Option(help="Gallery: a split.")] = None,
    recall_at: Annotated[str, typer.Option(help="Ranks of recall@K.")] = "1,2,4,8",
    metric: Annotated[
        list[str] | None,
        typer.Option(
            help="Instead of the usual ones: recall@K, precision@K, r_precision, map@r, map, map@K; repeat."
        ),
    ] = None,
    average: Annotated[str, typer.Option(help="micro (over queries) or macro (over classes).")] = "micro",
    level: Level = 0.95,
    seed: Annotated[int, typer.Option(min=0, help="Of the intervals' resampling.")] = 0,
    per_class: Annotated[
        bool, typer.Option("--per-class", help="Add a table of the classes, worst first.")
    ] = False,
    backgrounds: Annotated[
        Path | None,
        typer.Option(
            help="Folder of photos: also score with other backgrounds, none, and without the object."
        ),
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Draws of backgrounds.")] = 5,
    out: Annotated[
        Path | None, typer.Option(help="File: .json (all scores with intervals) or .csv (table of classes).")
    ] = None,
    weights: Weights = None,
    preprocessing: Prepared = None,
    device: Device = None,
    batch_size: BatchSize = 64,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Retrieval metrics of a model on a catalog, with intervals (classes resampled) and the size of the gallery.

    Recall@K is that of metric learning: any of the first K neighbours has the query's class.

    Example: `likewise eval runs/birds birds.parquet --split test`
    """
    if split is not None and (queries or gallery or query_split or gallery_split):
        raise ConfigError(
            "--split is for leave-one-out: with queries and gallery use --query-split, --gallery-split."
        )
    check_file("--out", out, (".json", ".csv") if backgrounds is None else (".json",))
    if average not in ("micro", "macro"):
        raise ConfigError(f"--average cannot be {average!r}: choose micro or macro.")
    ranks = _ranks(recall_at)

    from likewise.models import load
    from likewise.retrieval import evaluate_model

    chosen = read_catalog(catalog, root)
    chosen.require_labels("Evaluation")
    sides = (_side(chosen, query_split, queries), _side(chosen, gallery_split, gallery))
    if backgrounds is not None:
        if any(side is not None for side in sides):
            raise ConfigError("--backgrounds is for leave-one-out: choose the images with --split.")
        shown = evaluate_backgrounds(
            load(model, weights, device, preprocessing=preprocessing), chosen.select(split=split), backgrounds,
            repeats=repeats, recall_at=_ranks(recall_at), metrics=metric, average=average, seed=seed,
            batch_size=batch_size, workers=workers, out=out, as_json=as_json,
        )  # fmt: skip
        _finish(shown.failures)
        return
    found = evaluate_model(
        load(model, weights, device, preprocessing=preprocessing),
        chosen.select(split=split),
        queries=sides[0],
        gallery=sides[1],
        embedding={"batch_size": batch_size, "num_workers": workers, "progress": True},
        recall_at=ranks,
        metrics=metric,
    )
    summary = found.result.summary(level, average=average, seed=seed)
    if out is not None:
        _write(found, summary, out)
    if as_json:
        scores = {name: entry["value"] for name, entry in summary["metrics"].items()}
        extra = {"per_class": found.result.per_class.to_dict("records")} if per_class else {}
        print_json({**scores, "gallery_size": summary["gallery_size"], **extra})
    else:
        _print(found, summary, per_class)
    if split is None and "train" in chosen.splits and not any(sides):
        say(
            "The catalog has a split 'train': on classes the model was trained with, scores say little (--split test)."
        )
    _finish(found.failures)


def calibrate(
    model: ModelName,
    catalog: CatalogFile,
    *,
    split: Annotated[
        str | None, typer.Option(help="Only this split: classes the model was not trained with.")
    ] = None,
    root: Root = None,
    false_match_rate: Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of pairs of different classes that may count as the same."),
    ] = 0.001,
    level: Level = 0.95,
    seed: Annotated[int, typer.Option(min=0, help="Of the intervals' resampling.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="File to write. [default: threshold.json in the model's folder]")
    ] = None,
    weights: Weights = None,
    preprocessing: Prepared = None,
    device: Device = None,
    batch_size: BatchSize = 64,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Find the distance up to which two images count as the same, and both error rates, on held-out classes.

    `likewise search` uses the file beside the model to say which hits count as the same, and when none does.

    Example: `likewise calibrate runs/birds birds.parquet --split test --false-match-rate 0.001`
    """
    from likewise.models import load
    from likewise.retrieval import calibrate_model

    held_out = read_catalog(catalog, root)
    held_out.require_labels("Calibration")
    if split is None and "train" in held_out.splits:
        raise ConfigError(
            f"{catalog} has a split 'train', and a threshold must come from classes the model has not seen: name one "
            f"of its splits, such as --split {next(name for name in held_out.splits[::-1] if name != 'train')}"
            if len(held_out.splits) > 1
            else f"{catalog} holds training images only: a threshold must come from classes the model has not seen."
        )
    target = out or (Path(model) if Path(model).is_dir() else None)
    if target is None:
        raise ConfigError(
            f"{model} is no folder to keep the threshold in: say where with --out threshold.json"
        )
    loaded = load(model, weights, device, preprocessing=preprocessing)
    threshold, failures = calibrate_model(
        loaded,
        held_out.select(split=split),
        false_match_rate=false_match_rate,
        embedding={"batch_size": batch_size, "num_workers": workers, "progress": True},
        level=level,
        seed=seed,
    )
    file = threshold.save(target)
    if as_json:
        print_json({"file": str(file), **threshold.model_dump()})
    else:
        rates = {"false match": threshold.false_match, "false non-match": threshold.false_non_match}
        rows = [
            (name, rate.rate, _range(rate.low, rate.high), f"{rate.pairs:,}") for name, rate in rates.items()
        ]
        title = f"Same up to a {threshold.distance_name} distance of {threshold.distance:.4f}"
        print_table(["error", "rate", f"{level:.0%} interval", "pairs"], rows, title)
        say(
            f"Measured on {threshold.images} images of {threshold.classes} classes; both rates are equal, "
            f"{threshold.equal_error_rate:.4f}, at {threshold.equal_error_distance:.4f}. Written to {file}"
        )
    _finish(failures)


def _side(catalog: "Catalog", split: str | None, where: str | None) -> "Catalog | None":
    return None if split is None and where is None else catalog.select(split=split, where=where)


def _ranks(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ConfigError(
            f"--recall-at must be whole numbers with commas, such as 1,2,4,8, not {text!r}."
        ) from None


def _print(found: "ModelEvaluation", summary: dict[str, Any], per_class: bool) -> None:
    rows = [
        (name, entry["value"], "" if entry["low"] is None else _range(entry["low"], entry["high"]))
        for name, entry in summary["metrics"].items()
    ]
    print_table(["metric", "value", f"{summary['level']:.0%} interval"], rows)
    sizes = {
        "gallery size": summary["gallery_size"],
        "queries": summary["queries"],
        "classes": summary["classes"],
        "queries left out (alone in their class)": summary["lone"],
        "images left out (no label)": found.unlabelled,
    }
    print_pairs({name: value for name, value in sizes.items() if value})
    if per_class:
        table = found.result.per_class
        shown = table.head(_WORST_CLASSES)
        names = [str(column) for column in table.columns]
        print_table(names, shown.to_numpy(dtype=object).tolist(), "Classes, worst first")
        if len(table) > len(shown):
            say(f"{len(table) - len(shown)} more classes: write all with --out classes.csv")


def _write(found: "ModelEvaluation", summary: dict[str, Any], out: Path) -> None:
    if out.suffix == ".json":
        write_json(out, {**summary, "per_class": found.result.per_class.to_dict("records")})
    else:
        write_text(out, found.result.per_class.to_csv(index=False))


def _finish(failures: "list[Failure]") -> None:
    if failures:
        from likewise.jobs import failures_table

        columns, rows = failures_table(failures)
        for row in [columns, *rows]:
            say("  ".join(row))
        raise typer.Exit(UNFINISHED)


def _range(low: float, high: float) -> str:
    return f"{low:.4f} to {high:.4f}"
