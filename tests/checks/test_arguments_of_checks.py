"""What checks hand to audits and searches: every option of the run arrives, and the work is counted as it is done."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import likewise
from likewise.audit.explanation_faithfulness.audit import SHARES
from likewise.audit.robustness_to_changes.changes import CHANGES
from likewise.checks import CheckContext, CheckOptions, Profile
from likewise.checks.kept import KeptFindings
from likewise.checks.registry import get
from likewise.checks.run import run_checks
from likewise.data import Catalog, Preprocessing
from likewise.errors import InputError
from likewise.explain.evidence import HIDING_MASKS
from likewise.explain.sampled_hiding import PASSES
from likewise.models.external.vectors_file import StoredVectors

Calls = list[tuple[tuple[Any, ...], dict[str, Any]]]


class Recorded(Exception):  # noqa: N818
    """The call was recorded; nothing is measured."""


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Calls]:
    """Replace a function by one that notes its arguments and ends the check."""

    def replace(target: str) -> Calls:
        calls: Calls = []

        def note(*values: Any, **options: Any) -> Any:
            calls.append((values, options))
            raise Recorded

        monkeypatch.setattr(target, note)
        return calls

    return replace


@pytest.fixture
def context(vectors: Any, tmp_path: Path) -> CheckContext:
    embeddings, catalog = vectors()
    options = CheckOptions(Path("photos"), ["label"], ["light"], 0.07, 11, 13, True)
    return CheckContext(
        StoredVectors(embeddings, "vectors", catalog.root), catalog, options, seed=5, batch_size=7,
        parts=tmp_path / "parts", tolerate=0.25, progress=True,
    )  # fmt: skip


def handed(
    check: str, target: str, context: CheckContext, recorded: Callable[[str], Calls]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What a check hands to a function of ``likewise.checks``."""
    calls = recorded(f"likewise.checks.{target}")
    with pytest.raises(Recorded):
        get(check).measure(context)
    return calls[0]


SHARED: dict[str, Any] = {"seed": 5, "progress": True}


@pytest.mark.parametrize(
    ("check", "target", "options"),
    [
        ("properties.influence", "audits.properties", {"should_matter": ["label"], "should_not_matter": ["light"]}),
        (
            "explanations.faithfulness", "audits.faithfulness",
            {"batch_size": 7, "parts": "faithfulness", "random_choices": 5, "samples": 15},
        ),
        ("robustness.changes", "audits.robustness", {"images": 50, "batch_size": 7}),
        ("background.reliance", "context.background", {
            "attention_images": 11, "batch_size": 7, "parts": "background", "exact_masks": True,
        }),
    ],
)  # fmt: skip
def test_the_options_of_a_run_reach_its_audits(
    check: str, target: str, options: dict[str, Any], context: CheckContext, recorded: Any
) -> None:
    values, passed = handed(check, target, context, recorded)
    if "parts" in options:
        options["parts"] = context.parts / "audits" / options["parts"]  # type: ignore[operator]
    assert passed == options | SHARED
    further = {
        "audits.properties": (["light"],),
        "audits.faithfulness": (9,),  # two thirds: the vectors have no gradients
        "context.background": (Path("photos"), 3),
    }
    assert values == (context.model, context.catalog, *further.get(target, ()))


@pytest.mark.parametrize(
    ("check", "target", "more"),
    [
        ("data.duplicates", "data.duplicates", {}),
        ("data.labels", "data.suspects", {"seed": 5}),
    ],
)
def test_the_options_of_a_run_reach_the_curation(
    check: str, target: str, more: dict[str, Any], context: CheckContext, recorded: Any
) -> None:
    assert handed(check, target, context, recorded)[1] == {"progress": True} | more


def test_masks_are_judged_with_the_options_of_the_run(context: CheckContext, recorded: Any) -> None:
    masks = ["" if row % 4 == 0 else "m.png" for row in range(len(context.catalog))]
    context.catalog = Catalog.from_table(context.catalog.table.assign(mask=masks), context.catalog.root)
    calls = recorded("likewise.checks.context.mask_plausibility")
    with pytest.raises(Recorded):
        _ = context.mask_plausibility
    (catalog,), options = calls[0]
    assert len(catalog) == 90 and set(catalog.table["mask"]) == {"m.png"}
    assert options == {"missing": 0.25, "exact": "user", "seed": 5}


@pytest.mark.parametrize(("name", "target"), [("evaluation", "evaluate_queries"), ("neighbors", "nearest")])
def test_searches_of_a_run_use_its_model(
    name: str, target: str, context: CheckContext, recorded: Any
) -> None:
    calls = recorded(f"likewise.checks.context.{target}")
    with pytest.raises(Recorded):
        getattr(context, name)
    values, options = calls[0]
    more: dict[str, Any] = {
        "neighbors": {"k": 50},
        "evaluation": {"recall_at": (1,), "metrics": ["recall@1", "map@r"]},
    }
    assert (
        options
        == {"distance": context.distance, "device": context.model.device, "progress": True} | more[name]
    )
    assert values[0] is context.labelled.vectors


@pytest.mark.parametrize("check", ["threshold.held_out", "geometry.hubness", "geometry.int8"])
def test_searches_of_a_check_use_the_distance_of_the_model(
    check: str, context: CheckContext, recorded: Any
) -> None:
    context.__dict__["distance"] = "euclidean"
    target = {"threshold.held_out": "threshold.calibrate", "geometry.hubness": "geometry.nearest",
              "geometry.int8": "geometry.evaluate_queries"}[check]  # fmt: skip
    options = handed(check, target, context, recorded)[1]
    assert options["distance"] == "euclidean" and options["device"] == context.model.device
    assert check != "threshold.held_out" or (options["false_match_rate"], options["seed"]) == (0.07, 5)


def test_maps_of_both_models_are_compared_with_the_settings_of_the_check(
    tiny: Any, stripes: Catalog, recorded: Any, tmp_path: Path
) -> None:
    calls = recorded("likewise.checks.change.agreement")
    for parts in (tmp_path, None):
        context = CheckContext(tiny, stripes, reference=tiny, batch_size=7, parts=parts)
        with pytest.raises(Recorded):
            get("change.saliency").measure(context)
    (models, some, folder), options = calls[0]
    assert [model.name for model in models] == ["model", "reference"] and len(some) == 30
    assert folder == tmp_path / "audits" / "saliency" and not calls[1][0][2].exists()
    assert options["settings"].samples == 15 and options["batch_size"] == 7


def passes(
    check: str, images: int, *, differentiable: bool = True, decomposable: bool = True, wanted: int = 12
) -> Any:
    """The expected work of a check on so many images, as the run counts it."""
    context: Any = SimpleNamespace(
        catalog=[None] * images, options=CheckOptions(pairs=20),
        model=SimpleNamespace(differentiable=differentiable, decomposable=decomposable),
        labelled=SimpleNamespace(labels=np.array(["a", "b"] * 10 + ["a", "a"] * (wanted // 2))),
        neighbors=SimpleNamespace(indices=(np.arange(20 + wanted) ^ 1)[:, None]),
    )  # fmt: skip
    context.explanation_passes = CheckContext.explanation_passes.fget(context)  # type: ignore[attr-defined]
    context.attention_images = CheckContext.attention_images.fget(context)  # type: ignore[attr-defined]
    count = get(check).passes
    return count(context) if callable(count) else count


def test_the_expected_work_of_checks() -> None:
    """Forward passes; a backward pass takes as long as two of them."""
    strengths = sum(len(change.strengths) for change in CHANGES.values())
    assert passes("robustness.changes", 20) == 20 * strengths
    assert passes("robustness.changes", 5000) == 50 * strengths
    assert (
        passes("change.saliency", 5000) == 2 * 3 * 15 * 30 and passes("change.saliency", 8) == 2 * 3 * 15 * 8
    )
    exact, sampled = 2 + 3 * (HIDING_MASKS + 1), 2 + PASSES
    assert passes("explanations.matches", 5000) == 20 * (exact + 13)
    assert passes("explanations.matches", 5000, decomposable=False) == 20 * (sampled + 13)
    assert passes("explanations.matches", 5000, wanted=8) == 18 * (exact + 13)
    assert passes("explanations.matches", 5000, wanted=6) == 0  # too few right hits to judge

    class Unreadable(SimpleNamespace):
        @property
        def labelled(self) -> Any:
            raise InputError("No image can be read.")

    assert get("explanations.matches").passes(Unreadable(options=CheckOptions())) == 0  # type: ignore[operator]
    hidden = 2 + 9 * len(SHARES)  # four methods and five random choices
    assert passes("explanations.faithfulness", 5000) == 2 * 20 * (exact + 3 * 15 + hidden)
    hidden = 2 + 6 * len(SHARES)  # the explanation alone
    assert passes("explanations.faithfulness", 10, differentiable=False) == 2 * 10 * (exact + hidden)
    assert passes("explanations.faithfulness", 5000, differentiable=False) == 2 * 13 * (exact + hidden)
    samples = likewise.explain.SaliencySettings().samples
    assert passes("background.reliance", 5000) == 6 * 5000 + 3 * samples * 30
    assert passes("background.reliance", 10) == 6 * 10 + 3 * samples * 10
    assert passes("background.reliance", 5000, differentiable=False) == 6 * 5000
    # The conditions that each control adds to the audit.
    expected = {"fills": 3, "silhouette": 2, "mirror": 1, "sides": 0}
    assert {name: passes(f"background.{name}", 1) for name in expected} == expected


@pytest.mark.parametrize(
    "change",
    [
        lambda context: setattr(context, "seed", 6),
        lambda context: setattr(context, "tolerate", 0.5),
        lambda context: setattr(context, "options", CheckOptions()),
        lambda context: setattr(context, "reference", {"checks": []}),
        lambda context: setattr(context.model, "_stored", replace(context.model._stored, fingerprint="2")),
        lambda context: context.catalog.paths[0].write_bytes(b"new"),
        lambda context: context.catalog.mask_paths[0].write_bytes(b"new"),
        lambda context: setattr(
            context, "catalog", Catalog.from_table(context.catalog.table.assign(label="x"), context.catalog.root)
        ),
    ],
)  # fmt: skip
def test_a_stored_finding_belongs_to_everything_that_decides_it(
    change: Callable[[CheckContext], None], context: CheckContext
) -> None:
    context.catalog = Catalog.from_table(context.catalog.table.assign(mask="m.png"), context.catalog.root)
    (context.catalog.root / "m.png").write_bytes(b"old")
    check = get("cost.index")
    KeptFindings(context).keep(check, check.measure(context), 2.5)
    finding, seconds = KeptFindings(context).find(check)
    assert finding is not None and finding.sentence == check.measure(context).sentence and seconds == 2.5
    assert not KeptFindings(context).holds(get("data.files"))
    change(context)
    assert not KeptFindings(context).holds(check)


@pytest.mark.parametrize(
    ("arguments", "profile", "expected"),
    [
        ({}, {}, (0.01, None)),
        ({}, {"tolerate": 0.3, "false_match_rate": 0.2}, (0.3, 0.2)),
        ({"tolerate": 0.0, "false_match_rate": 0.1}, {"tolerate": 0.3, "false_match_rate": 0.2}, (0.0, 0.1)),
    ],
)
def test_a_run_knows_its_options(
    arguments: dict[str, Any], profile: dict[str, Any], expected: tuple[Any, ...], vectors: Any, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    runs: list[Any] = []
    monkeypatch.setattr(
        "likewise.checks.run.run_checks", lambda *values, **more: runs.append((*values, more))
    )
    embeddings, catalog = vectors()
    likewise.check(
        embeddings, catalog, only=["cost"], skip=["cost.speed"], exact_masks=False, should_matter=["label"],
        should_not_matter=["light"], budget_s=9.0, seed=4, batch_size=3, progress=True, parts=tmp_path,
        words={"MODEL": "m"}, profile=Profile(only=["geometry"], skip=["geometry.rank"], **profile), **arguments,
    )  # fmt: skip
    context, chosen, _, more = runs[0]
    assert (context.tolerate, context.options.false_match_rate) == expected
    assert (context.seed, context.batch_size, context.progress, context.parts) == (4, 3, True, tmp_path)
    assert context.words == {"TABLE": "CATALOG", "MODEL": "m"} and more == {"budget_s": 9.0}
    assert (context.options.masks_exact, context.options.backgrounds) == (False, None)
    assert (context.options.should_matter, context.options.should_not_matter) == (["label"], ["light"])
    assert {check.group for check in chosen} == {"cost", "geometry"} and len(chosen) == 5
    assert (context.cache._folder, context.cache._batch_size, context.cache._progress) == (
        tmp_path / "embeddings",
        3,
        True,
    )


def test_a_run_names_its_model_and_its_images(context: CheckContext) -> None:
    run = run_checks(context, [get("cost.index")], Profile())
    assert (run.model, run.fingerprint, run.images, run.tolerate, run.seed) == (
        "vectors",
        "0" * 16,
        120,
        0.25,
        5,
    )
    assert run.catalog and run.seconds > 0 and not run.notes
    assert np.isclose(run["cost.index"].seconds, run.seconds, atol=run.seconds)


def test_each_need_is_named(context: CheckContext, tiny: Any) -> None:
    expected = {
        "pixels": "no network", "files": "name their folder with `--root`", "gradients": "gives no gradients",
        "masks": "likewise masks CATALOG", "reference": "--reference RUN.json",
    }  # fmt: skip
    for need, words in expected.items():
        assert words in context.why_not([need]), need  # type: ignore[list-item]
    assert context.why_not(["labels", "columns", "backgrounds", "vectors"]) == ""
    assert context.why_not(["labels", "masks", "pixels"]) == context.why_not(["masks"])
    masks = ["m.png", *[""] * (len(context.catalog) - 1)]
    context.catalog = Catalog.from_table(context.catalog.table.assign(mask=masks), context.catalog.root)
    assert context.why_not(["masks"]) == ""
    (context.catalog.root / "7.jpg").write_bytes(b"")
    assert context.why_not(["files"]) == ""
    context.options = CheckOptions()
    assert "--backgrounds DIR" in context.why_not(["backgrounds"])
    context.catalog = Catalog.from_table(
        context.catalog.table.drop(columns="light"), context.catalog.root
    )  # fmt: skip
    assert "no columns that describe" in context.why_not(["columns"])
    context.__dict__["distance"] = object()
    assert "compares parts" in context.why_not(["vectors"])
    context.model, context.reference = tiny, tiny
    assert context.why_not(["pixels", "files", "gradients", "reference"]) == ""


def test_the_time_of_an_image_is_split(vectors: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """32 images: 64 ms in the network, and 320 ms with reading them."""
    embeddings, catalog = vectors()
    clock, sizes = [0.0], []

    class Slow(StoredVectors):
        def vectors(self, pixels: Any, batch_size: int = 64) -> Any:
            sizes.append((tuple(pixels.shape), batch_size))
            clock[0] += 0.002 * len(pixels)

        def embed(
            self, images: Any, batch_size: int = 64, num_workers: Any = None, *_: Any, **__: Any
        ) -> Any:
            if num_workers == 0:
                sizes.append((len(images), batch_size))
                clock[0] += 0.01 * len(images)
            return super().embed(images)

    model = Slow(embeddings, "slow", catalog.root)
    model.preprocessing = Preprocessing(resize_px=9, crop_px=9)
    monkeypatch.setattr("likewise.checks.cost.time.perf_counter", lambda: clock[0])
    monkeypatch.setattr("likewise.checks.cost._peak_mb", lambda device: 1234.4 if device == "cpu" else None)
    finding = get("cost.speed").measure(CheckContext(model, catalog, batch_size=7))
    assert finding.sentence == (
        "Embedding takes 10.0 ms per image on cpu, 2.0 ms of them in the network; the process has used up to 1,234 MB."
    )
    measures = {
        name: (round(each.value, 6), each.unit, each.better) for name, each in finding.measures.items()
    }
    assert measures == {
        "ms_per_image": (10.0, "ms", "lower"), "network_ms": (2.0, "ms", "lower"), "peak_mb": (1234.4, "MB", "lower")
    }  # fmt: skip
    assert sizes == [((1, 3, 9, 9), 64), ((32, 3, 9, 9), 7), (32, 7)]


@pytest.mark.parametrize(("images", "measured"), [(4, True), (3, False)])
def test_classes_of_four_images_have_a_threshold(images: int, measured: bool, vectors: Any) -> None:
    embeddings, catalog = vectors(classes=6)
    rows = [15 * label + number for label in range(6) for number in range(images)]
    some = replace(embeddings, vectors=embeddings.vectors[rows], ids=[embeddings.ids[row] for row in rows])
    context = CheckContext(StoredVectors(some, "vectors", catalog.root), catalog.take(rows))
    finding = get("threshold.classes").measure(context)
    assert (finding.status != "not_applicable") == measured
    assert measured or finding.sentence == "Only 0 classes have 4 images or more; 6 are needed."


def test_the_reference_network_is_known_by_its_fingerprint(
    context: CheckContext, vectors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    embeddings, catalog = vectors()
    for name, fingerprint, same in (("other", "0" * 16, True), ("vectors", "9", False)):
        model = StoredVectors(replace(embeddings, fingerprint=fingerprint), name, catalog.root)
        monkeypatch.setattr("likewise.checks.retrieval.load", lambda *_, model=model, **__: model)
        finding = get("retrieval.reference").measure(context)
        assert (finding.status == "not_applicable") == same
