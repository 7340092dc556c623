"""One way to write a metric, in every form that people read; keys and shares in those that machines read."""

import math

import pytest

from likewise.report import Table, metric_column, metric_name, metric_text, percent, signed_percent
from likewise.retrieval.metrics import Metric

KEYS = ["recall@1", "recall@8", "precision@1", "r_precision", "map@r", "map", "map@10"]


@pytest.mark.parametrize("key", KEYS)
def test_every_metric_has_one_name(key: str) -> None:
    assert Metric.parse(key).name == key
    name = metric_name(key)
    assert "_" not in name and "map" not in name and metric_name(name) == name
    assert metric_text(key, 0.58) == f"{name} 58.0 %"


def test_shares_are_per_cent_with_a_sign_where_they_are_changes() -> None:
    assert [percent(share) for share in (0, 1, 0.5804, -0.00001)] == ["0.0 %", "100.0 %", "58.0 %", "0.0 %"]
    assert [percent(0.945, 0), percent(math.nan)] == ["94 %", "–"]
    assert [signed_percent(change) for change in (0.1, -0.1, 0, math.nan)] == [
        "+10.0 %",
        "-10.0 %",
        "0.0 %",
        "–",
    ]


def test_tables_for_readers_and_for_machines() -> None:
    table = Table(["model", metric_column("map@r", "max"), metric_column("recall@1")], [["a", 0.58, 1.0]])
    for form in ("text", "markdown", "latex"):
        text = table.to(form).replace("\\", "")  # type: ignore[arg-type]  # one of the forms
        assert "MAP@R (%)" in text and "recall@1 (%)" in text and "58.0" in text and "100.0" in text
    assert table.to("csv") == "model,map@r,recall@1\na,0.58,1.0\n"
