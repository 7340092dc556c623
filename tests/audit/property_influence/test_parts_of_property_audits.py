"""The steps of the property audit, against scipy and sums written out, on tables of a few rows."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu

from likewise.audit import PropertyAudit, PropertyComparison, PropertyInfluence
from likewise.audit.property_influence import audit as property_audit
from likewise.audit.property_influence import comparison
from likewise.audit.property_influence.audit import (
    _all_names,
    _check_names,
    _rank_correlations,
    _share_interval,
    _usable,
    adjusted_purity,
    expectations,
    properties_of_sweep,
)
from likewise.data import Catalog, Failure
from likewise.errors import CatalogError, ConfigError, InputError
from likewise.retrieval import Interval, PropertyScore, property_scores


def catalog(**columns: Any) -> Catalog:
    rows = len(next(iter(columns.values())))
    return Catalog.from_table(
        pd.DataFrame({"path": [f"{row}.png" for row in range(rows)], "split": ""} | columns), "."
    )


@pytest.mark.parametrize("kind", ["str", "object", "category"])
def test_columns_are_used_binned_or_left_out_with_the_reason(kind: Any) -> None:
    table = pd.DataFrame({
        "brand": ["x", "y", "x", ""] * 10, "same": ["x", "x", "", ""] * 10, "empty": [""] * 40,
        "serial": [str(row) for row in range(40)], "angle": np.arange(40.0), "doors": [2, 4] * 20,
        "few": np.arange(40) % 24,
        "flag": [True, False] * 20,
    })  # fmt: skip
    texts = ["brand", "same", "empty", "serial"]
    table[texts] = table[texts].astype(kind)
    columns, edges, left_out = _usable(
        table, ["brand", "same", "empty", "serial", "angle", "doors", "few", "flag", "brand"], 4
    )
    assert list(columns) == ["brand", "angle", "doors", "few", "flag"]
    assert left_out == {"same": "all images have the same value", "empty": "no image has a value",
                        "serial": "every image has a different value"}  # fmt: skip
    assert columns["brand"].isna().sum() == 10 and columns["few"].nunique() == 24
    assert edges == {"angle": (0.0, 9.75, 19.5, 29.25, 39.0)}
    assert columns["angle"].value_counts().tolist() == [10] * 4 and columns["angle"].is_monotonic_increasing


def test_all_properties_and_the_label_unless_a_column_repeats_it() -> None:
    assert _all_names(catalog(label=["a", "b"], hue=["1", "2"], brand=["x", "y"])) == [
        "label",
        "hue",
        "brand",
    ]
    assert _all_names(catalog(label=["a", "b"], hue=["1", "2"], model=["a", "b"])) == ["hue", "model"]
    table = catalog(label=["a", "b"], hue=["1", "2"], super_label=["x", "y"])
    _check_names(["label", "hue", "super_label"], table)
    with pytest.raises(CatalogError, match="The catalog has no property 'hus': did you mean 'hue'"):
        _check_names(["hue", "hus"], table)
    with pytest.raises(CatalogError, match="no property 'super_label'"):
        _check_names(["super_label"], catalog(label=["a"], hue=["1"]))


def test_what_should_and_should_not_matter() -> None:
    assert expectations(["a", "b", "a"], ["c", "c"]) == {"a": True, "b": True, "c": False}
    with pytest.raises(ConfigError, match="'b' should matter and should not matter: name it once"):
        expectations(["a", "b"], ["b"])


def test_the_share_is_what_was_found_beyond_chance_of_what_could_be() -> None:
    """Counted neighbour by neighbour: (found - expected) / (possible - expected)."""
    random = np.random.default_rng(0)
    values = pd.Series(["x"] * 5 + ["y"] * 7 + ["z"])
    rows = random.normal(size=(13, 2)) + (values == "x").to_numpy()[:, None]
    score = property_scores(rows, {"p": values})["p"]
    shares = []
    for row in range(12):
        depth = (values == values[row]).sum() - 1
        order = np.argsort(np.linalg.norm(rows - rows[row], axis=1), kind="stable")
        found = (values[order[1 : depth + 1]] == values[row]).sum()
        expected = depth * depth / 12
        shares.append((found - expected) / (depth - expected))
    assert adjusted_purity(score, values) == pytest.approx(np.mean(shares))
    assert adjusted_purity(score, list(values)) == pytest.approx(np.mean(shares))


def test_the_interval_of_a_share_needs_two_images() -> None:
    assert _share_interval(np.array([0.5]), 0) is None
    values = np.random.default_rng(0).normal(0.3, 1, 200)
    found = _share_interval(values, 0)
    assert found is not None
    half = 1.96 * values.std() / np.sqrt(200)
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.03)
    assert found == _share_interval(values, 0) != _share_interval(values, 1)


def test_a_period_belongs_to_a_numeric_property() -> None:
    rows = np.zeros((3, 2))
    with pytest.raises(InputError) as refused:
        _rank_correlations(rows, {"angle": pd.Series([1, 2, 3])}, {"brand": 360.0}, 9, 0)
    assert str(refused.value) == (
        "There is a period for 'brand', which is not a numeric property compared by rank: angle."
    )
    with pytest.raises(InputError, match=r"which is not a numeric property compared by rank\.$"):
        _rank_correlations(rows, {}, {"brand": 360.0}, 9, 0)
    assert _rank_correlations(rows, {}, {}, 9, 0) == {}


def audit(model: str, **shares: float) -> PropertyAudit:
    influences = [
        PropertyInfluence(name, 10 * share, share, 0.001, 4, None, Interval(share - 0.02, share + 0.02))
        for name, share in sorted(shares.items(), key=lambda item: -item[1])
    ]
    details = {
        name: PropertyScore(name, 10 * share, 5 * share, np.ones(3), pd.DataFrame(), 10, 0, 0)
        for name, share in shares.items()
    }
    return PropertyAudit(
        model, f"f {model}", influences, details, 100, False, failures=[Failure("x", "gone")]
    )


SHARES = [(0.8, 0.1), (0.7, 0.3), (0.6, 0.2), (0.5, 0.5), (0.4, 0.9), (0.3, 0.6), (0.2, 0.8), (0.1, 0.7)]
AUDITS = [audit(f"m{place}", hue=hue, sun=sun) for place, (hue, sun) in enumerate(SHARES)]
GROUPS = ["old", "old", "old", "new", "new", "new", "", "old"]


def test_matrices_have_the_strongest_property_first_and_means_over_trainings() -> None:
    names = ["a", "b", "a", "b", "c", "c", "d", "d"]
    found = PropertyComparison(AUDITS, None, names)
    assert (found.models, found.names) == (["a", "b", "c", "d"], ["sun", "hue"])
    assert found.trainings == [[0, 2], [1, 3], [4, 5], [6, 7]]
    expected = np.array(SHARES)[:, ::-1].reshape(8, 2)
    np.testing.assert_allclose(found.per_training("share"), expected)
    np.testing.assert_allclose(found.matrix("share"), [expected[rows].mean(0) for rows in found.trainings])
    np.testing.assert_allclose(found.matrix(), 10 * found.matrix("share"))
    np.testing.assert_allclose(found.matrix("balanced"), 5 * found.matrix("share"))
    assert found.failures == [Failure("x", "gone")] and found.tests() == {} and found.group_names == []
    plain = PropertyComparison(AUDITS)
    assert plain.models == [f"m{place}" for place in range(8)] and plain.trainings == [
        [place] for place in range(8)
    ]


def test_groups_are_tested_over_models_without_those_in_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "permutation_test", lambda a, b: float(len(a)) / 10)
    found = PropertyComparison(AUDITS, GROUPS)
    tests = found.tests()
    assert found.group_names == ["new", "old"] and list(tests) == ["sun", "hue"]
    scores = {"hue": 10 * np.array(SHARES)[:, 0], "sun": 10 * np.array(SHARES)[:, 1]}
    kinds = np.array(GROUPS)
    p_values = {}
    for name, values in scores.items():
        new, old = values[kinds == "new"], values[kinds == "old"]
        result = mannwhitneyu(new, old, method="exact")
        p_values[name] = result.pvalue
        assert tests[name].effect == pytest.approx(2 * result.statistic / (len(new) * len(old)) - 1)
        assert tests[name].difference.mean == pytest.approx(new.mean() - old.mean())
        assert tests[name].permutation == pytest.approx(0.6), (
            "that of the smaller group's turn, for two tests"
        )
        low, high = tests[name].difference.low, tests[name].difference.high
        assert low is not None and high is not None and low < tests[name].difference.mean < high
    smaller, larger = sorted(p_values.values())
    corrected = {min(p_values, key=lambda name: p_values[name]): min(2 * smaller, 1)}
    for name, p in p_values.items():
        expected = (
            corrected.get(name, max(min(2 * smaller, 1), larger)) if smaller != larger else min(2 * p, 1)
        )
        assert tests[name].p_value == pytest.approx(expected)
    stored = found.to_dict()
    assert (
        stored["groups"] == GROUPS
        and stored["properties"] == ["sun", "hue"]
        and stored["names"] == found.models
    )
    assert (
        stored["share"] == found.matrix("share").tolist()
        and stored["nr_precision"] == found.matrix().tolist()
    )
    assert stored["tests"]["hue"]["effect"] == tests["hue"].effect and len(stored["models"]) == 8
    assert stored["tests"]["hue"]["difference"]["mean"] == tests["hue"].difference.mean
    verdict = found.verdict()
    assert verdict.measures["sun"]["p_value"] == tests["sun"].p_value
    assert verdict.measures["sun"]["interval"]["low"] == tests["sun"].difference.low
    for groups in (None, ["x"] * 8, ["x", "y", "z", *["x"] * 5]):
        assert PropertyComparison(AUDITS, groups).tests() == {}


def test_comparisons_that_cannot_be() -> None:
    with pytest.raises(InputError, match="A comparison needs at least two models: audit one model by itself"):
        PropertyComparison(AUDITS[:2], None, ["a", "a"])
    with pytest.raises(
        InputError, match="Trainings of 'a' are in the groups x, y: give each model a single group"
    ):
        PropertyComparison(AUDITS[:3], ["x", "x", "y"], ["b", "a", "a"])


def test_the_numbers_of_an_audit_for_programs() -> None:
    one = replace(AUDITS[0], should_matter={"hue": True}, left_out={"shop": "one value"},
                  ranks={"hue": SimpleNamespace(correlation=0.5, p_value=0.02)})  # type: ignore[dict-item]  # fmt: skip
    stored = one.to_dict()
    assert stored["properties"]["hue"] == {
        "nr_precision": 8.0, "balanced": 4.0, "share": 0.8, "interval": pytest.approx({"low": 0.78, "high": 0.82}),
        "p_value": 0.001, "values": 4, "bins": None, "should_matter": True,
    }  # fmt: skip
    assert stored["properties"]["sun"]["should_matter"] is None and list(stored["properties"]) == [
        "hue",
        "sun",
    ]
    assert stored["rank_correlations"] == {"hue": {"correlation": 0.5, "p_value": 0.02}}
    assert (stored["left_out"], stored["images"], stored["published"]) == ({"shop": "one value"}, 100, False)
    assert stored["failures"] == [{"id": "x", "reason": "gone"}] and one.of("sun").share == 0.1
    weak = replace(one, should_matter={"hue": False, "sun": False})
    assert [row.name for row in weak.too_strong(0.1)] == ["hue"] and one.too_strong(0.0) == []
    assert [row.name for row in weak.expected(matter=False)] == ["hue", "sun"] and weak.expected(
        matter=True
    ) == []
    binned = replace(one, influences=[replace(row, bins=(0.0, 1.0), interval=None) for row in one.influences])
    assert binned.to_dict()["properties"]["hue"]["bins"] == [0.0, 1.0]
    assert binned.to_dict()["properties"]["hue"]["interval"] is None


def test_a_sweep_is_audited_run_by_run(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [SimpleNamespace(folder=f"folder {place}", name=name, training=f"fold {place}", group=group)
            for place, (name, group) in enumerate((("A", "x"), ("B", "y"), ("Untrained", "")))]  # fmt: skip
    calls: list[Any] = []
    monkeypatch.setattr(property_audit, "finished_trainings", lambda sweep: runs)
    monkeypatch.setattr(property_audit, "load", lambda folder, device: (folder, device))
    monkeypatch.setattr(
        property_audit,
        "properties",
        lambda *given, **options: calls.append((given, options)) or AUDITS[len(calls) - 1],
    )
    images = catalog(label=["a", "b"])
    found = properties_of_sweep("sweep", images, device="cpu", bins=7)
    assert calls == [(((f"folder {place}", "cpu"), images), {"bins": 7}) for place in range(3)]
    assert (found.models, found.groups) == (["A", "B", "Untrained"], ["x", "y", ""])
