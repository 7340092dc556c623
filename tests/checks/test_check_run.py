"""Running checks: statuses, exit codes, resuming, determinism, and that nothing is embedded twice."""

import re
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import likewise
from likewise import Catalog, checks
from likewise.audit.parts import ResumableMeasurement
from likewise.checks import Check, CheckContext, CheckOptions, Finding, Limit, Measure, Profile, judged
from likewise.checks.advice import followed
from likewise.checks.budget import planned
from likewise.checks.context import Labelled
from likewise.checks.levels import reference_limit
from likewise.checks.registry import get, select
from likewise.checks.run import judge, run_checks
from likewise.checks.slices import Slice, worst_slices
from likewise.errors import ConfigError, EmbeddingError, InputError, WorkError
from likewise.progress import progress_bar

VECTOR_GROUPS = ["retrieval", "threshold", "geometry", "cost"]


@pytest.mark.parametrize(
    ("measure", "limit", "status"),
    [
        (Measure(0.9, 0.8, 1.0, better="higher"), Limit(warn=0.5, fail=0.3), "pass"),
        (Measure(0.4, 0.35, 0.6, better="higher"), Limit(warn=0.5, fail=0.3), "warn"),
        (Measure(0.2, 0.1, 0.25, better="higher"), Limit(warn=0.5, fail=0.3), "fail"),
        (Measure(0.2, 0.1, 0.4, better="higher"), Limit(warn=0.5, fail=0.3), "warn"),
        (Measure(0.6, 0.5, 0.7, better="lower"), Limit(warn=0.3, fail=0.4), "fail"),
        (Measure(0.35, 0.2, 0.7, better="lower"), Limit(warn=0.3, fail=0.4), "warn"),
        (Measure(0.1, better="lower"), Limit(warn=0.3, fail=0.4), "pass"),
        (Measure(0.5, better="lower"), Limit(warn=0.3, fail=0.4), "fail"),
        (Measure(9.9), Limit(warn=0.3, fail=0.4), "pass"),
        (Measure(0.1, -0.1, 0.3, better="higher"), Limit(fail=0.0, shown=True), "warn"),
        (Measure(-0.1, -0.3, 0.1, better="higher"), Limit(fail=0.0, shown=True), "fail"),
        (Measure(0.1, 0.05, 0.3, better="higher"), Limit(fail=0.0, shown=True), "pass"),
        (Measure(float("nan"), better="higher"), Limit(fail=0.0), "warn"),
        # A value at its limit is not beyond it; what must be shown must be beyond it.
        (Measure(0.5, 0.4, 0.6, better="higher"), Limit(warn=0.5, fail=0.6), "pass"),
        (Measure(0.5, 0.4, 0.6, better="lower"), Limit(warn=0.5, fail=0.4), "pass"),
        (Measure(0.5, 0.4, 0.6, better="higher"), Limit(fail=0.5, shown=True), "fail"),
        (Measure(0.5, 0.4, 0.6, better="higher"), Limit(fail=0.4, shown=True), "warn"),
    ],
)
def test_a_measure_is_judged_by_its_value_and_its_interval(
    measure: Measure, limit: Limit, status: str
) -> None:
    assert judged(measure, limit) == status


def test_good_vectors_pass_and_say_what_does_not_apply(vectors: Any) -> None:
    run = likewise.check(*vectors())
    assert run.exit_code == 0
    assert run["retrieval.scores"].status == "pass"
    assert run["retrieval.scores"].measures["recall@1"].value > 0.9
    scores = run["retrieval.scores"].evidence[0].table
    assert [row[0] for row in scores.rows] == ["recall@1", "MAP@R", "MAP@R beyond chance"]
    assert run["data.masks"].status == "not_applicable" and "likewise masks" in run["data.masks"].sentence
    assert run["cost.speed"].status == "not_applicable" and "no network" in run["cost.speed"].sentence
    assert run["retrieval.reference"].status == "not_applicable"  # the files are not on this machine
    assert [result.id for result in run] == checks.names()
    assert list(run.groups) == [group for group in checks.GROUPS if run.of_group(group)]


def test_random_vectors_fail_against_chance(vectors: Any) -> None:
    embeddings, catalog = vectors()
    runs = [
        likewise.check(
            replace(embeddings, vectors=np.random.default_rng(seed).normal(size=embeddings.vectors.shape)), catalog,
            only=["retrieval.scores"],
        ) for seed in range(20)
    ]  # fmt: skip
    statuses = [run["retrieval.scores"].status for run in runs]
    assert statuses.count("pass") <= 2
    run = runs[statuses.index("fail")]
    assert (
        run.actions and run.actions[0].id == "retrieval.scores" and "likewise train" in run.actions[0].advice
    )


def test_a_model_that_repels_its_classes_fails_with_exit_code_1(vectors: Any) -> None:
    embeddings, catalog = vectors()
    # every image next to one of another class, far from its own
    signs = np.where(np.arange(len(embeddings)) % 15 < 8, 1.0, -1.0)[:, None]
    other = np.repeat(np.eye(32)[:4], 30, axis=0)
    run = likewise.check(replace(embeddings, vectors=signs * np.roll(other, 15, axis=0)[::1]), catalog,
                         profile=Profile(limits={"retrieval.scores": {"recall@1": {"fail": 1.01}}}),
                         only=["retrieval.scores"])  # fmt: skip
    assert run.status == "fail" and run.exit_code == 1
    assert run.headline == "Do not trust this similarity yet: 1 check failed."


def _crash(_: CheckContext) -> Finding:
    raise ZeroDivisionError("division by zero")


def _full_disk(_: CheckContext) -> Finding:
    raise WorkError("The disk of x is full.")


def _refused(_: CheckContext) -> Finding:
    raise EmbeddingError("The service refused.")


def _too_few(_: CheckContext) -> Finding:
    raise InputError("Too few images.")


def _nonsense(_: CheckContext) -> Any:
    return 7


@pytest.mark.parametrize(
    ("measure", "status", "code", "words"),
    [
        (_crash, "could_not_run", 3, "ZeroDivisionError"),
        (_full_disk, "could_not_run", 3, "full"),
        (_refused, "could_not_run", 3, "refused"),
        (_nonsense, "could_not_run", 3, "int"),
        (_too_few, "not_applicable", 0, "Too few"),
    ],
)
def test_one_check_that_breaks_does_not_end_the_others(
    vectors: Any, measure: Any, status: str, code: int, words: str
) -> None:
    embeddings, catalog = vectors()
    context = _context(embeddings, catalog)
    own = Check("own", "Does it break?", measure, "data")
    run = run_checks(context, [own, *select(["geometry.rank"])], Profile())
    assert (run["own"].status, run.exit_code) == (status, code)
    assert words in run["own"].sentence
    assert run["geometry.rank"].status == "pass"


def _context(embeddings: Any, catalog: Catalog, **options: Any) -> CheckContext:
    from likewise.models.external.vectors_file import StoredVectors

    return CheckContext(StoredVectors(embeddings, "vectors", catalog.root), catalog, **options)


@pytest.mark.parametrize(
    ("broken", "tolerate", "status", "code"),
    [
        (0, None, "pass", 0),
        (1, 0.05, "warn", 0),
        (7, 0.05, "fail", 3),
        (6, 0.2, "warn", 0),
        (1, 0.0, "fail", 3),
    ],
)
def test_broken_images_are_tolerated_up_to_a_share(
    vectors: Any, broken: int, tolerate: float | None, status: str, code: int
) -> None:
    embeddings, catalog = vectors()
    rows = embeddings.vectors.copy()
    rows[:broken, 3] = np.nan
    run = likewise.check(replace(embeddings, vectors=rows), catalog, only=["data.files"], tolerate=tolerate)
    assert (run["data.files"].status, run.exit_code, len(run.failures)) == (status, code, broken)


def test_no_usable_vector_at_all_is_work_that_cannot_be_finished(vectors: Any) -> None:
    embeddings, catalog = vectors()
    with pytest.raises(WorkError, match="None of the 120 images"):
        likewise.check(replace(embeddings, vectors=np.full_like(embeddings.vectors, np.nan)), catalog)


def test_vectors_of_another_catalog_are_refused(vectors: Any) -> None:
    embeddings, catalog = vectors()
    other = replace(embeddings, ids=[f"other/{name}" for name in embeddings.ids])
    with pytest.raises(InputError, match="has no vector of any of these"):
        likewise.check(other, catalog)


@pytest.mark.parametrize(
    ("labels", "words"),
    [("", "No image has a label"), ("one", "All images have the label"), (None, "No class has two")],
)
def test_labels_that_cannot_be_judged_are_named(vectors: Any, labels: str | None, words: str) -> None:
    embeddings, catalog = vectors()
    table = catalog.table
    table["label"] = [f"{row}" for row in range(len(table))] if labels is None else labels
    run = likewise.check(embeddings, Catalog.from_table(table, catalog.root))
    for result in run:
        if checks.get(result.id).needs[:1] == ("labels",):
            assert result.status == "not_applicable" and words in result.sentence
    assert run["geometry.hubness"].status == "pass"
    assert run.exit_code == 0


def test_the_same_seed_gives_the_same_result(vectors: Any) -> None:
    first, second, other = (
        likewise.check(*vectors(), only=["retrieval", "threshold", "geometry"], seed=seed)
        for seed in (0, 0, 1)
    )
    assert _timeless(first) == _timeless(second)
    assert _timeless(first) != _timeless(other)


def _timeless(run: Any) -> Any:
    def without(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: without(inner) for key, inner in value.items() if key != "seconds"}
        return [without(inner) for inner in value] if isinstance(value, list) else value

    return without(run.to_dict())


def test_an_interrupted_run_continues_behind_the_last_finished_check(vectors: Any, tmp_path: Path) -> None:
    embeddings, catalog = vectors()
    calls: list[str] = []

    def counting(name: str) -> Check:
        def measure(context: CheckContext) -> Finding:
            calls.append(name)
            if name == "third" and calls.count("third") == 1:
                raise KeyboardInterrupt
            evidence = select(["geometry.truncated"])[0].measure(context).evidence
            return Finding(f"{name}.", {"value": Measure(0.25, 0.2, 0.3, "share", "lower")},
                           {"value": Limit(fail=0.1, source="own")}, evidence, "Do `likewise doctor`.")  # fmt: skip

        return Check(name, "Which?", measure, "data")

    chosen = [counting(name) for name in ("first", "second", "third")]
    whole = run_checks(_context(embeddings, catalog), chosen[:2], Profile())
    calls.clear()
    with pytest.raises(KeyboardInterrupt):
        run_checks(_context(embeddings, catalog, parts=tmp_path / "parts"), chosen, Profile())
    run = run_checks(_context(embeddings, catalog, parts=tmp_path / "parts"), chosen, Profile())
    assert calls == ["first", "second", "third", "third"]
    assert run["first"].to_dict() == {
        **whole["first"].to_dict(),
        "seconds": run["first"].to_dict()["seconds"],
    }
    # Another seed or other vectors are another question.
    run_checks(_context(embeddings, catalog, parts=tmp_path / "parts", seed=1), chosen[:1], Profile())
    changed = replace(embeddings, fingerprint="1" * 16)
    run_checks(_context(changed, catalog, parts=tmp_path / "parts"), chosen[:1], Profile())
    assert calls == ["first", "second", "third", "third", "first", "first"]


def test_measurements_of_another_model_are_made_again(vectors: Any, tmp_path: Path) -> None:
    embeddings, catalog = vectors()
    measured: list[str] = []

    def measure(context: CheckContext) -> Finding:
        def part(rows: Any, _: Any) -> Any:
            measured.append(context.model.fingerprint)
            return {"value": np.zeros(len(rows))}, []

        ResumableMeasurement("own", ["a", "b"], part, lambda: (context.model.fingerprint,), 2).run(
            context.audit_parts("own"), False
        )
        if len(measured) == 1:
            raise WorkError("The disk is full.")
        return Finding("Measured.")

    check = Check("own", "What?", measure, "data")
    for fingerprint, status in (("1", "could_not_run"), ("1", "could_not_run"), ("2", "pass")):
        context = _context(replace(embeddings, fingerprint=fingerprint), catalog, parts=tmp_path)
        assert run_checks(context, [check], Profile())["own"].status == status
    assert measured == ["1", "2"]


def test_damaged_parts_are_measured_again(vectors: Any, tmp_path: Path) -> None:
    embeddings, catalog = vectors()
    for _ in range(2):
        run = likewise.check(embeddings, catalog, only=["geometry"], parts=tmp_path / "parts")
        assert run["geometry.rank"].status == "pass"
        for file in (tmp_path / "parts").rglob("*.json"):
            file.write_text("{")


def test_nothing_is_embedded_twice(tiny: Any, stripes: Catalog, monkeypatch: Any) -> None:
    rows: list[int] = []
    forward = tiny.network.forward
    monkeypatch.setattr(
        tiny.network, "forward", lambda images: (rows.append(len(images)), forward(images))[1]
    )
    run = likewise.check(tiny, stripes, skip=["cost", "background", "explanations", "robustness"])
    assert sum(rows) == len(stripes)
    assert run["retrieval.scores"].status in ("pass", "warn", "fail")


def test_embeddings_survive_an_interruption(
    tiny: Any, stripes: Catalog, tmp_path: Path, monkeypatch: Any
) -> None:
    likewise.check(tiny, stripes, only=["geometry.rank"], parts=tmp_path / "parts")
    monkeypatch.setattr(tiny.network, "forward", lambda images: pytest.fail("embedded again"))
    run = likewise.check(tiny, stripes, only=["geometry"], parts=tmp_path / "parts")
    assert run["geometry.rank"].status == "pass"


def test_one_unreadable_file_among_many_is_a_warning(tiny: Any, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    rows = []
    for number in range(24):
        name = f"{number}.png"
        Image.fromarray(random.integers(0, 255, (32, 32, 3)).astype(np.uint8)).save(tmp_path / name)
        rows.append({"path": name, "label": "ab"[number % 2]})
    (tmp_path / "3.png").write_bytes(b"no image")
    catalog = Catalog.from_table(pd.DataFrame(rows), tmp_path)
    run = likewise.check(tiny, catalog, only=["data.files", "retrieval.scores"], tolerate=0.1)
    assert (run["data.files"].status, run.exit_code) == ("warn", 0)
    assert [failure.id for failure in run.failures] == ["3.png"]
    assert run.images == 24
    for row in range(24):
        (tmp_path / f"{row}.png").write_bytes(b"no image")
    with pytest.raises(WorkError, match="None of the 24 images"):
        likewise.check(tiny, catalog, only=["data.files"])


def test_a_single_image_is_no_crash(vectors: Any) -> None:
    embeddings, catalog = vectors()
    rows = embeddings.vectors[:1]
    context = _context(replace(embeddings, vectors=rows, ids=embeddings.ids[:1]), catalog.take([0]))
    run = run_checks(context, select([]), Profile())
    assert not [result.id for result in run.results if result.status == "could_not_run"]


def test_a_budget_leaves_out_what_does_not_fit_and_says_so(vectors: Any) -> None:
    embeddings, catalog = vectors()
    slow = Check("slow", "Slow?", lambda _: pytest.fail("it was to be left out"), "data", cost="hours")
    context = _context(embeddings, catalog)
    run = run_checks(context, [slow, *select(["geometry.rank"])], Profile(), budget_s=60.0)
    assert run["slow"].status == "not_applicable" and "budget" in run["slow"].sentence
    assert run["geometry.rank"].status == "pass"
    assert len(run.notes) == 1 and "--budget" in run.notes[0]
    assert run.exit_code == 0


@pytest.mark.parametrize(
    ("budget_s", "left_out"),
    [(14.0, set()), (12.5, {"b"}), (10.0, {"a", "b"})],
)
def test_the_budget_counts_what_checks_share_once(
    vectors: Any, monkeypatch: Any, budget_s: float, left_out: set[str]
) -> None:
    """At 1 s for 120 images, the shared check takes 6 s, and each of the others 2 s beyond it."""
    embeddings, catalog = vectors()
    shared = Check("shared", "Shared?", _never, "background", cost="minutes", passes=6.0)
    monkeypatch.setattr("likewise.checks.budget.get", {"shared": shared}.__getitem__)
    checks = [
        Check("own", "Own?", _never, "data", cost="minutes", passes=2.0),
        Check("a", "A?", _never, "background", cost="minutes", shares="shared"),
        Check("b", "B?", _never, "background", cost="minutes", shares="shared"),
    ]
    _, reasons = planned(checks, _context(embeddings, catalog), 1.0, budget_s)
    assert set(reasons) == left_out


def _never(_: Any) -> Any:
    raise AssertionError


@pytest.mark.parametrize("check", ["robustness.changes", "explanations.faithfulness", "explanations.matches"])
def test_expected_work_is_right_within_a_factor_of_two(
    check: str, tiny: Any, stripes: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted in images that pass through the network; with gradients, a pass takes about three times as long."""
    table, random = stripes.table, np.random.default_rng(0)
    mixed = random.random(len(table)) < 0.4  # some first hits are wrong
    table.loc[mixed, "label"] = random.permutation(table.loc[mixed, "label"])
    context = CheckContext(tiny, Catalog.from_table(table, stripes.root), CheckOptions(pairs=16))
    assert len(context.embeddings) == len(stripes)
    first_layer = next(module for module in tiny.network.modules() if isinstance(module, torch.nn.Conv2d))
    passes: list[int] = []
    hook = first_layer.register_forward_hook(
        lambda _, __, output: passes.append(len(output) * (3 if torch.is_grad_enabled() else 1))
    )
    counted: list[int] = []
    monkeypatch.setattr("likewise.progress._Forecast.passed", lambda _, count: counted.append(count))
    with hook, progress_bar("checks", 1, passes=[1.0]):
        get(check).measure(context)
    assert sum(counted) == pytest.approx(sum(passes), rel=0.1), "what the remaining time is made of"
    expected = get(check).passes
    assert callable(expected)
    assert 0.5 < sum(passes) / expected(context) < 2


def test_the_remaining_time_weighs_checks_by_their_expected_duration(
    vectors: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Clock:
        now = 0.0

        def monotonic(self) -> float:
            return self.now

    clock = Clock()
    monkeypatch.setattr("likewise.progress.time", clock)
    monkeypatch.setattr("likewise.checks.run.time", clock)

    def working(seconds: float) -> Any:
        def measure(_: CheckContext) -> Finding:
            clock.now += seconds
            return Finding("It took long.")

        return measure

    short = [Check(f"short{number}", "Short?", working(0.1), "data") for number in range(20)]
    long = Check("long", "Long?", working(400), "data", cost="hours")
    embeddings, catalog = vectors()
    run_checks(
        _context(embeddings, catalog, progress=True), [*short, long, replace(long, id="longer")], Profile()
    )
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("checks: 21 of 22")]
    minutes, seconds = re.findall(r"(\d+) min (\d+) s left", lines[0])[0]
    assert 200 < 60 * int(minutes) + int(seconds) < 800, lines


def test_checks_that_need_no_time_are_not_expected_to(
    vectors: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A finding of an earlier run is only read, and what the budget leaves out is not measured."""
    embeddings, catalog = vectors()
    costs: list[list[float]] = []
    passes: list[list[float]] = []

    def recorded(*_: Any, **options: Any) -> Any:
        costs.append(options["costs"])
        passes.append(options["passes"])
        return nullcontext(SimpleNamespace(note=lambda _: None, advance=lambda: None))

    monkeypatch.setattr("likewise.checks.run.progress_bar", recorded)
    context = _context(embeddings, catalog, parts=tmp_path / "parts")
    earlier, new, slow = (
        Check(name, "What?", lambda _: Finding("It is so."), "data", cost=cost, passes=2.0)
        for name, cost in (("earlier", "minutes"), ("new", "minutes"), ("slow", "hours"))
    )
    run_checks(context, [earlier], Profile())
    run_checks(context, [earlier, new, slow], Profile(), budget_s=60.0)
    assert costs == [[2.0], [0.0, 2.0, 0.0]]
    assert passes == [[2.0 * len(catalog)], [0.0, 2.0 * len(catalog), 0.0]]


def test_the_status_of_a_mask_is_no_property_of_its_image(vectors: Any) -> None:
    embeddings, catalog = vectors()
    status = ["ok" if row % 3 else "tiny" for row in range(len(catalog))]
    table = catalog.table.assign(mask_status=status)
    run = likewise.check(embeddings, Catalog.from_table(table, catalog.root), only=["properties.influence"])
    assert list(run.results[0].measures) == ["light"]
    alone = Catalog.from_table(table.drop(columns="light"), catalog.root)
    (result,) = likewise.check(embeddings, alone, only=["properties.influence"]).results
    assert (result.status, result.sentence) == (
        "not_applicable", "The catalog has no columns that describe its images."
    )  # fmt: skip


def test_limits_of_a_profile_come_before_all_others(vectors: Any) -> None:
    embeddings, catalog = vectors()
    name = {"limits": {"retrieval.scores": {"beyond_chance": {"warn": 0.99, "fail": 0.0}}}}
    run = likewise.check(embeddings, catalog, only=["retrieval.scores"], profile=Profile(**name))
    assert run["retrieval.scores"].status == "warn"
    assert run["retrieval.scores"].limits["beyond_chance"].source == "profile"


@pytest.mark.parametrize(
    ("status", "limit", "expected"),
    [
        ("pass", {"fail": 0.4}, "fail"),
        ("fail", {"fail": 0.9}, "pass"),
        ("warn", {}, "pass"),
        ("warn", None, "warn"),
    ],
)
def test_limits_of_a_profile_come_before_the_decision_of_a_test(
    status: Any, limit: dict[str, float] | None, expected: str
) -> None:
    check, finding = Check("data.labels", "?", _crash, "data"), Finding(
        "", {"rate": Measure(0.5, better="lower")}, status=status
    )  # fmt: skip
    limits = {} if limit is None else {"data.labels": {"rate": limit}}
    assert judge(check, finding, Profile(limits=limits)).status == expected


@pytest.mark.parametrize(
    ("sizes", "count", "classes"),
    [
        ([2] * 3000, 600, 300),  # a shop: many products of few photos
        ([1, 2, 30] * 400, 600, 100),
        ([500] * 12, 600, 12),  # few large classes: some images of each
        ([1] * 50 + [4000], 40, 31),  # the rest are single images
    ],
)
def test_a_sample_of_many_small_classes_has_pairs_of_one_class(
    sizes: list[int], count: int, classes: int
) -> None:
    labels = np.random.default_rng(0).permutation(
        np.repeat([f"{row:05}" for row in range(len(sizes))], sizes)
    )
    some = Labelled(np.arange(len(labels), dtype=np.float32)[:, None], labels, labels.tolist())
    sample = some.with_pairs(count, 0)
    names, counts = np.unique(sample.labels, return_counts=True)
    whole = np.unique(labels, return_counts=True)[1][np.isin(np.unique(labels), names)]
    assert 0.7 * count <= len(sample) <= count and classes * 0.8 <= len(names) <= classes * 1.2
    assert (counts == np.minimum(whole, max(10, count // len(sizes)))).all()
    assert (np.diff(sample.vectors[:, 0]) > 0).all()  # in the order of the images
    assert some.with_pairs(len(labels), 0) is some


def test_thresholds_of_thousands_of_small_classes_are_measured(
    vectors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("likewise.checks.threshold.MOST_PAIRED", 150)
    run = likewise.check(*vectors(classes=60), only=["threshold.held_out", "threshold.classes"])
    assert [result.status for result in run.results] != ["not_applicable"] * 2
    held_out, per_class = run.results
    assert "held-out classes" in held_out.sentence and "between the lowest" in per_class.sentence


def test_a_threshold_that_misses_most_pairs_warns(vectors: Any) -> None:
    good = likewise.check(*vectors(noise=0.3), only=["threshold"])
    poor = likewise.check(*vectors(noise=1.5), only=["threshold"])
    assert good["threshold.held_out"].status == "pass"
    assert good["threshold.per_query"].measures["found"].value > 0.5
    for name, measure in (("threshold.held_out", "miss_rate"), ("threshold.per_query", "found")):
        assert poor[name].status in ("warn", "fail"), poor[name].sentence
        assert poor[name].limits[measure].warn == 0.5 and poor[name].advice
    assert "--false-match-rate" in poor["threshold.held_out"].advice


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("only: [retrival]", "did you mean 'retrieval'"),
        ("limits: {retrieval.score: {a: {fail: 1}}}", "did you mean 'retrieval.scores'"),
        ("limit: {}", "limit"),
        ("limits: {retrieval.scores: {map@r: {fial: 1}}}", "fial"),
        ("tolerate: 2", "tolerate"),
        ("- a", "mapping"),
        ("only: [", "YAML"),
    ],
)
def test_a_wrong_profile_is_refused_in_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "profile.yaml").write_text(text)
    with pytest.raises(ConfigError, match=words.replace("(", "\\(")) as caught:
        checks.read_profile(tmp_path / "profile.yaml")
    assert "\n" not in str(caught.value)


def test_own_checks_are_registered_by_name(vectors: Any, monkeypatch: Any) -> None:
    from likewise.checks import registry

    monkeypatch.setattr(registry._checks, "_added", {})
    own = Check("pairs", "How many?", lambda context: Finding(f"{len(context.labelled)} images."), "data")
    checks.register(own)
    run = likewise.check(*vectors(), only=["pairs"])
    assert run["pairs"].sentence == "120 images." and run["pairs"].status == "pass"
    with pytest.raises(ConfigError, match="no group"):
        Check("x", "?", _crash, "nonsense")


@pytest.mark.parametrize("only", [["nonsense"], ["retrieval.scoers"]])
def test_unknown_checks_are_refused(vectors: Any, only: list[str]) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        likewise.check(*vectors(), only=only)


def test_a_reference_level_judges_a_measure(monkeypatch: Any) -> None:
    from likewise.checks import levels

    rows = [
        {"check": "a.b", "measure": "m", "kind": "working", "value": value / 10} for value in range(1, 11)
    ] + [{"check": "a.b", "measure": "m", "kind": "random", "value": 9.0}]
    monkeypatch.setattr(levels, "reference_rows", lambda: rows)
    check = Check("a.b", "?", _crash, "data")

    def status(value: float, *interval: float) -> str:
        return judge(check, Finding("", {"m": Measure(value, *interval, better="lower")}), Profile()).status

    assert [status(value, value - 0.1, value + 0.1) for value in (0.5, 0.99, 1.05, 1.2)] == [
        "pass", "warn", "warn", "fail"
    ]  # fmt: skip
    # Without an interval, chance may have moved it that far.
    assert [status(value) for value in (0.5, 0.99, 1.2)] == ["pass", "warn", "warn"]
    better = judge(check, Finding("", {"m": Measure(0.05, 0.04, 0.06, better="higher")}), Profile())
    assert better.status == "fail" and "10 reference runs" in better.limits["m"].source
    rows[:] = rows[:5]
    assert judge(check, Finding("", {"m": Measure(5.0, better="lower")}), Profile()).status == "pass"


@pytest.mark.parametrize(("better", "warn", "fail"), [("higher", 0.05, 0.0), ("lower", 0.95, 1.0)])
def test_levels_lie_at_the_bad_end_of_the_reference_runs(
    better: Any, warn: float, fail: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"check": "c", "measure": "m", "kind": "working", "value": number / 100} for number in range(101)]
    monkeypatch.setattr("likewise.checks.levels.reference_rows", lambda: rows)
    limit = reference_limit("c", "m", Measure(0.5, better=better, low=0.4, high=0.6))
    assert limit is not None and (limit.warn, limit.fail) == (pytest.approx(warn), fail)
    alone = reference_limit("c", "m", Measure(0.5, better=better))
    assert alone is not None and alone.warn == pytest.approx(warn) and alone.fail is None
    assert reference_limit("c", "other", Measure(0.5, better=better)) is None
    assert reference_limit("c", "m", Measure(0.5, better="neither")) is None


@pytest.mark.parametrize(("p", "shown"), [(0.049, True), (0.051, False), (0.09, False)])
def test_a_slice_differs_if_chance_gives_it_in_less_than_one_of_twenty(p: float, shown: bool) -> None:
    assert Slice("sensor", "old", 40, -0.2, -0.3, -0.1, p).shown is shown


def test_slices_that_chance_gives_stand_behind_one_that_it_does_not() -> None:
    random = np.random.default_rng(0)
    labels = np.repeat([f"c{number}" for number in range(10)], 20)
    values = random.normal(0.5, 0.01, 200)
    old, rare = np.arange(200) % 4 == 0, np.isin(np.arange(200) % 20, (1, 2))
    values[old] -= 0.25
    values[rare] = np.tile([1.5, -1.7], 10)
    table = pd.DataFrame({"old": np.where(old, "yes", "no"), "rare": np.where(rare, "yes", "no")})
    slices = worst_slices(table, labels, values).slices
    assert slices[0].column == "old" and slices[0].shown and slices[0].difference < 0
    below = next(each for each in slices if each.column == "rare" and each.value == "yes")
    assert not below.shown and below.difference < slices[0].difference


def test_advice_names_the_model_and_catalog_of_the_run() -> None:
    words = {"MODEL": "timm:x --weights 'a b'", "CATALOG": "c.csv"}
    text = followed("A MODEL: `likewise eval MODEL CATALOG`, `likewise doctor`", words)
    assert text == "A MODEL: `likewise eval timm:x --weights 'a b' c.csv`, `likewise doctor`"


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own number is read")
def test_the_memory_of_the_process_is_the_kernels_and_left_out_where_there_is_none(
    tiny: Any, stripes: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = stripes.take(range(8))
    found = likewise.check(tiny, some, only=["cost.speed"])["cost.speed"]
    peak = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")
    )
    assert found.measures["peak_mb"].value == pytest.approx(int(peak.split()[1]) / 1000, rel=0.1)
    monkeypatch.setitem(sys.modules, "resource", None)
    found = likewise.check(tiny, some, only=["cost.speed"])["cost.speed"]
    assert list(found.measures) == ["ms_per_image", "network_ms"] and " MB" not in found.sentence
