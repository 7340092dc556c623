"""ONNX files as other programs write them: weights beside the file, and axes of any name."""

import shutil

import numpy as np
import pytest
import torch

from likewise.errors import MissingExtraError, ModelError
from likewise.models import load
from likewise.models.external import onnx_file
from likewise.onnx_sessions import onnx_run, open_session

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

PIXELS = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 3, 224, 224), dtype=np.uint8))


def pooled(
    path,
    axes=("N", 3, "H", "W"),
    weight=None,
    *,
    output=("N", 5),
    files=("weights.bin",),
    place="initializer",
):
    """Mean over the picture, then a matrix (3, 5), whose numbers lie in other files."""
    matrix = np.arange(15, dtype=np.float32).reshape(3, 5) if weight is None else weight
    tensors = [numpy_helper.from_array(part, f"w{number}")
               for number, part in enumerate(np.split(matrix, len(files) or 1, axis=1))]  # fmt: skip
    names = [tensor.name for tensor in tensors]
    nodes = [helper.make_node("ReduceMean", ["pixels", "axes"], ["mean"], keepdims=0)]
    initializers = [numpy_helper.from_array(np.array([2, 3]), "axes")]
    for tensor, file in zip(tensors, files, strict=False):
        (path.parent / file).parent.mkdir(parents=True, exist_ok=True)
        (path.parent / file).write_bytes(tensor.raw_data)
        onnx.external_data_helper.set_external_data(tensor, location=str(file))
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
    if place == "initializer":
        initializers += tensors
    else:
        nodes += [helper.make_node("Constant", [], [tensor.name], value=tensor) for tensor in tensors]
    nodes += [
        helper.make_node("Concat", names, ["matrix"], axis=1),
        helper.make_node("MatMul", ["mean", "matrix"], ["vectors"]),
    ]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, list(axes))],
        [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, list(output))], initializers,
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    path.write_bytes(model.SerializeToString())
    return path


def loaded(path):
    return load(f"onnx:{path}", preprocessing="imagenet")


@pytest.mark.parametrize("threads", [1, 3])
def test_it_takes_as_many_threads_as_torch(tmp_path, monkeypatch, threads):
    path = pooled(tmp_path / "m.onnx")
    taken, before = [], torch.get_num_threads()
    monkeypatch.setattr(
        onnx_file, "open_session", lambda file, count: (taken.append(count), open_session(file, count))[1]
    )
    monkeypatch.setattr(
        onnx_file, "onnx_run", lambda *values: (taken.append(values[2]), onnx_run(*values))[1]
    )
    torch.set_num_threads(threads)
    try:
        loaded(path)
    finally:
        torch.set_num_threads(before)
    assert taken == [threads, threads]


@pytest.mark.parametrize(
    "files", [("weights.bin",), ("a.data", "b.data", "c.data", "d.data", "e.data"), ("deep/w.bin",)]
)
def test_the_fingerprint_is_that_of_all_files(tmp_path, files):
    path = pooled(tmp_path / "a.onnx", files=files)
    first = loaded(path)
    copy = shutil.copytree(tmp_path, tmp_path.parent / f"{tmp_path.name}-copy")
    assert loaded(copy / "a.onnx").fingerprint == first.fingerprint
    for file in files:
        other = tmp_path / file
        before = other.read_bytes()
        other.write_bytes(np.random.default_rng(1).random(len(before) // 4).astype(np.float32).tobytes())
        assert loaded(path).fingerprint != first.fingerprint, file
        other.write_bytes(before)
    assert loaded(path).fingerprint == first.fingerprint
    np.testing.assert_array_equal(loaded(path).embed(PIXELS).vectors, first.embed(PIXELS).vectors)


def test_the_default_of_torch_export(tmp_path):
    """Today ``torch.onnx.export`` leaves the weights beside the file."""
    pytest.importorskip("onnxscript")
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 7, 7), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
    )
    torch.onnx.export(
        network.eval(),
        (torch.zeros(1, 3, 224, 224),),
        tmp_path / "a.onnx",
        dynamo=True,
        external_data=True,
        verbose=False,
    )
    data = tmp_path / "a.onnx.data"
    assert data.is_file()
    first = loaded(tmp_path / "a.onnx")
    changed = bytearray(data.read_bytes())
    changed[100] ^= 1
    data.write_bytes(changed)
    assert loaded(tmp_path / "a.onnx").fingerprint != first.fingerprint


def test_weights_that_are_not_there_or_lead_out(tmp_path):
    path = pooled(tmp_path / "a.onnx")
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(ModelError, match=r"a\.onnx"):
        loaded(path)
    (tmp_path / "inside").mkdir()
    path = pooled(tmp_path / "inside" / "a.onnx", files=("../weights.bin",))
    with pytest.raises(ModelError, match=r"a\.onnx"):
        loaded(path)


def test_reading_weights_beside_the_file_needs_onnx(tmp_path, monkeypatch):
    path = pooled(tmp_path / "a.onnx")
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r"likewise\[onnx\]"):
        loaded(path)
    whole = pooled(tmp_path / "whole.onnx", files=())
    assert loaded(whole).dim == 5


@pytest.mark.parametrize(
    "axes",
    [
        ("batch_size", "num_channels", "height", "width"),  # Optimum
        ("N", "C", "H", "W"), (None, None, None, None), ("", "", "", ""), ("unk__1", "3", "224", "224"),
        ("batch", 3, 224, 224), (1, 3, 224, 224), ("width", "height", "channels", "batch"), (2, "x", 224, "y"),
    ],
    ids=str,
)  # fmt: skip
def test_the_name_of_a_free_axis_says_nothing(tmp_path, axes):
    model = loaded(pooled(tmp_path / "a.onnx", axes, output=(axes[0], 5)))
    assert model.dim == 5
    wanted = loaded(pooled(tmp_path / "b.onnx")).embed(PIXELS).vectors
    np.testing.assert_allclose(model.embed(PIXELS).vectors, wanted, atol=1e-6)


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        (("N", 224, 224, 3), "channels come last"), (("N", 1, 224, 224), "must have one input"),
        (("N", 4, "H", "W"), "must have one input"),
        (("N", 3, 100, 100), r"takes images of \[100, 100\] px"),
    ],
    ids=str,
)  # fmt: skip
def test_fixed_axes_that_do_not_fit_are_named(tmp_path, axes, words):
    path = pooled(tmp_path / "a.onnx", axes, np.ones((axes[1], 5), np.float32), files=())
    with pytest.raises(ModelError, match=words):
        loaded(path)
