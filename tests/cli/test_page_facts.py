"""Every kind of page ends with how it was made: date, versions, command, seed, device, fingerprints, counts."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from html_page import HtmlPage
from likewise import load
from likewise.cli.app import app
from likewise.data import Preprocessing
from likewise.demo import run_demo
from likewise.models import ModelSpec, build

TRAIN = [
    "-o", "model.backbone=test_resnet", "-o", "model.pretrained=false", "-o", "model.dim=8",
    "-o", "model.preprocessing={resize_px: 40, crop_px: 32}", "-o", "schedule.warmup_epochs=0",
    "-o", "sampler={batch_size: 6, per_class: 2, iterations: 2}", "-o", "start={head: random, proxies: random}",
    "-o", "trainer={max_epochs: 1, num_workers: 0, accelerator: cpu}",
]  # fmt: skip
ALWAYS = {"images", "device", "date", "software", "command"}
MAPS = ["--samples", "2", "--no-random-weights", "--no-noise-floor"]


@pytest.fixture(scope="module")
def world(stripes_catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models, a striped catalog with masks, a property and a test split, photos, an index, a sweep, two stores."""
    root = tmp_path_factory.mktemp("facts")
    for seed in (0, 1):
        preprocessing = Preprocessing(resize_px=32, crop_px=32)
        spec = ModelSpec(backbone="test_resnet", dim=8, preprocessing=preprocessing)
        build(spec, seed=seed).save(root / f"m{seed}")
    table = pd.read_csv(stripes_catalog)
    table["split"] = table["split"].replace("val", "test")
    table["shade"] = ["dark", "light"] * (len(table) // 2)
    table.to_csv(stripes_catalog.parent / "facts.csv", index=False)
    (root / "photos").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(root / "photos" / "a.png")
    catalog = str(stripes_catalog.parent / "facts.csv")
    (root / "catalog").write_text(catalog)
    run("index", "build", str(root / "m0"), catalog, "--out", str(root / "index"))
    run("train", "catalog/*", "--sweep", "losses", "--loss", "arcface", "--loss", "ntxent", "--fold", "0", "-o",
        f"data.catalog={catalog}", *TRAIN, "--out", str(root / "sweep"))  # fmt: skip
    for seed in (0, 1):
        run(
            "saliency",
            str(root / f"m{seed}"),
            catalog,
            "--split",
            "test",
            "--samples",
            "1",
            "--out",
            str(root / f"s{seed}"),
        )
    return root


def run(*arguments: str) -> None:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code in {0, 3}, done.output


def _page(world: Path, kind: str, out: Path) -> Path:
    """Make the page of one kind; returns where it lies."""
    catalog, models = (world / "catalog").read_text(), [str(world / f"m{seed}") for seed in (0, 1)]
    photo = str(next(Path(catalog).parent.glob("0-*.png")))
    test, photos, page = (
        ["--split", "test"],
        ["--backgrounds", str(world / "photos"), "--repeats", "1"],
        ["--out", str(out)],
    )
    commands = {
        "eval": ["eval", models[0], catalog, *test, *page],
        "background": ["audit", "background", models[0], catalog, *test, *photos, *page],
        "comparison": ["audit", "background", *models, catalog, *test, *photos, *page],
        "properties": ["audit", "properties", models[0], catalog, *test, "--permutations", "19", *page],
        "property comparison": ["audit", "properties", *models, catalog, *test, "--permutations", "19", *page],
        "properties of a sweep": ["audit", "properties", str(world / "sweep"), catalog, *test,
                                  "--permutations", "19", *page],
        "faithfulness": ["audit", "faithfulness", models[0], catalog, *test, "--pairs", "5", "--random-choices", "1",
                         *page],
        "agreement": ["audit", "agreement", *models, catalog, *test, *MAPS, *page],
        "agreement of stores": ["audit", "agreement", str(world / "s0"), str(world / "s1"), *page],
        "agreement of a sweep": ["audit", "agreement", str(world / "sweep"), catalog, *test, *MAPS, *page],
        "pair": ["explain", models[0], photo, photo.replace("0-", "1-"), "--no-check", *page],
        "search": ["search", str(world / "index"), photo, "--sheet", str(out)],
    }  # fmt: skip
    if kind == "sweep":
        return world / "sweep" / "report.html"
    if kind == "run":
        return _trained(catalog, out.parent / "run")
    if kind == "demo":
        return run_demo(Path(catalog).parent, out.parent / "demo", say=lambda _: None).page
    run(*commands[kind])
    return out


def _trained(catalog: str, out: Path) -> Path:
    run("train", "catalog/arcface", "-o", f"data.catalog={catalog}", *TRAIN, "--out", str(out))
    return out / "report.html"


KINDS = ["eval", "background", "comparison", "properties", "property comparison", "properties of a sweep",
         "faithfulness", "agreement", "agreement of stores", "agreement of a sweep", "pair", "search", "sweep", "run",
         "demo"]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_page_says_how_it_was_made(
    world: Path, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    facts = HtmlPage(_page(world, kind, tmp_path / "page.html").read_text(encoding="utf-8")).facts()
    assert set(facts) >= ALWAYS, kind
    assert all(value.strip() for value in facts.values())
    assert ("seed" in facts) == (kind != "search"), "nothing in a search is random"
    models = [value for name, value in facts.items() if name.startswith("model")]
    assert models and all("(fingerprint " in value for value in models)
    assert any(letter.isdigit() for letter in facts["images"])


@pytest.mark.parametrize("kind", ["eval", "background", "properties", "faithfulness", "search"])
def test_the_fingerprint_is_that_of_the_model(world: Path, kind: str, tmp_path: Path) -> None:
    facts = HtmlPage(_page(world, kind, tmp_path / "page.html").read_text(encoding="utf-8")).facts()
    assert load(str(world / "m0")).fingerprint in facts["model"]


def test_a_run_names_the_fingerprint_of_the_model_it_kept(world: Path, tmp_path: Path) -> None:
    facts = HtmlPage(
        _trained((world / "catalog").read_text(), tmp_path / "run").read_text(encoding="utf-8")
    ).facts()
    assert load(str(tmp_path / "run")).fingerprint in facts["model"]
    assert facts["device"] == "cpu" and facts["seed"] == "0"
