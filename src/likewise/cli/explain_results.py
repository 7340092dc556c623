"""What `likewise explain` prints and writes: a pair, an image and a text, or a node."""

from pathlib import Path
from typing import TYPE_CHECKING

from likewise.cli.console import print_json, print_pairs, print_table, say, written_after

if TYPE_CHECKING:
    from likewise.data import Catalog
    from likewise.explain import NodeName, PairExplanation, TextExplanation
    from likewise.models import SimilarityModel

_ROWS = 8


def print_pair(pair: "PairExplanation") -> None:
    """Print numbers, tables and paragraphs of a pair."""
    from likewise.explain.pair_words import pair_paragraphs, printed_table, sources_table

    numbers = {
        f"{pair.distance_name} distance": pair.distance,
        "cosine similarity": pair.similarity,
        "rounding error of the sum": None if pair.completeness is None else f"{pair.completeness:.1e}",
        **{f"level {part.level}": f"{part.contribution:z.5f}" for part in pair.levels},
    }
    print_pairs({name: number for name, number in numbers.items() if number is not None})
    sources = sources_table(pair)
    if len(sources):
        rows = [
            [name, *(f"{value:+z.3f}" for value in values)]
            for name, *values in sources.to_numpy(dtype=object)
        ]
        print_table([str(name) for name in sources.columns], rows, "Contributions to the similarity")
    parts = printed_table(pair, _ROWS)
    title = "Nodes that contribute most" if pair.kind == "nodes" else "Locations that matter most"
    print_table([str(name) for name in parts.columns], parts.to_numpy(dtype=object).tolist(), title)
    for paragraph in pair_paragraphs(pair):
        say(paragraph)


def show_text(model: "SimilarityModel", image: Path, text: str, out: Path | None, as_json: bool) -> None:
    """Explain an image and a text, print it and write its picture."""
    from likewise.cli.audit_results import facts_of
    from likewise.explain import explain_text

    explained = explain_text(model, image, text, progress=True)

    def write() -> None:
        if out is not None:
            explained.save(out, {**facts_of([model], None, None), "images": "1"})

    with written_after(write):
        if as_json:
            print_json({**explained.to_dict(), "picture": None if out is None else str(out)})
        else:
            _print_explained(explained)
    if not as_json:
        say(
            f"Written: {out}"
            if out is not None
            else "Add --out why.html to see these locations on the image."
        )


def _print_explained(explained: "TextExplanation") -> None:
    located = {} if explained.inexact_reason else {"locations": float(explained.similarity_map.sum())}
    print_pairs({"cosine similarity": explained.similarity, **located, **explained.unlocated})
    table = explained.table.head(_ROWS)
    print_table(
        ["row", "column", "contribution"], table.to_numpy(dtype=object).tolist(), "Locations that matter most"
    )
    say(explained.words)


def show_node(
    model: "SimilarityModel", node: str, catalog: "Catalog", out: Path | None, as_json: bool
) -> None:
    """Name a node of an AVSL model, print it and write its picture."""
    from likewise.cli.audit_results import facts_of
    from likewise.explain import name_node, parse_node

    level, number = parse_node(node)
    named = name_node(model, catalog, level, number)

    def write() -> None:
        if out is not None:
            named.save(out, facts_of([model], catalog, None))

    with written_after(write):
        if as_json:
            print_json({**named.to_dict(), "picture": None if out is None else str(out)})
        else:
            _print_node(named)
    if not as_json:
        say(f"Written: {out}" if out is not None else "Draw it with --out node.html")


def _print_node(named: "NodeName") -> None:
    for title, end in (("Highest responses", named.highest), ("Lowest responses", named.lowest)):
        print_table(
            ["image", "label", "response"], [[each.id, each.label, each.response] for each in end], title
        )
    table = named.properties.head(_ROWS)
    if len(table):
        print_table(
            [str(name) for name in table.columns], table.to_numpy(dtype=object).tolist(), "Properties"
        )
    say(named.words)
