"""A map of images as one HTML file: points of a projection, thumbnails, and a lasso that selects images.

The page loads nothing from elsewhere. Names, labels and values reach it as JSON that holds no markup, and its script
writes them as text. Without scripts a picture of the map and the number of images per value are shown.
"""

import base64
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from likewise.arguments import checked
from likewise.arrays import Floats32
from likewise.bounds import Seed
from likewise.curation.projection import Method, Projection, projection
from likewise.data import Catalog, Failure
from likewise.drawing.sprites import PER_ROW, PER_SHEET, sprites
from likewise.errors import CatalogError, InputError, choices
from likewise.files import write_text
from likewise.json_text import json_value
from likewise.models import Embeddings
from likewise.readable import readable
from likewise.report.map_picture import MapColumn, map_column, map_picture
from likewise.report.page import content_hash, environment, resource
from likewise.results import percent

MOST_THUMBNAILS = 20_000
_THUMBNAIL_PIXELS = 7_000_000  # of all thumbnails; they take about 2 MB
_SMALLEST_PX, _LARGEST_PX = 24, 96
# Modules that the page of `likewise serve` imports, too.
_SHARED = ("icons.js", "dom.js", "colors.js", "points.js", "chart.js")
_NOT_SHOWN = ("path", "mask")


@readable
@checked
@dataclass(frozen=True)
class MapPage:
    """The result of :func:`map_page`.

    Attributes:
        ids: Names of the images on the map.
        points: ``(N, 2)`` coordinates, 0 to 1.
        method: "pca" or "umap".
        explained_variance: Share of the variance along the two axes of a PCA, each 0 to 1; None for UMAP.
        html: The page.
        failures: Images that are not on the map, or have no thumbnail.
        color: Column that colours the map at first; None without one.
    """

    ids: list[str]
    points: Floats32
    method: Method
    explained_variance: tuple[float, float] | None
    html: str = field(repr=False)
    failures: list[Failure]
    color: str | None

    def save(self, path: Path | str) -> None:
        """Write the page, whole or not at all.

        Raises:
            InputError: The name does not end in .html, or the file cannot be written.
        """
        if Path(path).suffix.lower() != ".html":
            raise InputError(f"A map is written as a page, not as {Path(path).name!r}: end it in .html.")
        write_text(path, self.html)

    def to_dict(self) -> dict[str, Any]:
        """Coordinates and failures, for JSON."""
        points = zip(self.ids, self.points.tolist(), strict=True)
        return {
            "images": len(self.ids), "method": self.method, "explained_variance": self.explained_variance,
            "color": self.color, "points": [{"id": name, "x": x, "y": y} for name, (x, y) in points],
            "failures": [{"id": failure.id, "reason": failure.reason} for failure in self.failures],
        }  # fmt: skip


@checked
def map_page(
    catalog: Catalog,
    embeddings: Embeddings,
    *,
    method: Method = "pca",
    color: str | None = None,
    title: str = "Map of images",
    seed: Seed = 0,
    progress: bool = False,
) -> MapPage:
    """Draw the images of a catalog as points; similar images lie close together.

    Args:
        catalog: Images. Every column except paths and masks can colour the map.
        embeddings: Embeddings of these images.
        method: As for :func:`likewise.curation.projection`.
        color: Column that initially colours the map. None: the labels, if there are any.
        title: Heading of the page.
        seed: Seed of UMAP.
        progress: Show progress on stderr.

    Raises:
        InputError: No image has a usable embedding, or the embeddings belong to other images.
        CatalogError: There is no such column.
        MissingExtraError: UMAP is not installed.

    Example:
        ``map_page(catalog, model.embed(catalog), color="brand").save("map.html")``
    """
    columns = check_color(catalog, color)
    usable = embeddings.usable()
    place = {name: row for row, name in enumerate(catalog.ids)}
    rows = [place[name] for name in usable.ids if name in place]
    if len(rows) < len(usable):
        strange = next(name for name in usable.ids if name not in place)
        raise InputError(
            f"There is an embedding of {strange!r}, which is not in the catalog: embed this catalog."
        )
    if not rows:
        reason = f": {usable.failures[0].reason}" if usable.failures else "."
        raise InputError(f"None of the {len(catalog):,} images has an embedding to draw{reason}")
    drawn = catalog.take(rows)
    vectors = usable.vectors
    if usable.distance == "cosine":
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    made = projection(vectors, method, seed)
    values = {name: map_column(name, drawn.table[name]) for name in columns}
    values = {name: column for name, column in values.items() if column.known or name == color}
    first = color if color is not None else "label" if "label" in values else None
    html, failures = _page(drawn, made, values, first, title=title, progress=progress)
    return MapPage(
        usable.ids, made.points, method, made.explained_variance, html, [*usable.failures, *failures], first
    )


def check_color(catalog: Catalog, color: str | None) -> list[str]:
    """The columns that can colour a map of ``catalog``.

    Raises:
        CatalogError: ``color`` is none of them.
    """
    columns = [str(name) for name in catalog.table if name not in _NOT_SHOWN]
    if color is not None and color not in columns:
        raise CatalogError(f"The catalog has no column {color!r} to colour by: {choices(color, columns)}")
    return columns


def _page(
    catalog: Catalog,
    made: Projection,
    columns: dict[str, MapColumn],
    color: str | None,
    *,
    title: str,
    progress: bool,
) -> tuple[str, list[Failure]]:
    """The page, and the images whose thumbnail cannot be drawn."""
    words, points = _words(made), made.points.astype(np.float64).round(4)
    count = len(catalog)
    side = int(np.clip(np.sqrt(_THUMBNAIL_PIXELS / count), _SMALLEST_PX, _LARGEST_PX))
    pictures = sprites(catalog.paths if count <= MOST_THUMBNAILS else [], side, progress=progress)
    if count > MOST_THUMBNAILS:
        words += f" Maps of more than {MOST_THUMBNAILS:,} images have no thumbnails."
    data = {
        "ids": catalog.ids, "x": points[:, 0], "y": points[:, 1],
        "columns": [column.to_dict() for column in columns.values()], "color": color, "words": words,
        "side": side, "perRow": PER_ROW, "perSheet": PER_SHEET,
    }  # fmt: skip
    column = columns.get(color) if color is not None else None
    style, script = resource("page.css") + resource("image_map.css"), _script()
    html = environment().get_template("image_map.html").render(
        title=title, words=words, count=count, color=color, column=column, style=style, script=script,
        style_hash=content_hash(style), script_hash=content_hash(script), data=_inert_json(data),
        picture=_uri("png", map_picture(made.points, column)),
        sheets=[_uri("jpeg", sheet) for sheet in pictures.sheets],
    )  # fmt: skip
    return html, [Failure(catalog.ids[row], reason) for row, reason in pictures.failures]


def _words(made: Projection) -> str:
    if made.explained_variance is None:
        return "UMAP keeps neighbourhoods; distances between groups mean little."
    return f"Two principal components with {percent(sum(made.explained_variance), 0)} of the variance."


def _script() -> str:
    """The modules as one script without imports and exports, ordered so that names are defined before use."""
    names = [*(f"scripts/{name}" for name in _SHARED), "image_map.js"]
    lines = "\n".join(map(resource, names)).splitlines()
    body = [line.removeprefix("export ") for line in lines if not line.startswith("import ")]
    return '"use strict";\n(() => {\n' + "\n".join(body) + "\n})();\n"


def _inert_json(data: dict[str, Any]) -> str:
    """JSON that neither ends its element nor holds markup."""
    text = json.dumps(json_value(data), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
