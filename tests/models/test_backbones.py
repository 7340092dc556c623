"""Backbones against timm itself: the same numbers, and maps where timm has tokens or channels last."""

from types import SimpleNamespace

import pytest
import timm
import torch

from likewise.errors import ModelError
from likewise.models import create_backbone
from likewise.models.timm_backbone import _tokens_to_map

SIDE = 64
CNNS = ["test_resnet", "test_efficientnet", "test_byobnet", "test_nfnet", "resnet10t"]
MAPS = [*CNNS, "test_convnext", "test_mambaout", "test_vit", "test_vit3"]


@pytest.fixture(scope="module")
def images():
    return torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", MAPS)
def test_maps_and_own_features(name, images):
    backbone = create_backbone(name, size_px=SIDE).eval()
    with torch.no_grad():
        maps, own = backbone(images), backbone.native_features(images)
        assert torch.equal(own, backbone.network(images))
    assert maps.shape[:2] == (2, backbone.num_features)
    assert maps.shape[2] == maps.shape[3]
    assert own.shape == (2, backbone.native_dim)
    assert backbone.preprocessing.crop_px == SIDE


@pytest.mark.parametrize("name", CNNS)
def test_cnn_levels_are_those_of_timms_feature_extractor(name, images):
    backbone = create_backbone(name).eval()
    if not hasattr(backbone.network, "forward_intermediates"):  # NFNets of timm before 1.0.31
        with pytest.raises(ModelError, match="gives no maps of its levels"):
            backbone.level_maps(images, [-1, -3])
        return
    extractor = timm.create_model(name, features_only=True).eval()
    with torch.no_grad():
        found = backbone.level_maps(images, [-1, -3])
        # timm's extractor names its weights differently, so compare shapes, and numbers by level below.
        expected = extractor(images)
    assert [maps.shape for maps in found] == [expected[-1].shape, expected[-3].shape]
    levels = [backbone.levels[-1], backbone.levels[-3]]
    assert [(maps.shape[1], SIDE // maps.shape[2]) for maps in found] == [
        (level.channels, level.reduction) for level in levels
    ]


def test_levels_come_from_the_network_that_is_pooled(images):
    backbone = create_backbone("test_resnet").eval()
    with torch.no_grad():
        (last,) = backbone.level_maps(images, ["layer4"])
        assert torch.allclose(last, backbone(images))
    names = [name for name, _ in backbone.named_parameters()]
    assert (
        len(names)
        == len(set(names))
        == len(dict(timm.create_model("test_resnet", num_classes=0).named_parameters()))
    )


def test_vit_tokens_become_the_map_they_were(images):
    backbone = create_backbone("test_vit", size_px=SIDE).eval()
    with torch.no_grad():
        tokens = backbone.network.forward_features(images)
        maps = backbone(images)
    side = SIDE // 16
    assert tokens.shape[1] == 1 + side * side
    # row 1, column 2 of the map is the patch token of that place, after the class token
    assert torch.equal(maps[:, :, 1, 2], tokens[:, 1 + side + 2])


@pytest.mark.parametrize("prefix", [0, 1, 5])
@pytest.mark.parametrize("named", [True, False], ids=["named", "counted"])
def test_tokens_before_the_patches_are_left_out_however_many(prefix, named):
    # Token n holds the number n; 2 x 3 patches of 16 px.
    tokens = torch.arange(prefix + 6.0).view(1, -1, 1)
    network = SimpleNamespace(**({"num_prefix_tokens": prefix} if named else {}))
    maps = _tokens_to_map(tokens, network, torch.zeros(1, 3, 32, 48))
    assert (maps[0, 0] - prefix).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_tokens_of_another_square_are_a_map_and_others_are_refused():
    network = SimpleNamespace(num_prefix_tokens=2)
    images = torch.zeros(1, 3, 32, 48)
    maps = _tokens_to_map(torch.arange(2 + 4.0).view(1, -1, 1), network, images)
    assert maps[0, 0].tolist() == [[2, 3], [4, 5]]
    for patches in (1, 5, 8):
        with pytest.raises(ModelError, match=f"The {patches} tokens of this network are no 2 x 3 map"):
            _tokens_to_map(torch.zeros(1, 2 + patches, 1), network, images)


def test_swin_map_is_channels_first():
    backbone = create_backbone("swin_tiny_patch4_window7_224").eval()
    images = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        features = backbone.network.forward_features(images)
        assert torch.equal(backbone(images), features.permute(0, 3, 1, 2))
    assert backbone.native_pooling == "avg"


@pytest.mark.parametrize(
    ("name", "pooling"), [("test_resnet", "avg"), ("test_vit", "native"), ("test_convnext", "native")]
)
def test_own_pooling_is_recognised(name, pooling):
    assert create_backbone(name).native_pooling == pooling


def test_preprocessing_is_that_of_the_weights():
    found = create_backbone("tf_efficientnet_lite0").preprocessing
    assert (found.resize_px, found.crop_px, found.interpolation) == (256, 224, "bicubic")
    assert found.mean == found.std == (0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("test_resnett", "did you mean 'test_resnet'"),
        ("qqqq", "give 'bn_inception' or a name that timm.list_models"),
        ("test_resnet.nosuchtag", "check its tag"),
        ("hf-hub:org/name", "hf:org/name"),
        ("local-dir:/somewhere", "There is no backbone"),
    ],
)
def test_unknown_backbones(name, sentence):
    with pytest.raises(ModelError, match=sentence):
        create_backbone(name)


def test_wrong_levels_and_sizes():
    backbone = create_backbone("test_resnet")
    with pytest.raises(ModelError, match="no level 'layer9': did you mean 'layer4'"):
        backbone.level_numbers(["layer9"])
    with pytest.raises(ModelError, match="no level 7: it has 5: act1, layer1"):
        backbone.level_numbers([7])
    with pytest.raises(ModelError, match="not a map"):
        create_backbone("coat_tiny").eval()(torch.zeros(1, 3, 224, 224))


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet", "test_convnext", "test_vit"])
def test_the_final_level_is_the_map_a_plain_embedder_pools(name, images):
    backbone = create_backbone(name, size_px=SIDE).eval()
    with torch.no_grad():
        lower, final = backbone.level_maps(images, [-2, "final"])
        (alone,) = backbone.level_maps(images, ["final"])
        (below,) = backbone.level_maps(images, [-2])
        expected = backbone(images)
    assert torch.allclose(final, expected)
    assert torch.equal(alone, expected)
    assert torch.equal(lower, below)
    number = backbone.level_numbers(["final"])[0]
    assert backbone.level_channels(number) == final.shape[1]


def test_the_final_level_of_bn_inception_is_its_last():
    backbone = create_backbone("bn_inception").eval()
    with torch.no_grad():
        pixels = torch.randn(1, 3, 96, 96)
        assert torch.equal(backbone.level_maps(pixels, ["final"])[0], backbone(pixels))
