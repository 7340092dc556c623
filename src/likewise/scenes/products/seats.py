"""Chairs and stools."""

import numpy as np

from likewise.arrays import Floats
from likewise.scenes.finishes import Finish
from likewise.scenes.geometry import (
    Part,
    both_sides,
    box,
    grid_part,
    lathe,
    line,
    loft,
    rounded,
    slab,
    smooth,
    torus,
    tube,
)
from likewise.scenes.products.product import (
    BEECH,
    BLACK,
    BRASS,
    CREAM,
    FOREST,
    GUNMETAL,
    MUSTARD,
    NAVY,
    OAK,
    TEAL,
    TERRACOTTA,
    WALNUT,
    Product,
    fabric,
    metal,
    plastic,
    wood,
)


def _leg(
    top: tuple[float, float, float],
    foot: tuple[float, float, float],
    first: float,
    last: float,
    material: str,
) -> Part:
    path = np.linspace(top, foot, 8)
    return tube(path, np.linspace(first, last, 8), material, up=(0.0, 1.0, 0.0))


def _cushion(width: float, depth: float, height: float, material: str, corner: float = 0.08) -> Part:
    return box(width, depth, height, material, bevel=height * 0.45, round_plan=corner)


def _slat(width: float, height: float, bend: float, material: str, thickness: float = 0.022) -> Part:
    """A board across the back, bent away from the sitter (towards +y in its middle)."""
    x = np.linspace(-width / 2, width / 2, 24)
    y = bend * (1 - (2 * x / width) ** 2)
    outline = rounded(
        [
            (-height / 2, -thickness / 2),
            (height / 2, -thickness / 2),
            (height / 2, thickness / 2),
            (-height / 2, thickness / 2),
        ],
        thickness * 0.45,
        4,
        closed=True,
    )
    sections = np.stack(
        [
            np.broadcast_to(x[:, None], (24, len(outline))),
            y[:, None] - outline[None, :, 1],
            np.broadcast_to(outline[None, :, 0], (24, len(outline))),
        ],
        axis=-1,
    )
    return loft(sections[:, ::-1], material)


def dining_chair() -> list[Part]:
    """A wooden chair with three bent slats and a padded seat."""
    seat = box(0.46, 0.44, 0.035, "wood", bevel=0.015, round_plan=0.05).moved(z=0.43)
    pad = _cushion(0.42, 0.4, 0.06, "cloth").moved(z=0.46)
    front = [_leg((0.2, -0.19, 0.44), (0.215, -0.205, 0.0), 0.022, 0.015, "wood")]
    post = tube(
        smooth(line("0.2 0.235 0.0, 0.2 0.2 0.44, 0.2 0.235 0.72, 0.19 0.3 0.98"), 30),
        0.02,
        "wood",
        up=(0, 1, 0),
    )
    slats = [
        _slat(0.39, 0.075, 0.045, "wood").turned("x", -tilt).moved(0, y, z)
        for z, y, tilt in ((0.62, 0.22, 5), (0.76, 0.245, 9), (0.9, 0.275, 14))
    ]
    bars = [
        tube([(0.2, -0.19, 0.2), (0.2, 0.215, 0.2)], 0.012, "wood"),
        tube([(0.0, 0.01, 0.2), (0.2, 0.01, 0.2)], 0.012, "wood"),
    ]
    return [seat, pad, *both_sides([*front, post, *bars], "x"), *slats]


def shell_chair() -> list[Part]:
    """A moulded shell on splayed wooden legs."""
    u, v = np.meshgrid(np.linspace(-1, 1, 40), np.linspace(0, 1, 60), indexing="ij")
    spine = smooth(
        line("0 -0.24 0.44, 0 -0.16 0.455, 0 0.06 0.42, 0 0.19 0.46, 0 0.25 0.62, 0 0.31 0.84"), 60
    )
    half = np.interp(v, [0, 0.12, 0.45, 0.6, 0.85, 0.96, 1.0], [0.2, 0.245, 0.26, 0.25, 0.235, 0.19, 0.13])
    rise = np.interp(v, [0, 0.15, 0.45, 0.65, 1.0], [0.0, 0.035, 0.13, 0.06, 0.0]) * np.abs(u) ** 2.6
    wrap = np.interp(v, [0, 0.4, 0.65, 1.0], [0.0, 0.0, 0.11, 0.05]) * np.abs(u) ** 2.4
    top = np.stack(
        [half * np.sin(u * 1.35) / np.sin(1.35), spine[None, :, 1] - wrap, spine[None, :, 2] + rise], axis=-1
    )
    shell = _thickened(top, 0.016, "shell")
    legs = [
        _leg((0.13, -0.1, 0.43), (0.24, -0.23, 0.0), 0.021, 0.013, "wood"),
        _leg((0.13, 0.12, 0.42), (0.23, 0.25, 0.0), 0.021, 0.013, "wood"),
    ]
    rods = [
        tube([(0.155, -0.13, 0.33), (-0.15, 0.155, 0.3)], 0.007, "metal"),
        tube([(0.0, -0.13, 0.33), (0.155, -0.13, 0.33)], 0.007, "metal"),
        tube([(0.0, 0.15, 0.32), (0.15, 0.15, 0.32)], 0.007, "metal"),
    ]
    return [shell, *both_sides([*legs, *rods], "x")]


def _thickened(top: Floats, thickness: float, material: str) -> Part:
    """A closed shell below the grid ``top`` ``(R, C, 3)`` whose normals (rows x columns) point up."""
    along, across = np.gradient(top, axis=0), np.gradient(top, axis=1)
    normal = np.cross(along, across)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True) + 1e-12
    bottom = top - thickness * normal
    upper, lower = grid_part(top, material), grid_part(bottom[::-1], material)
    edge = grid_part(
        np.stack([_rim(bottom), (_rim(top) + _rim(bottom)) / 2, _rim(top)], axis=1), material, wrap_rows=True
    )
    vertices = np.concatenate([upper.vertices, lower.vertices, edge.vertices])
    first, second = len(upper.vertices), len(upper.vertices) + len(lower.vertices)
    return Part(vertices, np.concatenate([upper.faces, lower.faces + first, edge.faces + second]), material)


def _rim(grid: Floats) -> Floats:
    """The border of a grid ``(R, C, 3)``, once around."""
    return np.concatenate([grid[:-1, 0], grid[-1, :-1], grid[:0:-1, -1], grid[0, :0:-1]])


def armchair() -> list[Part]:
    """An upholstered club chair."""
    base = box(0.74, 0.7, 0.2, "cloth", bevel=0.05, round_plan=0.1).moved(z=0.13)
    seat = _cushion(0.5, 0.58, 0.17, "cloth", 0.09).moved(0, -0.07, 0.3)
    back = box(0.62, 0.2, 0.52, "cloth", bevel=0.09, round_plan=0.09).turned("x", -11).moved(0, 0.24, 0.3)
    arm = box(0.15, 0.66, 0.34, "cloth", bevel=0.065, round_plan=0.07).moved(0.32, -0.01, 0.24)
    legs = [_leg((0.29, y, 0.15), (0.32, 1.12 * y, 0.0), 0.03, 0.018, "wood") for y in (-0.28, 0.28)]
    pillow = (
        box(0.36, 0.13, 0.3, "pillow", bevel=0.06, round_plan=0.06).turned("x", -22).moved(0.03, 0.08, 0.46)
    )
    return [base, seat, back, pillow, *both_sides([arm, *legs], "x")]


def bar_stool() -> list[Part]:
    """A round seat on four metal legs with a foot ring."""
    pad = lathe(smooth(line("0.0 0.74, 0.19 0.74, 0.205 0.76, 0.205 0.79, 0.17 0.83, 0.0 0.84"), 40), "seat")
    plate = lathe(line("0.0 0.715, 0.195 0.715, 0.2 0.725, 0.2 0.74, 0.19 0.742"), "metal")
    legs = [
        tube([(0.14, 0.0, 0.72), (0.235, 0.0, 0.0)], 0.014, "metal").turned("z", 45 + 90 * i)
        for i in range(4)
    ]
    return [pad, plate, *legs, torus(0.2, 0.012, "metal").moved(z=0.27)]


def milking_stool() -> list[Part]:
    """A thick round board on three turned legs."""
    board = lathe(
        smooth(line("0.0 0.36, 0.2 0.36, 0.22 0.375, 0.22 0.4, 0.205 0.42, 0.19 0.415, 0.0 0.405"), 40),
        "seat",
    )
    profile = smooth(
        line("0.0 0.0, 0.016 0.0, 0.024 0.1, 0.016 0.14, 0.026 0.2, 0.03 0.28, 0.022 0.385, 0.0 0.385"), 40
    )
    leg = lathe(profile, "leg", segments=28)
    legs = [leg.turned("y", -17).moved(0.235, 0, 0.0).turned("z", 90 + 120 * i) for i in range(3)]
    return [board, *legs]


def footstool() -> list[Part]:
    """A square upholstered stool on hairpin legs."""
    top = _cushion(0.5, 0.5, 0.16, "seat", 0.1).moved(z=0.3)
    board = box(0.47, 0.47, 0.03, "wood", bevel=0.01, round_plan=0.06).moved(z=0.275)
    pin = tube(
        smooth(
            line("0.15 0.2 0.285, 0.215 0.225 0.02, 0.225 0.225 0.004, 0.225 0.215 0.02, 0.2 0.15 0.285"), 40
        ),
        0.009,
        "metal",
    )
    button = [
        slab(
            np.column_stack(
                [0.016 * np.cos(t := np.linspace(0, 2 * np.pi, 16, endpoint=False)), 0.016 * np.sin(t)]
            ),
            0.012,
            "button",
            bevel=0.005,
        ).moved(x, y, 0.452)
        for x in (-0.11, 0.11)
        for y in (-0.11, 0.11)
    ]
    return [top, board, *both_sides(both_sides([pin], "x"), "y"), *button]


SEATS = (
    Product("chair-dining", dining_chair, {"wood": wood(OAK), "cloth": fabric(TEAL)}),
    Product(
        "chair-shell", shell_chair, {"shell": plastic(MUSTARD), "wood": wood(BEECH), "metal": metal(GUNMETAL)}
    ),
    Product(
        "chair-club", armchair, {"cloth": fabric(FOREST), "pillow": fabric(TERRACOTTA), "wood": wood(WALNUT)}
    ),
    Product("stool-bar", bar_stool, {"seat": Finish("leather", TERRACOTTA), "metal": metal(BLACK, 0.4)}),
    Product("stool-milking", milking_stool, {"seat": wood(WALNUT), "leg": wood(BEECH)}),
    Product(
        "stool-foot",
        footstool,
        {"seat": fabric(NAVY), "wood": wood(OAK), "metal": metal(BRASS), "button": fabric(CREAM)},
    ),
)
