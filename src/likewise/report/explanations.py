"""The explanation of a pair, or of a node, as a page: text that can be searched, figures as HTML and SVG."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from likewise.explain.pair_words import picture_words, printed_table, sources_table
from likewise.inert import markdown_literal
from likewise.report.charts.avsl import graph_chart, sum_chart
from likewise.report.report import Report
from likewise.report.sections import Section
from likewise.results import Table

if TYPE_CHECKING:
    from likewise.avsl.explanation.naming import NodeName
    from likewise.explain.pair_types import PairExplanation
    from likewise.explain.text_pairs import TextExplanation

_ROWS = 50


def pair_report(pair: "PairExplanation", facts: Mapping[str, str] | None = None) -> Report:
    """Page of the explanation of a pair."""
    columns = "\n".join(f"{number}. {words}" for number, words in enumerate(picture_words(pair), 1))
    sections = [Section("Where", f"From left to right:\n\n{columns}", pictures=[pair.grid()])]
    sources = sources_table(pair)
    if len(sources):
        words = (
            "For each image, these terms add up to the similarity. The contributions of MLPs, class and register "
            "tokens and biases have no location."
        )
        sections.append(Section("Contributions to the similarity", words, Table.from_frame(sources)))
    if pair.levels:
        chart = sum_chart(pair.levels, pair.distance, pair.completeness or 0.0)
        sections.append(Section("The distance as a sum of levels", charts=[chart]))
        words = "Frames: orange distinguishes the images, green is strong in both. Red: the sign of the stronger image."
        sections.append(Section("The nodes of each level", words, pictures=pair.level_grids()))
    if pair.graph is not None and pair.graph.links:
        sections.append(
            Section("The strongest nodes and their links", pictures=[graph_chart(pair.graph, pair.distance)])
        )
    title = "Nodes that contribute most" if pair.kind == "nodes" else "Locations that matter most"
    sections.append(Section(title, table=Table.from_frame(printed_table(pair, _ROWS)), folded=True))
    return Report(
        f"Why are {pair.a.name} and {pair.b.name} similar?",
        markdown_literal(pair.words),
        sections,
        facts=facts or {},
    )


def node_report(name: "NodeName", facts: Mapping[str, str] | None = None) -> Report:
    """The page of an AVSL node."""
    sections = [Section("Images with the strongest and weakest responses", pictures=[name.grid()])]
    if len(name.properties):
        words = "Share: how much of the order of the responses the property explains, relative to chance."
        sections.append(Section("Properties", words, Table.from_frame(name.properties)))
    return Report(
        f"Node {name.level}:{name.node} of {name.model}",
        markdown_literal(name.words),
        sections,
        facts=facts or {},
    )


def text_report(explained: "TextExplanation", facts: Mapping[str, str] | None = None) -> Report:
    """Why a model finds an image and a text similar."""
    sections = [Section("Where", pictures=[explained.grid()])]
    if explained.unlocated:
        rows = {"locations": float(explained.similarity_map.sum()), **explained.unlocated}
        rows["cosine similarity"] = sum(rows.values())
        table = pd.DataFrame({"contribution": list(rows), explained.name: list(rows.values())})
        sections.append(Section("Contributions to the similarity", table=Table.from_frame(table)))
    sections.append(
        Section(
            "Locations that matter most", table=Table.from_frame(explained.table.head(_ROWS)), folded=True
        )
    )
    return Report(
        f"Why is {explained.name} like '{explained.text}'?",
        markdown_literal(explained.words),
        sections,
        facts=facts or {},
    )
