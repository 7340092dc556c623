"""An explanation of a pair as a grid of captioned images, or as a single image."""

from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from likewise.drawing import Grid, Tile, font, largest_magnitude, signed_overlay

if TYPE_CHECKING:
    from likewise.explain.pair_types import Box, Map, PairExplanation

_COLORS = [(213, 94, 0), (0, 114, 178), (0, 158, 115), (204, 121, 167), (230, 159, 0)]  # Okabe and Ito
_TILE_PX = 270
_HIDDEN = "red: hiding it increases the distance"
EVIDENCE = "red: what matters for it, located more finely"
_CONTRAST = "red: more similar than on average, blue: distinguishes them"


def pair_grid(pair: "PairExplanation") -> Grid:
    """One row per image: matching locations, shared content, evidence, differences."""
    rows: list[list[Tile | None]] = []
    heads = []
    contrast = largest_magnitude(side.contrast_map for side in (pair.a, pair.b))
    evidence = largest_magnitude(side.refined_map for side in (pair.a, pair.b))
    for name, side in (("a", pair.a), ("b", pair.b)):
        boxes = [match.box_a if name == "a" else match.box_b for match in pair.matches]
        other = pair.b if name == "a" else pair.a
        heatmap = pair.heatmap_a if name == "a" else pair.heatmap_b
        tiles: list[Tile | None] = [
            Tile(_numbered(side.image, boxes), _matches_caption(pair)),
            Tile(signed_overlay(side.image, heatmap), _alike_caption(pair, other.name, heatmap)),
            Tile(
                signed_overlay(side.image, side.refined_map / evidence),
                _HIDDEN if pair.kind == "tokens" else EVIDENCE,
            ),
            Tile(signed_overlay(side.image, side.contrast_map / contrast), _CONTRAST),
        ]
        if pair.kind == "hiding":
            tiles = tiles[:2]
        elif pair.kind == "tokens" and not pair.passes:  # the refined map is the similarity map
            del tiles[2]
        rows.append(tiles)
        heads.append(side.name)
    title = f"{pair.distance_name} distance {pair.distance:z.3f}"
    if pair.similarity is not None:
        title += f", similarity {pair.similarity:z.3f}"
    if pair.completeness is not None:
        title += f"; the sum of all parts differs from the distance by {pair.completeness:.0e}"
    return Grid(rows, heads, title, tile_px=_TILE_PX)


def _alike_caption(pair: "PairExplanation", other: str, heatmap: "Map") -> str:
    if pair.kind == "hiding":
        return f"red: without it less like {other}, blue: without it more"
    return f"red: shared with {other}" + (", blue: the opposite" if heatmap.min() < -0.05 else "")


def _matches_caption(pair: "PairExplanation") -> str:
    if not pair.matches:
        return "as the model sees it"
    return "same number: matching locations"


def _numbered(image: Image.Image, boxes: "list[Box]") -> Image.Image:
    """The photo with numbered boxes, drawn at twice its size so that lines stay thin."""
    scale = max(1, round(2 * _TILE_PX / image.width))
    large = image.resize((image.width * scale, image.height * scale), Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(large)
    face = font(max(12, large.width // 22), bold=True)
    for number, box in enumerate(boxes):
        left, top, right, bottom = (edge * scale for edge in box)
        color = _COLORS[number % len(_COLORS)]
        draw.rectangle((left, top, right - 1, bottom - 1), outline=color, width=max(2, large.width // 150))
        badge = draw.textbbox((left + 5, top + 3), str(number + 1), face)
        draw.rectangle((left, top, badge[2] + 5, badge[3] + 4), fill=color)
        draw.text((left + 5, top + 3), str(number + 1), (255, 255, 255), face)
    return large
