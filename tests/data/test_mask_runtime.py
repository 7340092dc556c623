"""The runtime of a mask model: when two are compared, and on which images."""

from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import pytest
from PIL import Image

from likewise.data import mask_runtime
from likewise.data.mask_model import MaskModel
from likewise.errors import ModelError
from likewise.runtime_choice import FEW, RuntimeChoice


class Twin:
    """Stands for a mask model: records the images that it prepares."""

    def __init__(self, runtime: str = "onnx", wrong: bool = False) -> None:
        self.runtime, self.wrong = runtime, wrong
        self.prepared: list[Image.Image] = []

    def prepare(self, picture: Image.Image) -> np.ndarray:
        self.prepared.append(picture)
        return np.asarray(picture.resize((8, 8)), np.float32)

    def on(self, runtime: str) -> "Twin":
        return Twin(runtime, self.wrong)

    def run(self, inputs: np.ndarray) -> np.ndarray:
        return -inputs if self.wrong and self.runtime == "openvino" else inputs


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    Image.new("RGB", (9, 7), (10, 20, 30)).save(tmp_path / "photo.png")
    (tmp_path / "broken.png").write_bytes(b"no photo")
    return {"photo": tmp_path / "photo.png", "broken": tmp_path / "broken.png"}


def choose(
    model: Twin, runtime: Literal["auto", "onnx", "openvino"], paths: list[Path]
) -> tuple[Any, RuntimeChoice]:
    return mask_runtime.choose_mask_runtime(cast(MaskModel, model), runtime, paths)


@pytest.mark.parametrize("installed", [True, False])
@pytest.mark.parametrize("count", [0, FEW - 1, FEW])
@pytest.mark.parametrize("runtime", ["auto", "onnx", "openvino"])
def test_runtimes_are_compared_for_many_images_where_there_are_two(
    runtime: Literal["auto", "onnx", "openvino"], count: int, installed: bool, files: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(mask_runtime, "find_spec", lambda name: object() if installed else None)
    model = Twin()
    chosen, choice = choose(model, runtime, [files["photo"]] * count)
    compared = runtime == "auto" and count == FEW and installed
    assert choice.reference == "onnx" and choice.runtime == chosen.runtime
    assert set(choice.seconds) == ({"onnx", "openvino"} if compared else set())
    assert len(model.prepared) == (4 if compared else min(4, max(1, count)) if runtime == "openvino" else 0)
    if not compared:
        assert choice.runtime == ("openvino" if runtime == "openvino" else "onnx")


@pytest.mark.parametrize("runtime", ["auto", "openvino"])
@pytest.mark.parametrize(
    ("broken", "sizes"), [(0, [(9, 7)] * 4), (3, [(9, 7)] * 4), (FEW - 1, [(9, 7)]), (FEW, [(64, 64)])]
)
def test_images_that_cannot_be_read_are_passed_over_and_noise_replaces_none(
    runtime: Literal["auto", "openvino"], broken: int, sizes: list[tuple[int, int]], files: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(mask_runtime, "find_spec", lambda name: object())
    model = Twin()
    choose(model, runtime, [files["broken"]] * broken + [files["photo"]] * (FEW - broken))
    assert [picture.size for picture in model.prepared] == sizes


def test_a_runtime_that_differs_is_refused_by_name_and_left_out_of_a_choice(
    files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mask_runtime, "find_spec", lambda name: object())
    with pytest.raises(ModelError, match="runtime openvino differ from those of onnx"):
        choose(Twin(wrong=True), "openvino", [files["photo"]])
    _, choice = choose(Twin(wrong=True), "auto", [files["photo"]] * FEW)
    assert choice.runtime == "onnx" and list(choice.refused) == ["openvino"]
