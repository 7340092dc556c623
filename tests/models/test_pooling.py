import pytest
import torch

from likewise.errors import ConfigError
from likewise.models import create_pooling
from likewise.models.pooling import POOLINGS, GeneralizedMeanPooling

MAPS = torch.tensor([[[[1.0, 2.0], [3.0, 6.0]], [[0.0, 0.0], [0.0, 4.0]]]])


@pytest.mark.parametrize(
    ("name", "expected"), [("avg", [3.0, 1.0]), ("max", [6.0, 4.0]), ("avg+max", [9.0, 5.0])]
)
def test_worked_by_hand(name, expected):
    assert create_pooling(name)(MAPS).tolist() == [expected]


def test_gem_by_hand_and_its_limits():
    # ((1 + 8 + 27 + 216) / 4) ** (1/3), (64 / 4) ** (1/3)
    torch.testing.assert_close(
        create_pooling("gem")(MAPS), torch.tensor([[63.0 ** (1 / 3), 16.0 ** (1 / 3)]])
    )
    torch.testing.assert_close(GeneralizedMeanPooling(1.0)(MAPS), MAPS.mean((2, 3)))
    torch.testing.assert_close(GeneralizedMeanPooling(60.0)(MAPS), MAPS.amax((2, 3)), rtol=0.03, atol=0)


def test_gem_learns_its_exponent_and_bears_negative_values():
    pooling = create_pooling("gem")
    pooling(MAPS - 3).sum().backward()
    assert torch.isfinite(pooling.exponent.grad)
    assert torch.isfinite(pooling(-MAPS)).all()


def test_gem_gradient_is_that_of_the_formula():
    maps = torch.rand(2, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    pooling = GeneralizedMeanPooling(2.5)
    (found,) = torch.autograd.grad(pooling(maps).square().sum(), maps)
    (expected,) = torch.autograd.grad(maps.pow(2.5).mean((2, 3)).pow(2 / 2.5).sum(), maps)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_gem_in_low_precision_computes_in_float32():
    maps = torch.rand(2, 3, 7, 7) * 100
    torch.testing.assert_close(
        create_pooling("gem")(maps.bfloat16()).float(), create_pooling("gem")(maps), rtol=0.02, atol=0
    )


@pytest.mark.parametrize("name", POOLINGS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_vectors_have_the_precision_of_their_maps(name, dtype):
    vectors = create_pooling(name)(MAPS.to(dtype))
    assert (vectors.dtype, vectors.shape) == (dtype, (1, 2))


def test_unknown_pooling():
    with pytest.raises(ConfigError, match="did you mean 'gem'"):
        create_pooling("geem")
