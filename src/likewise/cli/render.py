"""``likewise data render`` and ``likewise data published-cars``: sets of images with known properties."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from likewise.cli.console import end_with, failures_json, print_json, print_pairs, say
from likewise.cli.data import data_app
from likewise.cli.options import AsJson, Backgrounds, Seed
from likewise.cli.output_checks import check_picture
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
            help="What to render: cars, products, articles, or a folder of .glb, .obj or .blend files.",
        ),
    ],
    *,
    out: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help="Catalog to write. The folders images/ and masks/ are created beside it."
        ),
    ],
    count: Annotated[
        int | None, typer.Option(help="Number of images. Default: that of the preset, else 1000.")
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="Preset: paper (the published cars), or samples (the products shipped with likewise)."
        ),
    ] = None,
    size: Annotated[
        int | None, typer.Option(help="Width and height in pixels. Default: that of the preset, else 224.")
    ] = None,
    seed: Seed = 0,
    samples_per_pixel: Annotated[
        int, typer.Option(help="Number of light paths per pixel, before the denoiser.")
    ] = 16,
    workers: Annotated[
        int, typer.Option(help="Number of renderers at the same time. 0: one that uses all cores.")
    ] = 0,
    classes: Annotated[
        list[str] | None,
        typer.Option(
            "--class", metavar="NAME", help="Car model or product to show. Repeatable. Default: all."
        ),
    ] = None,
    articles: Annotated[
        int | None, typer.Option(help="Number of randomly drawn products, for articles. Default: 300.")
    ] = None,
    background_correlation: Annotated[
        float | None,
        typer.Option(
            help="Correlation of background and class, 0 to 1. Default: that of the preset, else 0."
        ),
    ] = None,
    test_background_correlation: Annotated[
        float | None,
        typer.Option(
            help="Correlation of background and class in the test split. Default: as --background-correlation."
        ),
    ] = None,
    surface: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Surface or family of surfaces to show products on, such as wood. Repeatable.",
        ),
    ] = None,
    backgrounds: Backgrounds = None,
    hold_out: Annotated[
        bool | None,
        typer.Option(
            "--hold-out/--no-hold-out",
            help="Hold out every other class as the split test. Default: as the preset says, else no.",
        ),
    ] = None,
    fix: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Property to fix at one value in all images, such as light=softbox. Repeatable.",
        ),
    ] = None,
    image_format: Annotated[
        str | None, typer.Option("--format", help="Format of the images: jpg or png. Default: jpg.")
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Picture (.png, .jpg) of sample images to write.")
    ] = None,
    blender_python: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Python interpreter that has bpy. Default: $LIKEWISE_BPY_PYTHON, this one or the one in .venv-bpy.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Render cars, products or your own 3-D models with exact masks and all properties as columns.

    If interrupted, rerun the same command to resume. A larger --count adds images.

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
        samples=samples_per_pixel,
        classes=classes,
        articles=articles,
        surfaces=surface,
        backgrounds=backgrounds,
        held=_pairs(fix or []),
        background_correlation=background_correlation,
        test_background_correlation=test_background_correlation,
        split=hold_out,
        image_format=image_format,
    )
    if sheet is not None:
        save_sheet(rendered.catalog, sheet)
    _report(rendered, skipped, as_json)


@data_app.command("published-cars")
def published_cars(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Folder with the published samples.csv and images/.")
    ],
    *,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Catalog to write. Default: catalog.parquet in FOLDER."),
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
    end_with(failures)


def _pairs(texts: list[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name or not value:
            raise ConfigError(f"--fix {text!r} is not NAME=VALUE: write for instance --fix light=softbox.")
        pairs[name.strip()] = value.strip()
    return pairs
