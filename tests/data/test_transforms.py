"""Image and mask to squares: exact for evaluation, one box and one flip for both in training."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional

from likewise.data import IMAGENET, Augmentation, EvalTransform, Plan, Preprocessing, TrainTransform
from likewise.data.transforms import resized_size
from likewise.errors import ImageError

SMALL = Preprocessing(resize_px=40, crop_px=32)


def coordinates(width: int, height: int) -> tuple[Image.Image, Image.Image]:
    """An image whose red is x, green y; its mask is x too: wherever both are cut, they must agree."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    image = np.stack([x, y, np.zeros_like(x)], -1).round().astype(np.uint8)
    return Image.fromarray(image), Image.fromarray(image[..., 0])


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize("size", [(90, 60), (60, 90), (50, 50), (33, 47), (41, 40), (700, 31)])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_evaluation_is_that_of_torchvision_to_the_bit(size: tuple[int, int], interpolation: Any) -> None:
    wanted = SMALL.model_copy(update={"interpolation": interpolation})
    image = noise(*size)
    square, mask = EvalTransform(wanted)(image, image.convert("L"))
    mode = functional.InterpolationMode(interpolation)
    reference = functional.center_crop(functional.resize(image, [40], mode), [32, 32])
    np.testing.assert_array_equal(square.permute(1, 2, 0).numpy(), np.asarray(reference))
    grey = functional.center_crop(functional.resize(image.convert("L"), [40], mode), [32, 32])
    assert mask is not None
    np.testing.assert_array_equal(mask[0].numpy(), np.asarray(grey))


def test_kinds_and_shapes() -> None:
    for transform in (EvalTransform(SMALL), TrainTransform(SMALL)):
        square, mask = transform(*coordinates(50, 60))
        assert isinstance(square, tv_tensors.Image) and isinstance(mask, tv_tensors.Mask)
        assert (square.shape, mask.shape) == ((3, 32, 32), (1, 32, 32))
        assert square.dtype == mask.dtype == torch.uint8 and square.is_contiguous()
        assert transform(noise(50, 60))[1] is None


@pytest.mark.parametrize("resize_first", [True, False])
@pytest.mark.parametrize("size", [(64, 48), (200, 300), (31, 29)])
def test_image_and_mask_never_part(resize_first: bool, size: tuple[int, int]) -> None:
    transform = TrainTransform(SMALL, Augmentation(resize_first=resize_first))
    image, mask = coordinates(*size)
    flipped = 0
    for seed in range(40):
        square, cut = transform(image, mask, np.random.default_rng(seed))
        assert cut is not None
        assert (square[0].int() - cut[0].int()).abs().max() <= 1
        flipped += int(cut[0, 0, 0] > cut[0, 0, -1])
    assert 8 <= flipped <= 32


def test_image_reduced_by_its_decoder_is_cut_like_its_full_size_mask() -> None:
    transform = TrainTransform(SMALL, Augmentation(resize_first=False))
    image, mask = coordinates(501, 333)
    for seed in range(40):
        generator = np.random.default_rng(seed)
        plan = transform.plan(image.size, generator)
        for step in (1, 2, 4, 8):
            size = (-(-501 // step), -(-333 // step))
            reduced = (
                image.resize(size, Image.Resampling.BOX, box=(0, 0, size[0] * step, size[1] * step))
                if step == 1
                else image.reduce(step)
            )
            assert reduced.size == size
            square, cut = transform.apply(reduced, mask, plan, generator)
            assert cut is not None
            # Two grey levels are two pixels of the mask's 501: far below one of the reduced image.
            assert (square[0].int() - cut[0].int()).abs().float().mean() <= 2


def test_tensor_and_image_give_the_same() -> None:
    image = noise(90, 70)
    pixels = torch.from_numpy(np.array(image))
    for transform in (TrainTransform(SMALL), EvalTransform(SMALL)):
        plan = transform.plan(image.size, np.random.default_rng(3))
        generator = np.random.default_rng(0)
        assert torch.equal(
            transform.apply(image, None, plan, generator)[0],
            transform.apply(pixels, None, plan, generator)[0],
        )


def test_one_step_cuts_the_parts_that_two_steps_cut() -> None:
    """Resize to 256, cut on that grid, resize again (published), against our single resampling."""
    big = Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 10, 3), dtype=np.uint8)).resize(
        (500, 400), Image.Resampling.BICUBIC
    )
    wanted = Preprocessing(resize_px=256, crop_px=227)
    transform = TrainTransform(wanted, Augmentation(flip=0))
    for seed in range(10):
        plan = transform.plan(big.size, np.random.default_rng(seed))
        ours = transform.apply(big, None, plan, np.random.default_rng(0))[0]
        grid = resized_size(big.size, 256)
        box = [
            plan.box[0] * grid[0] / 500,
            plan.box[1] * grid[1] / 400,
            plan.box[2] * grid[0] / 500,
            plan.box[3] * grid[1] / 400,
        ]
        np.testing.assert_allclose(box, np.round(box), atol=1e-6)  # drawn on the grid of the resized image
        published = (
            big.resize(grid, Image.Resampling.BILINEAR)
            .crop([round(edge) for edge in box])
            .resize((227, 227), Image.Resampling.BILINEAR)
        )  # type: ignore[arg-type]
        difference = np.abs(ours.permute(1, 2, 0).numpy().astype(int) - np.asarray(published))
        assert difference.mean() < 2.5


def test_same_seed_same_square_other_seed_other_square() -> None:
    transform, image = TrainTransform(SMALL), noise(80, 80)
    first, second, other = (transform(image, None, np.random.default_rng(seed))[0] for seed in (1, 1, 2))
    assert torch.equal(first, second) and not torch.equal(first, other)


def test_flip_and_colours() -> None:
    image, mask = coordinates(40, 40)
    whole = {"scale": (1.0, 1.0), "ratio": (1.0, 1.0)}
    plain = TrainTransform(SMALL, Augmentation(flip=0, **whole))(image, mask)
    turned = TrainTransform(SMALL, Augmentation(flip=1, **whole))(image, mask)
    assert torch.equal(plain[0].flip(-1), turned[0]) and plain[1] is not None and turned[1] is not None
    assert torch.equal(plain[1].flip(-1), turned[1])
    grey = TrainTransform(SMALL, Augmentation(flip=0, grey=1, **whole))(image, mask)
    assert grey[1] is not None and torch.equal(grey[1], plain[1])  # colours leave the mask alone
    assert torch.equal(grey[0][0], grey[0][1]) and not torch.equal(grey[0][0], plain[0][0])


def test_how_small_an_image_may_be_decoded() -> None:
    generator = np.random.default_rng(0)
    assert EvalTransform(IMAGENET).plan((4000, 3000), generator).min_side_px == 512
    assert EvalTransform(Preprocessing(resize_px=400, crop_px=384)).plan((9, 9), generator).min_side_px == 800
    assert EvalTransform(IMAGENET, exact_decoding=True).plan((4000, 3000), generator).min_side_px is None
    first = [TrainTransform(IMAGENET).plan((4000, 3000), generator).min_side_px for _ in range(50)]
    assert max(filter(None, first)) == 256 and min(filter(None, first)) >= 224
    free = TrainTransform(IMAGENET, Augmentation(resize_first=False))
    for _ in range(50):
        plan = free.plan((4000, 3000), generator)
        assert plan.min_side_px is not None
        part = min(plan.box[2] - plan.box[0], plan.box[3] - plan.box[1])
        assert 223.99 <= part * plan.min_side_px / 3000 <= 225


class Swap:
    """A pair transform that records what it was given and inverts both."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def __call__(self, image: Any, mask: Any, generator: np.random.Generator) -> tuple[Any, Any]:
        self.seen.append((type(image), type(mask), float(generator.random())))
        if isinstance(image, Image.Image):
            return image.point(lambda value: 255 - value), mask.point(lambda value: 255 - value)
        return tv_tensors.Image(255 - image), tv_tensors.Mask(255 - mask)


@pytest.mark.parametrize("kind", [TrainTransform, EvalTransform])
def test_pair_transform_at_both_stages(kind: Any) -> None:
    image, mask = coordinates(70, 50)
    swap = Swap()
    plain = kind(SMALL)(image, mask, np.random.default_rng(5))
    cropped = kind(SMALL, pair_transform=swap)(image, mask, np.random.default_rng(5))
    raw = kind(SMALL, pair_transform=swap, pair_stage="raw")(image, mask, np.random.default_rng(5))
    assert [seen[:2] for seen in swap.seen] == [
        (tv_tensors.Image, tv_tensors.Mask),
        (Image.Image, Image.Image),
    ]
    assert swap.seen[0][2] == swap.seen[1][2]
    for found in (cropped, raw):
        assert (255 - found[0].int() - plain[0].int()).abs().max() <= 1
        assert (255 - found[1].int() - plain[1].int()).abs().max() <= 1


def test_a_pair_transform_changes_no_crop_whatever_it_draws() -> None:
    def greedy(image: Any, mask: Any, generator: np.random.Generator) -> tuple[Any, Any]:
        generator.random(1000)
        return image, mask

    image = noise(90, 90)
    with_it, without = TrainTransform(SMALL, pair_transform=greedy), TrainTransform(SMALL)
    one, other = np.random.default_rng(7), np.random.default_rng(7)
    for _ in range(3):  # also for what is drawn afterwards from the same generator
        assert torch.equal(with_it(image, None, one)[0], without(image, None, other)[0])


def test_a_raw_pair_transform_needs_all_pixels() -> None:
    generator = np.random.default_rng(0)
    for kind in (TrainTransform, EvalTransform):
        transform = kind(IMAGENET, pair_transform=Swap(), pair_stage="raw")
        assert transform.plan((4000, 3000), generator).min_side_px is None
        assert not transform.takes_pixels


def test_mask_of_another_size() -> None:
    with pytest.raises(ImageError, match="The mask is 9 x 8 pixels but its image 50 x 60: make the mask"):
        TrainTransform(SMALL)(noise(50, 60), noise(9, 8).convert("L"))


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (3, 2)])
def test_tiny_images(size: tuple[int, int]) -> None:
    for transform in (
        TrainTransform(SMALL),
        TrainTransform(SMALL, Augmentation(resize_first=False)),
        EvalTransform(SMALL),
    ):
        for seed in range(5):
            square, _ = transform(noise(*size), None, np.random.default_rng(seed))
            assert square.shape == (3, 32, 32)


def test_a_plan_is_plain_data() -> None:
    assert TrainTransform(SMALL).plan((50, 50), np.random.default_rng(0)) == TrainTransform(SMALL).plan(
        (50, 50), np.random.default_rng(0)
    )
    assert isinstance(EvalTransform(SMALL).plan((50, 50), np.random.default_rng(0)), Plan)
