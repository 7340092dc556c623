"""``likewise index approximate``: the approximate search of an index, also as part of ``likewise index build``."""

from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from likewise.cli.console import print_json, print_pairs, say
from likewise.cli.options import AsJson, IndexPath, one_of

if TYPE_CHECKING:
    from likewise.models import SimilarityModel
    from likewise.retrieval import Index

_RECALL = 0.95
ApproximateRecall = Annotated[
    float | None,
    typer.Option(
        min=0.01,
        max=1,
        help="Recall of the approximate index, 0 to 1. Default: 0.95; `index build` without --vectors builds none.",
    ),
]
Vectors = Annotated[
    str | None,
    typer.Option(
        metavar="float32|int8|binary",
        callback=one_of("--vectors", "float32", "int8", "binary"),
        help="Vectors that select the candidates of the approximate index: float32 (default), int8 (1/4 of the memory) "
        "or binary (1/32). The stored float32 vectors then order them.",
    ),
]


def require_approximate(
    recall: float | None, vectors: str | None, images: int, model: "SimilarityModel | None" = None
) -> None:
    """Refuse an approximate index that cannot be built, before images are embedded for it."""
    from likewise.retrieval.index.approximate import require_approximable, require_many

    if recall is None and vectors is None:
        return
    require_many(images)
    if model is not None:
        require_approximable(model.distance, model.dim, cast("Any", vectors or "float32"))


def add_approximate(index: "Index", recall: float | None, vectors: str | None) -> None:
    """Build the approximate index if one of the options was given."""
    if recall is None and vectors is None:
        return
    target = _RECALL if recall is None else recall
    measured = index.build_approximate(target, vectors=cast("Any", vectors or "float32"))
    if measured.recall < target:
        from likewise.results import percent

        say(
            f"The approximate index finds {percent(measured.recall)} of the nearest images, fewer than the target "
            f"of {percent(target)}: build it with --vectors float32, or search exactly."
        )
    elif measured.probes == measured.partitions > 1 and measured.vectors == "float32":
        say(
            f"The nearest images lie in all {measured.partitions} partitions, so this approximate search is no faster "
            "than the exact one: search exactly, or ask for less with --approximate-recall."
        )


def approximate_index(
    index: IndexPath,
    *,
    approximate_recall: ApproximateRecall = None,
    vectors: Vectors = None,
    as_json: AsJson = False,
) -> None:
    """Build the approximate index of an existing index, replacing an earlier one, and measure its recall.

    Example: `likewise index approximate photos.index --vectors int8`
    """
    from likewise.retrieval import Index

    opened = Index.open(index)
    add_approximate(opened, _RECALL if approximate_recall is None else approximate_recall, vectors)
    measured = opened.info().approximate
    assert measured is not None
    if as_json:
        print_json(measured.model_dump())
    else:
        print_pairs(measured.model_dump(), "Approximate search")
