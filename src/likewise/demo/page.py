"""The page of the demo: what the images are, whether search works, whether the background decides, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from likewise.data import Catalog
from likewise.demo.inputs import few_of_each
from likewise.demo.scores import Scores
from likewise.drawing import Tile, sheet
from likewise.images import open_image
from likewise.report import Cell, Column, Level, Measured, Picture, Report, Section, Table, Verdict
from likewise.report.charts import bars
from likewise.retrieval import nearest
from likewise.retrieval.model_distance import distance_of
from likewise.training import Run, training_curves

_CONDITIONS = {
    "original": "as photographed",
    "replaced": "other background",
    "object_only": "object alone",
    "background_only": "background alone",
}


def demo_report(catalog: Catalog, runs: Mapping[str, Run], scores: Sequence[Scores], out: Path) -> Report:
    """Everything the demo found, as a report."""
    test = catalog.select(split="test")
    sections = [_images(catalog), _training(runs), _search(test, scores)]
    if len(scores[0].results) > 1:
        sections.append(_backgrounds(scores))
    sections.append(_why(test, scores[-1]))
    names = " and ".join(f"'{name}'" for name in runs)
    return Report(
        "likewise demo",
        f"A small model ({names}) learnt from {len(catalog.select(split='train'))} images of some things, and was "
        f"then asked to find {len(test)} images of **other** things, which it had never seen.",
        sections,
        _verdicts(scores),
        {"catalog": f"{len(catalog)} images, {len(catalog.label_codes[1])} classes", "files": out.name},
    )


def _verdicts(scores: Sequence[Scores]) -> list[Verdict]:
    base = scores[0].results["original"].scores()
    gallery = scores[0].results["original"].gallery_size
    found = Verdict(
        f"The nearest image shows the same thing in {base['recall@1']:.0%} of searches.",
        "info",
        [
            f"recall@1 {base['recall@1']:.3f}, MAP@R {base['map@r']:.3f} among {gallery} images of unseen classes."
        ],
    )
    if len(scores[0].results) == 1:
        return [found]
    verdicts = [found]
    for score in scores:
        with_background = min(score.results[name].scores()["map@r"] for name in ("original", "replaced"))
        alone = score.results["object_only"].scores()["map@r"]
        cost = max(1 - with_background / alone, 0.0) if alone > 0 else 0.0
        level: Level = "good" if cost < 0.15 else "warning" if cost < 0.35 else "bad"
        verdicts.append(
            Verdict(
                f"The background costs model '{score.name}' {cost:.0%} of its precision.",
                level,
                [
                    f"MAP@R {alone:.3f} where only the object is shown, {with_background:.3f} with a background."
                ],
                "Train with other backgrounds (BGAugment)." if score is scores[0] and level != "good" else "",
            )
        )
    if len(scores) > 1:
        cured = scores[1].results["original"].scores()
        better = cured["map@r"] > base["map@r"]
        verdicts.append(
            Verdict(
                f"Training with other backgrounds (BGAugment) {'helps' if better else 'does not help'} here.",
                "good" if better else "warning",
                [
                    f"MAP@R {base['map@r']:.3f} to {cured['map@r']:.3f} and recall@1 {base['recall@1']:.3f} to "
                    f"{cured['recall@1']:.3f} on the same images, one training each."
                ],
            )
        )
    return verdicts


def _images(catalog: Catalog) -> Section:
    paths, labels = catalog.paths, catalog.labels
    rows = few_of_each(catalog, classes=6, each=6)
    tiles = [[Tile(open_image(paths[row])) for row in line] for line in rows]
    picture = sheet(tiles, 96, row_titles=[str(labels[line[0]]) for line in rows], scale=2)
    words = "One row a class. Images of a class show one thing in different views, lights and places."
    return Section("The images", words, pictures=[Picture(picture, "Six of the classes.", density=2)])


def _training(runs: Mapping[str, Run]) -> Section:
    charts = []
    for name, run in runs.items():
        chart = training_curves(run.folder / "metrics.csv")
        charts.append(replace(chart, caption=f"Training of '{name}'."))
    words = "The loss falls as images of one class move together and others apart."
    if len(runs) > 1:
        words += (
            " The second model saw its training images with the backgrounds of other images (**BGAugment**)."
        )
    return Section("Training", words, charts=charts, folded=True)


def _search(test: Catalog, scores: Sequence[Scores]) -> Section:
    metrics = ["recall@1", "recall@2", "recall@4", "r_precision", "map@r"]
    rows: list[list[Cell]] = []
    for score in scores:
        result = score.results["original"]
        values, intervals = result.scores(), result.intervals()
        cells = [Measured(values[m], low=intervals[m].low, high=intervals[m].high) for m in metrics]
        rows.append([score.name, *cells, result.gallery_size])
    columns: list[Column | str] = [
        "model",
        *[Column(name, style="percent", best="max") for name in metrics],
        "gallery",
    ]
    table = Table(columns, rows, "Mean over all searches, with 95 % intervals over classes.")
    words = (
        "Every test image is searched among all others. Green with a tick: the same thing; orange with a cross: "
        "another one. The number is the distance: smaller is more similar."
    )
    pictures = [
        Picture(_hits(test, score), f"Searches of model '{score.name}'.", density=2) for score in scores
    ]
    return Section("Does it find the same thing?", words, table, pictures)


def _hits(test: Catalog, score: Scores, queries: int = 6, k: int = 6) -> Image.Image:
    found = nearest(score.vectors, k=k, distance=distance_of(score.model))
    right = test.labels[found.indices[:, 0]] == test.labels
    generator = np.random.default_rng(1)
    # As many right as wrong first answers, so that both can be looked at.
    chosen = [
        *generator.permutation(np.flatnonzero(right))[: queries // 2].tolist(),
        *generator.permutation(np.flatnonzero(~right))[: queries - queries // 2].tolist(),
    ]
    paths, labels = test.paths, test.labels
    rows = []
    for query in chosen:
        tiles = [Tile(open_image(paths[query]), f"search: {labels[query]}")]
        for hit, distance in zip(found.indices[query], found.distances[query], strict=True):
            caption = f"{labels[hit]} {distance:.2f}"
            tiles.append(
                Tile.judged(open_image(paths[hit]), caption, right=bool(labels[hit] == labels[query]))
            )
        rows.append(tiles)
    return sheet(rows, 96, scale=2)


def _backgrounds(scores: Sequence[Scores]) -> Section:
    rows: list[list[Cell]] = []
    for score in scores:
        for condition, result in score.results.items():
            values = result.scores()
            rows.append([score.name, _CONDITIONS[condition], values["recall@1"], values["map@r"]])
    columns: list[Column | str] = [
        "model",
        "images shown",
        Column("R@1", style="percent"),
        Column("MAP@R", style="percent"),
    ]
    names = [_CONDITIONS[condition] for condition in scores[0].results]
    bars_of: dict[str, list[float | Measured]] = {
        score.name: [result.scores()["map@r"] for result in score.results.values()] for score in scores
    }
    words = (
        "The same search, but the images are shown in four ways. A model that looks at the **object** is as precise "
        "with a background as without; one that looks at the **background** finds the same class even where the "
        "object has been removed. In the rendered training images the background betrays the class nine times out "
        "of ten, so the model learns to look at it; in the test images it tells nothing, and misleads."
    )
    chart = bars(names, bars_of, percent=True, value_label="MAP@R")
    return Section("Does the background decide?", words, Table(columns, rows), charts=[chart])


def _why(test: Catalog, score: Scores) -> Section:
    found = nearest(score.vectors, k=1, distance=distance_of(score.model))
    same = test.labels[found.indices[:, 0]] == test.labels
    pictures, paths = [], test.paths
    for wanted, words in ((True, "Rightly found alike."), (False, "Wrongly found alike.")):
        rows = np.flatnonzero(same == wanted)
        if not len(rows):
            continue
        query = int(rows[found.distances[rows, 0].argmin()])
        explanation = score.model.explain(paths[query], paths[int(found.indices[query, 0])])
        pictures.append(Picture(explanation.draw(), f"{words} {explanation.words}", wide=True))
    words = (
        "The similarity of two images, taken apart into what each place of them adds. The parts sum to the whole, "
        "so nothing is hidden; the third picture of a line shows the same at finer places."
    )
    return Section(f"Why are two images similar, for '{score.name}'?", words, pictures=pictures)
