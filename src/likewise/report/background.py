"""Page of the background audit."""

from dataclasses import replace

from likewise.audit.background_bias.comparison import BackgroundComparison
from likewise.audit.background_bias.conditions import CONDITION_WORDS
from likewise.audit.background_bias.mask_plausibility import MaskPlausibility
from likewise.audit.background_bias.result import BackgroundAudit, Example
from likewise.drawing import QUERY, Grid, Tile, heat_overlay
from likewise.inert import markdown_literal
from likewise.printable import counted
from likewise.report.charts import bars, histogram
from likewise.report.sections import Section
from likewise.results import Cell, Column, Measured, Table, metric_column, metric_name, percent

_CLASSES = 12


def sections(audit: BackgroundAudit) -> list[Section]:
    """Conditions, examples, attention, classes, and every metric."""
    attention = [] if audit.attention is None else [_attention(audit)]
    every = Section("Every metric", "", condition_table([audit]), folded=True)
    masks = [] if audit.masks is None else [_masks(audit.masks)]
    return [_conditions(audit), _classes(audit), *masks, *attention, every]


def comparison_sections(comparison: BackgroundComparison) -> list[Section]:
    """The tables and the figure, then a chapter with the audit of each model."""
    page_sections = [Section("Clean and replaced", "", comparison.retrieval_table())]
    if len(comparison.audits) > 1:
        page_sections.append(Section("Differences", "", comparison.difference_table()))
    attention = comparison.attention_table()
    if attention is not None:
        page_sections.append(Section("Attention", "", attention))
    if comparison.figure is not None:
        page_sections.append(Section("Where the models look", pictures=[comparison.figure]))
    page_sections.append(
        Section("Every condition and metric", "", condition_table(comparison.audits), folded=True)
    )
    for audit in comparison.audits:
        page_sections.append(Section(audit.model, markdown_literal(audit.verdict().words), chapter=True))
        page_sections += [replace(section, folded=True) for section in sections(audit)]
    return page_sections


def condition_table(audits: list[BackgroundAudit], metrics: list[str] | None = None) -> Table:
    """One row per model and condition, with standard deviations over draws (Table 1 of the paper)."""
    names = metrics or audits[0].evaluation.metrics
    rows: list[list[Cell]] = []
    for audit in audits:
        for condition, scores in audit.scores.items():
            values: list[Cell] = [_measured(scores[name]) for name in names]
            rows.append([*([audit.model] if len(audits) > 1 else []), CONDITION_WORDS[condition], *values])
    columns: list[Column | str] = [
        *(["model"] if len(audits) > 1 else []),
        "condition",
        *[metric_column(name) for name in names],
    ]
    first = audits[0]
    caption = (
        f"{first.evaluation.gallery_size} images, leave-one-out; ± is the standard deviation over "
        f"{counted(first.repeats, 'draw')} of {counted(first.photos, 'background')}, not over trainings."
    )
    return Table(columns, rows, caption)


def _measured(score: dict[str, float]) -> Measured:
    return Measured(score["mean"], score["std"] or None)


def _conditions(audit: BackgroundAudit) -> Section:
    names = [CONDITION_WORDS[name] for name in audit.scores]
    values = [_measured(scores[audit.metric]) for scores in audit.scores.values()]
    chart = bars(
        names, {"": values}, value_label=metric_name(audit.metric), percent=True,
        caption=f"Search quality under each condition; a random order gives {percent(audit.chance)}.",
    )  # fmt: skip
    words = (
        "The same images, searched among each other in four conditions: original, with the background replaced by "
        "another photo, with the object painted over, and with the object alone on grey."
    )
    few = [name for name in ("recall@1", audit.metric) if name in audit.evaluation.metrics]
    return Section("With and without the background", words, condition_table([audit], few), charts=[chart])


def _masks(masks: MaskPlausibility) -> Section:
    pictures = [] if masks.picture is None else [masks.picture]
    return Section("What counts as the object", masks.words(), pictures=pictures, folded=masks.plausible)


def _attention(audit: BackgroundAudit) -> Section:
    scores = audit.attention
    if scores is None or not scores.defined.any():
        return Section("Where the model looks", "No image has an attention score.")
    chart = histogram(
        {"": scores.values[scores.defined]}, value_label="attention score",
        caption="Fraction of the attention on the object, relative to chance: 1 only on the object, 0 spread evenly.",
    )  # fmt: skip
    left_out = len(scores.values) - int(scores.defined.sum())
    scored = counted(int(scores.defined.sum()), "image")
    words = f"Mean {scores.mean():z.2f}, standard deviation {scores.std():z.2f} over {scored}" + (
        f"; without a score (empty or full mask): {counted(left_out, 'image')}." if left_out else "."
    )
    return Section("Where the model looks", words, charts=[chart])


def _classes(audit: BackgroundAudit) -> Section:
    worst = audit.per_class.head(_CLASSES)
    columns: list[Column | str] = [
        "class", "images", Column("original", "percent"), Column("replaced", "percent"),
        Column("change", "points"),
    ]  # fmt: skip
    rows = worst[["label", "queries", "original", "replaced", "change"]].to_numpy(dtype=object).tolist()
    table = Table(columns, rows, f"{metric_name(audit.metric)} of the classes with the largest losses.")
    words = (
        "One search per class (click to open): the original image and its hits; below, the same object on a replaced "
        "background."
    )
    parts = [
        Section(_class_title(audit, example), pictures=[example_grid(example)], folded=number > 0)
        for number, example in enumerate(audit.examples)
    ]
    return Section("Classes with the largest losses", words if parts else "", table, parts=parts)


def _class_title(audit: BackgroundAudit, example: Example) -> str:
    rows = audit.per_class[audit.per_class["label"].astype(str) == example.label]
    if rows.empty:
        return f"{example.label}: {example.id}"
    before, after = (percent(float(rows[name].iloc[0])) for name in ("original", "replaced"))
    return f"{example.label}: {metric_name(audit.metric)} {before} → {after}"


def example_grid(example: Example) -> Grid:
    """Query and first neighbours before and after, with saliency where it was measured."""
    rows = []
    for side in (0, 1):
        tiles: list[Tile | None] = [Tile(example.query[side], f"query\n{example.label}", QUERY, "?")]
        if example.saliency:
            tiles.append(Tile(heat_overlay(example.query[side], example.saliency[side]), "where it looks"))
        for image, label in zip(example.neighbors[side], example.neighbor_labels[side], strict=True):
            tiles.append(Tile.judged(image, label, label == example.label))
        rows.append(tiles)
    return Grid(rows, ["original", "background replaced"], caption=example.id)
