from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likewise.data.mask_model import MaskModel, finish
from likewise.errors import ModelError
from likewise.torch_settings import threads_stay


@pytest.fixture(scope="session")
def u2netp(photos) -> Path:
    pytest.importorskip("onnxruntime")
    return photos / "weights" / "u2netp.onnx"


@pytest.fixture(scope="module")
def pictures(photos) -> list[Image.Image]:
    files = sorted((photos / "sample").rglob("*.jpg"))[7:8]
    return [Image.open(file).convert("RGB") for file in files]


def test_masks_are_those_of_rembg(u2netp, pictures, monkeypatch):
    # rembg opens custom models below its own home only
    monkeypatch.setenv("U2NET_HOME", str(u2netp.parent))
    with threads_stay():
        session_type = pytest.importorskip("rembg.sessions.u2net_custom").U2netCustomSession
    import onnxruntime

    theirs = session_type("u2net_custom", onnxruntime.SessionOptions(), model_path=str(u2netp))
    for picture, ours in zip(pictures, MaskModel.open(u2netp).predict(pictures), strict=True):
        expected = np.asarray(theirs.predict(picture)[0]).astype(int)
        difference = np.abs(np.asarray(ours.mask).astype(int) - expected)
        # both cut to whole levels before they are resized: a rounding away, never two
        assert difference.max() <= 2 and difference.mean() < 0.02


def test_outputs_are_stretched_and_resized():
    output = np.tile(np.linspace(-3, 5, 8, dtype=np.float32), (8, 1))
    mask = np.asarray(finish(output, (8, 8)).mask)
    assert mask[0, 0] == 0 and mask[0, -1] == 255 and mask[3, 4] == int(4 / 7 * 255)
    assert finish(output, (31, 17)).mask.size == (31, 17)


@pytest.mark.parametrize("output", [np.zeros((4, 4)), np.full((4, 4), 0.7), np.full((4, 4), np.nan)])
def test_a_constant_output_gives_no_mask(output):
    prediction = finish(output.astype(np.float32), (9, 9))
    assert prediction.constant and prediction.mask is None


def test_models_that_are_not_there(tmp_path):
    with pytest.raises(ModelError, match="did you mean 'u2net'"):
        MaskModel.open("u2nett")
    with pytest.raises(ModelError, match="no file"):
        MaskModel.open(tmp_path / "none.onnx")
    pytest.importorskip("onnxruntime")
    (tmp_path / "bad.onnx").write_bytes(b"no network")
    with pytest.raises(ModelError, match="cannot be read"):
        MaskModel.open(tmp_path / "bad.onnx")


def test_a_network_of_something_else_is_refused(photos):
    pytest.importorskip("onnxruntime")
    model = MaskModel.open(photos / "weights" / "mobilenetv2_embedder.onnx")
    with pytest.raises(ModelError, match="a mask model gives"):
        model.predict([Image.new("RGB", (40, 40), "red")])
