"""Controls of the background audit: what stays of the photo under each."""

import numpy as np
import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional

from likewise.data import EvalTransform, Preprocessing
from likewise.data.control_conditions import CONTROLS, ShowControl, _blurred, control_transform
from likewise.errors import ImageError

SIDE = 28
FILLS = ("blurred", "spread", "texture")


@pytest.fixture
def photo() -> tuple[tv_tensors.Image, tv_tensors.Mask]:
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE), np.uint8))
    mask = torch.zeros(1, SIDE, SIDE, dtype=torch.uint8)
    mask[:, 10:18, 6:20] = 255
    return tv_tensors.Image(pixels), tv_tensors.Mask(mask)


def shown(control: str, photo: tuple[tv_tensors.Image, tv_tensors.Mask], seed: int = 0) -> torch.Tensor:
    image, mask = ShowControl(control)(*photo, np.random.default_rng(seed))  # type: ignore[arg-type]
    assert mask is photo[1] and image.dtype == torch.uint8 and image.shape == photo[0].shape
    return image.as_subclass(torch.Tensor)


@pytest.mark.parametrize("control", FILLS)
def test_a_fill_keeps_the_object_and_changes_the_background(control: str, photo: tuple) -> None:
    inside = (photo[1] > 0).expand(3, -1, -1)
    found = shown(control, photo)
    assert (found == photo[0])[inside].all()
    assert (found != photo[0])[~inside].float().mean() > 0.8


def test_the_fills_differ(photo: tuple) -> None:
    found = [shown(control, photo).float() for control in FILLS]
    assert min(float((a - b).abs().mean()) for a in found for b in found if a is not b) > 5


def test_no_pixel_of_the_object_stays_in_the_texture(photo: tuple) -> None:
    image = torch.zeros(3, SIDE, SIDE, dtype=torch.uint8)
    image[0, 10:18, 6:20] = 255  # a red object on black
    found = shown("texture", (tv_tensors.Image(image), photo[1]))
    assert not found[0][photo[1][0] == 0].any()


def test_texture_depends_on_the_generator_only(photo: tuple) -> None:
    assert torch.equal(shown("texture", photo, 1), shown("texture", photo, 1))
    assert not torch.equal(shown("texture", photo, 1), shown("texture", photo, 2))


def test_painted_over_keeps_the_background_and_an_even_outline(photo: tuple) -> None:
    inside = (photo[1] > 0).expand(3, -1, -1)
    found = shown("painted_over", photo)
    assert (found[inside] == 128).all() and torch.equal(found[~inside], photo[0][~inside])


def test_the_outline_is_the_mask(photo: tuple) -> None:
    assert torch.equal(shown("outline", photo), photo[1].as_subclass(torch.Tensor).expand(3, -1, -1))


def test_mirrored_twice_is_the_photo(photo: tuple) -> None:
    assert torch.equal(shown("mirrored", photo).flip(-1), photo[0])
    image, _ = ShowControl("mirrored")(photo[0], None, np.random.default_rng(0))
    assert torch.equal(image, shown("mirrored", photo))


def test_even_parts_stay_even_in_every_control(photo: tuple) -> None:
    """A red object, too thin to be shrunk, on blue: whole pictures worked by hand."""
    mask = torch.zeros(1, SIDE, SIDE, dtype=torch.uint8)
    mask[:, 12:15, 4:20] = 255
    inside = (mask > 0).expand(3, -1, -1)
    red, blue = (
        torch.tensor(color, dtype=torch.uint8)[:, None, None].expand(3, SIDE, SIDE)
        for color in ((255, 0, 0), (0, 0, 255))
    )
    even = tv_tensors.Image(torch.where(inside, red, blue)), tv_tensors.Mask(mask)
    expected = {
        "blurred": even[0], "texture": even[0], "spread": red, "mirrored": even[0].flip(-1),
        "painted_over": torch.where(inside, torch.full_like(red, 128), blue), "outline": inside.to(torch.uint8) * 255,
    }  # fmt: skip
    assert set(expected) == set(CONTROLS)
    for control, picture in expected.items():
        assert torch.equal(shown(control, even), picture.as_subclass(torch.Tensor)), control


@pytest.mark.parametrize("control", CONTROLS)
def test_the_transform_shows_its_control(control: str) -> None:
    from PIL import Image

    picture, size = Image.new("RGB", (SIDE, SIDE), "red"), Preprocessing(resize_px=SIDE, crop_px=SIDE)
    picture.paste("blue", (0, 0, 20, 10))
    mask = Image.new("L", (SIDE, SIDE))
    mask.paste(255, (4, 6, 20, 18))
    image, edge = control_transform(control, size)(picture, mask)  # type: ignore[arg-type]
    plain, plain_edge = EvalTransform(size)(picture, mask)
    assert torch.equal(edge, plain_edge) and not torch.equal(image, plain)


@pytest.mark.parametrize("control", [name for name in CONTROLS if name != "mirrored"])
def test_without_a_mask_a_control_says_how_to_get_one(control: str, photo: tuple) -> None:
    with pytest.raises(ImageError, match="likewise masks"):
        ShowControl(control)(photo[0], None, np.random.default_rng(0))  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [3, 28, 50])
def test_the_transform_gives_squares_of_the_model(size: int) -> None:
    from PIL import Image

    transform = control_transform("texture", Preprocessing(resize_px=size, crop_px=size))
    image, _ = transform(Image.new("RGB", (64, 48), (9, 8, 7)), Image.new("L", (64, 48), 255))
    assert image.shape == (3, size, size)


def test_blurring_along_each_axis_equals_one_square_kernel() -> None:
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 70, 70), dtype=np.uint8))
    deviation = 0.06 * 70
    square = functional.gaussian_blur(pixels, [6 * int(deviation) + 1] * 2, [deviation] * 2)
    assert (_blurred(pixels).int() - square.int()).abs().max() <= 1  # both round
