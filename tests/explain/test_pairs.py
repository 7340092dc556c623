import json

import numpy as np
import pytest
import torch
from PIL import Image

from likewise.data import Preprocessing
from likewise.errors import ConfigError, InputError
from likewise.explain import explain_pair, hiding_check
from likewise.explain.pair_words import sources_table
from likewise.explain.pairs import cell_box
from likewise.explain.perturbation import hide
from likewise.models import ModelSpec, SimilarityModel, build
from likewise.models.embedder import ExternalEmbedder, SimilarityNetwork

SMALL = Preprocessing(resize_px=72, crop_px=64)


def noise(seed: int) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 10, 3)).astype(np.uint8)
    return Image.fromarray(coarse).resize((100, 90), Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def avsl_model() -> SimilarityModel:
    spec = ModelSpec(
        backbone="resnet10t",
        head="avsl",
        dim=None,
        preprocessing=SMALL,
        avsl={"levels": [1, 2, 3], "dim": 16, "topk": 4},
    )
    model = build(spec, seed=0)
    model.network.train()
    pixels = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (8, 3, 64, 64)).astype(np.uint8))
    model.network(pixels)
    model.network.eval()
    return model


def plain_model(pooling: str = "avg", distance: str = "cosine", dim: int | None = 16) -> SimilarityModel:
    model = build(ModelSpec(backbone="resnet10t", pooling=pooling, dim=dim, preprocessing=SMALL), seed=0)
    model.distance = distance
    return model


@pytest.mark.parametrize("pooling", ["avg", "max", "gem", "avg+max"])
@pytest.mark.parametrize("distance", ["cosine", "euclidean", "snr"])
def test_parts_add_up_to_what_the_model_itself_says(pooling, distance):
    model = plain_model(pooling, distance)
    pair = explain_pair(model, noise(0), noise(1), check=False)
    assert pair.distance == pytest.approx(model.distance_between(noise(0), noise(1)), abs=1e-6)
    assert pair.kind == "positions" and pair.completeness < 1e-5 * max(1, pair.distance)
    assert pair.a.distance_map.sum() + pair.b.distance_map.sum() + pair.rest == pytest.approx(
        pair.distance, abs=1e-5
    )
    assert max(np.abs(pair.heatmap_a).max(), np.abs(pair.heatmap_b).max()) == pytest.approx(1)
    assert len(pair.table) == pair.a.similarity_map.size + pair.b.similarity_map.size
    assert pair.table["similarity"].is_monotonic_decreasing


def test_model_explain_is_the_same():
    model = plain_model()
    one, other = (
        model.explain(noise(0), noise(1), check=False),
        explain_pair(model, noise(0), noise(1), check=False),
    )
    np.testing.assert_array_equal(one.a.similarity_map, other.a.similarity_map)


def test_the_shared_patch_is_found():
    """A model that gives vectors only: hiding the one textured place is what makes the images differ."""
    patch = np.random.default_rng(7).integers(0, 256, (24, 24, 3)).astype(np.uint8)
    pictures = []
    for left, top in ((4, 4), (36, 36)):
        pixels = np.full((64, 64, 3), 128, np.uint8)
        pixels[top : top + 24, left : left + 24] = patch
        pictures.append(Image.fromarray(pixels))
    preprocessing = Preprocessing(resize_px=64, crop_px=64)

    class Edges(torch.nn.Module):
        """Feature map: what differs from the neighbour to the right; pooled by the mean."""

        def forward(self, inputs):
            maps = (inputs[..., 1:] - inputs[..., :-1]).clamp(min=0)
            return maps.mean((2, 3))

    network = SimilarityNetwork(preprocessing, ExternalEmbedder(Edges()))
    model = SimilarityModel(network, preprocessing, dim=3, name="edges")
    pair = explain_pair(model, *pictures, check=False)
    assert pair.kind == "hiding" and pair.completeness is None and not pair.matches
    for side, (low, high) in ((pair.a, (0, 3)), (pair.b, (3, 6))):
        row, column = divmod(int(side.similarity_map.argmax()), 7)
        assert low <= row <= high and low <= column <= high and side.similarity_map.max() > 0
    assert pair.draw().height > 300


def test_matches_name_the_same_place_of_an_image_and_its_mirror():
    picture = noise(3)
    model = plain_model(dim=None)
    pair = explain_pair(model, picture, picture, check=False)
    assert pair.matches and all(match.box_a == match.box_b for match in pair.matches[:1])
    assert all(match.similarity > 0 for match in pair.matches)
    assert pair.matches == sorted(pair.matches, key=lambda match: -match.similarity)


def test_avsl_models_are_taken_apart_over_nodes_and_places(avsl_model):
    pair = explain_pair(avsl_model, noise(0), noise(1), check=False)
    assert pair.kind == "nodes" and pair.completeness < 1e-5
    assert pair.table["contribution"].sum() == pytest.approx(pair.distance, rel=1e-5)
    assert pair.table["share"].sum() == pytest.approx(1)
    assert [part.level for part in pair.levels] == [2, 1, 0]
    assert sum(part.contribution for part in pair.levels) == pytest.approx(pair.distance, rel=1e-5)
    assert pair.a.distance_map.sum() + pair.b.distance_map.sum() == pytest.approx(pair.distance, rel=1e-4)
    for part in pair.levels:
        own = pair.table[pair.table["level"] == part.level]
        assert [node.role for node in part.nodes] == ["apart", "apart", "alike", "alike"]
        assert [node.node for node in part.nodes[:2]] == own["node"].iloc[:2].tolist()
        for node in part.nodes:
            row = own[own["node"] == node.node].iloc[0]
            assert node.contribution == pytest.approx(row["contribution"])
            assert node.maps[0].shape == node.maps[1].shape == part.grid
        assert part.nodes[2].shared >= part.nodes[3].shared
    top = [node for node in pair.graph.nodes if node.level == 2]
    assert all(node.own <= node.carried + 1e-7 for node in pair.graph.nodes)
    assert sum(node.carried for node in top) <= pair.distance * (1 + 1e-5)
    assert all(link.higher.level == link.lower.level + 1 for link in pair.graph.links)
    told = pair.to_dict()
    assert json.loads(json.dumps(told))["links"][0]["flow"] == pytest.approx(pair.graph.links[0].flow)
    assert pair.draw().height > pair.draw().width / 2


def test_hiding_says_whether_the_explanation_holds():
    """A model that reads the upper left quarter only: hiding it matters, hiding the rest does not."""

    class Corner(torch.nn.Module):
        def forward(self, inputs):
            return inputs[:, :, :32, :32].reshape(len(inputs), 3, -1)[:, :, ::37].flatten(1)

    preprocessing = Preprocessing(resize_px=64, crop_px=64)
    network = SimilarityNetwork(preprocessing, ExternalEmbedder(Corner()))
    model = SimilarityModel(network, preprocessing, dim=84, name="corner")
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 64, 64)).astype(np.uint8))
    true, false = np.zeros((8, 8)), np.zeros((8, 8))
    true[:4, :4], false[4:, 4:] = 1, 1
    good = hiding_check(model, pixels, pixels, true, share=0.25, random_choices=20)
    bad = hiding_check(model, pixels, pixels, false, share=0.25, random_choices=20)
    assert good.named > good.random_mean > 0 and good.win_rate == 1
    assert bad.named == pytest.approx(0, abs=1e-6) and bad.win_rate == 0
    assert good.share == 0.25


def test_a_place_is_hidden_and_nothing_else():
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 40, 60)).astype(np.uint8))
    cells = np.zeros((4, 6), bool)
    cells[1, 2] = True
    hidden = hide(pixels, cells)
    left, top, right, bottom = cell_box((4, 6), 8, (60, 40))
    changed = (hidden != pixels).any(0)
    assert changed[top:bottom, left:right].float().mean() > 0.9
    changed[top:bottom, left:right] = False
    assert not changed.any()


def test_the_explanation_can_be_read_drawn_and_sent(tmp_path):
    noise(0).save(tmp_path / "one.png")
    noise(1).save(tmp_path / "other.png")
    pair = explain_pair(plain_model(), tmp_path / "one.png", str(tmp_path / "other.png"))
    assert (pair.a.name, pair.b.name) == ("one.png", "other.png")
    assert (
        "one.png" in pair.words and "random locations" in pair.words and f"{pair.distance:.3g}" in pair.words
    )
    sent = json.loads(json.dumps(pair.to_dict()))
    assert sent["distance"] == pair.distance and len(sent["parts"]) == pair.table.shape[0]
    assert set(sent["faithfulness"]["a"]) == {"share", "named", "random", "win_rate"}
    pair.save(tmp_path / "why.png")
    assert Image.open(tmp_path / "why.png").width > 600
    plain = explain_pair(plain_model(), noise(0), noise(1), check=False)
    assert plain.a.faithfulness is None and plain.to_dict()["faithfulness"] == {"a": None, "b": None}


def test_bad_input(tmp_path):
    model = plain_model()
    with pytest.raises(InputError, match="no file"):
        explain_pair(model, tmp_path / "none.png", noise(0))
    with pytest.raises(InputError, match="float64"):
        explain_pair(model, np.zeros((3, 3)), noise(0))
    with pytest.raises(ConfigError, match="share"):
        explain_pair(model, noise(0), noise(1), share=1.5)


def test_photos_of_the_released_backbone(photos):
    """|sum of parts - distance| / distance <= 1e-5 on real pairs, and red places matter more than random ones."""
    from likewise.models import load

    model = load(
        "timm:tf_efficientnet_lite0", weights=photos / "weights" / "tf_efficientnet_lite0.safetensors"
    )
    files = sorted((photos / "sample" / "cub50").rglob("*.jpg"))[:4]
    pair = explain_pair(model, files[0], files[1])
    assert pair.completeness / pair.distance < 1e-5
    checks = [side.faithfulness for side in (pair.a, pair.b)]
    assert np.mean([check.named - check.random_mean for check in checks]) > 0


@pytest.mark.parametrize("distance", ["cosine", "euclidean", "snr"])
@pytest.mark.parametrize("dim", [None, 8], ids=["class token", "head"])
def test_a_transformer_is_taken_apart_over_its_tokens(dim, distance):
    model = build(ModelSpec(backbone="test_vit", pooling="native", dim=dim), seed=1)
    model.distance = distance
    pair = explain_pair(model, noise(1), noise(2), check=False, hiding_masks=0)
    side = model.preprocessing.crop_px // 16
    assert pair.kind == "tokens" and pair.inexact_reason == "" and pair.completeness < 1e-5
    assert pair.distance == pytest.approx(model.distance_between(noise(1), noise(2)), rel=1e-5)
    total = pair.a.distance_map.sum() + pair.b.distance_map.sum() + pair.rest
    assert total == pytest.approx(pair.distance, abs=1e-5)
    for half in (pair.a, pair.b):
        assert half.similarity_map.shape == (side, side)
        assert set(half.unlocated) == {"MLPs", "class and register tokens", "biases"}
        assert half.similarity_map.sum() + sum(half.unlocated.values()) == pytest.approx(
            pair.similarity, abs=1e-5
        )
        assert half.refined_map is half.similarity_map
    assert "The image tokens contribute" in pair.words
    sources = sources_table(pair)
    sums = sources[["first image", "second image"]].to_numpy()
    np.testing.assert_allclose(sums[:-1].sum(0), sums[-1], atol=1e-9)
    np.testing.assert_allclose(sums[-1], pair.similarity, atol=1e-5)
    assert pair.matches and [len(row) for row in pair.grid().rows] == [3, 3]
    assert pair.to_dict()["unlocated"]["a"] == dict(pair.a.unlocated)


def test_why_a_network_is_not_taken_apart_is_said():
    class Tanh(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.vit = build(
                ModelSpec(backbone="test_vit", pooling="native", dim=None), seed=1
            ).network.embedder

        def forward(self, inputs):
            return self.vit(inputs).tanh()

    side = 160
    preprocessing = Preprocessing(resize_px=side, crop_px=side)
    network = SimilarityNetwork(preprocessing, ExternalEmbedder(Tanh()))
    model = SimilarityModel(network, preprocessing, dim=64, name="tanh")
    pair = explain_pair(model, noise(1), noise(2), check=False)
    assert pair.kind == "hiding" and "not linear" in pair.inexact_reason
    assert pair.inexact_reason in pair.words and pair.inexact_reason == pair.to_dict()["inexact_reason"]


def test_the_cells_around_a_match_are_the_eight_beside_it():
    from likewise.explain.pairs import _near

    assert _near((4, 5), 7).tolist() == [1, 2, 3, 6, 7, 8, 11, 12, 13]
    assert _near((4, 5), 0).tolist() == [0, 1, 5, 6]
    assert _near((4, 5), 19).tolist() == [13, 14, 18, 19]
