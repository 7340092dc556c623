"""Articles: whole, the same in every process, families of hard cases, and none of the products."""

import numpy as np
import pytest

from likewise.errors import ConfigError
from likewise.scenes import plan_for
from likewise.scenes.articles import FAMILY, MAKERS, article, article_name
from likewise.scenes.articles.article import _difference
from likewise.scenes.commands import render_set
from likewise.scenes.products import PRODUCTS

FIRST = [article_name(number) for number in range(120)]


@pytest.mark.parametrize("name", FIRST[:60])
def test_an_article_is_whole(name):
    made = article(name)
    parts = made.parts()
    assert {part.material for part in parts} <= set(made.finishes)
    corners = np.concatenate([part.vertices for part in parts])
    assert np.isfinite(corners).all()
    assert corners[:, 2].min() == pytest.approx(0, abs=1e-9)
    middle = (corners.min(axis=0) + corners.max(axis=0)) / 2
    assert np.linalg.norm(corners - middle, axis=1).max() == pytest.approx(0.5)
    for part in parts:
        assert part.faces.max() < len(part.vertices)


def test_every_maker_is_met():
    kinds = {
        article(name).shape.args[0] for name in [article_name(number) for number in range(0, 600, FAMILY)]
    }
    assert kinds == set(MAKERS)


def test_the_number_alone_decides():
    first, second = article(FIRST[7]), article(FIRST[7])
    assert first.finishes == second.finishes
    for one, other in zip(first.parts(), second.parts(), strict=True):
        np.testing.assert_array_equal(one.vertices, other.vertices)


@pytest.mark.parametrize("family", range(0, 30))
def test_a_family_holds_hard_cases(family):
    base, other_finish, other_shape = (
        article(article_name(FAMILY * family + member)) for member in range(FAMILY)
    )
    for one, other in zip(base.parts(), other_finish.parts(), strict=True):
        np.testing.assert_array_equal(one.vertices, other.vertices)
    assert _difference(base.finishes["main"].color, other_finish.finishes["main"].color) >= 0.3
    assert base.finishes == other_shape.finishes
    assert not np.allclose(_size(base), _size(other_shape), atol=1e-3)


def test_no_article_has_the_shape_or_the_colours_of_a_product():
    shapes = {tuple(np.round(_size(product), 3)) for product in PRODUCTS.values()}
    colors = {product.finishes[name].color for product in PRODUCTS.values() for name in product.finishes}
    for name in FIRST:
        made = article(name)
        assert tuple(np.round(_size(made), 3)) not in shapes
        drawn = {finish.color for role, finish in made.finishes.items() if role not in ("dark", "glow")}
        assert not drawn & colors


def _size(product):
    return np.concatenate([part.vertices for part in product.parts()]).std(axis=0)


def test_a_plan_of_articles():
    plan = plan_for("articles", classes=FIRST[:5], seed=3)
    assert [plan.row(index)["label"] for index in range(6)] == [*FIRST[:5], FIRST[0]]
    assert plan.subject == "products"
    assert len(plan_for("articles").classes) == 300


@pytest.mark.parametrize("name", ["article-x", "mug-camper", "article--1", "articles-3", ""])
def test_what_is_no_article_is_told(name):
    with pytest.raises(ConfigError, match="is not an article: their names run from article-00000"):
        article(name)


@pytest.mark.parametrize(
    ("what", "settings", "message"),
    [
        ("products", {"articles": 3}, "--articles sets the number of classes"),
        ("articles", {"articles": 3, "classes": ["article-00001"]}, "--articles sets"),
        ("articles", {"articles": 0}, "--articles must be 1 or more, got 0"),
        ("articles", {"preset": "samples"}, "preset samples is for products, not for articles"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_any_file(tmp_path, what, settings, message):
    with pytest.raises(ConfigError, match=message):
        render_set(what, tmp_path / "set" / "catalog.csv", **settings)
    assert not (tmp_path / "set").exists()
