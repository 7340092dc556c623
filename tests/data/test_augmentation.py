"""Random boxes and colours: the distribution of torchvision, and nothing where nothing is asked for."""

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp
from torchvision.transforms import RandomResizedCrop

from likewise.data.augmentation import Augmentation, Colors, change_colors, random_box
from likewise.errors import ConfigError


@pytest.mark.parametrize("size", [(341, 256), (256, 341), (300, 300)])
@pytest.mark.parametrize("ratio", [(0.75, 1.33), (0.2, 5.0)])
def test_boxes_have_the_distribution_of_torchvision(
    size: tuple[int, int], ratio: tuple[float, float]
) -> None:
    width, height = size
    generator = np.random.default_rng(0)
    ours = np.array([random_box(size, (0.16, 1.0), ratio, generator) for _ in range(3000)])
    torch.manual_seed(0)
    image = torch.zeros(1, height, width)
    theirs = np.array([RandomResizedCrop.get_params(image, [0.16, 1.0], list(ratio)) for _ in range(3000)])
    across, down = ours[:, 2] - ours[:, 0], ours[:, 3] - ours[:, 1]
    assert (ours[:, :2] >= 0).all() and (ours[:, 2] <= width).all() and (ours[:, 3] <= height).all()
    for mine, other in (
        (ours[:, 0], theirs[:, 1]),
        (ours[:, 1], theirs[:, 0]),
        (across, theirs[:, 3]),
        (down, theirs[:, 2]),
    ):
        assert ks_2samp(mine, other).pvalue > 1e-3


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1000, 10), (493, 0, 506, 10)), ((10, 1000), (0, 493, 10, 506)), ((1, 1), (0, 0, 1, 1))],
)
def test_a_box_that_does_not_fit_is_centred(size: tuple[int, int], expected: tuple[int, ...]) -> None:
    assert random_box(size, (1.0, 1.0), (0.75, 1.3), np.random.default_rng(0)) == expected


def test_no_colour_options_use_no_random_number() -> None:
    generator = np.random.default_rng(0)
    assert Augmentation().draw_colors(generator) is None
    assert generator.random() == np.random.default_rng(0).random()


def test_colours_stay_within_their_ranges() -> None:
    options = Augmentation(brightness=0.2, hue=0.1, grey=0.5)
    drawn = [options.draw_colors(np.random.default_rng(seed)) for seed in range(200)]
    assert all(c is not None and 0.8 <= c.brightness <= 1.2 and -0.1 <= c.hue <= 0.1 for c in drawn)
    assert all(c is not None and c.contrast == c.saturation == 1 for c in drawn)
    assert 60 < sum(c is not None and c.grey for c in drawn) < 140


def test_colours_change_what_they_should() -> None:
    pixels = torch.tensor([200, 100, 50], dtype=torch.uint8).reshape(3, 1, 1).expand(3, 4, 4).contiguous()
    assert torch.equal(change_colors(pixels, Colors()), pixels)
    assert change_colors(pixels, Colors(brightness=0.5))[:, 0, 0].tolist() == [100, 50, 25]
    grey = change_colors(pixels, Colors(grey=True))
    assert grey.shape == (3, 4, 4) and len(set(grey[:, 0, 0].tolist())) == 1
    assert change_colors(pixels, Colors(saturation=0.0))[:, 0, 0].tolist() == grey[:, 0, 0].tolist()
    assert change_colors(pixels, Colors(hue=1 / 3))[:, 0, 0].tolist() == [50, 200, 100]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"scale": (0.5, 0.2)}, "smaller first"),
        ({"scale": (0.0, 1.0)}, "above 0"),
        ({"scale": (0.5, 2.0)}, "at most 1"),
        ({"flip": 1.5}, "flip"),
        ({"hue": 0.6}, "hue"),
        ({"flipp": 0.5}, "flipp"),
    ],
)
def test_bad_values(values: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Augmentation(**values)  # type: ignore[arg-type]
