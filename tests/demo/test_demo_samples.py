"""The demo on the shipped samples, cut short: what it measures, what it leaves, and what it says."""

import json

import numpy as np
import pytest
from PIL import Image

import likewise
from likewise.demo import run_demo
from likewise.demo.planted import plant
from likewise.images import open_mask
from likewise.scenes import samples


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("demo") / "demo"


@pytest.fixture(scope="module")
def result(out):
    return run_demo(None, out, epochs=1, say=lambda _: None)


def test_the_search_finds_nearly_always_the_right_product(result):
    assert result.to_dict()["recall@1"] >= 0.95
    first = result.report.verdicts[0]
    assert (first.level, first.headline) == ("good", "The first hit is nearly always right.")


def test_it_goes_from_what_works_to_what_can_go_wrong(result):
    assert [section.title for section in result.report.sections] == [
        "The catalog",
        "Search",
        "Why are two images similar?",
        "Does the background decide?",
        "A model with a planted bias",
        "Training with replaced backgrounds",
        "Next steps with your own photos",
    ]
    assert all(section.pictures for section in result.report.sections[:3])


def test_the_numbers_are_those_of_the_audits(result):
    numbers = result.to_dict()["background"]
    assert list(numbers) == ["model", "biased", "cured"]
    for name, audit in zip(
        numbers, (result.findings.trust, result.findings.biased, result.findings.cured), strict=True
    ):
        assert numbers[name]["original"] == audit.scores["original"]["recall@1"]["mean"]
        assert numbers[name]["replaced"] == audit.scores["replaced"]["recall@1"]["mean"]
        assert numbers[name]["level"] == audit.verdict().level
    # The same images on the same backgrounds for all three.
    sets = {
        tuple(audit.evaluation.catalog.ids)
        for audit in (result.findings.trust, result.findings.biased, result.findings.cured)
    }
    assert len(sets) == 1


def test_it_leaves_what_the_guides_use(result, out):
    catalog = likewise.Catalog.read(out / "catalog.parquet")
    assert catalog.splits == ["test", "train"]
    assert all(path.is_file() for path in [*catalog.paths, *catalog.mask_paths])
    for name in ("base", "bgaugment"):
        assert likewise.load(out / "runs" / name).dim == 64
    index = likewise.Index.open(out / "index")
    assert len(index) == 504
    assert index.search(catalog.paths[0], k=3).hits
    assert json.loads((out / "scores.json").read_text())["network"] == "likewise:small"


def test_a_second_run_trains_nothing_again(result, out, monkeypatch):
    audits = iter((result.findings.trust, result.findings.biased, result.findings.cured))
    monkeypatch.setattr("likewise.demo.run.background", lambda *_, **__: next(audits))
    before = [
        (out / "runs" / name / "model.safetensors").stat().st_mtime_ns for name in ("base", "bgaugment")
    ]
    again = run_demo(None, out, epochs=1, say=lambda _: None)
    after = [(out / "runs" / name / "model.safetensors").stat().st_mtime_ns for name in ("base", "bgaugment")]
    assert before == after
    assert again.to_dict()["background"] == result.to_dict()["background"]


def test_the_planted_backgrounds_name_the_class_and_the_objects_stay(tmp_path):
    source = samples()
    file, elsewhere = plant(source, tmp_path / "planted", seed=0)
    catalog = likewise.Catalog.read(file)
    pairs = set(zip(catalog.labels.tolist(), catalog.table["background"].tolist(), strict=True))
    assert len(pairs) == len({label for label, _ in pairs}) == len({surface for _, surface in pairs}) == 36
    used = {surface for _, surface in pairs}
    rows = [int(path.stem) for path in elsewhere.glob("*.jpg")]
    assert rows
    assert not used & set(source.table["background"].iloc[rows])
    for row in (0, 100, 503):
        mask = np.asarray(open_mask(source.mask_paths[row])) > 127
        before = np.asarray(Image.open(source.paths[row]).convert("RGB")).astype(int)
        after = np.asarray(Image.open(catalog.paths[row]).convert("RGB")).astype(int)
        difference = np.abs(before - after).mean(-1)
        assert difference[mask].mean() < 6
        assert difference[~mask].mean() > 6
        assert np.array_equal(np.asarray(open_mask(catalog.mask_paths[row])) > 127, mask)
