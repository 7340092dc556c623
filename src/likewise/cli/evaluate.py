"""``likewise eval`` and ``likewise calibrate``: how good a model is, and up to which distance images are the same."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from likewise.cli.catalogs import read_catalog
from likewise.cli.console import end_after_result, print_json, print_table, say
from likewise.cli.evaluate_conditions import evaluate_backgrounds
from likewise.cli.evaluate_results import (
    FailUnder,
    check_scores_file,
    end_below,
    finish_scores,
    range_words,
    wanted_scores,
)
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
from likewise.cli.trained_on import trained_on_json, warn_trained_on
from likewise.errors import ConfigError

if TYPE_CHECKING:
    from likewise.data import Catalog


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
        str | None, typer.Option(metavar="WHERE", help="Queries: a condition such as \"domain = 'shop'\".")
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
        Path | None,
        typer.Option(
            help="File: .json (all scores with intervals), .csv (table of classes), a page (.html, .md, .txt), or a "
            "folder to keep it for `likewise report`."
        ),
    ] = None,
    fail_under: FailUnder = None,
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
    check_scores_file(out, backgrounds is not None)
    if average not in ("micro", "macro"):
        raise ConfigError(f"--average cannot be {average!r}: choose micro or macro.")
    ranks = _ranks(recall_at)

    from likewise.models import load
    from likewise.results import metric_text, percent
    from likewise.retrieval import asked_metrics, evaluate_model

    wanted = wanted_scores(fail_under, [one.name for one in asked_metrics(ranks, metric)])

    chosen = read_catalog(catalog, root)
    chosen.require_labels("Evaluation")
    sides = (_side(chosen, query_split, queries), _side(chosen, gallery_split, gallery))
    if backgrounds is not None:
        if any(side is not None for side in sides):
            raise ConfigError("--backgrounds is for leave-one-out: choose the images with --split.")
        loaded, images = load(model, weights, device, preprocessing=preprocessing), chosen.select(split=split)
        warn_trained_on([loaded], images)
        shown = evaluate_backgrounds(
            loaded, images, backgrounds, repeats=repeats, recall_at=ranks, metrics=metric, average=average, seed=seed,
            batch_size=batch_size, workers=workers, out=out, as_json=as_json,
        )  # fmt: skip
        end_after_result(shown.failures)
        means = {name: shown.scores(average)["original"][name]["mean"] for name in wanted}
        end_below(
            [
                f"{metric_text(name, means[name])} < {percent(least)}"
                for name, least in wanted.items()
                if means[name] < least
            ]
        )
        return
    loaded = load(model, weights, device, preprocessing=preprocessing)
    images = chosen.select(split=split)
    warned = warn_trained_on([loaded], sides[0] or images)
    found = evaluate_model(
        loaded,
        images,
        queries=sides[0],
        gallery=sides[1],
        embedding={"batch_size": batch_size, "num_workers": workers, "progress": True},
        recall_at=ranks,
        metrics=metric,
    )
    summary = found.result.summary(level, average=average, seed=seed)
    crossed = finish_scores(
        loaded,
        images,
        found,
        summary,
        wanted,
        out=out,
        as_json=as_json,
        per_class=per_class,
        seed=seed,
        facts=warned,
    )
    if not warned and split is None and "train" in chosen.splits and not any(sides):
        say(
            "The catalog has a split 'train': on classes the model was trained with, scores say little (--split test)."
        )
    end_after_result(found.failures)
    end_below(crossed)


def calibrate(
    model: ModelName,
    catalog: CatalogFile,
    *,
    split: Annotated[
        str | None, typer.Option(help="Only this split: classes the model was not trained with.")
    ] = None,
    root: Root = None,
    false_match_rate: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Share of pairs of different classes that may count as the same. [default: 0.001, or the smallest "
            "that so many images support]",
        ),
    ] = None,
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
    from likewise.retrieval import DEFAULT_RATE, calibrate_model

    held_out = read_catalog(catalog, root)
    held_out.require_labels("Calibration")
    if split is None and "train" in held_out.splits:
        raise ConfigError(
            f"{catalog} has a split 'train', and a threshold must come from classes the model has not seen: name one "
            f"of its splits, such as --split {next(name for name in held_out.splits[::-1] if name != 'train')}"
            if len(held_out.splits) > 1
            else f"{catalog} holds training images only: a threshold must come from classes the model has not seen."
        )
    if out is not None and not out.is_dir():
        check_file("--out", out, (".json",))
    target = out or (Path(model) if Path(model).is_dir() else None)
    if target is None:
        raise ConfigError(
            f"{model} is no folder to keep the threshold in: say where with --out threshold.json"
        )
    loaded = load(model, weights, device, preprocessing=preprocessing)
    images = held_out.select(split=split)
    warned = warn_trained_on([loaded], images)
    threshold, failures = calibrate_model(
        loaded,
        images,
        false_match_rate=false_match_rate,
        embedding={"batch_size": batch_size, "num_workers": workers, "progress": True},
        level=level,
        seed=seed,
    )
    file = threshold.save(target)
    if false_match_rate is None and threshold.wanted_false_match_rate > DEFAULT_RATE:
        say(
            f"{threshold.images} images support a false-match rate of {threshold.wanted_false_match_rate:g}, not the "
            f"usual {DEFAULT_RATE:g}: --false-match-rate asks for another."
        )
    if as_json:
        print_json({"file": str(file), **threshold.model_dump(), **trained_on_json(warned)})
    else:
        rates = {"false match": threshold.false_match, "false non-match": threshold.false_non_match}
        rows = [
            (name, rate.rate, range_words(rate.low, rate.high), f"{rate.pairs:,}")
            for name, rate in rates.items()
        ]
        title = f"Same up to a {threshold.distance_name} distance of {threshold.distance:.4f}"
        print_table(["error", "rate", f"{level:.0%} interval", "pairs"], rows, title)
        say(
            f"Measured on {threshold.images} images of {threshold.classes} classes; both rates are equal, "
            f"{threshold.equal_error_rate:.4f}, at {threshold.equal_error_distance:.4f}. Written to {file}"
        )
    end_after_result(failures)


def _side(catalog: "Catalog", split: str | None, where: str | None) -> "Catalog | None":
    return None if split is None and where is None else catalog.select(split=split, where=where)


def _ranks(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ConfigError(
            f"--recall-at must be whole numbers with commas, such as 1,2,4,8, not {text!r}."
        ) from None
