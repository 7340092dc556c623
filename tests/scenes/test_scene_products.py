"""The products: enough of them, complete, of one size, with surfaces that look outwards."""

import numpy as np
import pytest

from likewise.scenes.finishes import Finish, from_hsv, linear
from likewise.scenes.products import PRODUCTS


def test_enough_classes_and_kinds():
    kinds = {product.kind for product in PRODUCTS.values()}
    assert len(PRODUCTS) >= 24
    assert len(kinds) >= 8
    assert all(sum(product.kind == kind for product in PRODUCTS.values()) >= 3 for kind in kinds)


def test_colour_alone_does_not_name_a_product():
    colors = [{finish.color for finish in product.finishes.values()} for product in PRODUCTS.values()]
    shared = [any(own & other for other in colors if other is not own) for own in colors]
    assert np.mean(shared) > 0.95


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_product_is_whole(name):
    product = PRODUCTS[name]
    parts = product.parts()
    assert {part.material for part in parts} == set(product.finishes)
    corners = np.concatenate([part.vertices for part in parts])
    assert np.isfinite(corners).all()
    assert corners[:, 2].min() == pytest.approx(0, abs=1e-9)
    middle = (corners.min(axis=0) + corners.max(axis=0)) / 2
    assert np.linalg.norm(corners - middle, axis=1).max() == pytest.approx(0.5)
    for part in parts:
        assert part.faces.max() < len(part.vertices)
        assert part.faces[:, :3].min() >= 0


@pytest.mark.parametrize("name", PRODUCTS)
def test_it_stands_and_does_not_float(name):
    """What touches the floor surrounds the point below the centre of the box, or nearly so."""
    corners = np.concatenate([part.vertices for part in PRODUCTS[name].parts()])
    foot = corners[corners[:, 2] < 0.02]
    assert foot[:, 0].min() <= 0.2 and foot[:, 0].max() >= -0.2
    assert foot[:, 1].min() <= 0.2 and foot[:, 1].max() >= -0.2


def test_shapes_differ_between_classes():
    sizes = {
        name: tuple(np.round(np.concatenate([p.vertices for p in product.parts()]).std(axis=0), 4))
        for name, product in PRODUCTS.items()
    }
    assert len(set(sizes.values())) == len(PRODUCTS)


def test_colours_to_linear_light():
    # Values of the sRGB standard (IEC 61966-2-1).
    assert linear("#ffffff") == pytest.approx((1, 1, 1))
    assert linear("#808080") == pytest.approx((0.21586,) * 3, abs=1e-5)
    assert linear("#0a0a0a") == pytest.approx((10 / 255 / 12.92,) * 3)
    assert from_hsv(0.0, 1.0, 1.0) == pytest.approx((1, 0, 0))
    assert from_hsv(1 / 3, 1.0, 1.0) == pytest.approx((0, 1, 0))
    assert from_hsv(0.7, 0.0, 0.5)[0] == from_hsv(0.2, 0.0, 0.5)[2]


def test_unknown_materials_are_refused():
    with pytest.raises(ValueError, match="unknown material 'gold'"):
        Finish("gold", "#ffffff")
    with pytest.raises(ValueError, match="unknown pattern 'plaid'"):
        Finish("fabric", "#ffffff", pattern="plaid")
