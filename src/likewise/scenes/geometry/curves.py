"""Curves and outlines: smooth lines through points, rounded corners, superellipses."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from likewise.arrays import Floats


def line(text: str) -> Floats:
    """Points written as text: numbers of a point apart by spaces, points by commas.

    >>> line("0 0, 0.5 1").tolist()
    [[0.0, 0.0], [0.5, 1.0]]
    """
    return np.array([[float(number) for number in point.split()] for point in text.split(",")])


def smooth(points: ArrayLike, count: int = 48, *, closed: bool = False) -> Floats:
    """A smooth line (centripetal Catmull-Rom) through ``points`` ``(P, D)``, sampled at ``count`` points.

    A point given twice in a row makes a corner there. The samples lie at equal distances along the line.
    """
    knots = np.asarray(points, dtype=np.float64)
    runs = [knots] if closed else _runs_between_corners(knots)
    dense = np.concatenate([_catmull_rom(run, closed) for run in runs])
    return resampled(dense, count, closed=closed)


def resampled(points: ArrayLike, count: int, *, closed: bool = False) -> Floats:
    """``count`` points at equal distances along the polyline ``points`` ``(P, D)``, its ends included."""
    line = np.asarray(points, dtype=np.float64)
    if closed:
        line = np.concatenate([line, line[:1]])
    steps = np.linalg.norm(np.diff(line, axis=0), axis=1)
    keep = np.concatenate([[True], steps > 1e-12])
    line = line[keep]
    along = np.concatenate([[0.0], np.cumsum(steps[keep[1:]])])
    positions = np.linspace(0.0, along[-1], count, endpoint=not closed)
    return np.column_stack([np.interp(positions, along, line[:, axis]) for axis in range(line.shape[1])])


def rounded(
    points: ArrayLike, radius: float | Sequence[float], steps: int = 5, *, closed: bool = False
) -> Floats:
    """The polyline ``points`` ``(P, 2)`` with its corners replaced by arcs.

    A radius is cut to what fits half of the shorter neighbouring side. Ends of an open line stay.
    """
    line = np.asarray(points, dtype=np.float64)
    count = len(line)
    radii = np.broadcast_to(np.asarray(radius, dtype=np.float64), (count,))
    out: list[Floats] = []
    for index, corner in enumerate(line):
        if not closed and index in (0, count - 1):
            out.append(corner[None])
            continue
        out.append(_arc(line[index - 1], corner, line[(index + 1) % count], radii[index], steps))
    return np.concatenate(out)


def superellipse(width: float, depth: float, power: float, count: int = 48) -> Floats:
    """A closed outline ``(count, 2)``, anticlockwise: power 2 is an ellipse, 4 and more a rounded rectangle."""
    angle = np.linspace(0.0, 2 * np.pi, count, endpoint=False)
    cosine, sine = np.cos(angle), np.sin(angle)
    exponent = 2.0 / power
    x = np.sign(cosine) * np.abs(cosine) ** exponent * width / 2
    y = np.sign(sine) * np.abs(sine) ** exponent * depth / 2
    return resampled(np.column_stack([x, y]), count, closed=True)


def smoothstep(values: ArrayLike, low: ArrayLike, high: ArrayLike) -> Floats:
    """0 up to ``low``, 1 from ``high`` on, an S between them."""
    start, end = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
    t = np.clip((np.asarray(values, dtype=np.float64) - start) / (end - start), 0.0, 1.0)
    step: Floats = t * t * (3 - 2 * t)
    return step


def signed_distance(points: ArrayLike, outline: ArrayLike) -> Floats:
    """Distance ``(N,)`` of ``points`` ``(N, 2)`` to the closed polygon ``outline`` ``(P, 2)``; negative inside."""
    place = np.asarray(points, dtype=np.float64)
    start = np.asarray(outline, dtype=np.float64)
    distance = np.full(len(place), np.inf)
    inside = np.zeros(len(place), dtype=bool)
    for a, b in zip(start, np.roll(start, -1, axis=0), strict=True):
        edge, offset = b - a, place - a
        share = np.clip(offset @ edge / max(float(edge @ edge), 1e-18), 0.0, 1.0)
        distance = np.minimum(distance, np.linalg.norm(offset - share[:, None] * edge, axis=1))
        crosses = (a[1] > place[:, 1]) != (b[1] > place[:, 1])
        if abs(edge[1]) > 1e-15:
            inside ^= crosses & (place[:, 0] < a[0] + edge[0] * (place[:, 1] - a[1]) / edge[1])
    return np.where(inside, -distance, distance)


def _runs_between_corners(knots: Floats) -> list[Floats]:
    same = np.linalg.norm(np.diff(knots, axis=0), axis=1) < 1e-9
    return [run for run in np.split(knots, np.flatnonzero(same) + 1) if len(run) > 1]


def _catmull_rom(knots: Floats, closed: bool, per_segment: int = 24) -> Floats:
    if len(knots) == 2 and not closed:
        return knots
    if closed:
        padded = np.concatenate([knots[-1:], knots, knots[:2]])
    else:
        padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    pieces = []
    for p0, p1, p2, p3 in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        spacing = [max(float(np.linalg.norm(b - a)) ** 0.5, 1e-6) for a, b in ((p0, p1), (p1, p2), (p2, p3))]
        t0, t1 = 0.0, spacing[0]
        t2 = t1 + spacing[1]
        t3 = t2 + spacing[2]
        t = np.linspace(t1, t2, per_segment, endpoint=False)[:, None]
        a1 = (t1 - t) / (t1 - t0) * p0 + (t - t0) / (t1 - t0) * p1
        a2 = (t2 - t) / (t2 - t1) * p1 + (t - t1) / (t2 - t1) * p2
        a3 = (t3 - t) / (t3 - t2) * p2 + (t - t2) / (t3 - t2) * p3
        b1 = (t2 - t) / (t2 - t0) * a1 + (t - t0) / (t2 - t0) * a2
        b2 = (t3 - t) / (t3 - t1) * a2 + (t - t1) / (t3 - t1) * a3
        pieces.append((t2 - t) / (t2 - t1) * b1 + (t - t1) / (t2 - t1) * b2)
    if not closed:
        pieces.append(knots[-1:])
    return np.concatenate(pieces)


def _arc(before: Floats, corner: Floats, after: Floats, radius: float, steps: int) -> Floats:
    to_before, to_after = before - corner, after - corner
    reach_before, reach_after = float(np.linalg.norm(to_before)), float(np.linalg.norm(to_after))
    if radius <= 0 or reach_before < 1e-12 or reach_after < 1e-12:
        return corner[None]
    cosine = float(np.clip(to_before @ to_after / (reach_before * reach_after), -1.0, 1.0))
    half = np.arccos(cosine) / 2
    if half > np.pi / 2 - 1e-3 or half < 1e-3:
        return corner[None]
    cut = min(radius / np.tan(half), 0.499 * reach_before, 0.499 * reach_after)
    first = corner + to_before / reach_before * cut
    last = corner + to_after / reach_after * cut
    t = np.linspace(0.0, 1.0, steps + 1)[:, None]
    # A quadratic curve with the corner as its handle: close to an arc and tangent to both sides.
    arc: Floats = (1 - t) ** 2 * first + 2 * t * (1 - t) * corner + t**2 * last
    return arc
