"""The cars: sizes as stated, on their wheels, symmetric, with wheels that turn free of the body."""

import numpy as np
import pytest

from likewise.scenes.cars import CARS, car
from likewise.scenes.cars.features import FIELDS
from likewise.scenes.parameters import CAR_MODELS

BODY_TYPES = {"sedan", "hatchback", "estate", "suv", "coupe", "convertible", "pickup", "van"}


@pytest.fixture(scope="module")
def built():
    return {name: car(spec) for name, spec in CARS.items()}


def test_the_body_types_asked_for():
    assert set(CARS) >= BODY_TYPES
    assert set(CARS) == set(CAR_MODELS)


@pytest.mark.parametrize("name", CARS)
def test_sizes(built, name):
    spec = CARS[name]
    skin = built[name][0].vertices
    extent = skin.max(axis=0) - skin.min(axis=0)
    assert extent[0] == pytest.approx(spec.length, abs=0.25)
    assert extent[1] == pytest.approx(spec.width, abs=0.08)
    assert skin[:, 2].max() == pytest.approx(max(z for _, z in spec.top), abs=0.03)
    assert 3.5 < extent[0] < 5.6 and 1.6 < extent[1] < 2.1 and 0.9 < skin[:, 2].max() < 2.1


@pytest.mark.parametrize("name", CARS)
def test_it_stands_on_its_four_tyres(built, name):
    spec = CARS[name]
    low = min(part.vertices[:, 2].min() for part in built[name])
    assert low == pytest.approx(0.0, abs=1e-3)
    tyres = [
        part.vertices for part in built[name] if part.material == "tyre" and np.ptp(part.vertices[:, 2]) > 0.5
    ]
    assert len(tyres) == 4
    assert all(tyre[:, 2].min() == pytest.approx(0.0, abs=2e-3) for tyre in tyres)
    wheelbase = max(tyre[:, 0].mean() for tyre in tyres) - min(tyre[:, 0].mean() for tyre in tyres)
    assert wheelbase == pytest.approx(spec.wheels.rear - spec.wheels.front, abs=1e-3)
    assert built[name][0].vertices[:, 2].min() > 0.1


@pytest.mark.parametrize("name", CARS)
def test_no_body_inside_the_tyres(built, name):
    spec = CARS[name]
    skin = built[name][0].vertices
    outer = spec.width / 2 - 0.012
    for axle in (spec.wheels.front, spec.wheels.rear):
        distance = np.hypot(skin[:, 0] - (spec.length / 2 - axle), skin[:, 2] - spec.wheels.radius)
        beside = (np.abs(skin[:, 1]) < outer) & (np.abs(skin[:, 1]) > outer - spec.wheels.width)
        assert not (beside & (distance < spec.wheels.radius)).any()


@pytest.mark.parametrize("name", CARS)
def test_left_and_right_are_mirror_images(built, name):
    skin = built[name][0].vertices
    right, left = skin[skin[:, 1] > 1e-6], skin[skin[:, 1] < -1e-6] * [1, -1, 1]
    assert len(right) == len(left)
    order = lambda points: points[np.lexsort(np.round(points, 6).T)]  # noqa: E731
    np.testing.assert_allclose(order(right), order(left), atol=1e-6)


@pytest.mark.parametrize("name", CARS)
def test_the_skin_looks_outwards_and_carries_its_fields(built, name):
    skin = built[name][0]
    assert set(skin.fields) == set(FIELDS)
    assert all(
        len(values) == len(skin.vertices) and np.isfinite(values).all() for values in skin.fields.values()
    )
    a, b, c, d = (skin.vertices[skin.faces[:, corner]] for corner in range(4))
    volume = (np.einsum("ij,ij->i", a, np.cross(b, c)) + np.einsum("ij,ij->i", a, np.cross(c, d))).sum() / 6
    assert 2.0 < volume < 16.0


@pytest.mark.parametrize("name", CARS)
def test_every_car_has_glass_and_lamps(built, name):
    skin = built[name][0]
    for field, least in (("front_lamp", 20), ("rear_lamp", 20), ("grille", 20), ("dark", 500)):
        assert (skin.fields[field] < 0).sum() > least, field
    glass = (skin.fields["glass"] < 0).sum()
    assert glass > 1000 or any(part.material == "clear" for part in built[name])
