"""Arguments and options that several commands share, so that they are called and explained alike."""

from pathlib import Path
from typing import Annotated

import typer

from likewise.arguments import MOST_WORKERS
from likewise.cli.completion import complete_model

ModelName = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A Run's folder, likewise:small, timm:NAME, onnx:FILE, hf:org/name, torch:package.module:function.",
        autocompletion=complete_model,
    ),
]
CatalogFile = Annotated[
    Path,
    typer.Argument(
        metavar="CATALOG", help="Catalog (.parquet, .csv, .tsv, .xlsx, .jsonl) or folder of images."
    ),
]
Root = Annotated[
    Path | None,
    typer.Option(
        "--root", metavar="DIR", help="Folder that the paths of CATALOG are relative to. [default: its own]"
    ),
]
Split = Annotated[str | None, typer.Option(help="Only this split.")]
Weights = Annotated[Path | None, typer.Option(help="Local weights file of the backbone or module.")]
Prepared = Annotated[
    str | None,
    typer.Option(
        "--preprocessing",
        metavar="NAME|FILE",
        help="For a model that does not say how its images are prepared: imagenet, bn_inception or a JSON file.",
    ),
]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1... [default: the first GPU]")]
BatchSize = Annotated[int, typer.Option(min=1, help="Images in one forward pass.")]
Copies = Annotated[
    int, typer.Option(min=0, help="Partly hidden copies of an image that sharpen its explanation.")
]
CopyBatch = Annotated[int, typer.Option(min=1, help="Rows (images x copies) in one pass.")]
Workers = Annotated[
    int | None, typer.Option(min=0, max=MOST_WORKERS, help="Processes that decode. [default: chosen]")
]
Amp = Annotated[bool, typer.Option("--amp", help="bfloat16: faster on a GPU.")]
Bf16 = Annotated[bool, typer.Option("--bf16", help="bfloat16 on a GPU: faster, about three digits.")]
Level = Annotated[float, typer.Option(min=0.01, max=0.9999, help="Confidence of the intervals.")]
Compared = Annotated[
    list[str] | None, typer.Option(metavar="MODEL", help="Another model, side by side; repeat for more.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
