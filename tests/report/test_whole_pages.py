"""Every section, number and shape on the pages of results made by hand."""
# ruff: noqa: E501 - one line per row of a table

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from likewise.audit import (
    AgreementAudit,
    BackgroundAudit,
    BackgroundComparison,
    FaithfulnessAudit,
    GroupTest,
    PairAgreement,
    PropertyAudit,
    PropertyComparison,
    PropertyInfluence,
    fisher_mean,
)
from likewise.audit.background_bias.audit import class_table, differences
from likewise.audit.background_bias.conditions import ConditionEvaluation
from likewise.audit.background_bias.mask_plausibility import MaskPlausibility
from likewise.audit.background_bias.neighbors import NeighborChange
from likewise.audit.evaluation import EvaluationSummary
from likewise.audit.explanation_faithfulness.audit import _advantages
from likewise.audit.explanation_faithfulness.result import PointingGame
from likewise.audit.explanation_faithfulness.statistics import EXPLANATION, RANDOM, SALIENCY
from likewise.audit.saliency_agreement.baselines import CENTER, NOISE
from likewise.data import Catalog
from likewise.explain.attention import AttentionScores
from likewise.report import sections_of
from likewise.report.charts import Line, bars, heat_map, histogram, lines
from likewise.report.sections import Section
from likewise.report.svg import Chart
from likewise.results import Measured
from likewise.retrieval import Interval, PropertyCorrelation, PropertyScore, RetrievalResult
from likewise.training import SweepResults
from likewise.training.sweep_results import LossScores
from whole_texts import assert_accepted

ACCEPTED = Path(__file__).with_name("accepted")


def drawn(chart: Chart) -> list[str]:
    """Each shape with its places to a hundredth of a pixel; paths by their number of points."""
    rows = [
        f"Chart {chart.width:.0f} x {chart.height:.0f}{' wide' if chart.wide else ''}: {chart.caption} | {chart.alt}"
    ]
    for shape in chart.shapes:
        values = {
            name: f"{value:.2f}" if isinstance(value, float) else value
            for name, value in shape.values.items()
        }
        if "d" in values:
            values["d"] = f"{str(values['d']).count('L')} lines"
        rows.append(
            f"  {shape.tag} {' '.join(f'{name}={value}' for name, value in values.items())} {shape.text} {shape.hint}"
        )
    return rows


def text_of(section: Section, depth: int = 0) -> list[str]:
    marks = f"{' (folded)' if section.folded else ''}{' (chapter)' if section.chapter else ''}"
    rows = [f"{'#' * (depth + 1)} {section.title}{marks}", section.words]
    rows += [] if section.table is None else [section.table.to("text")]
    for figure in [*section.charts, *section.pictures]:
        rows += drawn(figure) if isinstance(figure, Chart) else [f"{type(figure).__name__}: {figure.caption}"]
    return [*rows, *(line for part in section.parts for line in text_of(part, depth + 1))]


def pair(a: str, b: str, mean: float, images: int = 30) -> PairAgreement:
    z = np.arctanh(mean) + np.linspace(-0.3, 0.3, images)
    return PairAgreement(a, b, fisher_mean(np.tanh(z)), (1 - mean) / 2, mean / 10)


def agreement(models: str, *, trained_again: bool) -> AgreementAudit:
    names, pairs = list(models), []
    for row, a in enumerate(names):
        pairs += [pair(a, b, 0.9 - 0.1 * row - 0.05 * place) for place, b in enumerate(names[row + 1 :])]
    references = [pair(a, b, mean) for a in names for b, mean in ((CENTER, 0.1), (NOISE, 0.95))]
    retrained = [pair(a, a, 0.8) for a in names] if trained_again else []
    crossed = [pair(one.a, one.b, one.correlation.mean - 0.1) for one in pairs] if trained_again else []
    summaries = {
        "pair": pairs[0],
        CENTER: references[0],
        NOISE: references[1],
        "within": pair("w", "w", 0.7),
        "between": pair("b", "b", 0.5),
    }
    summaries |= (
        {"retrained": retrained[0], "cross_training": crossed[0], "group x": pair("x", "x", 0.66)}
        if trained_again
        else {}
    )
    groups = {name: "xy"[row % 2] for row, name in enumerate(names)} if trained_again else {}
    test = GroupTest(0.7, 0.5, 0.0333, {"x": 0.66, "y": 0.6}) if trained_again else None
    return AgreementAudit(names, pairs, references, 30, retrained, crossed, summaries, groups, test)


def background(model: str = "birds", seed: int = 0, attention: bool = True) -> BackgroundAudit:
    labels, random = (
        np.repeat([f"class {number:02d}" for number in range(14)], 3),
        np.random.default_rng(seed),
    )
    results = {}
    for condition, mean, draws in (
        ("original", 0.8, 1),
        ("replaced", 0.5, 2),
        ("background_only", 0.4, 1),
        ("object_only", 0.6, 1),
    ):
        scores = [mean + np.repeat(random.uniform(-0.1, 0.1, 14), 3) for _ in range(draws)]
        results[condition] = [
            RetrievalResult(labels, np.full(42, 2), {"map@r": each, "recall@1": each + 0.1}, 42)
            for each in scores
        ]
    table = pd.DataFrame({"path": [f"{row}.png" for row in range(42)], "label": labels})
    evaluation: Any = ConditionEvaluation(results, {}, Catalog.from_table(table, "."), [])  # type: ignore[arg-type]
    share, place = np.array([0.25]), np.zeros((1, 1), int)
    scored = (
        AttentionScores(np.array([0.2, 0.4, 0.9, np.nan]), ["", "", "", "empty mask"]) if attention else None
    )
    return BackgroundAudit(
        model, "f", evaluation, "map@r", differences(evaluation, "map@r"), 0.05, NeighborChange(3, share, share, share, place, place),
        class_table(evaluation, "map@r"), scored, [], 6, 2, "published", masks=MaskPlausibility(50, 0.1),
    )  # fmt: skip


def faithfulness(error: float | None) -> FaithfulnessAudit:
    changes = {
        name: mean + np.linspace(-0.02, 0.02, 12)[:, None] * np.array([1.0, 2.0]) + np.array([0.0, 0.1])
        for name, mean in ((EXPLANATION, 0.4), (SALIENCY, 0.3), (RANDOM, 0.1))
    }
    own = {EXPLANATION: np.linspace(0.8, 1, 12), SALIENCY: np.linspace(0.4, 0.6, 12)}
    game = PointingGame({name: rows / 2 for name, rows in changes.items()}, _advantages(changes, 0), own)
    pairs = [(f"{row}.png", "x.png") for row in range(12)]
    return FaithfulnessAudit(
        "birds", "f", pairs, np.ones(12), 1.25, (0.1, 0.2), changes, _advantages(changes, 0), game, error
    )


def properties(name: str, *shares: float) -> PropertyAudit:
    named = dict(zip(("hue", "sun", "size"), shares, strict=True))
    influences = [
        PropertyInfluence(
            each, 10 * share, share, 0.01 + share / 10, 4, None, Interval(share - 0.1, share + 0.1)
        )
        for each, share in named.items()
    ]
    details = {
        each: PropertyScore(each, 1.0 + share, 1.0, np.ones(3), pd.DataFrame(), 10, 0, 0)
        for each, share in named.items()
    }
    ranks = {
        each: PropertyCorrelation(share / 2, 0.02 + share / 100, 90, 10)
        for each, share in list(named.items())[:2]
    }
    return PropertyAudit(
        name,
        "f",
        influences,
        details,
        100,
        False,
        {"serial": "one value per image"},
        ranks=ranks,
        should_matter={"hue": True, "sun": False},
    )


COMPARED = [properties(name, 0.1 * row + 0.2, 0.5 - 0.1 * row, 0.05) for row, name in enumerate("abcd")]
SUMMARY = {
    "metrics": {"map@r": {"value": 0.42, "low": 0.3, "high": 0.5}, "recall@1": {"value": 0.8, "low": None, "high": None}},
    "level": 0.95, "average": "micro", "queries": 40, "classes": 5, "gallery_size": 41, "lone": 1,
}  # fmt: skip
CLASSES = pd.DataFrame(
    {
        "label": ["x", "y"],
        "queries": [20, 20],
        "relevant": [19.0, 19.0],
        "map@r": [0.2, 0.6],
        "recall@1": [0.7, 0.9],
    }
)
ROWS = [
    LossScores(
        "triplet",
        [0, 1],
        {"map@r": [0.5, 0.52], "r_precision": [0.6, 0.62], "recall@1": [0.7, 0.8]},
        {"map@r": 0.55, "r_precision": 0.65, "recall@1": 0.8},
        1,
    ),
    LossScores(
        "untrained",
        [0, 1],
        {"map@r": [0.4, 0.4], "r_precision": [0.45, 0.45], "recall@1": [0.6, 0.6]},
        {"map@r": 0.42, "r_precision": 0.46, "recall@1": 0.61},
    ),
]
RESULTS: dict[str, Any] = {
    "agreement-two": agreement("ab", trained_again=False), "agreement-six": agreement("abcdef", trained_again=True),
    "background": background(), "background-two": BackgroundComparison([background(), background("cars", 1, attention=False)]),
    "faithfulness": faithfulness(3e-5), "faithfulness-nearly": faithfulness(0.02), "properties": properties("cars", 0.4, 0.1, -0.02),
    "properties-four": PropertyComparison(COMPARED, ["x", "x", "y", "y"]), "properties-trainings": PropertyComparison(COMPARED, None, ["m", "m", "n", "n"]),
    "evaluation": EvaluationSummary("net", SUMMARY, CLASSES, {"map@r": 0.5}),
    "sweep": SweepResults(ROWS, 100, 4, "catalog/*"), "sweep-validation": SweepResults(ROWS, 100, 4, "catalog/*", scored_on="validation"),
}  # fmt: skip


@pytest.mark.parametrize("name", RESULTS)
def test_pages(name: str) -> None:
    assert_accepted(
        ACCEPTED / f"{name}.txt",
        "\n".join(line for section in sections_of(RESULTS[name]) for line in text_of(section)),
    )


def test_charts() -> None:
    measured = [Measured(0.4, 0.05), Measured(-0.2, low=-0.3, high=-0.1), 0.75]
    curve = Line("loss", [1, 10, 100], [5.0, 0.5, 0.05], [4.0, 0.4, 0.04], [6.0, 0.6, 0.06])
    points = np.array([0.1, 0.2, 0.2, 0.9, np.nan])
    matrix = np.array([[1.0, -0.5, np.nan], [-0.5, 1.0, 0.25], [0.1, 0.25, 1.0]])
    charts = [
        bars(["a", "a long name of a bar", "c"], {"": measured}, value_label="value"),
        bars(["a", "b"], {"one": [0.5, 1.0], "two": [0.25, 0.0]}, value_label="share", percent=True, caption="Two."),
        lines([curve, Line("other", [1, 100], [1.0, 2.0])], x_label="step", y_label="loss", log_x=True, log_y=True),
        lines([curve], x_label="step", y_label="share", percent=True, marks={"best": 10.0}),
        histogram({"x": points, "y": points + 0.5}, value_label="score", caption="Scores."),
        heat_map(matrix, ["a", "b", "c"], label="correlation", caption="All."),
        heat_map(np.zeros((1, 1)), ["a"], label="nothing"),
        heat_map(np.full((2, 2), np.nan), ["a", "b"], label="nothing"),
    ]  # fmt: skip
    assert_accepted(ACCEPTED / "charts.txt", "\n".join(line for chart in charts for line in drawn(chart)))
