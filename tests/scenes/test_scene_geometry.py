"""Solids against their formulas; curves against what is known of them."""

import numpy as np
import pytest
from matplotlib.path import Path as Outline

from likewise.scenes.geometry import (
    both_sides,
    box,
    ellipsoid,
    lathe,
    line,
    loft,
    mirrored,
    normalised,
    resampled,
    rounded,
    signed_distance,
    slab,
    smooth,
    smoothstep,
    superellipse,
    torus,
    tube,
    vessel,
)  # fmt: skip

CIRCLE = np.linspace(0, 2 * np.pi, 200, endpoint=False)


def volume(part):
    """By the divergence theorem: positive when the faces of a closed surface look outwards."""
    first, second, third, fourth = (part.vertices[part.faces[:, corner]] for corner in range(4))
    total = np.einsum("ij,ij->i", first, np.cross(second, third))
    quads = part.faces[:, 3] >= 0
    total[quads] += np.einsum("ij,ij->i", first, np.cross(third, fourth))[quads]
    return total.sum() / 6


SOLIDS = {
    "cylinder": (lathe([(0, 0), (1, 0), (1, 2), (0, 2)], "m", segments=200), 2 * np.pi),
    "cone": (lathe([(0, 0), (1, 0), (0, 3)], "m", segments=200), np.pi),
    "ball": (ellipsoid(2, 2, 2, "m", segments=120), 4 / 3 * np.pi),
    "ellipsoid": (ellipsoid(2, 4, 1, "m", segments=120), 4 / 3 * np.pi),
    "ring": (torus(2, 0.5, "m", segments=160, sides=60), 2 * np.pi**2 * 2 * 0.25),
    "box": (box(1, 2, 3, "m"), 6.0),
    "plate": (slab(np.column_stack([np.cos(CIRCLE), np.sin(CIRCLE)]), 0.5, "m"), 0.5 * np.pi),
    "rod": (tube([(0, 0, 0), (0, 0, 1), (0, 0, 2)], 0.5, "m", sides=100), np.pi / 4 * 2 + 4 / 3 * np.pi / 8),
    "bent ring": (
        tube(
            np.column_stack([2 * np.cos(CIRCLE), 2 * np.sin(CIRCLE), 0 * CIRCLE]),
            0.5,
            "m",
            sides=60,
            closed=True,
        ),
        2 * np.pi**2 * 2 * 0.25,
    ),
    "loft": (
        loft([[(0, 0, z), (1, 0, z), (1, 1, z), (0, 1, z)] for z in (0.0, 1.0, 2.0)], "m"),
        2.0,
    ),
}


@pytest.mark.parametrize("name", SOLIDS)
def test_volumes_and_outward_faces(name):
    part, expected = SOLIDS[name]
    assert volume(part) == pytest.approx(expected, rel=0.012)


@pytest.mark.parametrize("name", SOLIDS)
def test_moving_turning_and_mirroring_keep_the_volume(name):
    part, _ = SOLIDS[name]
    for changed in (part.moved(1, 2, 3), part.turned("x", 40).turned("z", 77), *mirrored([part], "y")):
        assert volume(changed) == pytest.approx(volume(part), rel=1e-9)
    assert volume(part.scaled(2)) == pytest.approx(8 * volume(part))
    assert volume(part.scaled(-1, 1, 1)) == pytest.approx(volume(part))


def test_a_turn_follows_the_right_hand():
    corner = box(2, 2, 2, "m").turned("z", 90).vertices
    np.testing.assert_allclose(
        box(2, 2, 2, "m").vertices @ np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]]), corner, atol=1e-12
    )


def test_a_vessel_holds_its_wall():
    parts = vessel([(1, 0), (1, 1), (1, 2)], 0.1, "m", segments=200)
    # Outer cylinder less inner one, plus half a torus of lip (a ring of half circles of radius 0.05 on top).
    lip = 0.5 * np.pi * 0.05**2 * 2 * np.pi * 0.95
    expected = np.pi * (1 * 2 - 0.81 * 1.9) + lip
    assert sum(volume(part) for part in parts) == pytest.approx(expected, rel=0.03)


def test_a_smooth_line_passes_its_points_with_equal_steps():
    points = line("0 0, 1 2, 3 1, 4 4")
    curve = smooth(points, 400)
    assert max(np.linalg.norm(curve - point, axis=1).min() for point in points) < 0.02
    steps = np.linalg.norm(np.diff(curve, axis=0), axis=1)
    assert steps.max() / steps.min() < 1.02


def test_a_point_given_twice_is_a_corner():
    curve = smooth(line("0 0, 1 0, 1 0, 1 1"), 201)
    np.testing.assert_allclose(curve[100], [1, 0], atol=1e-6)
    np.testing.assert_allclose(curve[:100, 1], 0, atol=1e-9)


def test_resampling_a_closed_square():
    square = resampled(line("0 0, 1 0, 1 1, 0 1"), 8, closed=True)
    np.testing.assert_allclose(square, line("0 0, 0.5 0, 1 0, 1 0.5, 1 1, 0.5 1, 0 1, 0 0.5"), atol=1e-12)


def test_rounding_stays_inside_and_keeps_open_ends():
    corner = rounded(line("0 0, 1 0, 1 1"), 0.3)
    np.testing.assert_array_equal(corner[[0, -1]], line("0 0, 1 1"))
    assert corner.max() <= 1
    assert np.linalg.norm(corner - [1, 0], axis=1).min() > 0.05


def test_superellipses():
    circle = superellipse(2, 2, 2.0, 90)
    np.testing.assert_allclose(np.linalg.norm(circle, axis=1), 1, atol=2e-3)
    assert np.linalg.norm(superellipse(2, 2, 8.0, 90), axis=1).max() > 1.25


def test_signed_distance_agrees_with_another_library_and_with_brute_force():
    outline = np.array([(0, 0), (4, 0), (4, 3), (2, 1), (0, 3)], dtype=float)
    places = np.random.default_rng(0).uniform(-1, 5, (500, 2))
    found = signed_distance(places, outline)
    np.testing.assert_array_equal(found < 0, Outline(outline).contains_points(places))
    border = resampled(outline, 40_000, closed=True)
    nearest = np.array([np.linalg.norm(border - place, axis=1).min() for place in places])
    np.testing.assert_allclose(np.abs(found), nearest, atol=5e-4)


def test_smoothstep_in_both_directions():
    np.testing.assert_allclose(smoothstep([0, 1, 2, 3, 4], 1, 3), [0, 0, 0.5, 1, 1])
    np.testing.assert_allclose(smoothstep([0, 1, 2, 3, 4], 3, 1), [1, 1, 0.5, 0, 0])


def test_normalised_parts_stand_in_the_ball():
    parts = normalised(both_sides([box(1, 2, 7, "m").moved(3, 4, 5)], "x"))
    corners = np.concatenate([part.vertices for part in parts])
    assert corners[:, 2].min() == pytest.approx(0)
    middle = (corners.min(axis=0) + corners.max(axis=0)) / 2
    assert middle[0] == pytest.approx(0) and middle[1] == pytest.approx(0)
    assert np.linalg.norm(corners - middle, axis=1).max() == pytest.approx(0.5)
