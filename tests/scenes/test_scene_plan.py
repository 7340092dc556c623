"""A plan decides rows and tasks; a preset is a plan; wrong choices are told in a sentence."""

import json

import pytest

from likewise.errors import ConfigError, InputError
from likewise.scenes import RenderPlan, paper_cars, plan_for, sample_products
from likewise.scenes.parameters import CAR_MODELS
from likewise.scenes.products import PRODUCTS


def test_rows_have_all_properties_of_the_paper():
    row = paper_cars(seed=3).row(12)
    assert row["path"] == "images/000012.jpg"
    assert row["mask"] == "masks/000012.png"
    assert row["label"] == row["model"]
    assert {
        "rotation_z",
        "color_hue",
        "bg_color_val",
        "camera_loc_z",
        "sun_elevation",
        "sun_rotation",
    } <= set(row)


def test_samples_are_balanced_and_half_of_the_classes_are_for_testing():
    plan = sample_products()
    rows = [plan.row(index) for index in range(504)]
    splits = {row["label"]: row["split"] for row in rows}
    assert len(splits) == len(PRODUCTS) == 36
    assert sorted(splits.values()) == ["test"] * 18 + ["train"] * 18
    assert all(sum(row["label"] == name for row in rows) == 14 for name in splits)
    kinds = {
        split: {name.split("-")[0] for name in splits if splits[name] == split} for split in ("train", "test")
    }
    assert kinds["train"] == kinds["test"]


def test_the_background_follows_the_class_in_train_only():
    plan = sample_products(seed=1)
    rows = [plan.row(index) for index in range(36 * 40)]

    def most_frequent_share(split):
        shares = []
        for name in {row["label"] for row in rows if row["split"] == split}:
            own = [row["background"] for row in rows if row["label"] == name]
            shares.append(max(own.count(value) for value in own) / len(own))
        return sum(shares) / len(shares)

    assert 0.85 < most_frequent_share("train") < 0.95
    assert most_frequent_share("test") < 0.15


def test_the_correlation_changes_nothing_but_the_background():
    free, bound = sample_products(background_correlation=0.0), sample_products(background_correlation=1.0)
    for index in range(40):
        first, second = free.row(index), bound.row(index)
        assert first.pop("background") and second.pop("background")
        assert first == second


def test_a_task_can_be_sent_as_json_and_depends_on_the_number_alone():
    plan = sample_products()
    task = plan.task(17)
    assert json.loads(json.dumps(task)) == task
    assert plan.task(17) == task != plan.task(18)


def test_the_fingerprint_knows_every_field():
    plan = sample_products()
    changed = [
        {"size_px": 64}, {"seed": 1}, {"samples": 8}, {"background_correlation": 0.5}, {"quality": 80},
        {"held": {"light": "sun"}},
        {"classes": tuple(PRODUCTS)[:3]}, {"split": False}, {"image_format": "png"}, {"backgrounds": tuple(PRODUCTS)},
        {"test_background_correlation": 0.1},
    ]  # fmt: skip
    prints = {plan.fingerprint(), *(sample_products(**change).fingerprint() for change in changed)}
    assert len(prints) == len(changed) + 1
    assert plan.fingerprint("5.0") != plan.fingerprint("5.1")


def test_every_field_is_described_and_unknown_ones_are_refused():
    assert all(field.description for field in RenderPlan.model_fields.values())
    with pytest.raises(ConfigError, match="unknown key 'colour'"):
        RenderPlan(subject="cars", classes=("van",), colour="red")


@pytest.mark.parametrize(
    ("subject", "choice", "sentence"),
    [
        (
            "products",
            {"background_correlation": 1.5},
            "'background_correlation': input should be less",
        ),
        (
            "products",
            {"classes": ["mug-campers"]},
            "There is no class 'mug-campers': did you mean 'mug-camper'",
        ),
        ("products", {"backgrounds": ["wod"]}, "There is no background 'wod': did you mean 'wood'"),
        ("products", {"size_px": 4}, "'size_px': input should be greater"),
        ("products", {"preset": "paper"}, "The preset paper is for cars, not for products"),
        ("cars", {"preset": "papers"}, "There is no preset 'papers': did you mean 'paper'"),
        ("cars", {"backgrounds": ["wood"]}, "leave --surface and --backgrounds out"),
        ("cars", {"background_correlation": 0.5}, "background_correlation is for products and models"),
        ("cars", {"held": {"colour": "1"}}, "There is no property 'colour'"),
        ("cars", {"image_format": "gif"}, "'image_format': input should be"),
    ],
)
def test_wrong_choices(subject, choice, sentence):
    with pytest.raises(ConfigError, match=sentence):
        plan_for(subject, **choice)


def test_too_few_backgrounds_for_a_correlation():
    for correlation in ("background_correlation", "test_background_correlation"):
        with pytest.raises(InputError, match="36 classes but only 5 backgrounds"):
            plan_for("products", backgrounds=["wood"], **{correlation: 0.5})
    assert len(plan_for("products", backgrounds=["wood", "tiles-blue"]).backgrounds) == 6


def test_what_a_preset_shows_unless_classes_are_named():
    assert plan_for("cars", preset="paper") == paper_cars()
    assert plan_for("products", preset="samples") == sample_products()
    assert plan_for("cars", preset="paper", classes=["van"]).classes == ("van",)
    assert plan_for("cars").classes == CAR_MODELS != paper_cars().classes
    assert plan_for("products", preset="samples", size_px=64) == sample_products(size_px=64)
