"""The named backgrounds, and drawing them with a given correlation with the class.

A background is one surface in one colouring, for instance ``wood-oak``: floor and wall, or a sweep of paper or
cloth. The visible patch varies from image to image; its name is the label in the column ``background``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from likewise.errors import InputError
from likewise.seeds import stream


@dataclass(frozen=True)
class Background:
    """A surface in a colouring.

    Attributes:
        name: Its label.
        family: Procedural material: wood, tiles, cloth, grass, concrete, marble, carpet, plain.
        color: The floor's main colour.
        second: Its other colour: joints, veins, weave.
        wall: The wall's colour.
    """

    name: str
    family: str
    color: str
    second: str
    wall: str


_TABLE = """
plain    white  #f2f1ee #f2f1ee #f2f1ee
plain    sky    #a9c9de #a9c9de #a9c9de
plain    coral  #e39a83 #e39a83 #e39a83
plain    mint   #b5d6bf #b5d6bf #b5d6bf
plain    slate  #565d66 #565d66 #565d66
wood     oak    #b98a56 #7a5330 #e4ded2
wood     walnut #6a4127 #3a2214 #cfc7b8
wood     ash    #d9c6a5 #b39c78 #8fa3a6
wood     cherry #94492b #5e2a18 #ece5d8
wood     grey   #8d857b #5f5952 #f0eeea
tiles    white  #e9e9e6 #9a9a98 #c8d4d6
tiles    blue   #3f6f9e #dfe5e8 #eef0f0
tiles    sand   #cdb48c #8f7c5e #f1e9da
tiles    green  #5b8a72 #dfe6df #f2efe6
tiles    slate  #4b5158 #2d3135 #b8bdc0
cloth    linen  #d8ccb4 #bfb193 #d8ccb4
cloth    navy   #2b3a5a #22304c #2b3a5a
cloth    rose   #c78d8f #b47a7d #c78d8f
cloth    olive  #7d8054 #6a6d45 #7d8054
cloth    rust   #a9532e #914423 #a9532e
grass    lawn   #4f7f2c #2f5a1c #8fb4d8
grass    meadow #7d8f3a #5a6f2a #c9d6dd
grass    dry    #b59d58 #8d7a40 #d9cfae
grass    clover #3c6b3f #275030 #a7c3b0
grass    moss   #6d7a2a #47571c #6f8a6a
concrete pale   #bdbab4 #a19e98 #d6d4cf
concrete grey   #8a8986 #6f6e6c #a4a3a0
concrete dark   #4d4d4e #3c3c3d #6c6b6a
concrete warm   #b3a391 #978774 #d9cdbd
concrete blue   #8795a1 #6c7a87 #aab5bd
marble   white  #ecebe7 #8d8f93 #dfe3e2
marble   black  #232427 #b9b6ae #7f8285
marble   green  #2f5746 #a9c2ae #e6e8e0
marble   rose   #d9b3a5 #9c6d60 #f3ece6
marble   cream  #eadfc6 #b7996a #cdb9a0
carpet   red    #9c2f33 #7d2327 #e8dccb
carpet   teal   #2e7b7c #226162 #e3e6e2
carpet   beige  #cbb694 #b39e7d #9fb0a4
carpet   violet #6b4c86 #573c70 #e5dfe8
carpet   grey   #77797c #626467 #d9c9b8
"""

BACKGROUNDS: tuple[Background, ...] = tuple(
    Background(f"{family}-{name}", family, color, second, wall)
    for family, name, color, second, wall in (line.split() for line in _TABLE.strip().splitlines())
)


def background_names() -> list[str]:
    """The names of all procedural backgrounds."""
    return [background.name for background in BACKGROUNDS]


def own_backgrounds(classes: int, backgrounds: Sequence[str], seed: int) -> list[str]:
    """The background that belongs to each of ``classes`` classes: no two classes share one.

    Raises:
        InputError: There are fewer backgrounds than classes.
    """
    if classes > len(backgrounds):
        raise InputError(
            f"There are {classes} classes but only {len(backgrounds)} backgrounds, so they cannot each have their own: "
            "use --background-correlation 0, fewer classes, or --backgrounds with a folder of more photos."
        )
    order = stream(seed, "own backgrounds").permutation(len(backgrounds))
    return [backgrounds[index] for index in order[:classes]]


def draw_background(
    generator: np.random.Generator, correlation: float, usual: str | None, backgrounds: Sequence[str]
) -> str:
    """``usual``, that of the class, with probability ``correlation``, else any of ``backgrounds`` with equal chance.

    At 0 the background says nothing about the class; at 1 it names it. Both numbers are drawn in every case, so
    that the rest of an image's draws does not depend on the correlation.
    """
    keep, index = generator.random(), int(generator.integers(len(backgrounds)))
    return usual if usual is not None and keep < correlation else backgrounds[index]
