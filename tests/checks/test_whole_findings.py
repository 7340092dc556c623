"""Every number and word of the findings of all checks, on vectors and on results made by hand."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from likewise.audit.robustness_to_changes.result import ChangeEffect, RobustnessAudit
from likewise.checks import CheckContext, CheckOptions, Finding, Profile, background
from likewise.checks.background import _Shown
from likewise.checks.matches import _judged
from likewise.checks.page import measures_table
from likewise.checks.registry import get
from likewise.checks.run import judge
from likewise.data import Catalog
from likewise.errors import InputError
from likewise.models.external.vectors_file import StoredVectors
from likewise.results import Table
from likewise.retrieval import Interval
from whole_texts import assert_accepted

ACCEPTED = Path(__file__).with_name("accepted")


def text_of(name: str, finding: Finding) -> str:
    """All that readers of a finding see."""
    result = judge(get(name), finding, Profile())
    lines = [
        f"# {name}: {result.status}",
        result.sentence,
        f"advice: {result.advice or '(none) ' + finding.advice}",
    ]
    lines += [f"measure {key}: {measure.unit}, {measure.better}" for key, measure in finding.measures.items()]
    table = measures_table(result)
    lines += [] if table is None else [table.to("text")]
    for section in finding.evidence:
        lines += [f"## {section.title}{' (folded)' if section.folded else ''}", section.words]
        lines += [] if section.table is None else [section.table.to("text")]
        for figure in section.figures:
            rows = [
                [(tile.caption, tile.mark) for tile in row if tile] for row in getattr(figure, "rows", [])
            ]
            texts = getattr(figure, "texts", [])
            lines.append(f"{type(figure).__name__}: {figure.caption} {rows or ' | '.join(texts)}")
    return "\n".join(line for line in lines if line) + "\n"


@pytest.fixture
def context(vectors: Any) -> CheckContext:
    """Vectors of eight classes, some mistaken; small pictures; three wrong labels; two images without a vector."""
    embeddings, catalog = vectors(noise=1.1)
    for number, name in enumerate(catalog.ids[:40]):
        Image.new("RGB", (8, 8), (6 * number, 0, 0)).save(catalog.root / name)
    rows = embeddings.vectors.copy()
    rows[::2, 0] += 2.0  # by day, images look alike
    rows[:, 5], rows[:, 6] = 0.0, rows[:, 7]
    rows[[33, 77], 3] = np.nan
    embeddings = replace(embeddings, vectors=rows)
    table = catalog.table
    table.loc[[10, 47, 101], "label"] = "class 3", "class 6", "class 1"  # wrong labels
    catalog = Catalog.from_table(table, catalog.root)
    return CheckContext(StoredVectors(embeddings, "vectors", catalog.root), catalog, CheckOptions(), seed=3)


@pytest.mark.parametrize(
    "name",
    [
        "data.files", "data.labels", "data.classes", "retrieval.scores", "retrieval.classes", "retrieval.slices",
        "threshold.held_out", "threshold.classes", "threshold.per_query", "geometry.rank", "geometry.hubness",
        "geometry.dimensions", "geometry.truncated", "geometry.int8", "properties.influence", "cost.index",
    ],
)  # fmt: skip
def test_findings_on_vectors(name: str, context: CheckContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("likewise.checks.geometry._LENGTHS", (64, 16, 8))
    context.options = CheckOptions(
        should_matter=["label"], should_not_matter=["light"], false_match_rate=0.05
    )
    accept(name, get(name).measure(context))


def accept(name: str, finding: Finding, case: str = "") -> None:
    assert_accepted(ACCEPTED / f"{name}{case and f'-{case}'}.txt", text_of(name, finding))


@pytest.mark.parametrize(
    ("name", "case", "noise"),
    [
        ("background.fills", "same", {}),
        ("background.fills", "depends", {"object_only": 0.2, "texture": 30.0}),
        (
            "background.silhouette",
            "background",
            {"background_only": 0.5, "outline": 2.0, "painted_over": 1.5},
        ),
        ("background.silhouette", "outline", {"background_only": 1.0, "outline": 0.2, "painted_over": 0.7}),
        ("background.silhouette", "chance", {"background_only": 30.0}),
        ("background.mirror", "unspecific", {"mirrored": 3.0, "replaced": 2.0}),
        ("background.mirror", "specific", {"mirrored": 1.1, "replaced": 3.0}),
        ("background.sides", "", {"object_only": 2.0}),
    ],
)
def test_findings_on_controls(
    name: str, case: str, noise: dict[str, float], context: CheckContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("original", "replaced", "background_only", "object_only", "blurred", "spread", "texture", "painted_over",
             "outline", "mirrored")  # fmt: skip
    centers = np.random.default_rng(0).normal(size=(8, 16)).repeat(6, 0)
    vectors = {
        each: centers + noise.get(each, 1.0) * np.random.default_rng(place).normal(size=centers.shape)
        for place, each in enumerate(names)
    }
    labels = np.repeat([f"class {number}" for number in range(8)], 6)
    shown = _Shown(labels, {each: rows.astype(np.float32) for each, rows in vectors.items()}, context)
    monkeypatch.setattr(background, "_shown", lambda *_: shown)
    accept(name, get(name).measure(context), case)


def test_findings_on_the_position_of_objects(context: CheckContext, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = context.catalog
    small = np.arange(len(catalog)) % 3 == 0
    for name, side in (("small", 8), ("large", 48)):
        mask = Image.new("L", (64, 64))
        mask.paste(255, (8, 8, 8 + side, 8 + side))
        mask.save(catalog.root / f"{name}.png")
    masks = np.where(small, "small.png", "large.png")
    masks[5] = ""
    context.catalog = Catalog.from_table(catalog.table.assign(mask=masks), catalog.root)
    monkeypatch.setattr(background, "_require_masks", lambda _: None)
    accept("background.strata", get("background.strata").measure(context))


def plausibility(**more: Any) -> Any:
    shown = SimpleNamespace(images=40, missing=0.125, doubtful=0.25, picture=None, plausible=False, **more)
    shown.words = lambda: "Of 40 masks checked, 10 are tiny."
    return shown


def test_findings_on_masks_and_copies(context: CheckContext, monkeypatch: pytest.MonkeyPatch) -> None:
    context.__dict__["mask_plausibility"] = plausibility()
    accept("data.masks", get("data.masks").measure(context))
    with pytest.raises(
        InputError, match=r"The masks are doubtful\. Of 40 masks checked, 10 are tiny\. If they are"
    ):
        background._require_masks(context)
    copies = SimpleNamespace(
        redundant=[1, 2, 3],
        across_splits=[(0, 1)],
        other_label=[],
        pairs=[(0, 1)],
        table=Table(["a"], [["b"]]),
    )
    monkeypatch.setattr("likewise.checks.data.duplicates", lambda *_, **__: copies)
    accept("data.duplicates", get("data.duplicates").measure(context))


def test_findings_on_a_reference(
    context: CheckContext, vectors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    embeddings, catalog = vectors(noise=0.6, seed=4)
    kept = [row for row in range(len(catalog)) if row not in (2, 50)]
    other = StoredVectors(
        replace(embeddings, vectors=embeddings.vectors[kept], ids=[catalog.ids[row] for row in kept], fingerprint="9"),
        "earlier", catalog.root,
    )  # fmt: skip
    context.reference = other
    accept("change.scores", get("change.scores").measure(context), "model")
    accept("change.queries", get("change.queries").measure(context))
    monkeypatch.setattr("likewise.checks.retrieval.load", lambda *_, **__: other)
    accept("retrieval.reference", get("retrieval.reference").measure(context))
    scores = {
        "recall@1": {"value": 0.97, "low": 0.95, "high": 0.99},
        "map@r": {"value": 0.4, "low": 0.3, "high": 0.5},
    }
    context.reference = {"model": "old", "checks": [{"id": "retrieval.scores", "measures": scores}]}
    accept("change.scores", get("change.scores").measure(context), "stored")


def test_findings_on_explained_pairs(context: CheckContext) -> None:
    random = np.random.default_rng(0)
    arrays = {"hiding": random.normal(size=40), "on object": random.random(40)}
    arrays["hiding"][:22] += 2.0
    arrays["on object"][7] = np.nan
    accept("explanations.matches", _judged(arrays, random.random(40), 22, 3))


def test_findings_on_audits(context: CheckContext, monkeypatch: pytest.MonkeyPatch) -> None:
    effects = [
        ChangeEffect(change, strength, level, 0.9 - drop, drop, Interval(drop - 0.03, drop + 0.04), 0.1, 0.5)
        for change, strength, level, drop in (
            ("hue", 0.1, 0, 0.02), ("hue", 0.3, 1, 0.2), ("blur", 1.0, 0, 0.11), ("blur", 4.0, 1, 0.5),
        )
    ]  # fmt: skip
    audit = RobustnessAudit("tiny", "f", effects, 0.9, 0.2, 100, 10, 3000)
    monkeypatch.setattr("likewise.checks.audits.robustness", lambda *_, **__: audit)
    accept("robustness.changes", get("robustness.changes").measure(context))
