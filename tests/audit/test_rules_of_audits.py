"""Small rules that all audits share: significance, options by name, parts, finished runs of a sweep."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from likewise.audit import registry, sweeps
from likewise.audit.parts import ResumableMeasurement, contents
from likewise.audit.significance import (
    fewest_units,
    interval_words,
    is_gain,
    is_loss,
    is_shown,
    p_words,
    percent,
    units_needed,
)
from likewise.audit.sweeps import SweepTraining, finished_trainings
from likewise.data import Failure
from likewise.errors import ConfigError, InputError
from likewise.results import Verdict
from likewise.retrieval import Interval


@pytest.mark.parametrize(
    ("p", "low", "high", "gain", "loss"),
    [(0.049, 0.1, 0.3, True, False), (0.05, 0.1, 0.3, False, False), (0.01, 0.0, 0.3, False, False),
     (0.01, -0.3, -0.1, False, True), (0.05, -0.3, -0.1, False, False), (0.01, -0.3, 0.0, False, False),
     (float("nan"), 0.1, 0.3, False, False), (0.01, float("nan"), float("nan"), False, False)],
)  # fmt: skip
def test_an_effect_is_shown_by_its_test_and_its_interval(
    p: float, low: float, high: float, gain: bool, loss: bool
) -> None:
    interval = Interval(low, high)
    assert (is_gain(p, interval), is_loss(p, interval), is_shown(p, interval)) == (gain, loss, gain or loss)
    assert is_shown(0.2, Interval(0.1, 0.3), level=0.3)


def test_numbers_of_units_and_words() -> None:
    assert [fewest_units(tests) for tests in (1, 2, 3, 4)] == [6, 7, 7, 8] and fewest_units(1, 0.2) == 4
    for tests in range(1, 9):
        assert tests * 2 / 2 ** fewest_units(tests) < 0.05 <= tests * 2 / 2 ** (fewest_units(tests) - 1)
    assert (
        units_needed(10, Interval(0.0, 0.2), 0.1) == 11 and units_needed(10, Interval(-0.3, 0.3), 0.1) == 90
    )
    assert (
        units_needed(10, Interval(-0.2, 0.2), 0.0) == 20 == units_needed(10, Interval(0.0, float("nan")), 0.1)
    )
    assert (p_words(0.001), p_words(0.00099), percent(0.126, 1)) == ("0.001", "< 0.001", "12.6 %")
    assert interval_words(0.1, 0.25) == "+10.0 % to +25.0 %"


def own(
    model: Any, catalog: Any, least: float = 1.0, where: Path | None = None, name: str = "x", seed: Any = 3
) -> Any:
    """How much is there? More words.

    And a paragraph.
    """


def bare(model: Any, catalog: Any, needed: int, **more: Any) -> Any:
    return SimpleNamespace(model=model, more=more)


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry._audits, "get", lambda name: {"own": own, "my:bare_one": bare}[name])


def test_options_are_text_or_yaml_by_their_annotation() -> None:
    def typed(
        model: Any, catalog: Any, least: float = 1.0, where: "Path" = Path(), name: str = "x"
    ) -> None: ...

    typed.__annotations__ |= {"where": Path, "name": "str"}
    texts = ["least=1e1", "where=1.5", "name=7", "other=[1, 2]"]
    registry._audits.get = lambda name: typed  # type: ignore[method-assign]
    assert registry.parse_options("typed", texts) == {
        "least": "1e1",
        "where": "1.5",
        "name": "7",
        "other": [1, 2],
    }
    for text, words in (("least", "-o is 'least': write OPTION=VALUE."), ("=3", "-o is '=3': write OPTION=VALUE."),
                        ("a b=3", "-o is 'a b=3': write OPTION=VALUE."),
                        ("least=[", "-o is 'least=[': the value is not valid YAML; put it in quotes.")):  # fmt: skip
        with pytest.raises(ConfigError) as refused:
            registry.parse_options("typed", [text])
        assert str(refused.value) == words


def test_titles_and_seeds() -> None:
    assert (
        registry.title("own") == "How much is there? More words"
        and registry.title("my:bare_one") == "Bare one"
    )
    assert registry.seed_of("own", {}) == 3 and registry.seed_of("own", {"seed": 9}) == 9
    assert registry.seed_of("my:bare_one", {}) is None and registry.seed_of("own", {"seed": "x"}) is None
    assert list(registry._options(bare)) == ["needed"]


def test_files_that_cannot_be_read_count_as_empty(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").write_bytes(b"2")
    first, second = tmp_path / "a", tmp_path / "b"
    prints = [
        contents(paths) for paths in ([first, second], [second, first], [first], [first, None], [None, first])
    ]
    assert len(set(prints)) == 5 and contents([first, tmp_path / "none"]) == contents([first, None])


def test_a_measurement_is_taken_up_where_it_was(tmp_path: Path) -> None:
    asked: list[list[int]] = []

    def measure(rows: Any, on_progress: Any) -> Any:
        asked.append(list(rows))
        on_progress(len(rows))
        good = [row for row in rows if row != 3]
        return {"row": np.array(good), "square": np.array(good) ** 2}, [
            Failure(str(row), "no") for row in rows if row == 3
        ]

    def measurement(fingerprint: str = "f", name: str = "squares") -> ResumableMeasurement:
        return ResumableMeasurement(name, [str(row) for row in range(5)], measure, lambda: [fingerprint], 2)

    whole, failures = measurement().run(None, progress=False)
    assert asked == [[0, 1, 2, 3, 4]] and failures == [Failure("3", "no")]
    stored, again = measurement().run(tmp_path / "parts", progress=False)
    assert asked[1:] == [[0, 1], [2, 3], [4]] and again == failures
    assert {key: values.tolist() for key, values in stored.items()} == {
        key: values.tolist() for key, values in whole.items()
    }
    measurement().run(tmp_path / "parts", progress=False)
    assert asked[4:] == [[3]], "an image that could not be read is tried again"
    for other in (measurement("g"), measurement(name="cubes")):
        with pytest.raises(InputError):
            other.run(tmp_path / "parts", progress=False)


def test_the_finished_runs_of_a_sweep_loss_by_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    members = []
    for fold in (1, 0):
        for loss in ("triplet", "arcface", "untrained"):
            folder = tmp_path / f"{loss}-fold{fold}"
            folder.mkdir()
            if (loss, fold) != ("arcface", 0):
                (folder / "finished.json").write_text("{}")
            members.append(SimpleNamespace(loss=loss, fold=fold, folder=folder))
    plan = SimpleNamespace(losses=("triplet", "arcface", "untrained"), members=lambda: members)
    monkeypatch.setattr(sweeps, "SweepPlan", SimpleNamespace(open=lambda sweep: plan))
    assert finished_trainings(tmp_path) == [
        SweepTraining(tmp_path / f"{loss}-fold{fold}", name, f"fold {fold}", group)
        for loss, name, fold, group in (
            ("triplet", "Triplet", 0, "ranking"), ("triplet", "Triplet", 1, "ranking"),
            ("arcface", "ArcFace", 1, "classification"), ("untrained", "Untrained", 0, ""), ("untrained",
             "Untrained", 1, ""),
        )
    ]  # fmt: skip
    members.clear()
    with pytest.raises(
        InputError, match=f"No run of {tmp_path} is finished: resume it with  likewise train --resume"
    ):
        finished_trainings(tmp_path)


def test_an_option_that_is_missing_or_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    given: Any = (None, None)
    monkeypatch.setattr("likewise.arguments.checked", lambda thing: thing)
    with pytest.raises(
        ConfigError, match="The audit 'my:bare_one' needs the option 'needed': add -o needed=VALUE"
    ):
        registry.run.__wrapped__("my:bare_one", *given)  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match="The audit 'own' has no option 'leest': did you mean 'least'"):
        registry.run.__wrapped__("own", *given, leest=1)  # type: ignore[attr-defined]
    assert Verdict("x").level == "info"
