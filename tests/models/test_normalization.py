import numpy as np
import torch
from PIL import Image
from torchvision.transforms import v2

from likewise.data import IMAGENET, PUBLISHED_BN_INCEPTION, EvalTransform
from likewise.models import InputNormalization


def test_agrees_with_torchvision():
    pixels = torch.randint(0, 256, (2, 3, 5, 4), dtype=torch.uint8)
    expected = v2.functional.normalize(
        v2.functional.to_dtype(pixels, torch.float32, scale=True), IMAGENET.mean, IMAGENET.std
    )
    torch.testing.assert_close(InputNormalization(IMAGENET)(pixels), expected)
    torch.testing.assert_close(InputNormalization(IMAGENET)(pixels.float()), expected)


def test_published_pictures_from_pixels_to_input(golden):
    """Geometry and numbers together against the released code of both papers."""
    expected = golden("saliency.npz")
    picture = Image.fromarray(expected["preprocess_image_uint8"])
    pixels, _ = EvalTransform(PUBLISHED_BN_INCEPTION)(picture)
    found = InputNormalization(PUBLISHED_BN_INCEPTION)(pixels[None])[0].numpy()
    np.testing.assert_allclose(found[:, 100], expected["preprocess_tensor_row100"], atol=1e-3)
    np.testing.assert_allclose(found[:, :, 60], expected["preprocess_tensor_col60"], atol=1e-3)
    np.testing.assert_allclose(found.mean((1, 2)), expected["preprocess_tensor_mean"], atol=1e-3)


def test_black_is_the_published_constant(golden):
    black = torch.zeros(1, 3, 24, 24, dtype=torch.uint8)
    found = InputNormalization(PUBLISHED_BN_INCEPTION)(black)[0].numpy()
    np.testing.assert_array_equal(found, golden("saliency.npz")["baseline_input"])


def test_is_not_in_the_state_dict_but_moves_with_the_module():
    module = InputNormalization(IMAGENET)
    assert not module.state_dict()
    assert module.to(torch.float64).mean.dtype == torch.float64


def test_gradients_reach_float_pixels():
    pixels = torch.full((1, 3, 2, 2), 128.0, requires_grad=True)
    InputNormalization(IMAGENET)(pixels).sum().backward()
    assert torch.allclose(pixels.grad[0, :, 0, 0], 1 / (255 * torch.tensor(IMAGENET.std)))
