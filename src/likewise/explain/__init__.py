"""Explanations: saliency maps, attention scores, and explanations of pairs."""

import importlib
from typing import TYPE_CHECKING, Any

from likewise.avsl.nodes import LevelPart, LinkedNode, NodeGraph, NodeLink, NodePicture
from likewise.explain.attention import AttentionScores, attention_score
from likewise.explain.catalog_attention import catalog_attention
from likewise.explain.distances import embedding_distance
from likewise.explain.pair_types import Match, PairExplanation, Side
from likewise.explain.pairs import explain_pair
from likewise.explain.perturbation import Faithfulness, hiding_check
from likewise.explain.saliency import attribute
from likewise.explain.settings import SaliencySettings
from likewise.explain.smoothgrad import smoothgrad, to_maps
from likewise.explain.store import SaliencyStore, require_same_images
from likewise.explain.store_job import SaliencyMade, make_store
from likewise.explain.text_pairs import TextExplanation, explain_text

if TYPE_CHECKING:
    from likewise.avsl.explanation.naming import NodeImage, NodeName, name_node, parse_node

__all__ = [
    "AttentionScores",
    "Faithfulness",
    "LevelPart",
    "LinkedNode",
    "Match",
    "NodeGraph",
    "NodeImage",
    "NodeLink",
    "NodeName",
    "NodePicture",
    "PairExplanation",
    "SaliencyMade",
    "SaliencySettings",
    "SaliencyStore",
    "Side",
    "TextExplanation",
    "attention_score",
    "attribute",
    "catalog_attention",
    "embedding_distance",
    "explain_pair",
    "explain_text",
    "hiding_check",
    "make_store",
    "name_node",
    "parse_node",
    "require_same_images",
    "smoothgrad",
    "to_maps",
]


def __getattr__(name: str) -> Any:
    """The names of :mod:`likewise.avsl.explanation`, which is above this package."""
    if name in ("NodeImage", "NodeName", "name_node", "parse_node"):
        return getattr(importlib.import_module("likewise.avsl.explanation.naming"), name)
    raise AttributeError(f"module 'likewise.explain' has no attribute {name!r}")
