"""Arguments and options shared by several commands."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from likewise.bounds import MOST_WORKERS
from likewise.cli.completion import complete_model
from likewise.cli.option_checks import input_file, known_word, photo_folder
from likewise.cli.runtimes import installed_runtime

_KINDS = (
    "A Run, likewise:small, timm:NAME, hf:org/name, open_clip:ARCH/TAG, onnx:FILE or another library's folder"
)


def one_of(option: str, *words: str) -> Callable[[str | None], str | None]:
    """A callback that refuses other words; an option without a value stays None."""

    def check(word: str | None) -> str | None:
        if word is not None:
            known_word(option, word, words)
        return word

    return check


# Arguments.
ModelName = Annotated[str, typer.Argument(metavar="MODEL", help=f"{_KINDS}.", autocompletion=complete_model)]
ModelNames = Annotated[
    list[str],
    typer.Argument(metavar="MODEL", help=f"{_KINDS}. Several are compared.", autocompletion=complete_model),
]
ModelsOrSweep = Annotated[
    list[str],
    typer.Argument(
        metavar="MODEL",
        help=f"{_KINDS}. Several are compared. A sweep (`likewise train --sweep`) means all of its models.",
        autocompletion=complete_model,
    ),
]
IndexPath = Annotated[
    str, typer.Argument(metavar="INDEX", help="Folder of the index, or an address such as s3://bucket/index.")
]
CatalogFile = Annotated[
    Path,
    typer.Argument(
        metavar="CATALOG", help="Catalog (.parquet, .csv, .tsv, .xlsx or .jsonl) or folder of images."
    ),
]

# Images.
Root = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Folder that the paths of CATALOG are relative to. Default: the folder of CATALOG.",
    ),
]
Split = Annotated[str | None, typer.Option(metavar="NAME", help="Use only this split of CATALOG.")]
Backgrounds = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        callback=photo_folder,
        help="Folder of photos without an object, for replacing backgrounds.",
    ),
]
ExactMasks = Annotated[
    bool | None,
    typer.Option(
        "--exact-masks/--no-exact-masks",
        help="Trust the masks as exact, or judge whether they look plausible. Default: trust them only if the "
        "catalog's column mask_status says so, as in rendered catalogs.",
    ),
]
Repeats = Annotated[int, typer.Option(min=1, help="Number of random draws of backgrounds.")]

# Models.
Weights = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", callback=input_file("weights file"), help="Local weights file of the model."
    ),
]
Prepared = Annotated[
    str | None,
    typer.Option(
        "--preprocessing",
        metavar="NAME|FILE",
        help="Preprocessing of a model that does not define its own: imagenet, bn_inception or a JSON file.",
    ),
]
WeightsOf = Annotated[
    list[str] | None,
    typer.Option(
        "--weights",
        metavar="[MODEL=]FILE",
        help="Local weights file of a model. MODEL= names the model if there are several. Repeatable.",
    ),
]
PreparedOf = Annotated[
    list[str] | None,
    typer.Option(
        "--preprocessing",
        metavar="[MODEL=]NAME|FILE",
        help="Preprocessing of a model that does not define its own: imagenet, bn_inception or a JSON file. MODEL= "
        "names the model if there are several. Repeatable.",
    ),
]
Names = Annotated[
    list[str] | None,
    typer.Option(
        "--name",
        metavar="NAME",
        help="Display name of each model, in the order of the models. Repeatable. Default: the name of the Run's "
        "folder, the file or the network.",
    ),
]
ShouldMatter = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="Property that should influence the similarity. Repeatable."),
]
ShouldNotMatter = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="Property that should not influence the similarity. Repeatable."),
]
Groups = Annotated[
    list[str] | None,
    typer.Option(
        "--group",
        metavar="NAME",
        help="Group of each model, in the order of the models. Groups are compared by a test. Repeatable.",
    ),
]

Dim = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Number of first dimensions to keep, for models trained so (Matryoshka) and after `likewise fit "
        "whitening`. Default: all.",
    ),
]

# Work.
Device = Annotated[
    str | None,
    typer.Option(help="Device, such as cpu, cuda or cuda:1. Default: the first GPU, else the CPU."),
]
Precision = Annotated[
    str,
    typer.Option(
        metavar="float32|bf16",
        callback=one_of("--precision", "float32", "bf16"),
        help="Precision of the forward pass: float32, or bf16 (faster on a GPU, about three significant digits).",
    ),
]
Runtime = Annotated[
    str,
    typer.Option(
        callback=installed_runtime("auto", "torch", "onnx", "openvino", "compile"),
        help="Engine that runs the model: torch, onnx or openvino (CPU), compile (torch.compile), or auto: the fastest "
        "whose embeddings agree with torch.",
    ),
]
BatchSize = Annotated[int, typer.Option(min=1, help="Number of images per forward pass.")]
CopyBatch = Annotated[int, typer.Option(min=1, help="Number of rows (images x noisy copies) per pass.")]
Workers = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=MOST_WORKERS,
        help="Number of processes that decode images. Default: chosen from the number of cores and images.",
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of everything random in this command.")]
Method = Annotated[
    str,
    typer.Option(
        help="Saliency method: smoothgrad, gradient, gradient_x_input, integrated_gradients, grad_cam or occlusion "
        "(needs no gradients)."
    ),
]
Samples = Annotated[int, typer.Option(min=1, help="Number of noisy copies per image (smoothgrad).")]
HidingMasks = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="Number of partly hidden copies of each image that refine its explanation.",
        show_default="8; 98 for vision transformers and models explained by hiding",
    ),
]
HideBy = Annotated[
    str,
    typer.Option(
        metavar="fill|tokens",
        callback=one_of("--hide-by", "fill", "tokens"),
        help="How to hide locations: paint them over, or drop the tokens of a vision transformer.",
    ),
]
Confidence = Annotated[
    float, typer.Option(min=0.01, max=0.9999, help="Confidence level of the intervals, 0 to 1.")
]

# Results.
ModelOut = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Folder to write. It must not hold a model yet.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Page = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE|DIR",
        help="Report to write: a file (.html, .md, .txt), or a folder that `likewise report` reads.",
    ),
]
Tables = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder to write the tables to, as .txt, .md, .csv and .tex."),
]
FailOn = Annotated[
    str | None,
    typer.Option(
        metavar="LEVEL",
        help="Exit with code 1 if the verdict is this bad or worse: bad, warning or unsure (from worst to mildest).",
    ),
]
