"""SimilarityModel: distances, fingerprint, save and load."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from likewise.data import PUBLISHED_BN_INCEPTION, Preprocessing
from likewise.errors import ConfigError, InputError, ModelError
from likewise.models import AVSLSpec, ModelSpec, pairwise, pick_device

SMALL = Preprocessing(resize_px=72, crop_px=64)
PIXELS = torch.randint(0, 256, (3, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))


def embedding(model) -> torch.Tensor:
    with torch.no_grad():
        return model.network.eval()(PIXELS)


# -- building ---------------------------------------------------------------------------------------------


def test_weights_depend_on_the_seed_alone_and_leave_torchs_state(make):
    before = torch.random.get_rng_state()
    first = make(seed=5)
    assert torch.equal(before, torch.random.get_rng_state())
    torch.rand(7)
    assert make(seed=5).fingerprint == first.fingerprint != make(seed=6).fingerprint


@pytest.mark.parametrize("backbone", ["test_resnet", "test_vit", "test_convnext", "bn_inception"])
@pytest.mark.parametrize("pooling", ["avg", "max", "gem", "avg+max", "native"])
def test_rows_have_length_one(make, backbone, pooling):
    model = make(backbone=backbone, pooling=pooling)
    rows = embedding(model)
    assert rows.shape == (3, model.dim) == (3, 16)
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(3))
    with torch.no_grad():
        torch.testing.assert_close(model.network(PIXELS.float()), rows)


def test_an_embedding_is_the_head_on_the_pooled_map(make):
    model = make(pooling="avg+max")
    embedder = model.network.embedder
    with torch.no_grad():
        (maps,) = model.network.feature_maps(PIXELS)
        expected = torch.nn.functional.normalize(embedder.head(embedder.pool(maps)), dim=1)
        assert torch.equal(embedder.feature_maps(model.network.normalization(PIXELS))[0], maps)
    torch.testing.assert_close(embedding(model), expected)
    assert model.decomposable and model.differentiable


@pytest.mark.parametrize("write", ["add", "replace", "load"])
def test_the_fingerprint_follows_every_written_weight(make, write):
    model, other = make(seed=1), make(seed=2)
    first, weight = model.fingerprint, model.network.embedder.head.weight
    assert model.fingerprint == first
    with torch.no_grad():
        if write == "add":
            weight[0, 0] += 1
        elif write == "replace":
            model.network.embedder.head.weight = torch.nn.Parameter(weight + 1)
        else:
            model.network.load_state_dict(other.network.state_dict())
    assert model.fingerprint != first and (model.fingerprint == other.fingerprint) == (write == "load")


def test_without_a_head_the_features_are_the_embedding(make):
    model = make(dim=None)
    assert model.dim == 96
    with torch.no_grad():
        features = model.network.embedder.features(model.network.normalization(PIXELS))
    torch.testing.assert_close(embedding(model), features / features.norm(dim=1, keepdim=True))


def test_unused_weights_wait_for_no_gradient(make):
    """DistributedDataParallel stops where a trainable weight gets no gradient."""
    for options in ({"backbone": "test_convnext"}, {"head": "avsl", "avsl": {"dim": 8, "topk": 4}}, {}):
        model = make(**options)
        model.network.train()
        model.network(PIXELS).square().sum().backward()
        without = [
            name
            for name, weight in model.network.embedder.backbone.named_parameters()
            if weight.requires_grad and weight.grad is None
        ]
        assert not without


def test_avsl_reads_the_levels_it_names(make):
    model = make(head="avsl", avsl=AVSLSpec(levels=("layer2", "layer4"), dim=8, topk=4))
    assert model.distance == "avsl" and model.dim == 3 * 8
    with pytest.raises(ModelError, match="no links"):
        model.compare(np.zeros((1, 24)), np.zeros((1, 24)))
    model.network.train()(PIXELS)
    found = model.embed(PIXELS)
    assert found.distance == "avsl" and found.vectors.shape == (3, 24)
    distances = model.compare(found.vectors, found.vectors)
    assert np.allclose(np.diag(distances), 0, atol=1e-6) and distances[0, 1] > 0
    with pytest.raises(ModelError, match="no level -7"):
        make(head="avsl", avsl={"levels": 7})
    with pytest.raises(ModelError, match="no pooled vector"):
        model.network.embedder.features(model.network.normalization(PIXELS))


def test_a_spec_refuses_what_does_not_belong_together():
    with pytest.raises(ConfigError, match="head is 'linear'"):
        ModelSpec(backbone="test_resnet", avsl=AVSLSpec())
    with pytest.raises(ConfigError, match="exclude each other"):
        ModelSpec(backbone="test_resnet", weights="x.pth", pretrained=True)
    with pytest.raises(ConfigError, match="poling"):
        ModelSpec(backbone="test_resnet", poling="avg")


# -- distances --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("distance", "metric"), [("cosine", "cosine"), ("euclidean", "euclidean")])
def test_distances_agree_with_scipy(tiny, distance, metric):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((5, 16)), rng.standard_normal((4, 16))
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (a, b)]
    found = pairwise(torch.from_numpy(a), torch.from_numpy(b), distance).numpy()
    np.testing.assert_allclose(found, cdist(*unit, metric), atol=1e-6)


def test_snr_by_its_definition():
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((3, 9)), rng.standard_normal((4, 9))
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (a, b)]
    expected = [[np.var(x - y) / np.var(x) for y in unit[1]] for x in unit[0]]
    np.testing.assert_allclose(pairwise(torch.from_numpy(a), torch.from_numpy(b), "snr"), expected, rtol=1e-5)


@pytest.mark.parametrize("distance", ["cosine", "euclidean", "snr"])
def test_an_embedding_is_at_distance_zero_of_itself(make, distance):
    model = make()
    model.distance = distance
    rows = embedding(model).numpy()
    assert np.abs(np.diag(model.compare(rows, rows))).max() < 1e-6


def test_distance_between_two_pictures(tiny, catalog, draw):
    vectors = tiny.embed(catalog).vectors
    found = tiny.distance_between(catalog.paths[0], catalog.paths[1])
    assert found == pytest.approx(1 - vectors[0] @ vectors[1], abs=1e-6)
    assert tiny.distance_between(draw(0), draw(0)) == pytest.approx(0, abs=1e-6)


def test_compare_refuses_other_rows(tiny):
    with pytest.raises(InputError, match="compares rows of 16 numbers"):
        tiny.compare(np.zeros((2, 8)), np.zeros((2, 8)))
    with pytest.raises(ConfigError, match="did you mean 'cosine'"):
        pairwise(torch.zeros(1, 2), torch.zeros(1, 2), "cosin")


def test_a_missing_picture_is_named(tiny, catalog):
    with pytest.raises(InputError, match="nothere"):
        tiny.distance_between(catalog.paths[0], "nothere.jpg")


# -- devices ----------------------------------------------------------------------------------------------


def test_devices():
    assert pick_device("cpu").type == "cpu"
    assert pick_device().type == ("cuda" if torch.cuda.is_available() else "cpu")
    for name in ("cuda:99", "gpu0"):
        with pytest.raises(ConfigError, match=f"'{name}' cannot be used; here are: .*cpu"):
            pick_device(name)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_cuda_agrees_with_cpu(make, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)
    model = make()
    cpu, fingerprint = model.embed(PIXELS).vectors, model.fingerprint
    model.to("cuda")
    assert model.fingerprint == fingerprint and model.device.type == "cuda"
    np.testing.assert_allclose(model.embed(PIXELS).vectors, cpu, atol=1e-5)
    np.testing.assert_allclose(model.embed(PIXELS, precision="bf16").vectors, cpu, atol=3e-2)


def test_published_preprocessing_of_bn_inception(make):
    assert make(backbone="bn_inception", preprocessing=None).preprocessing == PUBLISHED_BN_INCEPTION
