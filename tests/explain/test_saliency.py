import copy

import numpy as np
import pytest
import torch
from PIL import Image

from likewise.data import PUBLISHED_BN_INCEPTION, EvalTransform, Preprocessing
from likewise.errors import ConfigError, InputError, MissingExtraError, ModelError
from likewise.explain import SaliencySettings, attribute
from likewise.explain.targets import black_embedding, frozen_weights
from likewise.models import SimilarityModel
from likewise.models.embedder import ExternalEmbedder, SimilarityNetwork

METHODS = ["smoothgrad", "gradient", "gradient_x_input", "integrated_gradients", "grad_cam", "occlusion"]


@pytest.fixture(scope="module")
def pixels() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 3, 48, 48)).astype(np.uint8))


def corner_model() -> SimilarityModel:
    """Its embedding is (sum of the red of the upper left quarter, a constant): only that quarter counts."""

    class Corner(torch.nn.Module):
        def forward(self, inputs):
            red = inputs[:, 0, :12, :12].square().mean((1, 2))
            return torch.stack([red, torch.ones_like(red)], 1)

    preprocessing = Preprocessing(resize_px=24, crop_px=24)
    network = SimilarityNetwork(preprocessing, ExternalEmbedder(Corner()))
    return SimilarityModel(network, preprocessing, dim=2, name="corner")


@pytest.mark.parametrize("method", [method for method in METHODS if method != "grad_cam"])
def test_every_method_finds_the_only_pixels_that_count(method):
    images = torch.from_numpy(np.random.default_rng(1).integers(60, 256, (2, 3, 24, 24)).astype(np.uint8))
    settings = SaliencySettings(method=method, samples=6, window=4, stride=4)
    maps = attribute(corner_model(), images, method=method, settings=settings)
    assert maps.shape == (2, 24, 24) and maps.dtype == np.float32
    assert maps[:, 12:].max() == 0 and maps[:, :, 12:].max() == 0
    assert (maps[:, :12, :12] > 0.1).mean() > 0.5


@pytest.mark.parametrize("method", METHODS)
def test_maps_are_in_range_and_do_not_depend_on_the_batch(tiny_model, pixels, method):
    settings = SaliencySettings(method=method, samples=4, steps=6, window=16, stride=16)
    together = attribute(tiny_model, pixels, method=method, settings=settings, batch_size=64)
    alone = attribute(tiny_model, pixels, method=method, settings=settings, batch_size=1)
    assert together.min() == 0 and together.max() == 1
    np.testing.assert_allclose(together, alone, atol=2e-3)


def test_the_published_preprocessing_and_noise_scale(golden_net, golden):
    """The whole way from pixels: our normalisation in front of the reference's network."""
    values = golden("saliency.npz")
    side = values["inputs"].shape[-1]
    preprocessing = PUBLISHED_BN_INCEPTION.model_copy(update={"resize_px": 28, "crop_px": side})
    network = SimilarityNetwork(preprocessing, ExternalEmbedder(golden_net("a")))
    model = SimilarityModel(network, preprocessing, dim=16, distance="euclidean")
    np.testing.assert_allclose(
        black_embedding(model).numpy(),
        values["baseline_embedding_a"] / np.linalg.norm(values["baseline_embedding_a"]), atol=1e-4,
    )  # fmt: skip
    pictures = [Image.fromarray(image) for image in values["images_uint8"]]
    transform = EvalTransform(preprocessing)
    for picture, mask, inputs, masks in zip(
        pictures, values["masks_uint8"], values["inputs"], values["masks"], strict=True
    ):
        image, cut = transform(picture, Image.fromarray(mask))
        np.testing.assert_allclose(network.normalization(image[None])[0].numpy(), inputs, atol=1e-3)
        np.testing.assert_allclose(cut.numpy() / 255, masks, atol=1e-6)
    # other noise than the reference's: the maps agree as far as 400 samples let them
    ours = attribute(model, pictures, settings=SaliencySettings(samples=400, seed=1), batch_size=200)
    again = attribute(model, pictures, settings=SaliencySettings(samples=400, seed=2), batch_size=200)
    for row in range(len(pictures)):
        between = np.corrcoef(ours[row].ravel(), again[row].ravel())[0, 1]
        theirs = np.corrcoef(ours[row].ravel(), values["map_a_lp1"][row].ravel())[0, 1]
        assert between > 0.98 and theirs > 0.93


def test_seeds_fix_the_noise(tiny_model, pixels):
    settings = SaliencySettings(samples=3)
    first = attribute(tiny_model, pixels, settings=settings, seeds=[7, 8, 9])
    swapped = attribute(tiny_model, pixels[[2, 0]], settings=settings, seeds=[9, 7])
    np.testing.assert_allclose(first[[2, 0]], swapped, atol=2e-3)
    other = attribute(tiny_model, pixels, settings=settings.model_copy(update={"seed": 1}), seeds=[7, 8, 9])
    assert np.abs(other - first).max() > 0.05


@pytest.mark.parametrize("method", ["smoothgrad", "gradient", "occlusion"])
def test_torchs_own_random_numbers_are_left_alone(tiny_model, pixels, method):
    before = torch.get_rng_state()
    attribute(
        tiny_model, pixels[:1], method=method, settings=SaliencySettings(method=method, samples=2, window=24)
    )
    assert torch.equal(torch.get_rng_state(), before)


def test_targets_of_ones_own(tiny_model, pixels):
    vectors = tiny_model.embed(pixels).vectors
    settings = SaliencySettings(samples=3)
    one = attribute(tiny_model, pixels[:2], settings=settings, targets=vectors[2])
    each = attribute(tiny_model, pixels[:2], settings=settings, targets=np.stack([vectors[2]] * 2))
    black = attribute(tiny_model, pixels[:2], settings=settings)
    np.testing.assert_allclose(one, each, atol=1e-3)
    assert np.abs(one - black).max() > 0.05


def test_the_model_is_left_as_it_was(tiny_model, pixels):
    model = copy.deepcopy(tiny_model)
    model.network.train()
    parameters = list(model.network.parameters())
    parameters[0].requires_grad_(False)
    state = copy.deepcopy(model.network.state_dict())
    attribute(model, pixels, settings=SaliencySettings(samples=2))
    assert model.network.training and not parameters[0].requires_grad and parameters[1].requires_grad
    assert all(parameter.grad is None for parameter in parameters)
    assert all(torch.equal(state[key], value) for key, value in model.network.state_dict().items())
    with pytest.raises(RuntimeError, match="oops"), frozen_weights(model):
        raise RuntimeError("oops")
    assert model.network.training and parameters[1].requires_grad


def test_paths_pictures_and_pixels_are_the_same_images(tiny_model, tmp_path):
    picture = Image.fromarray(np.random.default_rng(5).integers(0, 256, (70, 90, 3)).astype(np.uint8))
    picture.save(tmp_path / "a.png")
    settings = SaliencySettings(samples=2)
    square = EvalTransform(tiny_model.preprocessing)(picture)[0]
    maps = [
        attribute(tiny_model, images, settings=settings)
        for images in (
            [tmp_path / "a.png"],
            [str(tmp_path / "a.png")],
            [picture],
            square[None].as_subclass(torch.Tensor),
        )
    ]
    for other in maps[1:]:
        np.testing.assert_array_equal(maps[0], other)


def test_bad_input(tiny_model, pixels, monkeypatch):
    with pytest.raises(InputError, match="list is empty"):
        attribute(tiny_model, [])
    with pytest.raises(InputError, match="images must be a list or an array"):
        attribute(tiny_model, "a.jpg")
    with pytest.raises(InputError, match="float32"):
        attribute(tiny_model, pixels.float())
    with pytest.raises(InputError, match="seeds"):
        attribute(tiny_model, pixels, seeds=[1])
    with pytest.raises(InputError, match="one for each image"):
        attribute(tiny_model, pixels, targets=np.zeros((2, 16)))
    with pytest.raises(ConfigError, match=r"method='gradient' contradicts .* which say 'occlusion'"):
        attribute(tiny_model, pixels, method="gradient", settings=SaliencySettings(method="occlusion"))
    with pytest.raises(ModelError, match="feature map"):
        attribute(corner_model(), torch.zeros(1, 3, 24, 24, dtype=torch.uint8), method="grad_cam")
    with pytest.raises(InputError, match="larger than the image"):
        attribute(
            tiny_model, pixels, method="occlusion", settings=SaliencySettings(method="occlusion", window=64)
        )
    monkeypatch.setitem(__import__("sys").modules, "captum.attr", None)
    with pytest.raises(MissingExtraError, match=r"likewise\[explain\]"):
        attribute(tiny_model, pixels, method="gradient")


def test_onnx_files_can_be_occluded_and_nothing_else(photos):
    pytest.importorskip("onnxruntime")
    from likewise.models import load

    model = load(f"onnx:{photos}/weights/mobilenetv2_embedder.onnx", preprocessing="imagenet")
    image = Image.fromarray(np.random.default_rng(5).integers(0, 256, (224, 224, 3)).astype(np.uint8))
    settings = SaliencySettings(method="occlusion", window=112, stride=112)
    maps = attribute(model, [image], method="occlusion", settings=settings)
    assert maps.shape == (1, 224, 224) and len(np.unique(maps)) == 4
    with pytest.raises(ModelError, match="occlusion"):
        attribute(model, [image])


def foreign(forward) -> SimilarityModel:
    """A model of one's own function from normalised images to vectors."""

    class Module(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(1))

        def forward(self, inputs):
            return forward(inputs * self.weight)

    preprocessing = Preprocessing(resize_px=24, crop_px=24)
    network = SimilarityNetwork(preprocessing, ExternalEmbedder(Module()))
    return SimilarityModel(network, preprocessing, dim=3, name="foreign")


SILENT = {
    "no_grad": torch.no_grad()(lambda inputs: inputs.mean((2, 3))),
    "inference_mode": torch.inference_mode()(lambda inputs: inputs.mean((2, 3))),
    "detached": lambda inputs: inputs.mean((2, 3)).detach(),
    "through_numpy": lambda inputs: torch.from_numpy(inputs.detach().numpy().mean((2, 3))),
    "rounded": lambda inputs: (inputs.mean((2, 3)) * 50).round(),
    "compared": lambda inputs: (inputs.mean((2, 3)) > 0).float() + 0 * inputs.mean((2, 3)),
}


@pytest.mark.parametrize("kind", SILENT)
@pytest.mark.parametrize("method", [method for method in METHODS if method != "grad_cam"])
def test_models_without_gradients_are_refused_and_not_drawn_black(kind, method):
    model = foreign(SILENT[kind])
    images = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (2, 3, 24, 24)).astype(np.uint8))
    settings = SaliencySettings(method=method, samples=2, steps=3, window=12, stride=12)
    if method == "occlusion":
        assert attribute(model, images, method=method, settings=settings).shape == (2, 24, 24)
        return
    with pytest.raises(ModelError, match=r"'foreign'.*method='occlusion'"):
        attribute(model, images, method=method, settings=settings)


def test_a_map_may_be_empty_where_the_image_has_no_say():
    """A black image against the black image: no slope there, but the model has gradients."""
    black = torch.zeros(1, 3, 24, 24, dtype=torch.uint8)
    assert attribute(corner_model(), black, method="gradient_x_input").max() == 0
