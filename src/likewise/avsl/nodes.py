"""Parts of an AVSL explanation of a pair: levels, nodes, and links between nodes."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from likewise.readable import readable

Map = NDArray[np.float64]


@readable
@dataclass(frozen=True)
class NodePicture:
    """A node of an AVSL model on both images.

    Attributes:
        level: Level, 0 = lowest.
        node: Number of the node.
        contribution: Its part of the distance, >= 0.
        shared: Its response in both images; > 0 the same sign, < 0 opposite signs.
        maps: Its activation on each image, (h, w); the mean of a map is the node's value there.
        role: ``apart`` for the most distinguishing nodes, ``alike`` for the most shared ones.
    """

    level: int
    node: int
    contribution: float
    shared: float
    maps: tuple[Map, Map]
    role: Literal["apart", "alike"]


@readable
@dataclass(frozen=True)
class LevelPart:
    """A level of an AVSL model in a pair's distance.

    Attributes:
        level: Level, 0 = lowest.
        contribution: Sum over its nodes, >= 0; the levels sum to the distance.
        grid: (h, w) of its activation maps.
        nodes: The displayed nodes.
    """

    level: int
    contribution: float
    grid: tuple[int, int]
    nodes: list[NodePicture]


@dataclass(frozen=True)
class LinkedNode:
    """A node in the graph of a pair: it carries its own part of the distance and what comes from below."""

    level: int
    node: int
    carried: float
    own: float


@dataclass(frozen=True)
class NodeLink:
    """A link of that graph: the part of the distance that goes from the lower node to the higher."""

    lower: LinkedNode
    higher: LinkedNode
    flow: float


@readable
@dataclass(frozen=True)
class NodeGraph:
    """The strongest nodes of each level of a pair and the links between them.

    Attributes:
        nodes: Nodes that carry most, highest level first.
        links: Between those, strongest first.
    """

    nodes: list[LinkedNode]
    links: list[NodeLink]
