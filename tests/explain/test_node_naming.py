"""Naming a node: its extreme images, the properties it goes with, and what cannot be named."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from likewise.avsl.explanation.properties import property_table
from likewise.data import Catalog, Preprocessing
from likewise.errors import InputError, ModelError
from likewise.explain import name_node, parse_node
from likewise.models import AVSLSpec, ModelSpec, SimilarityModel, build

COLORS = {"red": (200, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 200)}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory) -> Catalog:
    folder = tmp_path_factory.mktemp("colours")
    rows, generator = [], np.random.default_rng(0)
    for number in range(24):
        color = list(COLORS)[number % 3]
        pixels = np.clip(np.array(COLORS[color]) + generator.normal(0, 12, (36, 36, 3)), 0, 255).astype(
            np.uint8
        )
        Image.fromarray(pixels).save(folder / f"{number}.png")
        rows.append({"path": f"{number}.png", "label": f"item {number % 4}", "color": color})
    (folder / "broken.png").write_bytes(b"no image")
    rows.append({"path": "broken.png", "label": "item 0", "color": "red"})
    return Catalog.from_table(pd.DataFrame(rows), folder)


@pytest.fixture(scope="module")
def model() -> SimilarityModel:
    settings = AVSLSpec(levels=(1, 2, 3), dim=16, topk=4)
    preprocessing = Preprocessing(resize_px=32, crop_px=32)
    made = build(
        ModelSpec(backbone="resnet10t", head="avsl", avsl=settings, preprocessing=preprocessing), seed=0
    )
    made.network.train()
    made.network(torch.from_numpy(np.random.default_rng(1).integers(0, 256, (8, 3, 32, 32), dtype=np.uint8)))
    made.network.eval()
    return made


def test_a_node_is_named_by_its_extreme_images_and_their_colour(model, catalog, tmp_path: Path) -> None:
    vectors = model.embed(catalog, num_workers=0)
    named = name_node(model, catalog, 2, 5, images=4, num_workers=0)
    responses = dict(zip(vectors.ids, vectors.vectors[:, 2 * 16 + 5].tolist(), strict=True))
    order = sorted(responses, key=lambda name: -responses[name])
    assert [each.id for each in named.highest] == order[:4]
    assert [each.id for each in named.lowest] == order[::-1][:4]
    for each in (*named.highest, *named.lowest):
        assert each.response == pytest.approx(responses[each.id], abs=1e-4)
        assert each.map.mean() == pytest.approx(each.response)
    assert (named.images, len(named.failures)) == (24, 1)
    color = named.properties.set_index("property").loc["color"]
    means = {
        color: np.mean(
            [responses[f"{number}.png"] for number in range(24) if list(COLORS)[number % 3] == color]
        )
        for color in COLORS
    }
    assert color["share"] > 0.5 > named.properties.set_index("property")["share"].get("label", 0)
    assert (color["high"], color["low"]) == (max(means, key=means.get), min(means, key=means.get))
    assert color["high_mean"] == pytest.approx(max(means.values()), abs=1e-5)
    assert "responds to color, most to " + color["high"] in named.words
    told = json.loads(json.dumps(named.to_dict()))
    assert told["node"] == "2:5" and told["properties"][0]["property"] == "color"
    for name in ("model", "images", "words", "mean", "deviation"):
        assert told[name] == getattr(named, name)
    for name, end in (("highest", named.highest), ("lowest", named.lowest)):
        assert told[name] == [{"id": each.id, "label": each.label, "response": each.response} for each in end]
    assert named.model == model.name and named.highest != named.lowest
    named.save(tmp_path / "node.png")
    assert Image.open(tmp_path / "node.png").width > 600


def test_shares_of_properties_are_those_of_rank_tests() -> None:
    """By hand from the ranks; and a property that has nothing to do with it has a share near 0."""
    generator = np.random.default_rng(0)
    group, number = np.repeat(["a", "b", "c"], 40), generator.normal(size=120)
    responses = 0.3 * (group == "b") + 0.05 * number + generator.normal(0, 0.1, 120)
    ranks = pd.Series(responses).rank().to_numpy()
    between = sum(40 * (ranks[group == name].mean() - 60.5) ** 2 for name in "abc")
    statistic = 12 / (120 * 121) * between
    table = pd.DataFrame({
        "path": np.arange(120).astype(str), "label": "", "group": group, "number": number,
        "chance": generator.choice(["x", "y", "z"], 120), "one": "same", "lone": np.arange(120).astype(str),
    })  # fmt: skip
    found = property_table(table, ["group", "number", "chance", "one", "lone"], responses).set_index(
        "property"
    )
    assert list(found.index[:2]) == ["group", "number"] and set(found.index) == {"group", "number", "chance"}
    assert found.loc["group", "share"] == pytest.approx((statistic - 2) / 117)
    rho = np.corrcoef(ranks, pd.Series(number).rank())[0, 1]
    assert found.loc["number", "share"] == pytest.approx((rho**2 - 1 / 119) / (1 - 1 / 119))
    assert found.loc["chance", "share"] < 0.03 and found.loc["chance", "p_value"] > 0.05
    assert found.loc["group", "high"] == "b" and found.loc["number", "high"] == "more"
    assert found.loc["group", "p_value"] < 1e-6


@pytest.mark.parametrize(("count", "shown"), [(3, 1), (4, 2), (5, 2), (12, 6), (24, 6)])
def test_no_image_is_at_both_ends(model, catalog, count: int, shown: int) -> None:
    named = name_node(model, catalog.take(range(count)), 1, 3, num_workers=0)
    assert len(named.highest) == len(named.lowest) == shown
    ends = {each.id for each in named.highest} | {each.id for each in named.lowest}
    assert len(ends) == 2 * shown
    assert min(each.response for each in named.highest) >= max(each.response for each in named.lowest)


def test_without_telling_properties_it_says_so(model, catalog) -> None:
    plain = Catalog.from_table(catalog.table[["path"]].assign(label=""), catalog.root)
    named = name_node(model, plain, 0, 0, num_workers=0)
    assert not len(named.properties)
    assert "no property of the catalog says what it responds to" in named.words


def test_what_cannot_be_named_is_refused(model, catalog, tiny_model) -> None:
    with pytest.raises(ModelError, match=r"no node 3:0: levels go from 0 to 2, nodes from 0 to 15"):
        name_node(model, catalog, 3, 0)
    with pytest.raises(ModelError, match="no node 0:16"):
        name_node(model, catalog, 0, 16)
    with pytest.raises(ModelError, match="has no AVSL head"):
        name_node(tiny_model, catalog, 0, 0)
    with pytest.raises(InputError, match="only 0 can be read"):
        broken = catalog.table[catalog.table["path"] == "broken.png"]
        name_node(model, Catalog.from_table(broken, catalog.root), 0, 0, num_workers=0)
    assert parse_node("2:137") == (2, 137)
    for text in ("2", "2:", "a:1", "-1:3", "1:2:3"):
        with pytest.raises(InputError, match="A node is written LEVEL:NODE"):
            parse_node(text)
