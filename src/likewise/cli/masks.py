"""``likewise masks``: object masks for a catalog, and how good they are."""

import math
import shlex
from pathlib import Path
from typing import Annotated, Any, cast

import typer
import typer.core

from likewise.bounds import MOST_WORKERS
from likewise.cli.catalogs import beside, read_catalog
from likewise.cli.console import (
    end_with,
    failures_json,
    print_json,
    print_table,
    repeated_json,
    say,
    say_repeated,
    written_after,
)
from likewise.cli.options import AsJson, BatchSize, CatalogFile, Root, Split
from likewise.cli.output_checks import check_file, check_picture
from likewise.cli.runtimes import MASK_PACKAGES, installed_runtime
from likewise.errors import ConfigError, InputError

masks_app = typer.Typer(
    name="masks",
    help="Make object masks with rembg's models or an ONNX file, and compare masks with true ones.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


class _MakeByDefault(typer.core.TyperGroup):
    """``likewise masks CATALOG`` means ``likewise masks make CATALOG``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = ["make", *args]
        return list(super().parse_args(ctx, args))


def register(app: typer.Typer) -> None:
    """Add ``masks`` to ``app``."""
    app.add_typer(masks_app, name="masks", cls=_MakeByDefault)


@masks_app.command("make")
def make(
    catalog: CatalogFile,
    *,
    model: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE",
            help="Segmentation model: a name of rembg (u2net, u2netp, isnet-general-use...) or an .onnx file.",
        ),
    ] = "u2net",
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Catalog to write. Default: CATALOG-masked, beside CATALOG."),
    ] = None,
    split: Split = None,
    root: Root = None,
    batch_size: BatchSize = 4,
    workers: Annotated[
        int,
        typer.Option(
            min=0, max=MOST_WORKERS, help="Number of processes. 0 works in this process with all cores."
        ),
    ] = 0,
    engine: Annotated[str, typer.Option(help="Where the work is done: local or ray.")] = "local",
    runtime: Annotated[
        str,
        typer.Option(
            callback=installed_runtime("auto", "onnx", "openvino", packages=MASK_PACKAGES),
            help="Engine that runs the segmentation model: onnx, openvino (CPU), or auto: the faster one, if its "
            "masks agree with onnx.",
        ),
    ] = "onnx",
    as_json: AsJson = False,
) -> None:
    """Make a mask of the object in every image, and a new catalog with a column `mask`.

    If interrupted, rerun the same command to resume.

    Example: `likewise masks birds.parquet --model u2netp --out birds-masked.parquet`
    """
    from likewise.data.mask_model import MaskModel
    from likewise.data.mask_runtime import choose_mask_runtime
    from likewise.jobs.object_masks import make_masks
    from likewise.jobs.runner import check_engine

    target = beside(catalog, "-masked") if out is None else out
    check_file("--out", target, (".parquet", ".csv"))
    check_engine(engine)
    chosen = read_catalog(catalog, root, split=split)
    opened = MaskModel.open(model, threads=1 if workers else 0)
    mask_model, choice = choose_mask_runtime(opened, cast("Any", runtime), chosen.paths)
    if runtime != "onnx":
        say(choice.words)
    made = make_masks(
        chosen,
        mask_model,
        target,
        batch_size=batch_size,
        workers=workers,
        engine=cast("Any", engine),  # the job names the engines there are
    )
    if as_json:
        result = {"catalog": str(target), "images": len(chosen), "runtime": choice.runtime, **made.statuses}
        print_json({**result, **repeated_json(made), "failures": failures_json(made.failures)})
    else:
        print_table(["mask", "images"], sorted(made.statuses.items()))
        say_repeated(made)
        say(f"Wrote {target}; next:  likewise data check {shlex.quote(str(target))}")
    end_with(made.failures)


@masks_app.command("score")
def score(
    predicted: Annotated[
        Path, typer.Argument(metavar="PREDICTED", help="Catalog or folder of predicted masks.")
    ],
    true: Annotated[Path, typer.Argument(metavar="TRUE", help="Catalog or folder of true masks.")],
    *,
    predicted_column: Annotated[
        str, typer.Option(metavar="NAME", help="Column of the predicted masks.")
    ] = "mask",
    true_column: Annotated[str, typer.Option(metavar="NAME", help="Column of the true masks.")] = "mask",
    split: Split = None,
    root: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder that the paths of both catalogs are relative to. Default: their own folders.",
        ),
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Picture (.png, .jpg) of the worst masks to write.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare masks with true ones: IoU, precision, recall, mean error, outline. Pixels of 128 in TRUE are ignored.

    Example: `likewise masks score predicted.parquet true.parquet --sheet worst.png`
    """
    check_picture("--sheet", sheet)
    if predicted.is_dir() and true.is_dir() and (root is not None or split is not None):
        raise ConfigError(
            "--root and --split are for catalogs, but PREDICTED and TRUE are folders: leave them out."
        )
    from likewise.data.mask_metrics import score_masks
    from likewise.data.mask_sheet import worst_masks_sheet
    from likewise.images import save_image

    scores = score_masks(
        _side(predicted, None, root),
        _side(true, split, root),
        predicted_column=predicted_column,
        true_column=true_column,
        progress=True,
    )
    if scores.table.empty:
        raise InputError(
            f"No mask could be scored, first: {scores.failures[0].id}: {scores.failures[0].reason}"
        )
    means = {name: _finite(value) for name, value in scores.means().items()}
    with written_after(lambda: None if sheet is None else save_image(worst_masks_sheet(scores), sheet)):
        if as_json:
            print_json({**means, "failures": failures_json(scores.failures)})
        else:
            columns = ["id", "iou", "precision", "recall", "mae"]
            print_table(list(means), [list(means.values())])
            print_table(columns, scores.worst(5)[columns].to_numpy().tolist(), "Worst masks")
    end_with(scores.failures)


def _side(path: Path, split: str | None, root: Path | None) -> Any:
    """A catalog, or the folder itself."""
    return path if path.is_dir() else read_catalog(path, root, split=split)


def _finite(value: float) -> float | None:
    return None if math.isnan(value) else value
