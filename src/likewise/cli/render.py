"""``likewise data render`` and ``likewise data published-cars``: sets of images with known properties."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from likewise.cli.console import end_with, failures_json, print_json, print_pairs, say
from likewise.cli.data import data_app
from likewise.cli.options import AsJson
from likewise.cli.targets import check_picture
from likewise.errors import ConfigError

if TYPE_CHECKING:
    from likewise.data import Failure
    from likewise.scenes import Rendered


def register(app: typer.Typer) -> None:
    """Nothing to add to ``app``: the commands of this file belong to ``data``."""


@data_app.command("render")
def render_scenes(
    what: Annotated[
        str,
        typer.Argument(
            metavar="cars|products|articles|FOLDER",
            help="What to show; FOLDER holds .glb, .obj or .blend files.",
        ),
    ],
    *,
    out: Annotated[Path, typer.Option(help="Catalog to write; images/ and masks/ lie beside it.")],
    count: Annotated[
        int | None, typer.Option(help="Number of images. [default: 1000, or the preset's]")
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="paper: the published cars' design; samples: the products shipped with likewise."),
    ] = None,
    size: Annotated[
        int | None, typer.Option(help="Width and height, px. [default: 224, or the preset's]")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Image i depends on the seed and i alone.")] = 0,
    samples: Annotated[int, typer.Option(help="Light paths per pixel, before the denoiser.")] = 16,
    workers: Annotated[int, typer.Option(help="Renderers at the same time; 0: one that uses all cores.")] = 0,
    classes: Annotated[
        str | None, typer.Option(help="Only these car models or products, with commas.")
    ] = None,
    articles: Annotated[
        int | None, typer.Option(help="articles: number of randomly drawn products. [default: 300]")
    ] = None,
    background_correlation: Annotated[
        float | None, typer.Option(help="How far the background predicts the class, 0 to 1.")
    ] = None,
    test_background_correlation: Annotated[
        float | None, typer.Option(help="The same for the classes of the test split.")
    ] = None,
    backgrounds: Annotated[
        str | None, typer.Option(help="Surfaces with commas (wood, tiles-blue...), or a folder of photos.")
    ] = None,
    split: Annotated[
        bool | None, typer.Option("--split/--no-split", help="Every other class is for testing.")
    ] = None,
    hold: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE: one value of a property for all images; may be repeated."),
    ] = None,
    image_format: Annotated[str | None, typer.Option("--format", help="jpg or png.")] = None,
    sheet: Annotated[Path | None, typer.Option(help="Also write a contact sheet to this picture.")] = None,
    blender_python: Annotated[
        Path | None,
        typer.Option(help="The Python that has bpy. [default: $LIKEWISE_BPY_PYTHON, this one, or .venv-bpy]"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Render cars, products or your own 3-D models with exact masks and all properties as columns.

    Stopped at any time, the same command goes on; with a larger --count it adds images.

    Examples: `likewise data render cars --preset paper --count 1000 --out cars/catalog.parquet` ;
    `likewise data render products --background-correlation 0.9 --out shop/catalog.parquet --sheet shop.jpg` ;
    `likewise data render my-models/ --backgrounds photos/ --out mine/catalog.parquet`
    """
    check_picture("--sheet", sheet)
    from likewise.scenes.commands import render_set
    from likewise.scenes.sheets import save_sheet

    rendered, skipped = render_set(
        what,
        out,
        count=count,
        preset=preset,
        workers=workers,
        blender_python=blender_python,
        size_px=size,
        seed=seed,
        samples=samples,
        classes=_words(classes),
        articles=articles,
        backgrounds=backgrounds,
        held=_pairs(hold or []),
        background_correlation=background_correlation,
        test_background_correlation=test_background_correlation,
        split=split,
        image_format=image_format,
    )
    if sheet is not None:
        save_sheet(rendered.catalog, sheet)
    _report(rendered, skipped, as_json)


@data_app.command("published-cars")
def published_cars(
    folder: Annotated[Path, typer.Argument(help="Holds the published samples.csv and images/.")],
    *,
    out: Annotated[
        Path | None, typer.Option(help="Catalog to write. [default: FOLDER/catalog.parquet]")
    ] = None,
) -> None:
    """Make a catalog of the published set of rendered cars (samples.csv and images/{frame}.png).

    Example: `likewise data published-cars rendered-cars/ --out cars.parquet`
    """
    from likewise.scenes import read_published_cars

    catalog = read_published_cars(folder)
    target = out or folder / "catalog.parquet"
    catalog.write(target)
    say(f"Wrote {target}: {len(catalog)} images of {len(catalog.label_codes[1])} car models.")


def _report(rendered: "Rendered", skipped: "list[Failure]", as_json: bool) -> None:
    failures = [*skipped, *rendered.failures]
    result = {
        "catalog": str(rendered.file),
        "images": len(rendered.catalog),
        "classes": len(rendered.catalog.label_codes[1]),
        "new": len(rendered.catalog) - rendered.reused,
        "seconds": round(rendered.seconds, 1),
    }
    if as_json:
        print_json({**result, "failures": failures_json(failures)})
    else:
        print_pairs(result)
    end_with(failures, as_json)


def _words(text: str | None) -> list[str] | None:
    return None if text is None else [word.strip() for word in text.split(",") if word.strip()]


def _pairs(texts: list[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name or not value:
            raise ConfigError(f"--hold {text!r} is not NAME=VALUE: write for instance --hold light=softbox.")
        pairs[name.strip()] = value.strip()
    return pairs
