"""Contact sheets, heat maps over photos and images side by side, drawn with Pillow.

For search results, training examples, saliency and every audit. Colours can be distinguished by colour-blind
readers, and right and wrong also carry a mark, so no meaning depends on colour alone. A :class:`Grid` describes a
sheet before it is drawn: a file of pixels, or HTML with captions that can be searched.
"""

from likewise.drawing.grid import Grid, Role, role_of
from likewise.drawing.overlays import color_of, heat_overlay, largest_magnitude, mask_overlay, signed_overlay
from likewise.drawing.sheets import (
    INK,
    PAPER,
    QUERY,
    RIGHT,
    WRONG,
    Color,
    Tile,
    below_each_other,
    sheet,
    side_by_side,
)
from likewise.drawing.text import font

__all__ = [
    "INK", "PAPER", "QUERY", "RIGHT", "WRONG", "Color", "Grid", "Role", "Tile",
    "below_each_other", "color_of", "font", "heat_overlay", "largest_magnitude", "mask_overlay", "role_of", "sheet",
    "side_by_side", "signed_overlay",
]  # fmt: skip
