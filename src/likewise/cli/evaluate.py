"""``likewise eval`` and ``likewise calibrate``: how good a model is, and up to which distance images are the same."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from likewise.cli.catalogs import read_catalog
from likewise.cli.console import end_with, print_json, say, written_after
from likewise.cli.evaluate_conditions import evaluate_backgrounds
from likewise.cli.evaluate_results import (
    FailUnder,
    check_scores_file,
    end_below,
    finish_scores,
    minimum_scores,
    print_threshold,
)
from likewise.cli.named_models import named_model
from likewise.cli.option_checks import known_word
from likewise.cli.options import (
    AsJson,
    Backgrounds,
    BatchSize,
    CatalogFile,
    Confidence,
    Device,
    Dim,
    ModelName,
    Prepared,
    Repeats,
    Root,
    Runtime,
    Seed,
    Weights,
    Workers,
)
from likewise.cli.output_checks import check_file
from likewise.cli.runtimes import apply_runtime
from likewise.cli.trained_on import trained_on_json, warn_trained_on
from likewise.errors import ConfigError

if TYPE_CHECKING:
    from likewise.data import Catalog
    from likewise.models import SimilarityModel


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("eval")(evaluate)
    app.command()(calibrate)


def evaluate(
    model: ModelName,
    catalog: CatalogFile,
    *,
    split: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Use only this split of CATALOG. Each image searches all others."),
    ] = None,
    root: Root = None,
    queries: Annotated[
        str | None,
        typer.Option(
            metavar="WHERE", help="Condition that selects the queries, such as \"domain = 'shop'\"."
        ),
    ] = None,
    gallery: Annotated[
        str | None, typer.Option(metavar="WHERE", help="Condition that selects the gallery.")
    ] = None,
    query_split: Annotated[str | None, typer.Option(metavar="NAME", help="Split of the queries.")] = None,
    gallery_split: Annotated[str | None, typer.Option(metavar="NAME", help="Split of the gallery.")] = None,
    text_column: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Column of texts that search the images, for models with a text tower. Relevant are the images with "
            "the same text.",
        ),
    ] = None,
    recall_at: Annotated[
        list[int] | None,
        typer.Option(metavar="K", help="Rank of a recall@K to measure. Repeatable. Default: 1, 2, 4 and 8."),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Metric to measure instead of the usual ones: recall@K, precision@K, r_precision, map@r, map or "
            "map@K. Repeatable.",
        ),
    ] = None,
    average: Annotated[
        str, typer.Option(help="Average over the queries (micro) or over the classes (macro).")
    ] = "micro",
    confidence: Confidence = 0.95,
    seed: Seed = 0,
    per_class: Annotated[
        bool, typer.Option("--per-class", help="Add a table of the classes, worst first.")
    ] = False,
    backgrounds: Backgrounds = None,
    repeats: Repeats = 5,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|DIR",
            help="File to write: .json (all scores with intervals), .csv (table of classes) or a report (.html, .md, "
            ".txt); or a folder that `likewise report` reads.",
        ),
    ] = None,
    fail_under: FailUnder = None,
    weights: Weights = None,
    preprocessing: Prepared = None,
    dim: Dim = None,
    device: Device = None,
    batch_size: BatchSize = 64,
    workers: Workers = None,
    runtime: Runtime = "torch",
    as_json: AsJson = False,
) -> None:
    """Measure how well a model retrieves images of the same class, with intervals (classes resampled).

    Recall@K is that of metric learning: any of the first K neighbours has the query's class. With --backgrounds, the
    scores are also measured with other backgrounds, without background and without the object.

    Example: `likewise eval runs/birds birds.parquet --split test`
    """
    if split is not None and (queries or gallery or query_split or gallery_split):
        raise ConfigError(
            "--split is for leave-one-out: with queries and gallery use --query-split, --gallery-split."
        )
    check_scores_file(out, backgrounds is not None)
    known_word("--average", average, ("micro", "macro"))

    from likewise.retrieval import evaluate_model, evaluate_texts, resolve_metrics

    ranks = recall_at or [1, 2, 4, 8]
    thresholds = minimum_scores(fail_under, [score.name for score in resolve_metrics(ranks, metric)])
    full_catalog = read_catalog(catalog, root)
    if text_column is None:
        full_catalog.require_labels("Evaluation")
    sides = (_side(full_catalog, query_split, queries), _side(full_catalog, gallery_split, gallery))
    if backgrounds is not None and sides != (None, None):
        raise ConfigError("--backgrounds is for leave-one-out: choose the images with --split.")
    if text_column is not None and (backgrounds is not None or sides != (None, None)):
        raise ConfigError(
            "With --text-column the texts are the queries and all images the gallery: choose --split."
        )
    loaded = _truncated(named_model(model, weights, device, preprocessing), dim)
    images = full_catalog.select(split=split)
    apply_runtime(loaded, runtime, images)
    warnings = warn_trained_on([loaded], sides[0] or images)
    if backgrounds is not None:
        evaluate_backgrounds(
            loaded, images, backgrounds, repeats=repeats, recall_at=ranks, metrics=metric, average=average, seed=seed,
            batch_size=batch_size, workers=workers, out=out, as_json=as_json, thresholds=thresholds,
        )  # fmt: skip
        return
    options: dict[str, Any] = {
        "recall_at": ranks, "metrics": metric,
        "embedding": {"batch_size": batch_size, "num_workers": workers, "progress": True},
    }  # fmt: skip
    if text_column is not None:
        evaluation = evaluate_texts(loaded, images, text_column, **options)
    else:
        evaluation = evaluate_model(loaded, images, queries=sides[0], gallery=sides[1], **options)
    summary = evaluation.result.summary(confidence, average=average, seed=seed)
    crossed = finish_scores(
        loaded, images, evaluation, summary, thresholds, out=out, as_json=as_json, per_class=per_class, seed=seed,
        facts=warnings,
    )  # fmt: skip
    if not warnings and split is None and "train" in full_catalog.splits and sides == (None, None):
        say(
            "The catalog has a split 'train': scores on classes the model was trained with say little. "
            f"Add --split {shlex.quote(other)}."
            if (other := _unlike_train(full_catalog.splits))
            else "The catalog has no split but 'train': scores on classes the model was trained with say little."
        )
    end_with(evaluation.failures)
    end_below(crossed)


def calibrate(
    model: ModelName,
    catalog: CatalogFile,
    *,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Use only this split of CATALOG, of classes the model was not trained with."
        ),
    ] = None,
    root: Root = None,
    false_match_rate: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Share of pairs of different classes that may count as the same, 0 to 1. Default: 0.001, or the "
            "smallest that the number of images supports.",
        ),
    ] = None,
    confidence: Confidence = 0.95,
    seed: Seed = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="File to write (.json). Default: threshold.json in the model's folder."
        ),
    ] = None,
    weights: Weights = None,
    preprocessing: Prepared = None,
    device: Device = None,
    batch_size: BatchSize = 64,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Find the distance up to which two images count as the same, with both error rates, on held-out classes.

    `likewise search` reads the file beside the model. It then marks hits that count as the same.

    Example: `likewise calibrate runs/birds birds.parquet --split test --false-match-rate 0.001`
    """
    from likewise.models import load
    from likewise.results import percent
    from likewise.retrieval import DEFAULT_RATE, MOST_MISSED, calibrate_model
    from likewise.retrieval.threshold import threshold_file

    held_out = read_catalog(catalog, root)
    held_out.require_labels("Calibration")
    if split is None and "train" in held_out.splits:
        raise ConfigError(
            f"{catalog} has a split 'train', and a threshold must come from classes the model has not seen: name one "
            f"of its splits, such as --split {shlex.quote(other)}"
            if (other := _unlike_train(held_out.splits))
            else f"{catalog} contains training images only, and a threshold must come from classes the model has not "
            "seen: give other images, or add --split train if the model was not trained on these."
        )
    if out is not None and not out.is_dir():
        check_file("--out", out, (".json",))
    target = out or (Path(model) if Path(model).is_dir() else None)
    if target is None:
        raise ConfigError(
            f"{model} is not a folder, so the threshold needs a file: name it with --out threshold.json"
        )
    loaded = load(model, weights, device, preprocessing=preprocessing)
    images = held_out.select(split=split)
    warnings = warn_trained_on([loaded], images)
    threshold, failures = calibrate_model(
        loaded,
        images,
        false_match_rate=false_match_rate,
        embedding={"batch_size": batch_size, "num_workers": workers, "progress": True},
        level=confidence,
        seed=seed,
    )
    file = threshold_file(target)
    if false_match_rate is None and threshold.wanted_false_match_rate > DEFAULT_RATE:
        say(
            f"{threshold.images} images support a false-match rate of {threshold.wanted_false_match_rate:g}, not the "
            f"usual {DEFAULT_RATE:g}: --false-match-rate asks for another."
        )
    if threshold.false_non_match.rate > MOST_MISSED:
        say(
            f"{percent(threshold.false_non_match.rate, 0)} of the pairs of one class are farther apart than the "
            "threshold and do not count as the same: accept more false matches with --false-match-rate, or use a "
            "model that separates these classes better."
        )
    with written_after(lambda: threshold.save(target)):
        if as_json:
            print_json({"file": str(file), **threshold.model_dump(), **trained_on_json(warnings)})
        else:
            print_threshold(threshold, confidence, file)
    end_with(failures)


def _unlike_train(splits: list[str]) -> str | None:
    """The split to advise in place of ``train``; None if there is no other."""
    others = [name for name in splits if name not in {"", "train"}]
    return "test" if "test" in others else next(reversed(others), None)


def _truncated(model: "SimilarityModel", dim: int | None) -> "SimilarityModel":
    if dim is None:
        return model
    if model.prefix_sizes is None and dim < model.dim:
        say(
            f"{model.name} was not trained so that its first dimensions are an embedding of their own: these scores "
            "include the loss. See  likewise fit whitening --help"
        )
    return model.truncated(dim, untrained=True)


def _side(catalog: "Catalog", split: str | None, where: str | None) -> "Catalog | None":
    return None if split is None and where is None else catalog.select(split=split, where=where)
