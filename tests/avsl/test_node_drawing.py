"""The figure of a level: distinguishing nodes above shared ones, each on both images."""

import numpy as np
from PIL import Image

from likewise.avsl.node_drawing import level_grids
from likewise.avsl.nodes import LevelPart, NodePicture
from likewise.drawing import RIGHT, WRONG


def test_nodes_stand_below_the_name_of_their_role() -> None:
    maps = (np.full((2, 2), 0.5), np.full((2, 2), -0.25))
    nodes = [NodePicture(1, 7, 0.0, 0.3, maps, "alike"), NodePicture(1, 4, 0.2, -0.1, maps, "apart")]
    images = (Image.new("RGB", (32, 32)), Image.new("RGB", (32, 32)))
    (grid,) = level_grids([LevelPart(1, 0.4, (2, 2), nodes)], 0.8, images)
    assert list(grid.row_titles) == ["Differences", "Shared content"]
    assert grid.title == "Level 1 (2 x 2 locations): 50.0 % of the distance"
    captions = [[tile.caption for tile in row] for row in grid.rows]
    assert captions == [
        ["node 1:4\na: +0.500", "+25.00 % of the distance\nb: -0.250"],
        ["node 1:7\na: +0.500", "-0.3000: in both\nb: -0.250"],
    ]
    assert [row[0].border for row in grid.rows] == [WRONG, RIGHT]
