"""Check a catalog before training: a list of issues, each with its images."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from likewise.arguments import checked
from likewise.bounds import Threads
from likewise.data.catalog import Catalog
from likewise.data.given import require_catalog
from likewise.data.inspection import Finding, inspect_images
from likewise.data.splits import ROLES
from likewise.readable import readable

FEW_CLASSES = 10
GALLERY_RATIO = 1.5


@readable
@dataclass(frozen=True)
class Issue:
    """One kind of problem.

    Attributes:
        kind: A short name, such as ``missing_image``.
        severity: ``error``: affects training or evaluation; ``warning``: worth knowing.
        ids: Affected image paths, labels or splits.
        words: One sentence: what it means and what to do.
        reasons: Why, for each of ``ids``, where that differs from one to the next; else empty.
    """

    kind: str
    severity: Literal["error", "warning"]
    ids: list[str]
    words: str
    reasons: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """The issue for JSON."""
        fields = {"kind": self.kind, "severity": self.severity, "count": len(self.ids), "ids": self.ids}
        return fields | {"words": self.words} | ({"reasons": self.reasons} if self.reasons else {})


@readable
@dataclass(frozen=True)
class CheckReport:
    """The result of :func:`check`.

    Attributes:
        images: Number of rows.
        classes: Number of labels.
        splits: For each split, its ``images`` and ``classes``.
        issues: Errors first.
    """

    images: int
    classes: int
    splits: dict[str, dict[str, int]]
    issues: list[Issue]

    @property
    def ok(self) -> bool:
        """Whether no issue is an error."""
        return all(issue.severity != "error" for issue in self.issues)

    def to_dict(self) -> dict[str, Any]:
        """The report for JSON."""
        return {
            "ok": self.ok,
            "images": self.images,
            "classes": self.classes,
            "splits": self.splits,
            "issues": [issue.to_dict() for issue in self.issues],
        }


@checked
def check(
    catalog: Catalog, *, decode: bool = True, workers: Threads | None = None, progress: bool = False
) -> CheckReport:
    """Look for everything that would make a training fail or distort its result.

    Args:
        catalog: Catalog to check.
        decode: Read and decode each image and mask; otherwise only look whether the files exist.
        workers: Number of decoding threads. None: one per core.
        progress: Show a bar on stderr.

    Returns:
        The report; its ``ok`` is False if training or evaluation is affected.

    Raises:
        CatalogError: ``catalog`` is not a catalog.
        ConfigError: ``workers`` is below 1.
    """
    table = require_catalog(catalog, "check").table
    findings = inspect_images(catalog, decode=decode, workers=workers, progress=progress)
    issues = [*_file_issues(findings), *_copy_issues(findings, table), *_class_issues(table)]
    issues += [*_mask_issues(findings), *_size_issues(table)]
    splits = {
        str(split): {"images": len(rows), "classes": _classes(rows)} for split, rows in table.groupby("split")
    }
    issues = [issue for issue in issues if issue.ids]
    issues.sort(key=lambda issue: issue.severity != "error")
    return CheckReport(len(table), _classes(table), splits, issues)


def _classes(rows: pd.DataFrame) -> int:
    return int(rows["label"][rows["label"] != ""].nunique())


def _file_issues(findings: Sequence[Finding]) -> list[Issue]:
    missing = [finding.id for finding in findings if finding.missing]
    locked = [finding for finding in findings if finding.unreadable]
    broken = [finding for finding in findings if finding.problem and not finding.unreadable]
    words = "The file cannot be decoded: replace it or remove the row."
    refused = "The file is there but cannot be read: check its rights, and its disk."
    absent = "The file does not exist: restore it or remove the row."
    if missing and len(missing) == len(findings):
        absent = "None of the files exists: name the folder that the paths are relative to with  --root."
    return [
        Issue("missing_image", "error", missing, absent),
        *(
            Issue(name, "error", [each.id for each in group], advice, [each.problem for each in group])
            for name, group, advice in (
                ("undecodable_image", broken, words),
                ("unreadable_image", locked, refused),
            )
        ),
    ]


def _copy_issues(findings: Sequence[Finding], table: pd.DataFrame) -> list[Issue]:
    rows = table[["path", "split", "label"]].assign(content=[finding.content for finding in findings])
    rows = rows[rows["content"] != ""]
    copies = rows[rows.duplicated("content", keep=False)]
    groups = copies.groupby("content", sort=False)
    roles = copies["split"].where(copies["split"].isin(ROLES))
    crossing = roles.groupby(copies["content"]).transform("nunique") > 1
    conflicting = groups["label"].transform("nunique") > 1
    plain = ~crossing & ~conflicting
    # Copies of an image are adjacent in the list.
    ordered = copies.assign(group=groups.ngroup())

    def ids(chosen: "pd.Series[bool]") -> list[str]:
        return [str(path) for path in ordered[chosen].sort_values("group", kind="stable")["path"]]

    return [
        Issue(
            "duplicate_across_splits", "error", ids(crossing),
            "The same file is in two splits: the test would reward remembering; keep it in one.",
        ),
        Issue(
            "duplicate_with_other_label", "error", ids(conflicting & ~crossing),
            "The same file has different labels: one of them is wrong.",
        ),
        Issue("duplicate", "warning", ids(plain), "The same file occurs more than once in a class: keep one."),
    ]  # fmt: skip


def _class_issues(table: pd.DataFrame) -> list[Issue]:
    roles = table[table["split"].isin(ROLES)]
    labelled = roles[roles["label"] != ""]
    per_label = labelled.groupby("label")["split"].nunique()
    unlabelled = [str(path) for path in roles["path"][roles["label"] == ""]]
    issues = [
        Issue("no_label", "error", unlabelled, "The row is in a split but has no label: give it one."),
        Issue(
            "class_in_two_splits", "error", [str(label) for label in per_label.index[per_label > 1]],
            "The class is in more than one split: the test must have classes that training never saw; "
            "use  likewise data prepare table (or folder) SOURCE --split half --out FILE  or move all its images to "
            "one split.",
        ),
    ]  # fmt: skip
    sizes = labelled.groupby(["split", "label"]).size()
    for split in ROLES:
        rows = sizes[sizes.index.get_level_values("split") == split]
        lone = [str(label) for label in rows.index.get_level_values("label")[rows == 1]]
        if split == "train":
            words = "The training class has one image, so no pair to learn from: add images or remove it."
            issues.append(Issue("one_image_class", "error", lone, words))
        else:
            words = f"The class has one image in {split}: it is left out of the scores."
            issues.append(Issue(f"one_image_class_{split}", "warning", lone, words))
    return [*issues, *_issues_without_splits(table), _alike_labels(table), *_count_issues(table)]


def _issues_without_splits(table: pd.DataFrame) -> list[Issue]:
    """Labels of the rows that are in no split; without any label they are for searching."""
    rows = table[table["split"] == ""]
    sizes = rows["label"][rows["label"] != ""].value_counts(sort=False)
    if sizes.empty:
        return []
    return [
        Issue(
            "unlabelled", "warning", [str(path) for path in rows["path"][rows["label"] == ""]],
            "The row has no label: it is left out of training and of the scores.",
        ),
        Issue(
            "one_image_class_unsplit", "warning", [str(label) for label in sizes.index[sizes == 1]],
            "The class has one image: there is no other to find or to learn from.",
        ),
    ]  # fmt: skip


def _alike_labels(table: pd.DataFrame) -> Issue:
    """Labels that differ only in case, spaces or Unicode form: probably the same class."""
    labels = pd.Series([label for label in table["label"].unique() if label], dtype="str")
    spelled = labels.map(lambda label: " ".join(unicodedata.normalize("NFKC", label).casefold().split()))
    alike = pd.DataFrame({"label": labels, "spelled": spelled})[spelled.duplicated(keep=False)]
    words = "The labels differ by case, spaces or Unicode form only, so a class has several names: write it in one way."
    return Issue("labels_alike", "warning", alike.sort_values(["spelled", "label"])["label"].tolist(), words)


def _count_issues(table: pd.DataFrame) -> list[Issue]:
    issues = []
    for split in ROLES:
        rows = table[table["split"] == split]
        count = _classes(rows)
        if len(rows) and count < 2:
            words = f"The split {split} has {count} class: similarity needs at least two, better {FEW_CLASSES} or more."
            issues.append(Issue("too_few_classes", "error", [split], words))
        elif len(rows) and count < FEW_CLASSES:
            words = (
                f"The split {split} has only {count} classes: its numbers will depend much on which they are."
            )
            issues.append(Issue("few_classes", "warning", [split], words))
    return issues


def _size_issues(table: pd.DataFrame) -> list[Issue]:
    sizes = {split: table[table["split"] == split] for split in ("val", "test")}
    images, classes = (
        [float(len(rows)) for rows in sizes.values()],
        [_classes(rows) for rows in sizes.values()],
    )
    if 0 in images or max(max(images) / min(images), max(classes) / max(1, min(classes))) <= GALLERY_RATIO:
        return []
    words = (
        f"val has {images[0]:,.0f} images of {classes[0]} classes, test {images[1]:,.0f} of {classes[1]}: the smaller "
        f"gallery is the easier one, so do not compare their scores with each other."
    )
    return [Issue("gallery_size", "warning", ["val", "test"], words)]


def _mask_issues(findings: Sequence[Finding]) -> list[Issue]:
    kinds: list[tuple[str, Literal["error", "warning"], str]] = [
        ("mask_missing", "error", "There is no mask file for the image: make it with  likewise masks."),
        ("mask_undecodable", "error", "The mask cannot be decoded: make it again."),
        ("mask_unreadable", "error", "The mask is there but cannot be read: check its rights, and its disk."),
        (
            "mask_wrong_size",
            "error",
            "The mask has another size than its image: make it from this image again.",
        ),
        ("mask_empty", "error", "The mask marks nothing (white = object): make it again or remove the row."),
        ("mask_zero_one", "error", "The mask contains only the values 0 and 1: white must be 255."),
        (
            "mask_class_numbers",
            "error",
            "The mask contains a few dark greys, such as class numbers or a dark colour, and no object: make the "
            "object white (255).",
        ),
        (
            "mask_not_turned",
            "error",
            "The mask fits the stored pixels, but the image is rotated by its EXIF orientation: rotate the mask the "
            "same way, or make it with  likewise masks.",
        ),
        (
            "mask_perhaps_not_turned",
            "warning",
            "The image is turned by its EXIF orientation, and its colours fit the mask no better than a turned one: "
            "check that the mask was drawn on the rotated image.",
        ),
        (
            "mask_full",
            "warning",
            "The mask marks (nearly) the whole image: there is no background to replace.",
        ),
        (
            "mask_tiny",
            "warning",
            "The mask marks less than 1 % of the image: look whether it shows the object.",
        ),
    ]
    return [
        Issue(kind, severity, [finding.id for finding in findings if finding.mask_problem == kind], words)
        for kind, severity, words in kinds
    ]
