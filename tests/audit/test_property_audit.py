"""The property audit: finds what was planted, is silent about noise, and says what is wrong."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from likewise import Catalog
from likewise.audit import PropertyComparison, properties, share_of_possible
from likewise.cli.app import app
from likewise.errors import CatalogError, InputError
from likewise.images import save_image
from likewise.models import SimilarityModel, build
from likewise.models.spec import ModelSpec
from likewise.retrieval import property_scores

IMAGES = 96


@pytest.fixture(scope="module")
def colored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Plain pictures in four colours; every other property is noise, constant, continuous or unique."""
    folder = tmp_path_factory.mktemp("colored")
    generator = np.random.default_rng(0)
    tones = np.array([[220, 30, 30], [30, 200, 40], [40, 60, 220], [230, 220, 40]])
    rows = []
    for number in range(IMAGES):
        color = number % 4
        pixels = (tones[color] + generator.normal(0, 12, (32, 32, 3))).clip(0, 255).astype(np.uint8)
        save_image(Image.fromarray(pixels), folder / f"{number:03d}.png")
        rows.append(
            {
                "path": f"{number:03d}.png", "label": f"thing {number % 3}", "color": color,
                "noise": int(generator.integers(4)), "camera": "one",
                "weight": generator.normal(), "serial": f"s{number}",
            }
        )  # fmt: skip
    file = folder / "colored.parquet"
    Catalog.from_table(pd.DataFrame(rows), folder).write(file)
    return file


@pytest.fixture(scope="module")
def model() -> SimilarityModel:
    return build(
        ModelSpec.model_validate(
            {"backbone": "test_resnet", "dim": None, "preprocessing": {"resize_px": 32, "crop_px": 32}}
        ),
        seed=1,
    )


def test_planted_property_is_strongest_and_noise_is_not_significant(
    colored: Path, model: SimilarityModel
) -> None:
    audit = properties(model, Catalog.read(colored), should_not=["color", "noise"], permutations=199)
    assert audit.influences[0].name == "color"
    assert audit.of("color").share > 0.9
    assert audit.of("color").p_value < 0.05
    assert abs(audit.of("noise").share) < 0.1
    assert audit.of("noise").p_value > 0.05
    assert audit.left_out == {
        "camera": "all images have the same value",
        "serial": "every image has another value",
    }
    assert audit.of("weight").values == 10
    bins = audit.of("weight").bins
    assert bins is not None
    assert len(bins) == 11
    verdict = audit.verdict()
    assert verdict.level == "bad"
    assert "'color' should not matter, but does" in verdict.words
    assert [one.name for one in audit.unwanted_above(0.5)] == ["color"]


def test_share_of_possible_by_hand_and_at_its_limits() -> None:
    """Four images in a row, two values: a b a b at 0, 1, 2, 10 — checked by counting neighbours."""
    vectors = np.array([[0.0], [1.0], [2.1], [10.0]])
    values = pd.Series(["a", "b", "a", "b"])
    score = property_scores(vectors, {"x": values})["x"]
    # Nearest others: 0 -> 1 (b), 1 -> 0 (a), 2.1 -> 1 (b), 10 -> 2.1 (a): none shares the value; chance is 1 of 3.
    assert share_of_possible(score, values) == pytest.approx((0 - 1 / 3) / (1 - 1 / 3))
    perfect = property_scores(np.array([[0.0], [0.1], [5.0], [5.1]]), {"x": pd.Series(["a", "a", "b", "b"])})[
        "x"
    ]
    assert share_of_possible(perfect, pd.Series(["a", "a", "b", "b"])) == pytest.approx(1)


@pytest.mark.parametrize("published", [False, True])
def test_share_is_one_for_perfect_groups_and_about_zero_by_chance(published: bool) -> None:
    generator = np.random.default_rng(3)
    values = pd.Series(generator.integers(0, 5, 400))
    grouped = np.eye(5)[values] * 10 + generator.normal(0, 0.1, (400, 5))
    random = generator.normal(0, 1, (400, 5))
    scores = [property_scores(rows, {"x": values}, published=published)["x"] for rows in (grouped, random)]
    high, low = (share_of_possible(score, values, published) for score in scores)
    assert high == pytest.approx(1, abs=0.01)
    assert abs(low) < 0.03


def test_comparison_tests_groups_and_refuses_other_images(colored: Path, model: SimilarityModel) -> None:
    catalog = Catalog.read(colored)
    audits = [properties(model, catalog, ["color", "noise"], permutations=19) for _ in range(4)]
    compared = PropertyComparison(audits, ["ranking", "ranking", "classification", "classification"])
    assert compared.matrix().shape == (4, 2)
    assert all(p == 1 for p, _ in compared.tests().values()), "four times the same model: no difference"
    assert compared.sections()[0].table is not None
    fewer = properties(model, catalog.select(where="noise < 3"), ["color", "noise"], permutations=19)
    with pytest.raises(InputError, match="other images or properties"):
        PropertyComparison([audits[0], fewer])
    with pytest.raises(InputError, match="at least two models"):
        PropertyComparison(audits[:1])


def test_bad_names_are_refused(colored: Path, model: SimilarityModel) -> None:
    catalog = Catalog.read(colored)
    with pytest.raises(CatalogError, match="did you mean 'color'"):
        properties(model, catalog, ["colour"])
    with pytest.raises(CatalogError, match="no property 'nois'"):
        properties(model, catalog, should_not=["nois"])
    with pytest.raises(InputError, match="all images have the same value"):
        properties(model, catalog, ["camera"])


def test_command_fails_a_pipeline_where_an_unwanted_property_matters(
    colored: Path, model: SimilarityModel, tmp_path: Path
) -> None:
    model.save(tmp_path / "model")
    base = ["audit", "properties", str(tmp_path / "model"), str(colored), "--should-not", "color,noise",
            "--permutations", "19", "--json"]  # fmt: skip
    page = tmp_path / "page.html"
    strict = CliRunner().invoke(app, [*base, "--fail-above", "0.3", "--out", str(page)])
    assert strict.exit_code == 1, strict.output
    printed = json.loads(strict.stdout)
    assert printed["properties"]["color"]["share"] > 0.9
    assert "Which properties steer the embedding?" in page.read_text(encoding="utf-8")
    assert CliRunner().invoke(app, [*base, "--fail-above", "1"]).exit_code == 0
