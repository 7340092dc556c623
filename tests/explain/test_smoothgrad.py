import numpy as np
import pytest
import torch

from likewise.errors import ConfigError, InputError
from likewise.explain.distances import embedding_distance
from likewise.explain.noise import gaussian_noise
from likewise.explain.smoothgrad import smoothgrad, to_maps

DISTANCES = ["lp1", "lp2", "cosine", "dot", "snr"]
NETS = ["a", "b"]


@pytest.fixture(scope="module")
def scalar_of(values, golden_net):
    """The distance of an image to the black image, for a net and a distance of the golden file."""

    def make(net: str, distance: str):
        network, measure = golden_net(net), embedding_distance(distance)
        baseline = network(torch.from_numpy(values["baseline_input"])[None])[0].detach()
        return lambda rows, _: measure(network(rows), baseline)

    return make


def close(ours: torch.Tensor, theirs: np.ndarray) -> None:
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-3, atol=1e-4 * np.abs(theirs).max())


@pytest.fixture(scope="module")
def values(golden):
    return golden("saliency.npz")


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("distance", DISTANCES)
def test_distance_to_the_black_image(values, scalar_of, net, distance):
    ours = scalar_of(net, distance)(torch.from_numpy(values["inputs"]), None).detach().numpy()
    theirs = values[f"distance_{net}_{distance}"]
    expected = 1 - theirs if distance in ("cosine", "dot") else theirs  # theirs is the inner product
    np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-5)


def test_signed_gradients_of_each_noise_sample(values, scalar_of):
    for image in range(len(values["inputs"])):
        noise = torch.from_numpy(values["noise"][image])
        inputs = torch.from_numpy(values["inputs"][image : image + 1])
        for sample in range(0, len(noise), 6):
            # one sample at a time shows the signed gradient through the linear map of `smoothgrad`
            function = scalar_of("a", "lp1")
            spread = 0.15 * (inputs.max() - inputs.min())
            rows = (inputs + spread * noise[sample]).requires_grad_()
            (gradient,) = torch.autograd.grad(function(rows, None).sum() / len(noise), rows)
            close(gradient.mean(1)[0], values[f"grads_a_lp1_{image}"][sample])


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("batch_size", [7, 64])
def test_raw_and_final_maps_agree_with_the_reference(values, scalar_of, net, distance, batch_size):
    noise = torch.from_numpy(values["noise"])
    raw = smoothgrad(
        scalar_of(net, distance), torch.from_numpy(values["inputs"]),
        samples=noise.shape[1], noise=noise, batch_size=batch_size,
    )  # fmt: skip
    close(raw, values[f"raw_{net}_{distance}"])
    np.testing.assert_allclose(to_maps(raw).numpy(), values[f"map_{net}_{distance}"], atol=1e-3)
    if net == "a":
        np.testing.assert_allclose(to_maps(raw).numpy(), values[f"bb_map_{distance}"], atol=1e-3)


def test_gradient_of_a_linear_function_is_its_weight():
    weight = torch.tensor([[[1.0, -2.0], [0.0, 4.0]], [[3.0, 2.0], [0.0, -4.0]]])
    inputs = torch.rand(3, 2, 2, 2)
    published = smoothgrad(lambda rows, _: (rows * weight).sum((1, 2, 3)), inputs, samples=5)
    expected = torch.tensor([[2.0, 0.0], [0.0, 0.0]])  # mean over the two channels, with sign
    torch.testing.assert_close(published, expected.expand(3, 2, 2))
    original = smoothgrad(lambda rows, _: (rows * weight).sum((1, 2, 3)), inputs, absolute="after_mean")
    torch.testing.assert_close(original, torch.tensor([[4.0, 4.0], [0.0, 8.0]]).expand(3, 2, 2))


@pytest.mark.parametrize("absolute", ["per_copy", "after_mean"])
def test_batch_size_order_and_company_do_not_matter(values, scalar_of, absolute):
    inputs = torch.from_numpy(np.concatenate([values["inputs"]] * 3))
    inputs = inputs + torch.linspace(0, 20, len(inputs))[:, None, None, None]
    seeds = torch.tensor([11, 5, 2**40 + 3, 7, 1, 0])
    function = scalar_of("a", "cosine")
    whole = smoothgrad(function, inputs, samples=9, seeds=seeds, batch_size=1000, absolute=absolute)
    for batch_size in (1, 4, 9, 20):
        part = smoothgrad(function, inputs, samples=9, seeds=seeds, batch_size=batch_size, absolute=absolute)
        torch.testing.assert_close(part, whole, rtol=1e-4, atol=1e-7)
    order = torch.tensor([3, 0, 5])
    some = smoothgrad(
        function, inputs[order], samples=9, seeds=seeds[order], batch_size=13, absolute=absolute
    )
    torch.testing.assert_close(some, whole[order], rtol=1e-4, atol=1e-7)


def test_rows_never_exceed_the_batch_and_know_their_image():
    seen: list[int] = []
    inputs = torch.arange(5.0)[:, None, None, None].expand(5, 1, 2, 2) * 100

    def function(rows, image):
        seen.append(len(rows))
        assert torch.equal(rows.detach()[:, 0, 0, 0].round(), image * 100.0)
        return rows.sum((1, 2, 3))

    smoothgrad(function, inputs, samples=6, batch_size=4)
    assert max(seen) <= 4 and sum(seen) == 5 * 6


def test_the_original_variant_cancels_noise_and_the_published_does_not():
    def function(rows, _):
        return (rows[:, 0] ** 2).sum((1, 2))  # gradient 2x: symmetric around an input of 0

    inputs = torch.zeros(1, 1, 6, 6)
    inputs[0, 0, 0, 0] = 1.0
    published = smoothgrad(function, inputs, samples=400, spread=0.5, batch_size=400)[0]
    original = smoothgrad(function, inputs, samples=400, spread=0.5, batch_size=400, absolute="after_mean")[0]
    assert original[1:, 1:].mean() < 0.2 * published[1:, 1:].mean()


def test_bfloat16_stays_near_float32(values, scalar_of):
    inputs, function = torch.from_numpy(values["inputs"]), scalar_of("a", "cosine")
    exact, rough = (
        to_maps(smoothgrad(function, inputs, precision=precision)) for precision in ("float32", "bf16")
    )
    assert np.corrcoef(exact.flatten(), rough.flatten())[0, 1] > 0.99


def test_maps_are_scaled_like_numpy_percentiles():
    raw = torch.from_numpy(np.random.default_rng(0).gamma(1.0, size=(4, 13, 17)).astype(np.float32))
    for percentile in (99.0, 100.0, 37.5, 0.0):
        low, high = raw.amin((1, 2)).numpy(), np.percentile(raw.numpy(), percentile, axis=(1, 2))
        ours = to_maps(raw, percentile).numpy()
        if percentile == 0.0:
            assert not ours.any()
        else:
            expected = np.clip((raw.numpy() - low[:, None, None]) / (high - low)[:, None, None], 0, 1)
            np.testing.assert_allclose(ours, expected, atol=1e-5)


def test_a_constant_map_is_zero_not_nan():
    assert to_maps(torch.full((1, 4, 4), 3.0)).eq(0).all()


def test_noise_is_standard_normal_and_independent():
    seeds, samples = torch.arange(8).repeat_interleave(5), torch.arange(5).repeat(8)
    noise = gaussian_noise(seeds, samples, (3, 31, 33))
    assert noise.shape == (40, 3, 31, 33)
    assert abs(noise.mean()) < 0.01 and abs(noise.std() - 1) < 0.01
    assert abs((noise**4).mean() - 3) < 0.06  # kurtosis of a normal distribution
    flat = noise.flatten(1)
    between = torch.corrcoef(flat) - torch.eye(40)
    assert between.abs().max() < 5 / flat.shape[1] ** 0.5
    lagged = (flat[:, 1:] * flat[:, :-1]).mean()
    assert abs(lagged) < 0.01


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"samples": 0}, ConfigError, "samples"),
        ({"batch_size": 0}, ConfigError, "batch_size"),
        ({"spread": -1.0}, ConfigError, "spread"),
        ({"absolute": "best"}, ConfigError, "absolute"),
        ({"seeds": torch.arange(3)}, InputError, "one per image"),
        ({"noise": torch.zeros(2, 1, 1, 2, 2)}, InputError, "expected"),
    ],
)
def test_bad_settings_are_named(change, kind, words):
    with pytest.raises(kind, match=words):
        smoothgrad(lambda rows, _: rows.sum((1, 2, 3)), torch.zeros(2, 1, 2, 2), **change)


def test_bad_inputs_and_functions_are_named():
    with pytest.raises(InputError, match="preprocessed images"):
        smoothgrad(lambda rows, _: rows.sum(), torch.zeros(1, 1, 2, 2, dtype=torch.uint8))
    with pytest.raises(InputError, match="one number per row"):
        smoothgrad(lambda rows, _: rows.sum(), torch.zeros(1, 1, 2, 2))
    with pytest.raises(InputError, match="not finite"):
        smoothgrad(lambda rows, _: rows.sum((1, 2, 3)).sqrt() * 0, torch.zeros(1, 1, 2, 2), spread=0)
    with pytest.raises(ConfigError, match="did you mean 'cosine'"):
        embedding_distance("cosin")


def test_the_noise_of_a_seed_never_changes():
    """Shards of a store that were made by different versions of likewise belong together."""
    rows = gaussian_noise(torch.tensor([0, 7, 2**40 + 5]), torch.tensor([0, 3, 3]), (1, 5))
    expected = [
        [0.7539786696, 0.5284069777, -0.4046977162, 0.7233554125, -2.2076864243],
        [-1.1494930983, -0.9596471190, -0.3179949522, 0.4079612195, -1.2041182518],
        [-1.1533915997, -0.2815138400, -1.5204112530, -0.3209331036, -0.1791986376],
    ]
    torch.testing.assert_close(rows, torch.tensor(expected)[:, None])
