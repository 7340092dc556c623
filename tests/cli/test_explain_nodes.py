"""``likewise explain`` with an AVSL model: a pair over nodes, and the name of one node."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import typer
from PIL import Image
from typer.testing import CliRunner

from html_page import HtmlPage
from likewise import load
from likewise.cli import audit, audit_faithfulness, explain
from likewise.errors import ConfigError, InputError, ModelError
from likewise.models import AVSLSpec, ModelSpec, build


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    """A saved AVSL model and six images with one property."""
    root = tmp_path_factory.mktemp("nodes")
    generator = np.random.default_rng(0)
    settings = AVSLSpec(levels=(1, 2, 3), dim=8, topk=3)
    preprocessing = {"resize_px": 32, "crop_px": 32}
    model = build(
        ModelSpec(backbone="resnet10t", head="avsl", avsl=settings, preprocessing=preprocessing), seed=0
    )
    model.network.train()
    model.network(torch.from_numpy(generator.integers(0, 256, (8, 3, 32, 32), dtype=np.uint8)))
    model.network.eval()
    model.save(root / "model")
    rows = []
    for number in range(6):
        pixels = generator.integers(0, 120 + 20 * number, (36, 36, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(root / f"{number}.png")
        rows.append({"path": f"{number}.png", "label": f"class {number % 2}", "bright": number > 2})
    pd.DataFrame(rows).to_csv(root / "catalog.csv", index=False)
    return root


def run(*words: object) -> tuple[int, str, BaseException | None]:
    app = typer.Typer()
    explain.register(app)
    app.command("nothing")(lambda: None)
    result = CliRunner().invoke(app, [str(word) for word in words])
    return result.exit_code, result.stdout, result.exception


def test_a_pair_is_the_sum_of_its_levels(world: Path, tmp_path: Path) -> None:
    words = ["explain", world / "model", world / "0.png", world / "5.png", "--no-check"]
    code, out, _ = run(*words, "--out", tmp_path / "why.png", "--json")
    told = json.loads(out)
    assert code == 0 and told["kind"] == "nodes"
    assert sum(level["contribution"] for level in told["levels"]) == pytest.approx(told["distance"], rel=1e-5)
    assert [level["level"] for level in told["levels"]] == [2, 1, 0]
    assert told["links"][0]["higher"].startswith(("1:", "2:"))
    picture = Image.open(tmp_path / "why.png")
    assert picture.width > 1000 and picture.height > 900
    code, out, _ = run(*words)
    assert code == 0 and "level 2" in out and "Nodes that contribute most" in out


def test_a_page_holds_sum_nodes_and_links_as_text(world: Path, tmp_path: Path) -> None:
    words = ["explain", world / "model", world / "0.png", world / "5.png", "--no-check"]
    code, out, _ = run(*words, "--out", tmp_path / "why.html", "--json")
    told, page = json.loads(out), HtmlPage((tmp_path / "why.html").read_text(encoding="utf-8"))
    assert code == 0 and told["picture"].endswith("why.html")
    text = " ".join(page.text)
    for level in told["levels"]:
        assert f"level {level['level']}: {level['contribution']:.4f}" in text
        assert f"Level {level['level']} (" in text
    assert f"the distance of the model is {told['distance']:.4f}" in text
    named = {link[end] for link in told["links"] for end in ("lower", "higher")}
    assert named and all(node in page.text for node in named)
    assert len(page.all("svg", "chart")) == 2 and page.all("circle") and page.all("path")
    facts = page.facts()
    assert load(str(world / "model")).fingerprint in facts["model"] and facts["images"] == "2"


def test_a_node_has_a_page(world: Path, tmp_path: Path) -> None:
    words = ["explain", world / "model", world / "catalog.csv", "--node", "2:5"]
    code, out, _ = run(*words, "--out", tmp_path / "node.html", "--json")
    told, page = json.loads(out), HtmlPage((tmp_path / "node.html").read_text(encoding="utf-8"))
    assert code == 0 and told["words"] in " ".join(page.text)
    shown = [f"{each['response']:+.3f}" for end in ("highest", "lowest") for each in told[end]]
    assert shown and all(text in page.text for text in shown)
    assert page.facts()["images"].startswith("6 images of 2 classes")


@pytest.mark.parametrize("name", ["why.gif", "why", "why.svg"])
def test_another_ending_is_refused_before_the_work(world: Path, tmp_path: Path, name: str) -> None:
    words = ["explain", world / "nowhere", world / "0.png", world / "5.png"]
    code, _, error = run(*words, "--out", tmp_path / name)
    assert code and isinstance(error, ConfigError) and ".html" in str(error)


def test_a_node_is_named(world: Path, tmp_path: Path) -> None:
    words = ["explain", world / "model", world / "catalog.csv", "--node", "2:5"]
    code, out, _ = run(*words, "--out", tmp_path / "node.png", "--json")
    told = json.loads(out)
    assert code == 0 and told["node"] == "2:5" and told["images"] == 6 and told["picture"]
    assert {row["property"] for row in told["properties"]} == {"label", "bright"}
    assert Image.open(tmp_path / "node.png").height > 300
    code, out, _ = run(*words)
    assert code == 0 and "Highest responses" in out and "Properties" in out


@pytest.mark.parametrize(
    ("words", "kind", "sentence"),
    [
        (["a.png"], ConfigError, "Give MODEL and two images, A and B"),
        (["a.png", "b.png", "--split", "test"], ConfigError, "without --split and --root"),
        (["a.png", "b.png", "--node", "1:2"], ConfigError, "explains a node by one catalog"),
        (["catalog.csv", "--node", "x"], InputError, "written LEVEL:NODE"),
        (["catalog.csv", "--node", "7:2"], ModelError, "has no node 7:2"),
    ],
)
def test_mixed_up_arguments_are_refused(world: Path, words: list[str], kind: type, sentence: str) -> None:
    given = [world / word if word.endswith((".csv", ".png")) else word for word in words]
    code, _, error = run("explain", world / "model", *given)
    assert code and isinstance(error, kind) and sentence in str(error)


def test_an_avsl_model_has_saliency_maps_and_its_explanations_can_be_audited(
    world: Path, tmp_path: Path
) -> None:
    app = typer.Typer()
    for commands in (explain, audit, audit_faithfulness):
        commands.register(app)
    given = [str(world / "model"), str(world / "catalog.csv")]
    result = CliRunner().invoke(
        app, ["saliency", *given, "--samples", "2", "--out", str(tmp_path / "maps"), "--json"]
    )
    assert result.exit_code == 0 and json.loads(result.stdout)["images"] == 6
    words = ["audit", "faithfulness", *given, "--pairs", "5", "--random-choices", "2", "--samples", "2"]
    result = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "page.html"), "--json"])
    told = json.loads(result.stdout)
    assert result.exit_code == 0 and told["pairs"] == 5 and "random locations" in told["advantages"]
    assert "5 pairs are too few for a certain verdict: use --pairs 8 or more." in result.stderr
    assert "Do the explanations name what matters?" in (tmp_path / "page.html").read_text()
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0 and "random locations" in result.stdout
