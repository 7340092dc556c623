"""The background audit in words, tables and pictures."""

from typing import TYPE_CHECKING

from PIL import Image

from likewise.drawing import QUERY, Tile, heat_overlay, sheet
from likewise.report import Cell, Column, Level, Measured, Picture, Section, Table, Verdict
from likewise.report.charts import bars, histogram

if TYPE_CHECKING:
    from likewise.audit.background_result import BackgroundAudit, Example

NAMES = {
    "original": "as they are",
    "replaced": "another background",
    "background_only": "background without the object",
    "object_only": "object without a background",
}
_SERIOUS, _NOTABLE = 0.15, 0.05  # share of the score that is lost
_CLASSES = 12


def verdict(audit: "BackgroundAudit") -> Verdict:
    """Does the background decide, on what evidence, and what to do."""
    change, difference = audit.relative_change, audit.differences["replaced"]
    original = audit.scores["original"][audit.metric]["mean"]
    low, high = difference.interval.low / original, difference.interval.high / original
    loss = max(0.0, -change)
    sure = high < 0
    level: Level
    if sure and loss >= _SERIOUS:
        level, answer = "bad", "Yes, the background decides a lot."
    elif sure and loss >= _NOTABLE:
        level, answer = "warning", "Yes, the background has a say."
    elif -low >= _SERIOUS and not sure:
        level, answer = "info", "These images are too few to tell whether the background decides."
    else:
        level, answer = "good", "No, the background decides little."
    first = {name: audit.scores[name].get("recall@1", {}).get("mean") for name in ("original", "replaced")}
    hits = (
        "" if None in first.values() else
        f" The first hit is right for {first['original']:.0%} of the images as they are, and for "
        f"{first['replaced']:.0%} when only the background changes."
    )  # fmt: skip
    words = (
        f"{answer}{hits} Over all that {audit.model} should find, the search "
        f"{'loses' if change < 0 else 'gains'} {abs(change):.0%} of its quality."
    )
    return Verdict(words, level, _evidence(audit, low, high), _advice(level))


def sections(audit: "BackgroundAudit") -> list[Section]:
    """Conditions, examples, attention, classes, and every metric."""
    attention = [] if audit.attention is None else [_attention(audit)]
    every = Section("Every metric", "", condition_table([audit]), folded=True)
    return [_conditions(audit), *_examples(audit), *attention, _classes(audit), every]


def condition_table(audits: "list[BackgroundAudit]", metrics: list[str] | None = None) -> Table:
    """One row a model and condition, the metrics with their deviation over draws: the paper's Table 1."""
    names = metrics or audits[0].evaluation.metrics
    rows: list[list[Cell]] = []
    for audit in audits:
        for condition, scores in audit.scores.items():
            values: list[Cell] = [_measured(scores[name]) for name in names]
            rows.append([*([audit.model] if len(audits) > 1 else []), NAMES[condition], *values])
    columns: list[Column | str] = [
        *(["model"] if len(audits) > 1 else []),
        "shown",
        *[Column(name, "percent") for name in names],
    ]
    first = audits[0]
    caption = (
        f"{first.evaluation.gallery_size} images searched among each other; ± is the deviation over "
        f"{first.repeats} draws of {first.photos} backgrounds, not over trainings."
    )
    return Table(columns, rows, caption)


def _measured(score: dict[str, float]) -> Measured:
    return Measured(score["mean"], score["std"] or None)


def _evidence(audit: "BackgroundAudit", low: float, high: float) -> list[str]:
    scores, metric = audit.scores, audit.metric
    lines = [
        f"Quality is {metric.upper()}, how completely the images of the same class come first, 0 to 1: "
        f"{scores['original'][metric]['mean']:.3f} on the images as they are, "
        f"{scores['replaced'][metric]['mean']:.3f} with other backgrounds, a change of {audit.relative_change:+.1%} "
        f"(95 % interval over classes {low:+.1%} to {high:+.1%}, {audit.evaluation.gallery_size} images)."
    ]
    if "background_only" in scores:
        alone = scores["background_only"][metric]["mean"]
        lines.append(
            f"From the background alone, with the object painted over, it still reaches {alone:.3f}; "
            f"a random order gives {audit.chance:.3f}."
        )
    if "object_only" in scores:
        lines.append(
            f"From the object alone, on grey, it reaches {scores['object_only'][metric]['mean']:.3f}."
        )
    lines.append(
        f"On another background, {audit.neighbors.first.mean():.0%} of the images get another first hit, right or "
        f"wrong, and {audit.neighbors.of_depth.mean():.0%} of the first {audit.neighbors.depth} change; "
        f"{audit.neighbors.finds_itself.mean():.0%} find their own original first."
    )
    if audit.attention is not None and audit.attention.defined.any():
        lines.append(
            f"Attention score {audit.attention.mean():.2f} ± {audit.attention.std():.2f} over "
            f"{int(audit.attention.defined.sum())} images (1: it looks at the object only, 0: anywhere, "
            "below 0: at the background)."
        )
    return lines


def _advice(level: Level) -> str:
    if level in ("bad", "warning"):
        return (
            "Train again with other backgrounds behind the objects: "
            "`likewise train ... -o replace_background.bank=FOLDER`, with other photos than in this audit."
        )
    if level == "info":
        return "Measure again with more images and classes."
    return "Nothing needs to change for the background's sake."


def _conditions(audit: "BackgroundAudit") -> Section:
    names = [NAMES[name] for name in audit.scores]
    values = [_measured(scores[audit.metric]) for scores in audit.scores.values()]
    chart = bars(
        names, {"": values}, value_label=audit.metric.upper(), percent=True,
        caption=f"Search quality under each condition; a random order gives {audit.chance:.1%}.",
    )  # fmt: skip
    words = (
        "The same images were searched among each other again and again: as they are, with another photo "
        "behind the object, with the object painted over, and with the object alone on grey."
    )
    few = [name for name in ("recall@1", audit.metric) if name in audit.evaluation.metrics]
    return Section("With and without the background", words, condition_table([audit], few), charts=[chart])


def _attention(audit: "BackgroundAudit") -> Section:
    scores = audit.attention
    if scores is None or not scores.defined.any():
        return Section("Where it looks", "No image has an attention score.")
    chart = histogram(
        {"": scores.values[scores.defined]}, value_label="attention score",
        caption="Share of the attention on the object, beyond chance: 1 only there, 0 anywhere, below 0 elsewhere.",
    )  # fmt: skip
    left_out = len(scores.values) - int(scores.defined.sum())
    words = (
        f"Mean {scores.mean():.2f}, deviation {scores.std():.2f} over {int(scores.defined.sum())} images"
        + (f"; {left_out} have none (empty or full mask)." if left_out else ".")
    )
    return Section("Where it looks", words, charts=[chart])


def _classes(audit: "BackgroundAudit") -> Section:
    shown = audit.per_class.head(_CLASSES)
    columns: list[Column | str] = [
        "class", "images", Column("as they are", "percent"), Column("another background", "percent"),
        Column("change", "percent"),
    ]  # fmt: skip
    rows = shown[["label", "queries", "original", "replaced", "change"]].to_numpy(dtype=object).tolist()
    table = Table(columns, rows, f"{audit.metric.upper()} of the classes that are hurt most.")
    return Section("Classes hurt most", "", table, folded=len(shown) > 6)


def _examples(audit: "BackgroundAudit") -> list[Section]:
    if not audit.examples:
        return []
    pictures = [
        Picture(example_sheet(example), f"{example.label}: {example.id}") for example in audit.examples
    ]
    words = "Above, the image as it is and what it finds; below, the same object on another background."
    return [Section("Results that change with the background", words, pictures=pictures)]


def example_sheet(example: "Example") -> Image.Image:
    """Query and first neighbours before and after, with saliency where it was measured."""
    rows = []
    for side in (0, 1):
        tiles = [Tile(example.query[side], "searched for", QUERY, "?")]
        if example.saliency:
            tiles.append(Tile(heat_overlay(example.query[side], example.saliency[side]), "where it looks"))
        for image, label in zip(example.neighbors[side], example.neighbor_labels[side], strict=True):
            tiles.append(Tile.judged(image, label, label == example.label))
        rows.append(tiles)
    return sheet(rows, 150, row_titles=["as it is", "another background"])
