"""Specification of a car: curves, openings and equipment, in metres.

``s`` runs from the front bumper (0) to the tail, ``z`` up from the ground, ``y`` out from the middle.
"""

from __future__ import annotations

from dataclasses import dataclass

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Wheels:
    """Wheels and their openings.

    Attributes:
        front: Position of the front axle.
        rear: Position of the rear axle.
        radius: Radius of the tyre.
        rim: Share of the radius that is rim.
        width: Width of the tyre.
        spokes: Number of spokes.
        style: ``spokes``, ``double``, ``disc`` or ``mesh``.
        gap: Between tyre and wheel arch.
    """

    front: float
    rear: float
    radius: float = 0.33
    rim: float = 0.68
    width: float = 0.215
    spokes: int = 5
    style: str = "spokes"
    gap: float = 0.045


@dataclass(frozen=True)
class CarSpec:
    """A body type.

    Attributes:
        length: Bumper to bumper.
        width: Greatest width.
        top: Centre line seen from the side, (s, z), from nose to tail; a point given twice makes a crease.
        belt: Shoulder line (s, z), where the sides end and the windows begin.
        plan: Half width (s, y) as a share of the greatest, seen from above.
        sill: Height of the lower edge (s, z).
        nose: Distance of the front behind the bumper, (z, s).
        tail: Distance of the rear before the bumper, (z, s).
        lean: Inward lean of the side windows, metres per metre.
        bow: Curvature of windscreen and rear window seen from above, in metres, front and rear.
        windows: Outline of all side glass, (s, z).
        pillars: Divisions of the side windows: (s at the belt, width, slope).
        windscreen: First and last s of the windscreen; None if there is none in the body.
        backlight: First and last s of the rear window; None for a window in the upright rear, see ``rear_glass``.
        doors: Outlines of doors, (s, z).
        handles: Places of door handles, (s, z).
        front_lamps: Outline (y, z), seen from the front.
        rear_lamps: Outline (y, z), seen from behind.
        grille: Outline (y, z).
        intake: Outline (y, z) of the lower opening; may be empty.
        rear_glass: Outline (y, z) of a window in an upright rear; may be empty.
        plates: Heights of the front and rear number plates.
        mirror: Place (s, z) of the mirrors.
        recess: Opening from above: (first s, last s, half width, floor z); None for none.
        cladding: Height up to which the lower body is black plastic; 0 for none.
        crease: Height of the character line above the sill, as a share of sill to belt.
        bumper: Chrome bumper bars.
        extras: Further parts: ``rails``, ``spoiler``, ``wing``, ``seats``, ``windshield``, ``bars``, ``pipes``.
    """

    name: str
    length: float
    width: float
    top: Points
    belt: Points
    plan: Points
    wheels: Wheels
    doors: tuple[Points, ...]
    front_lamps: Points
    rear_lamps: Points
    grille: Points
    mirror: tuple[float, float]
    windscreen: tuple[float, float] | None = None
    backlight: tuple[float, float] | None = None
    sill: Points = ((0.0, 0.24), (0.7, 0.2), (3.6, 0.2), (4.6, 0.27))
    nose: Points = ((0.15, 0.10), (0.35, 0.02), (0.5, 0.0), (0.65, 0.05), (0.8, 0.14))
    tail: Points = ((0.2, 0.12), (0.4, 0.02), (0.55, 0.0), (0.75, 0.04), (1.0, 0.12))
    lean: float = 0.48
    bow: tuple[float, float] = (0.16, 0.14)
    windows: Points = ()
    handles: Points = ()
    pillars: tuple[tuple[float, float, float], ...] = ()
    intake: Points = ()
    rear_glass: Points = ()
    plates: tuple[float, float] = (0.42, 0.6)
    recess: tuple[float, float, float, float] | None = None
    cladding: float = 0.0
    crease: float = 0.66
    bumper: bool = False
    extras: tuple[str, ...] = ()
