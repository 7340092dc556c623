"""The property audit: finds what was planted, is silent about noise, and says what is wrong."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.stats import mannwhitneyu, ttest_ind
from typer.testing import CliRunner

from likewise import Catalog
from likewise.audit import PropertyAudit, PropertyComparison, adjusted_purity, properties
from likewise.audit.property_influence.vectors import as_released
from likewise.cli.app import app
from likewise.errors import CatalogError, ConfigError, InputError, InterruptedWork
from likewise.images import save_image
from likewise.models import SimilarityModel, build
from likewise.models.spec import ModelSpec
from likewise.report import sections_of
from likewise.retrieval import holm, property_scores, property_significance
from likewise.training import sweep

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
    audit = properties(model, Catalog.read(colored), should_not_matter=["color", "noise"], permutations=199)
    assert audit.influences[0].name == "color"
    assert audit.of("color").share > 0.9
    assert audit.of("color").p_value < 0.05
    assert abs(audit.of("noise").share) < 0.1
    assert audit.of("noise").p_value > 0.05
    assert audit.left_out == {
        "camera": "all images have the same value",
        "serial": "every image has a different value",
    }
    assert audit.of("weight").values == 10
    bins = audit.of("weight").bins
    assert bins is not None
    assert len(bins) == 11
    verdict = audit.verdict()
    assert verdict.level == "bad"
    assert "'color' should not matter, but does" in verdict.words
    assert [one.name for one in audit.too_strong(0.5)] == ["color"]


def test_p_values_are_corrected_for_the_number_of_properties(colored: Path, model: SimilarityModel) -> None:
    catalog = Catalog.read(colored)
    audit = properties(model, catalog, permutations=199, seed=3)
    names = [one.name for one in audit.influences]
    vectors = model.embed(catalog).vectors
    table = catalog.table
    columns = {
        name: table[name] if name != "weight" else pd.qcut(table[name], 10, labels=False) for name in names
    }
    plain = property_significance(vectors, columns, permutations=199, seed=3)
    expected = holm([plain[name].p_value for name in names])
    assert [one.p_value for one in audit.influences] == pytest.approx(expected.tolist())
    assert any(one.p_value > plain[one.name].p_value for one in audit.influences)


def test_a_property_that_repeats_the_label_stands_for_it(colored: Path, model: SimilarityModel) -> None:
    catalog = Catalog.read(colored)
    table = catalog.table.assign(kind=catalog.table["label"])
    both = Catalog.from_table(table, catalog.root)
    names = {one.name for one in properties(model, both, permutations=19).influences}
    assert "kind" in names
    assert "label" not in names
    assert "label" in {one.name for one in properties(model, catalog, permutations=19).influences}


def test_share_of_possible_by_hand_and_at_its_limits() -> None:
    """Four images in a row, two values: a b a b at 0, 1, 2, 10 — checked by counting neighbours."""
    vectors = np.array([[0.0], [1.0], [2.1], [10.0]])
    values = pd.Series(["a", "b", "a", "b"])
    score = property_scores(vectors, {"x": values})["x"]
    # Nearest others: 0 -> 1 (b), 1 -> 0 (a), 2.1 -> 1 (b), 10 -> 2.1 (a): none shares the value; chance is 1 of 3.
    assert adjusted_purity(score, values) == pytest.approx((0 - 1 / 3) / (1 - 1 / 3))
    perfect = property_scores(np.array([[0.0], [0.1], [5.0], [5.1]]), {"x": pd.Series(["a", "a", "b", "b"])})[
        "x"
    ]
    assert adjusted_purity(perfect, pd.Series(["a", "a", "b", "b"])) == pytest.approx(1)


@pytest.mark.parametrize("published", [False, True])
def test_share_is_one_for_perfect_groups_and_about_zero_by_chance(published: bool) -> None:
    generator = np.random.default_rng(3)
    values = pd.Series(generator.integers(0, 5, 400))
    grouped = np.eye(5)[values] * 10 + generator.normal(0, 0.1, (400, 5))
    random = generator.normal(0, 1, (400, 5))
    scores = [property_scores(rows, {"x": values}, published=published)["x"] for rows in (grouped, random)]
    high, low = (adjusted_purity(score, values, published) for score in scores)
    assert high == pytest.approx(1, abs=0.01)
    assert abs(low) < 0.03


def test_comparison_tests_groups_and_refuses_other_images(colored: Path, model: SimilarityModel) -> None:
    catalog = Catalog.read(colored)
    audits = [properties(model, catalog, ["color", "noise"], permutations=19) for _ in range(4)]
    compared = PropertyComparison(audits, ["ranking", "ranking", "classification", "classification"])
    assert compared.matrix().shape == (4, 2)
    same = compared.tests().values()
    assert all(test.p_value == test.permutation == 1 for test in same), (
        "four times the same model: no difference"
    )
    assert all(test.published == 0.5 and test.effect == 0 for test in same)
    assert sections_of(compared)[0].table is not None
    fewer = properties(model, catalog.select(where="noise < 3"), ["color", "noise"], permutations=19)
    with pytest.raises(InputError, match="other images or properties"):
        PropertyComparison([audits[0], fewer])
    with pytest.raises(InputError, match="at least two models"):
        PropertyComparison(audits[:1])


def _audit(scores: dict[str, float], details: PropertyAudit) -> PropertyAudit:
    """An audit with other scores."""
    influences = [
        replace(one, score=scores[one.name], share=scores[one.name] / 10) for one in details.influences
    ]
    return replace(details, influences=influences)


def test_trainings_of_one_model_are_averaged_before_groups_are_tested(
    colored: Path, model: SimilarityModel
) -> None:
    """Against scipy on the means of trainings, and on all trainings for the released form."""
    base = properties(model, Catalog.read(colored), ["color", "noise"], permutations=19)
    generator = np.random.default_rng(1)
    names = [f"{kind} {number}" for kind in ("classification", "ranking") for number in range(5)]
    values = {name: generator.normal(3 if name < "d" else 1, 1, (2, 2)) for name in [*names, "none"]}
    audits = [_audit({"color": one[0], "noise": one[1]}, base) for name in values for one in values[name]]
    models = [name for name in values for _ in range(2)]
    groups = ["" if name == "none" else name.split()[0] for name in models]
    compared = PropertyComparison(audits, groups, models)
    assert compared.models == [*names, "none"]
    column = compared.names.index("color")
    means = np.array([values[name][:, 0].mean() for name in names])
    np.testing.assert_allclose(compared.matrix()[:-1, column], means)
    tests = compared.tests()
    raw = [
        mannwhitneyu(*np.split(np.array([values[name][:, i].mean() for name in names]), 2)).pvalue
        for i in (0, 1)
    ]
    smaller = 2 * min(raw)
    holm_by_hand = smaller if raw[0] == min(raw) else max(raw[0], smaller)
    assert tests["color"].p_value == pytest.approx(min(1, holm_by_hand))
    every = [values[name][:, 0] for name in names]
    halves = np.concatenate(every[:5]), np.concatenate(every[5:])
    published = mannwhitneyu(*halves, method="asymptotic").pvalue / 2
    assert tests["color"].published == pytest.approx(published)
    assert tests["color"].published < tests["color"].p_value
    groups_means = np.split(np.array([values[name][:, 0].mean() for name in names]), 2)
    interval = ttest_ind(*groups_means, equal_var=False).confidence_interval()
    difference = tests["color"].difference
    assert difference.mean == pytest.approx(groups_means[0].mean() - groups_means[1].mean())
    assert (difference.low, difference.high) == pytest.approx((interval.low, interval.high))
    json.dumps(compared.to_dict())
    shown = sections_of(compared)[0].table
    assert shown is not None
    assert [row[0] for row in shown.rows][-2:] == ["mean of classification", "mean of ranking"]
    with pytest.raises(InputError, match="'classification 0' are in the groups a, b"):
        PropertyComparison(audits, ["a", "b"] * 11, models)
    with pytest.raises(InputError, match="at least two models"):
        PropertyComparison(audits, None, ["one"] * 22)


def test_ranks_need_no_bins_and_keep_what_is_planted(colored: Path, model: SimilarityModel) -> None:
    catalog = Catalog.read(colored)
    table = catalog.table
    red = [float(np.asarray(Image.open(catalog.root / name))[..., 0].mean()) for name in table["path"]]
    table["red"] = red
    table.loc[:9, "red"] = np.nan
    audit = properties(
        model, Catalog.from_table(table, catalog.root), ["red", "weight"], ranks=True, permutations=99,
        periods={"weight": 6.0},
    )  # fmt: skip
    assert audit.ranks["red"].correlation > 0.3 > 0.1 > abs(audit.ranks["weight"].correlation)
    assert audit.ranks["red"].p_value == pytest.approx(2 / 100), "the smallest, corrected for two properties"
    assert audit.ranks["weight"].p_value > 0.05
    assert audit.ranks["red"].missing == 10
    assert audit.details["red"].missing == 10
    assert "Does the embedding preserve the order?" in [section.title for section in sections_of(audit)]
    with pytest.raises(InputError, match="period for 'camera'"):
        properties(model, catalog, ["weight"], ranks=True, periods={"camera": 1.0}, permutations=19)


def test_published_scores_are_of_embeddings_before_they_get_length_one(
    colored: Path, model: SimilarityModel
) -> None:
    catalog = Catalog.read(colored)
    raw = as_released(model).embed(catalog).vectors
    lengths = np.linalg.norm(raw, axis=1)
    assert lengths.std() > 1e-4
    np.testing.assert_allclose(raw / lengths[:, None], model.embed(catalog).vectors, atol=1e-5)
    audit = properties(model, catalog, ["color"], published=True, permutations=19)
    expected = property_scores(raw, {"color": catalog.table["color"]}, published=True)["color"].score
    assert audit.of("color").score == pytest.approx(expected)


def test_properties_of_a_sweep(colored: Path, tmp_path: Path) -> None:
    catalog = Catalog.read(colored)
    train = Catalog.from_table(
        catalog.table.assign(split="train", label=catalog.table["color"].astype(str)), catalog.root
    )
    train.write(colored.parent / "train.parquet")
    tiny = [
        f"data.catalog={colored.parent / 'train.parquet'}", "model.backbone=test_resnet", "model.pretrained=false",
        "model.dim=8", "model.preprocessing={resize_px: 32, crop_px: 32}", "data.folds=2",
        "sampler={batch_size: 8, per_class: 4, iterations: 1}", "schedule.warmup_epochs=0",
        "start={head: random, proxies: random}", "trainer={max_epochs: 1, num_workers: 0, accelerator: cpu}",
    ]  # fmt: skip
    sweep(
        "catalog/*", tiny, out=tmp_path / "sweep", losses=["ntxent", "arcface", "untrained"], progress=False
    )
    arguments = [
        "audit",
        "properties",
        str(tmp_path / "sweep"),
        str(colored),
        "--property",
        "color",
        "--property",
        "noise",
    ]
    result = CliRunner().invoke(app, [*arguments, "--permutations", "19", "--json"])
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert printed["names"] == ["NTXent", "ArcFace", "Untrained"]
    assert printed["groups"] == ["ranking", "classification", ""]
    assert len(printed["models"]) == 6
    assert set(printed["tests"]) == {"color", "noise"}
    other = CliRunner().invoke(app, [*arguments, "--group", "a"])
    assert isinstance(other.exception, ConfigError)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--period", "weight"], "write NAME=VALUE"),
        (["--group", "a", "--group", "b"], "two models or more"),
    ],
)
def test_wrong_options_are_one_sentence(
    colored: Path, model: SimilarityModel, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    model.save(tmp_path / "model")
    base = ["audit", "properties", str(tmp_path / "model"), str(colored), "--ranks"]
    result = CliRunner().invoke(app, [*base, *arguments])
    assert isinstance(result.exception, ConfigError)
    assert sentence in str(result.exception)


def test_a_stopped_audit_goes_on_and_finds_the_same(
    colored: Path, model: SimilarityModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog, other = Catalog.read(colored), build(ModelSpec(backbone="test_resnet", dim=8), seed=2)
    options = {"permutations": 19}
    whole = [properties(one, catalog, **options).to_dict() for one in (model, other)]
    forward = model.network.forward
    monkeypatch.setattr(other.network, "forward", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    kept = tmp_path / "parts"
    assert properties(model, catalog, **options, parts=kept).to_dict() == whole[0]
    with pytest.raises(InterruptedWork):
        properties(other, catalog, **options, parts=kept)
    monkeypatch.undo()
    monkeypatch.setattr(model.network, "forward", lambda *_: pytest.fail("embedded again"))
    assert [properties(one, catalog, **options, parts=kept).to_dict() for one in (model, other)] == whole
    monkeypatch.setattr(model.network, "forward", forward)
    fewer = catalog.take(range(0, IMAGES, 2))
    assert properties(model, fewer, **options, parts=kept).images == IMAGES // 2
    released = properties(model, catalog, **options, published=True, parts=kept).to_dict()
    assert released == properties(model, catalog, **options, published=True).to_dict() != whole[0]


def test_bad_names_are_refused(colored: Path, model: SimilarityModel) -> None:
    catalog = Catalog.read(colored)
    with pytest.raises(CatalogError, match="did you mean 'color'"):
        properties(model, catalog, ["colour"])
    with pytest.raises(CatalogError, match="no property 'nois'"):
        properties(model, catalog, should_not_matter=["nois"])
    with pytest.raises(CatalogError, match="no property 'nois'"):
        properties(model, catalog, should_matter=["nois"])
    with pytest.raises(ConfigError, match="'noise' should matter and should not matter: name it once"):
        properties(model, catalog, should_matter=["noise"], should_not_matter=["color", "noise"])
    with pytest.raises(InputError, match="all images have the same value"):
        properties(model, catalog, ["camera"])


def test_command_fails_a_pipeline_where_a_property_matters_that_should_not(
    colored: Path, model: SimilarityModel, tmp_path: Path
) -> None:
    model.save(tmp_path / "model")
    base = ["audit", "properties", str(tmp_path / "model"), str(colored), "--should-not-matter", "color",
            "--should-not-matter", "noise", "--permutations", "19", "--json"]  # fmt: skip
    page = tmp_path / "page.html"
    strict = CliRunner().invoke(app, [*base, "--fail-above", "0.3", "--out", str(page)])
    assert strict.exit_code == 1, strict.output
    printed = json.loads(strict.stdout)
    assert printed["properties"]["color"]["share"] > 0.9
    assert "Which properties steer the embedding?" in page.read_text(encoding="utf-8")
    assert CliRunner().invoke(app, [*base, "--fail-above", "1"]).exit_code == 0
