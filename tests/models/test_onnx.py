"""ONNX: exported files agree with their model, and foreign ones are read only when their input is described."""

import json
import warnings

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

import likewise
from likewise.data import IMAGENET, Preprocessing
from likewise.errors import ConfigError, MissingExtraError, ModelError, WorkError
from likewise.models import export

STRANGE = Preprocessing(
    resize_px=72, crop_px=64, interpolation="bicubic", channel_order="bgr", value_range=255,
    mean=(104, 117, 128), std=(1, 1, 1),
)  # fmt: skip


def foreign(path, *, batch="N", side=8, outputs=("embedding",), kind=TensorProto.FLOAT, rank=4) -> None:
    """A file not of ours: channel means of the picture."""
    shape = [batch, 3, side, side][:rank]
    nodes = [helper.make_node("ReduceMean", ["input"], [name], axes=[2, 3], keepdims=0) for name in outputs]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("input", kind, shape)],
        [helper.make_tensor_value_info(name, kind, [batch, 3]) for name in outputs],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.save(model, str(path))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    from likewise.models import ModelSpec, build

    folder = tmp_path_factory.mktemp("export")
    model = build(ModelSpec(backbone="test_resnet", dim=12, pooling="gem", preprocessing=STRANGE), 4)
    model.distance = "euclidean"
    return model, export(model, folder / "m.onnx")


def test_an_exported_file_needs_no_options(exported, catalog):
    model, written = exported
    assert written.max_difference < 1e-5 and written.batch_sizes == (1, 2, 5)
    loaded = likewise.load(f"onnx:{written.file}")
    assert (loaded.preprocessing, loaded.distance, loaded.dim) == (STRANGE, "euclidean", 12)
    expected, found = model.embed(catalog, num_workers=0), loaded.embed(catalog, num_workers=0)
    np.testing.assert_allclose(found.vectors, expected.vectors, atol=1e-5)
    assert found.ids == expected.ids
    assert loaded.fingerprint == likewise.load(f"onnx:{written.file}").fingerprint != model.fingerprint


def test_the_file_takes_pixels_and_says_how_to_prepare_them(exported):
    model, written = exported
    file = onnx.load(str(written.file))
    (given,), (result,) = file.graph.input, file.graph.output
    assert (given.name, given.type.tensor_type.elem_type) == ("images", TensorProto.UINT8)
    assert given.type.tensor_type.shape.dim[0].dim_param  # any batch size
    assert result.name == "embedding"
    about = json.loads({entry.key: entry.value for entry in file.metadata_props}["likewise"])
    assert about["exported_from"] == model.fingerprint
    assert Preprocessing.model_validate(about["preprocessing"]) == STRANGE


def test_onnx_models_have_no_gradients_or_maps(exported):
    model = likewise.load(f"onnx:{exported[1].file}")
    assert not model.differentiable and not model.decomposable
    with pytest.raises(ModelError, match="ONNX file already"):
        export(model, exported[1].file.with_name("again.onnx"))
    with pytest.raises(ModelError, match="carries its preprocessing"):
        likewise.load(f"onnx:{exported[1].file}", preprocessing="imagenet")
    with pytest.raises(ModelError, match="contains its weights"):
        likewise.load(f"onnx:{exported[1].file}", weights="x.pth")


def test_torchscript(make, tmp_path):
    model = make()
    written = export(model, tmp_path / "m.pt", "torchscript")
    assert written.max_difference < 1e-6
    extra = {"likewise.json": ""}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated by torch, and still what some deploy
        loaded = torch.jit.load(str(written.file), _extra_files=extra)
    pixels = torch.randint(0, 256, (3, 3, 64, 64), dtype=torch.uint8)
    with torch.no_grad():
        torch.testing.assert_close(loaded(pixels), model.network(pixels))
    assert json.loads(extra["likewise.json"])["preprocessing"]["crop_px"] == 64


def test_a_file_that_disagrees_is_not_kept(make, tmp_path, monkeypatch):
    """The exporter is made to write another model's weights."""
    model, other = make(seed=1), make(seed=2)
    monkeypatch.setattr("likewise.models.exporting.copy.deepcopy", lambda _: model.network)
    real = torch.jit.trace
    monkeypatch.setattr(
        torch.jit, "trace", lambda _, images, **options: real(other.network, images, **options)
    )
    with pytest.raises(WorkError, match=r"differs from 'test_resnet' by up to .* was deleted"):
        export(model, tmp_path / "m.pt", "torchscript")
    assert not list(tmp_path.iterdir())


def test_a_file_that_gives_no_numbers_is_not_kept(make, tmp_path, monkeypatch):
    real = torch.jit.trace

    def broken(network, images, **options):
        with torch.no_grad():
            next(network.parameters()).fill_(torch.nan)
        return real(network, images, **options)

    monkeypatch.setattr(torch.jit, "trace", broken)
    with pytest.raises(WorkError, match="up to nan"):
        export(make(), tmp_path / "m.pt", "torchscript")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("differences", [[0.0, float("nan")], [float("nan"), 0.0], [0.0, 1.0]])
def test_one_batch_size_that_disagrees_is_enough(make, tmp_path, monkeypatch, differences):
    values = iter(differences)
    monkeypatch.setattr("likewise.models.exporting._difference", lambda *_: next(values))
    with pytest.raises(WorkError, match=r"up to (nan|1) "):
        export(make(), tmp_path / "m.pt", "torchscript", batch_sizes=(1, 2))


def test_a_file_for_one_batch_size_is_not_kept(make, tmp_path, monkeypatch):
    class Fixed(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, images):
            return self.network(images).reshape(2, -1)

    real = torch.jit.trace
    monkeypatch.setattr(
        torch.jit, "trace", lambda network, images, **options: real(Fixed(network), images, **options)
    )
    with pytest.raises(WorkError, match="was deleted"):
        export(make(), tmp_path / "m.pt", "torchscript")
    assert not list(tmp_path.iterdir())


def test_exports_that_are_refused(make, tmp_path):
    with pytest.raises(ConfigError, match="did you mean 'onnx'"):
        export(make(), tmp_path / "m.onnx", "onx")
    with pytest.raises(ModelError, match="AVSL head"):
        export(make(head="avsl", avsl={"dim": 8, "topk": 4}), tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


def test_export_without_the_extra(make, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(MissingExtraError, match=r"likewise\[onnx\]"):
        export(make(), tmp_path / "m.onnx")


# -- foreign files ----------------------------------------------------------------------------------------

EIGHT = Preprocessing(resize_px=8, crop_px=8)


@pytest.mark.parametrize("batch", ["N", 1, 4])
def test_foreign_files_of_any_and_of_fixed_batch_size(tmp_path, batch):
    foreign(tmp_path / "m.onnx", batch=batch)
    model = likewise.load(f"onnx:{tmp_path / 'm.onnx'}", preprocessing=EIGHT)
    pixels = torch.randint(0, 256, (6, 3, 8, 8), dtype=torch.uint8)
    expected = torch.nn.functional.normalize(IMAGENET.normalize(pixels).mean((2, 3))).numpy()
    np.testing.assert_allclose(model.embed(pixels, batch_size=5).vectors, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["m.onnx.json", "m.json"])
def test_the_description_beside_the_file(tmp_path, name):
    foreign(tmp_path / "m.onnx")
    with pytest.raises(ModelError, match="does not say how its images are prepared"):
        likewise.load(f"onnx:{tmp_path / 'm.onnx'}")
    (tmp_path / name).write_text(EIGHT.model_dump_json())
    assert likewise.load(f"onnx:{tmp_path / 'm.onnx'}").preprocessing == EIGHT


def test_wrong_files(tmp_path):
    def load(preprocessing=EIGHT):
        return likewise.load(f"onnx:{tmp_path / 'm.onnx'}", preprocessing=preprocessing)

    with pytest.raises(ModelError, match="There is no ONNX file"):
        load()
    (tmp_path / "m.onnx").write_bytes(b"nonsense")
    with pytest.raises(ModelError, match="not an ONNX file that onnxruntime can run"):
        load()
    foreign(tmp_path / "m.onnx", outputs=("a", "b"))
    with pytest.raises(ModelError, match=r"one output \(batch, D\), but has a .*, b "):
        load()
    foreign(tmp_path / "m.onnx", kind=TensorProto.DOUBLE)
    with pytest.raises(ModelError, match=r"tensor\(double\), which is not an image"):
        load()
    foreign(tmp_path / "m.onnx")
    with pytest.raises(ModelError, match=r"takes images of \[8, 8\] px, but its preprocessing crops 224 px"):
        load("imagenet")


def test_onnxruntime_may_be_missing(tmp_path, monkeypatch):
    import sys

    foreign(tmp_path / "m.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"likewise\[onnx\]"):
        likewise.load(f"onnx:{tmp_path / 'm.onnx'}", preprocessing=EIGHT)


@pytest.mark.photos
def test_a_real_foreign_network(photos):
    """MobileNetV2 of the ONNX model zoo: photos of one class are nearer to each other than to others."""
    file = photos / "weights" / "mobilenetv2_embedder.onnx"
    if not file.is_file():
        pytest.skip(f"no weights at {file}")
    model = likewise.load(f"onnx:{file}", preprocessing="imagenet")
    assert (model.dim, model.preprocessing) == (1280, IMAGENET)
    catalog = likewise.Catalog.read(photos / "sample" / "catalog.csv")
    some = catalog.select(where="path like 'caltech101%'")
    found = model.embed(some, num_workers=0)
    distances = model.compare(found.vectors, found.vectors)
    same = found.labels[:, None] == found.labels[None]
    others = ~np.eye(len(same), dtype=bool)
    assert distances[same & others].mean() < distances[~same].mean() - 0.05
