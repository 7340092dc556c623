"""Weights that fit, shards that are merged, runtimes that pay, pixels of other libraries: rows written by hand."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from likewise.data import Catalog, Failure, Preprocessing
from likewise.errors import ModelError, WorkError
from likewise.files import ContentRecord
from likewise.models import Embeddings, runtimes
from likewise.models.embedding_job import _merged, nothing_embedded
from likewise.models.exporting import _difference, _pixels
from likewise.models.external.json_service import _asked_pause, _shown
from likewise.models.external.verified import AnotherShapeError, largest_difference, probe_images, verify
from likewise.models.weights import _is_classifier, _mismatch, own_part, without_wrappers


def test_the_part_of_a_checkpoint_that_is_this_network() -> None:
    expected = {"a.w": torch.zeros(2), "a.b": torch.zeros(1), "num_batches_tracked": torch.zeros(())}
    fitting = {"a.w": torch.ones(2), "a.b": torch.ones(1)}
    model = {f"model.{key}": value for key, value in fitting.items()}
    teacher = {f"ema.{key}": value + 1 for key, value in fitting.items()}
    small = {f"small.{key}": value[:1] for key, value in fitting.items()}
    assert own_part(model | {"loss.w": torch.zeros(1)} | small, expected, "f").keys() == fitting.keys()
    assert own_part(fitting, expected, "f") is fitting and own_part({}, {}, "f") == {}
    partial = {"model.a.w": torch.ones(2)}
    assert own_part(partial, expected, "f") is partial
    same = model | {f"copy.{key}": value for key, value in fitting.items()}
    assert own_part(same, expected, "f")["a.w"].tolist() == [1, 1]
    with pytest.raises(
        ModelError, match=r"f contains this network more than once, with different weights, as 'ema.' and as"
    ):
        own_part(model | teacher, expected, "f")
    wrapped = {"module._orig_mod.a": torch.zeros(1), "module._orig_mod.b": torch.zeros(1)}
    assert list(without_wrappers(wrapped)) == ["a", "b"]
    assert list(without_wrappers({"module.a": torch.zeros(1), "b": torch.zeros(1)})) == ["module.a", "b"]


def test_what_does_not_fit_is_counted_and_the_first_named() -> None:
    state = {"x": torch.zeros(2, 3), "s": torch.zeros(()), "u": torch.zeros(1), "v": torch.zeros(1)}
    expected = {"x": torch.zeros(3, 2), "s": torch.zeros(1), "m": torch.zeros(1)}
    assert _mismatch(["m"], ["u", "v"], ["s", "x"], state, expected) == (
        "1 of its 3 keys are missing in the file, first 'm'; 2 keys of the file are unknown, first 'u'; 2 differ in "
        "shape, "
        "first 's': scalar in the file, 1 in the network; give the file of the same architecture and size"
    )
    assert "first 'x': 2x3 in the file, 3x2 in the network" in _mismatch([], [], ["x"], state, expected)
    network: Any = SimpleNamespace(pretrained_cfg={"classifier": ("top", "second")})
    named = [
        key
        for key in ("fc.weight", "top.bias", "second.w", "fcx.w", "body.fc.w")
        if _is_classifier(key, network)
    ]
    assert named == ["fc.weight", "top.bias", "second.w"]
    assert _is_classifier("one.w", SimpleNamespace(pretrained_cfg={"classifier": "one"}))  # type: ignore[arg-type]


def test_shards_are_merged_in_the_order_of_the_catalog_with_its_labels(tmp_path: Path) -> None:
    import pandas as pd

    for place, (names, runtime) in enumerate(((["c", "a"], "torch"), (["b"], "onnx"))):
        rows = np.array([[ord(name), place] for name in names], np.float32)
        Embeddings(rows, names, None, "f", distance="euclidean", runtime=runtime).save(
            tmp_path / f"{place}.npz"
        )
    table = pd.DataFrame({"path": ["a", "b", "c", "d"], "label": ["x", "y", "", "z"], "split": ""})
    files = {name: ContentRecord(1, 2, name) for name in "abcd"}
    result: Any = SimpleNamespace(
        shards=[tmp_path / "0.npz", tmp_path / "1.npz"], rows=[1, 2, 0], ids=["a", "b", "c"], files=files,
        failures=[Failure("d", "gone")],
    )  # fmt: skip
    merged = _merged(result, Catalog.from_table(table, "."))
    assert (
        merged.vectors[:, 0].tolist() == [97, 98, 99]
        and merged.labels is not None
        and merged.labels.tolist() == ["x", "y", ""]
    )
    assert (merged.fingerprint, merged.distance, merged.runtime) == ("f", "euclidean", "onnx, torch")
    assert merged.failures == [Failure("d", "gone")] and merged.records == [files[name] for name in "abc"]
    unlabelled = _merged(result, Catalog.from_table(table.assign(label=""), "."))
    assert unlabelled.labels is None
    assert str(nothing_embedded([Failure("d", "It is gone."), Failure("e", "x")])) == (
        "None of the 2 images could be embedded, the first (d) because: It is gone."
    )


def test_an_exported_file_is_compared_number_by_number() -> None:
    images = _pixels(3, 8)
    assert images.equal(_pixels(3, 8)) and not images[:2].equal(_pixels(2, 8)) and images.dtype == torch.uint8
    network = nn.Flatten()

    def shifted(pixels: Tensor) -> Tensor:
        rows = network(pixels).float()
        rows[1, 5] -= 0.5
        return rows

    def wide(pixels):
        return network(pixels).float()

    assert _difference(wide, shifted, images) == 0.5
    assert _difference(wide, lambda pixels: network(pixels)[:, :2], images) == float("inf")

    def failing(pixels: Tensor) -> Tensor:
        raise RuntimeError("first\nlast line")

    with pytest.raises(
        WorkError, match=r"cannot run a batch of 3 \(last line\) and was deleted: try another format"
    ):
        _difference(wide, failing, images)


@pytest.mark.parametrize(
    ("device", "refusal", "seconds", "stored", "openvino", "expected"),
    [
        ("cuda", None, 301, False, True, ["compile"]), ("cuda", None, 300, True, True, []), ("mps", None, 999,
         True, True, []),
        ("cpu", "no", 999, True, True, []), ("cpu", None, 44, False, True, []), ("cpu", None, 45, False, True,
         ["onnx", "openvino"]),
        ("cpu", None, 1, True, False, ["onnx"]),
    ],
)  # fmt: skip
def test_runtimes_that_are_likely_to_pay(
    device: str, refusal: str | None, seconds: float, stored: bool, openvino: bool, expected: list[str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    file = tmp_path / "m.onnx"
    if stored:
        file.write_bytes(b"")
    monkeypatch.setattr(runtimes, "why_not_exported", lambda model: refusal)
    monkeypatch.setattr(runtimes, "exported_file", lambda model: file)
    monkeypatch.setattr(runtimes, "find_spec", lambda name: (name == "openvino" and openvino) or None)
    model: Any = SimpleNamespace(device=torch.device(device))
    assert runtimes._candidates(model, seconds) == expected


def test_a_service_may_ask_for_a_pause_up_to_half_a_minute() -> None:
    rows = [
        ("7", 1.0, 7.0),
        ("0", 1.0, 1.0),
        ("500", 1.0, 30.0),
        (None, 1.0, 1.0),
        ("soon", 1.0, 1.0),
        ("-3", 1.0, 1.0),
        ("7", None, None),
    ]
    assert [_asked_pause(header, pause) for header, pause, _ in rows] == [expected for _, _, expected in rows]
    assert (_shown(b""), _shown(b" a\n  b ")) == ("nothing", "'a b'") and len(_shown(b"x" * 999)) == 122


def test_the_preprocessing_of_a_library_is_compared_in_steps_of_8_bits() -> None:
    prepared = Preprocessing(resize_px=40, crop_px=32, mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 0.125))
    from likewise.data import EvalTransform

    transform = EvalTransform(prepared)

    def source(levels: float, channel: int) -> Any:
        def prepare(image: Image.Image) -> Tensor:
            pixels = transform(image)[0].as_subclass(Tensor).float() / 255
            pixels[channel, 3, 4] += levels / 255
            return (
                (pixels - torch.tensor(prepared.mean)[:, None, None])
                / torch.tensor(prepared.std)[:, None, None]
            )[None]

        return prepare

    images = probe_images()
    assert [image.size for image in images] == [(320, 213), (187, 290), (150, 150), (501, 333)]
    for channel in range(3):
        assert largest_difference(prepared, source(3.0, channel), images) == pytest.approx(3.0, abs=1e-3)
    assert verify(prepared, source(2.0, 0), "'m'") is prepared
    with pytest.raises(
        ModelError,
        match=r"pixels differ by up to 2\.1 of 255 from resizing and cropping as its "
        "files say",
    ):
        verify(prepared, source(2.1, 0), "'m'")
    with pytest.raises(AnotherShapeError, match=r"gives 7 x 5 px \(3, 5, 7\) for an image of 320 x 213 px"):
        largest_difference(prepared, lambda image: torch.zeros(3, 5, 7), images)
    with pytest.raises(ModelError, match="fails on a test image"):
        verify(prepared, lambda image: 1 / 0, "'m'")  # type: ignore[arg-type,return-value]
    assert json.dumps(prepared.model_dump(mode="json"))
