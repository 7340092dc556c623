"""The formula from pixels to network input, against the published numbers and torchvision."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from likewise.data import IMAGENET, PUBLISHED_BN_INCEPTION, EvalTransform, Preprocessing, normalize
from likewise.errors import ConfigError


def test_published_preprocessing_of_full_size(golden) -> None:
    numbers = golden("saliency.npz")
    image = Image.fromarray(numbers["preprocess_image_uint8"])
    mask = Image.fromarray(numbers["preprocess_mask_uint8"])
    square, cut = EvalTransform(PUBLISHED_BN_INCEPTION)(image, mask)
    values = PUBLISHED_BN_INCEPTION.normalize(square)
    assert values.shape == (3, 227, 227) and cut is not None
    np.testing.assert_array_equal(values[:, 100].numpy(), numbers["preprocess_tensor_row100"])
    np.testing.assert_array_equal(values[:, :, 60].numpy(), numbers["preprocess_tensor_col60"])
    np.testing.assert_allclose(values.mean((1, 2)).numpy(), numbers["preprocess_tensor_mean"], rtol=1e-5)
    soft = cut[0].numpy() / np.float32(255)
    np.testing.assert_allclose(soft[100], numbers["preprocess_mask_row100"], atol=1e-6)
    np.testing.assert_allclose(soft.mean(), numbers["preprocess_mask_mean"], rtol=1e-5)


def test_published_preprocessing_of_small_size(golden) -> None:
    numbers = golden("saliency.npz")
    side = numbers["inputs"].shape[-1]
    # The shorter side before cropping is not stored; it is 28 for a crop of 24.
    small = PUBLISHED_BN_INCEPTION.model_copy(update={"resize_px": round(side * 28 / 24), "crop_px": side})
    for image, mask, wanted, wanted_mask in zip(
        numbers["images_uint8"], numbers["masks_uint8"], numbers["inputs"], numbers["masks"], strict=True
    ):
        square, cut = EvalTransform(small)(Image.fromarray(image), Image.fromarray(mask))
        assert cut is not None
        np.testing.assert_array_equal(small.normalize(square).numpy(), wanted)
        np.testing.assert_allclose(cut.numpy() / np.float32(255), wanted_mask, atol=1e-6)


def test_the_published_black_image(golden) -> None:
    black = torch.zeros(3, 24, 24, dtype=torch.uint8)
    np.testing.assert_array_equal(
        PUBLISHED_BN_INCEPTION.normalize(black).numpy(), golden("saliency.npz")["baseline_input"]
    )


def test_imagenet_agrees_with_torchvision() -> None:
    images = torch.randint(0, 256, (4, 3, 9, 7), dtype=torch.uint8)
    reference = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize(IMAGENET.mean, IMAGENET.std)])
    torch.testing.assert_close(IMAGENET.normalize(images), reference(images), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize(
    "preprocessing", [PUBLISHED_BN_INCEPTION, IMAGENET, Preprocessing(value_range=255, std=(2, 3, 4))]
)
def test_dtypes_and_batches(dtype: torch.dtype, preprocessing: Preprocessing) -> None:
    images = torch.randint(0, 256, (2, 3, 5, 4)).to(dtype)
    before = images.clone()
    values = preprocessing.normalize(images)
    assert values.dtype == (torch.float32 if dtype == torch.uint8 else dtype)
    assert torch.equal(images, before)
    torch.testing.assert_close(values[1], preprocessing.normalize(images[1]))
    exact = images.double().flip(1) if preprocessing.channel_order == "bgr" else images.double()
    exact = exact * preprocessing.value_range / 255
    mean, std = (
        torch.tensor(v, dtype=torch.float64).reshape(3, 1, 1) for v in (preprocessing.mean, preprocessing.std)
    )
    tolerance = {"rtol": 0.02, "atol": 2.0} if dtype == torch.bfloat16 else {"rtol": 1e-5, "atol": 1e-5}
    torch.testing.assert_close(values.double(), (exact - mean) / std, **tolerance)


def test_gradients_pass() -> None:
    images = torch.rand(1, 3, 4, 4) * 255
    images.requires_grad_()
    normalize(images, torch.zeros(3), torch.full((3,), 0.5)).sum().backward()
    assert images.grad is not None
    torch.testing.assert_close(images.grad, torch.full_like(images, 2 / 255))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"crop_px": 300}, r"crop_px \(300\) must not be larger than resize_px \(256\)"),
        ({"std": (1, 0, 1)}, "must be positive"),
        ({"resize": 224}, "unknown key 'resize'"),
        ({"channel_order": "grb"}, "channel_order"),
        ({"value_range": 2}, "value_range"),
        ({"mean": (1, 2)}, "mean"),
    ],
)
def test_bad_values(values: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Preprocessing(**values)  # type: ignore[arg-type]


def test_it_survives_json() -> None:
    assert (
        Preprocessing.model_validate_json(PUBLISHED_BN_INCEPTION.model_dump_json()) == PUBLISHED_BN_INCEPTION
    )
