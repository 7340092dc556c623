from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from likewise import runtime_choice
from likewise.cli.app import _run
from likewise.data import Catalog, mask_runtime
from likewise.data.mask_model import MaskModel
from likewise.data.mask_runtime import choose_mask_runtime
from likewise.errors import CatalogError, ConfigError, FingerprintError, ModelError
from likewise.jobs.object_masks import make_masks

pytest.importorskip("onnxruntime")


def write_brightness_network(file: Path, scale: float = 1.0, batch: int | str = "N") -> Path:
    """An ONNX network (N, 3, 32, 32) -> (N, 1, 32, 32): the weighted sum of the channels."""
    onnx = pytest.importorskip("onnx")
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    weight = helper.make_tensor("w", floats, [1, 3, 1, 1], [scale] * 3)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"])],
        "brightness",
        [helper.make_tensor_value_info("x", floats, [batch, 3, 32, 32])],
        [helper.make_tensor_value_info("y", floats, [batch, 1, 32, 32])],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, file)
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Bright objects on black: a square, a dot, an even picture, and a broken file."""
    (tmp_path / "birds").mkdir()
    for name, (top, bottom) in {"square": (8, 40), "dot": (30, 34), "even": (0, 64)}.items():
        pixels = np.zeros((64, 64, 3), np.uint8)
        pixels[top:bottom, top:bottom] = 240
        Image.fromarray(pixels).save(tmp_path / "birds" / f"{name}.png")
    Image.open(tmp_path / "birds" / "square.png").save(tmp_path / "birds" / "square.jpg", quality=95)
    (tmp_path / "birds" / "broken.png").write_bytes(b"no image")
    names = ["square.png", "dot.png", "broken.png", "even.png", "square.jpg"]
    Catalog.from_images([tmp_path / "birds" / name for name in names], ["a"] * 5).write(
        tmp_path / "birds.csv"
    )
    return tmp_path


@pytest.fixture
def model(folder) -> MaskModel:
    return MaskModel.open(write_brightness_network(folder / "model.onnx"), threads=1)


def test_masks_and_what_is_to_be_said_about_them(folder, model):
    made = make_masks(
        Catalog.read(folder / "birds.csv"), model, folder / "out.csv", batch_size=2, progress=False
    )
    assert made.statuses == {"ok": 2, "tiny": 1, "constant": 1}
    assert [failure.id for failure in made.failures] == ["birds/broken.png"]
    again = Catalog.read(folder / "out.csv")
    table = again.table.set_index("path")
    assert table["mask_status"].to_dict() == {
        "birds/square.png": "ok", "birds/dot.png": "tiny", "birds/broken.png": "", "birds/even.png": "constant",
        "birds/square.jpg": "ok",
    }  # fmt: skip
    assert table["mask"]["birds/even.png"] == "" and again.table["label"].tolist() == ["a"] * 5
    mask = np.asarray(Image.open(folder / table["mask"]["birds/square.png"]))
    assert mask.shape == (64, 64) and mask[20, 20] > 230 and mask[55, 55] < 10
    # two images of one stem do not share a mask
    assert table["mask"]["birds/square.jpg"] != table["mask"]["birds/square.png"]


def test_repeating_makes_nothing_again_and_another_model_is_refused(folder, model, monkeypatch):
    catalog = Catalog.read(folder / "birds.csv")
    make_masks(catalog, model, folder / "out.csv", progress=False)
    with monkeypatch.context() as patch:
        patch.setattr(MaskModel, "run", lambda *_: pytest.fail("ran again"))
        made = make_masks(catalog, model, folder / "out.csv", progress=False)
    assert made.reused == 4 and made.statuses == {"ok": 2, "tiny": 1, "constant": 1}
    other = MaskModel.open(write_brightness_network(folder / "other.onnx", scale=-1), threads=1)
    with pytest.raises(FingerprintError):
        make_masks(catalog, other, folder / "out.csv", progress=False)


def spied(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images the network sees in each call."""
    sizes: list[int] = []
    real = MaskModel.run

    def run(self, inputs):
        sizes.append(len(inputs))
        return real(self, inputs)

    monkeypatch.setattr(MaskModel, "run", run)
    return sizes


def white_square(file: Path, top: int, bottom: int) -> None:
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[top:bottom, top:bottom] = 240
    Image.fromarray(pixels).save(file)


def test_images_that_were_mended_replaced_or_added_get_masks_and_no_others(folder, model, monkeypatch):
    make_masks(Catalog.read(folder / "birds.csv"), model, folder / "out.csv", progress=False)
    sizes = spied(monkeypatch)
    birds = folder / "birds"
    white_square(birds / "broken.png", 8, 40)
    white_square(birds / "square.png", 20, 60)
    white_square(birds / "added.png", 0, 30)
    names = ["added.png", "square.png", "dot.png", "broken.png", "even.png", "square.jpg"]
    table = pd.DataFrame({"path": [f"birds/{name}" for name in names], "label": list("abcdef")})
    catalog = Catalog.from_table(table, folder)
    made = make_masks(catalog, model, folder / "out.csv", progress=False)
    assert sum(sizes) == 3 and (made.reused, made.renewed, made.failures) == (3, 1, [])
    table = Catalog.read(folder / "out.csv").table
    assert table["label"].tolist() == list("abcdef")
    masks = {row.path: np.asarray(Image.open(folder / row.mask)) for row in table.itertuples() if row.mask}
    assert masks["birds/square.png"][50, 50] > 230 and masks["birds/square.png"][12, 12] < 10
    assert masks["birds/broken.png"][20, 20] > 230 and masks["birds/added.png"][10, 10] > 230


def test_a_mask_file_that_is_gone_is_made_again(folder, model, monkeypatch):
    catalog = Catalog.read(folder / "birds.csv")
    made = make_masks(catalog, model, folder / "out.csv", progress=False)
    gone = made.catalog.mask_paths[0]
    content = gone.read_bytes()
    gone.unlink()
    sizes = spied(monkeypatch)
    make_masks(catalog, model, folder / "out.csv", progress=False)
    assert sum(sizes) == 1 and gone.read_bytes() == content


def test_another_folder_with_the_same_names_gets_its_own_masks(folder, model):
    white_square(folder / "birds" / "broken.png", 8, 40)
    catalog = Catalog.read(folder / "birds.csv")
    make_masks(catalog, model, folder / "out.csv", progress=False)
    other = folder / "other"
    (other / "birds").mkdir(parents=True)
    for name in catalog.ids:
        white_square(other / name, 30, 60)
    table = catalog.table
    second = make_masks(Catalog.from_table(table, other), model, folder / "out.csv", progress=False)
    assert second.reused == 0
    masks = [np.asarray(Image.open(path)) for path in second.catalog.mask_paths]
    assert len(masks) == 5 and all(mask[45, 45] > 230 and mask[20, 20] < 10 for mask in masks)


def test_the_catalog_of_masks_may_lie_elsewhere(folder, model, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    made = make_masks(Catalog.read(folder / "birds.csv"), model, elsewhere / "out.csv", progress=False)
    masks = [path for path in made.catalog.mask_paths if path is not None]
    assert len(masks) == 3 and all(path.is_file() and path.is_relative_to(elsewhere) for path in masks)


def test_batches_and_workers_give_the_same_masks(folder, model):
    catalog = Catalog.read(folder / "birds.csv")

    def masks(name: str, **options) -> list[bytes]:
        made = make_masks(catalog, model, folder / f"{name}.csv", progress=False, **options)
        return [path.read_bytes() for path in made.catalog.mask_paths if path is not None]

    alone = masks("alone", batch_size=1)
    assert len(alone) == 3
    assert masks("together", batch_size=8) == alone and masks("workers", workers=1) == alone


def test_a_network_of_one_batch_size_takes_any_number(folder, model):
    fixed = MaskModel.open(write_brightness_network(folder / "fixed.onnx", batch=2), threads=1)
    pictures = [Image.open(folder / "birds" / name) for name in ("square.png", "dot.png", "square.jpg")]
    pictures = [picture.convert("RGB") for picture in pictures]
    for ours, theirs in zip(fixed.predict(pictures), model.predict(pictures), strict=True):
        np.testing.assert_array_equal(np.asarray(ours.mask), np.asarray(theirs.mask))


def test_what_cannot_work_is_refused_before_the_first_mask(folder, model):
    catalog = Catalog.read(folder / "birds.csv")
    with pytest.raises(CatalogError, match="parquet"):
        make_masks(catalog, model, folder / "out.txt", progress=False)
    with pytest.raises(ConfigError, match="batch_size"):
        make_masks(catalog, model, folder / "out.csv", batch_size=0, progress=False)
    assert not list(folder.glob("out*"))


def test_openvino_makes_the_same_masks(folder, monkeypatch, capsys):
    pytest.importorskip("openvino")
    write_brightness_network(folder / "fixed.onnx", batch=2)
    statuses = {}
    for runtime in ("onnx", "openvino"):
        words = ["--model", "fixed.onnx", "--out", f"{runtime}.csv", "--runtime", runtime, "--json"]
        monkeypatch.chdir(folder)
        monkeypatch.setattr("sys.argv", ["likewise", "masks", "birds.csv", *words])
        assert _run() == 3  # one image is broken
        shown = capsys.readouterr()
        assert f'"runtime": "{runtime}"' in shown.out
        assert ("Runtime: openvino; lowest cosine with the output of onnx 1.0" in shown.err) == (
            runtime == "openvino"
        )
        catalog = Catalog.read(folder / f"{runtime}.csv")
        statuses[runtime] = catalog.table["mask_status"].tolist()
    assert statuses["onnx"] == statuses["openvino"]
    first, second = (folder / f"{name}-masks" / "masks" for name in ("onnx", "openvino"))
    for file in first.rglob("*.png"):
        np.testing.assert_array_equal(
            np.asarray(Image.open(file)), np.asarray(Image.open(second / file.relative_to(first)))
        )


@pytest.mark.parametrize(("openvino_s", "expected"), [(0.5, "openvino"), (2.0, "onnx")])
def test_the_faster_runtime_of_a_mask_model_is_taken(folder, model, monkeypatch, openvino_s, expected):
    monkeypatch.setattr(mask_runtime, "find_spec", lambda _: True)
    clock = FakeRuns(monkeypatch, {"onnx": 1.0, "openvino": openvino_s})
    paths = [folder / "birds" / "broken.png", folder / "birds" / "square.png"] * 128
    chosen, choice = choose_mask_runtime(model, "auto", paths)
    assert chosen.runtime == choice.runtime == expected and choice.images == 4
    assert clock.runs[2:] == ["onnx", "openvino"] * choice.passes
    assert choose_mask_runtime(model, "auto", paths[:255])[1].runtime == "onnx"  # too few to measure
    monkeypatch.setattr(mask_runtime, "find_spec", lambda _: None)
    assert choose_mask_runtime(model, "auto", paths)[1].words == "Runtime: onnx."


def test_a_mask_runtime_that_disagrees_is_refused(folder, model, monkeypatch):
    monkeypatch.setattr(mask_runtime, "find_spec", lambda _: True)
    FakeRuns(monkeypatch, {"onnx": 1.0, "openvino": 0.1}, wrong="openvino")
    paths = [folder / "birds" / "square.png"] * 256
    with pytest.raises(ModelError, match="runtime openvino differ from those of onnx"):
        choose_mask_runtime(model, "openvino", paths)
    chosen, choice = choose_mask_runtime(model, "auto", paths)
    assert chosen is model and choice.runtime == "onnx" and "Not openvino: The outputs" in choice.words


class FakeRuns:
    """Mask models of both runtimes that compute the same (but for ``wrong``), in given times."""

    def __init__(self, patch: pytest.MonkeyPatch, seconds: dict[str, float], wrong: str = "") -> None:
        self.now, self.runs = 0.0, list[str]()
        compute = MaskModel.run

        def run(model: MaskModel, inputs: np.ndarray) -> np.ndarray:
            self.runs.append(model.runtime)
            self.now += seconds[model.runtime]
            outputs = compute(model, inputs)
            return outputs[:, ::-1] if model.runtime == wrong else outputs

        def on(model: MaskModel, runtime: str) -> MaskModel:
            other = MaskModel(model.name, model._file, 1)
            other.runtime = runtime
            return other

        patch.setattr(MaskModel, "run", run)
        patch.setattr(MaskModel, "on", on)
        patch.setattr(runtime_choice, "_clock", lambda: self.now)
