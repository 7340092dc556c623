"""The part of an image that a region names, within its edges."""

import pytest
from PIL import Image

from likewise.errors import InputError
from likewise.serve.query_images import Region, cut


@pytest.mark.parametrize(
    ("region", "box"),
    [
        ((0, 0, 1, 1), (0, 0, 40, 20)),
        ((0.25, 0.5, 0.5, 0.25), (10, 10, 30, 15)),
        ((0.5, 0.5, 0.9, 0.9), (20, 10, 40, 20)),  # ends at the edge
        ((0.75, 0, 1, 0.5), (30, 0, 40, 10)),
    ],
)
def test_a_region_is_cut_at_the_edge(region: Region, box: tuple[int, int, int, int]) -> None:
    image = Image.new("RGB", (40, 20), "white")
    image.putdata([(x, y, 200) for y in range(20) for x in range(40)])
    assert cut(image, region).tobytes() == image.crop(box).tobytes()


@pytest.mark.parametrize(
    "region", [(0.5, 0.5, 0.001, 0.5), (0.5, 0.5, 0.5, 0.001), (1, 0, 1, 1), (0, 1, 1, 1)]
)
def test_a_region_without_a_pixel_is_refused(region: Region) -> None:
    with pytest.raises(InputError, match="holds no pixel of the image: draw a larger box"):
        cut(Image.new("RGB", (40, 20)), region)
