"""Checks of the images themselves: files, classes, masks."""

import numpy as np

from likewise.audit.background_bias.mask_plausibility import MOST_DOUBTFUL
from likewise.checks.context import CheckContext
from likewise.checks.definition import Check, Finding, Limit, Measure, lower
from likewise.curation import duplicates, suspects
from likewise.jobs import failures_table
from likewise.printable import counted
from likewise.report.sections import Section
from likewise.results import Table, percent

_SHOWN = 20
_WRONG_LABELS = 0.01
_FEWEST_CLASSES = 3  # with doubtful labels; a model confuses two classes, errors spread over more


def _files(context: CheckContext) -> Finding:
    failures = context.embeddings.failures
    share = len(failures) / len(context.catalog)
    evidence = (
        [Section("Images that cannot be used", table=Table(*failures_table(failures)))] if failures else []
    )
    return Finding(
        f"{len(failures):,} of {len(context.catalog):,} images cannot be used"
        + (f" ({percent(share)}, and {percent(context.tolerate)} are tolerated)." if failures else "."),
        {"unusable": lower(share, "images that cannot be used")},
        {"unusable": Limit(warn=0.0, fail=context.tolerate, source="--tolerate")},
        evidence,
        "Repair or remove these files; `likewise data check CATALOG` lists them with the reasons",
    )


def _classes(context: CheckContext) -> Finding:
    labels = context.catalog.labels
    names, counts = np.unique(labels[labels != ""].astype(str), return_counts=True)
    lone = names[counts == 1]
    missing = int((labels == "").sum())
    share = len(lone) / len(names)
    rows = [[str(name)] for name in lone[:_SHOWN]]
    evidence = [Section("Classes of one image", table=Table(["class"], rows), folded=True)] if rows else []
    return Finding(
        f"Classes of a single image: {len(lone):,} of {len(names):,}. Images without a label: {missing:,}.",
        {
            "lone": lower(share, "classes of one image"),
            "images_per_class": Measure(float(np.median(counts)), words="median images per class"),
        },
        {"lone": Limit(warn=0.5, source="more classes cannot be evaluated than can")},
        evidence,
        "Collect a second image of these classes, or check the spelling of their labels; `likewise data check CATALOG`",
    )


def _masks(context: CheckContext) -> Finding:
    plausibility = context.mask_plausibility
    source = "the background audit gives no verdict above it"
    pictures = [] if plausibility.picture is None else [plausibility.picture]
    return Finding(
        plausibility.words(),
        {
            "doubtful": lower(plausibility.doubtful, "doubtful masks"),
            "missing": lower(plausibility.missing, "images without a mask"),
        },
        {name: Limit(warn=MOST_DOUBTFUL, source=source) for name in ("doubtful", "missing")},
        [Section("Masks", pictures=pictures)] if pictures else [],
        "Make masks with another network, a name of rembg, which is downloaded once, or offline an .onnx file: "
        "`likewise masks CATALOG --model isnet-general-use --out masked.csv`",
    )


def _duplicates(context: CheckContext) -> Finding:
    copies = duplicates(context.catalog, progress=context.progress)
    share = len(copies.redundant) / len(context.catalog)
    across, other = len(copies.across_splits), len(copies.other_label)
    return Finding(
        f"Copies of other images: {len(copies.redundant):,} ({percent(share)}). Pairs of copies: {across:,} in two "
        f"splits, {other:,} with different labels.",
        {
            "redundant": lower(share, "images that are copies"),
            "across_splits": lower(across, "pairs of copies in two splits", "count"),
            "other_label": lower(other, "pairs of copies with different labels", "count"),
        },
        {name: Limit(warn=0.0, source="any pair") for name in ("across_splits", "other_label")},
        [Section("Copies", table=copies.table, folded=True)] if copies.pairs else [],
        "Keep one of each group: `likewise data duplicates CATALOG --out clean.csv`",
    )


def _labels(context: CheckContext) -> Finding:
    doubts = suspects(context.embeddings, seed=context.seed, progress=context.progress)
    judged = doubts.recognized
    if judged is None:
        return Finding(
            "The model confuses all classes, so no label can be judged: use a model that finds most of them.",
            status="not_applicable",
        )
    confused = len(doubts.confused)
    scattered = judged.classes >= _FEWEST_CLASSES or not judged.suspects
    return Finding(
        f"{judged.suspects:,} of {judged.images:,} labels are "
        + (f"probably wrong ({percent(judged.rate)})" if scattered else
           f"doubtful ({percent(judged.rate)}), but of {counted(judged.classes, 'class')} only, which the model more "
           "likely confuses")
        + (f"; labels of {counted(confused, 'class')} that the model confuses cannot be judged." if confused else "."),
        {"rate": lower(judged.rate, "labels that are probably wrong", interval=judged.interval)},
        {"rate": Limit(warn=_WRONG_LABELS, source="2 % of planted errors are above; those of one or two classes only "
                       "are confusions and do not warn")},
        [Section("Doubtful labels", table=doubts.table, folded=True)] if doubts.found else [],
        "Look at them and correct the table: `likewise data suspects CATALOG MODEL`",
        None if scattered else "pass",
    )  # fmt: skip


CHECKS = (
    Check("data.files", "Can all images be used?", _files, "data"),
    Check("data.duplicates", "Are images copies of others?", _duplicates, "data", ("files",), passes=0.3),
    Check("data.labels", "Are labels wrong?", _labels, "data", ("labels",)),
    Check("data.classes", "Do classes have enough images?", _classes, "data", ("labels",)),
    Check("data.masks", "Do the object masks look right?", _masks, "data", ("masks", "files")),
)
