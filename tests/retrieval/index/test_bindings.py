"""What an index takes from beside its model: thresholds by their files, queries by their form."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from likewise.errors import FingerprintError, InputError
from likewise.retrieval import Threshold
from likewise.retrieval.index import model_binding
from likewise.retrieval.index.model_binding import ModelBinding, _ThresholdFiles
from likewise.retrieval.threshold import ErrorRate

RATE = ErrorRate(rate=0.01, low=0.0, high=0.1, pairs=100)


def threshold(distance: float, fingerprint: str = "f", distance_name: str = "cosine") -> Threshold:
    return Threshold(
        distance=distance, distance_name=distance_name, wanted_false_match_rate=0.01, false_match=RATE,
        false_non_match=RATE, equal_error_rate=0.05, equal_error_distance=0.2, level=0.95, classes=5, images=50,
        fingerprint=fingerprint,
    )  # fmt: skip


def binding(*folders: Path, model: Any = None, dim: int = 3) -> ModelBinding:
    reference = SimpleNamespace(name="birds", folders=lambda _: list(folders)) if folders else None
    metadata: Any = SimpleNamespace(fingerprint="f", distance="cosine", dim=dim, model=reference)
    return ModelBinding(metadata, "i.index", model)


def test_a_threshold_file_is_read_again_only_when_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, reads = _ThresholdFiles(), []
    file = tmp_path / "threshold.json"
    assert files.get(file) is None
    threshold(0.1).save(file)

    class Counted:
        @staticmethod
        def load(path: Path) -> Threshold:
            reads.append(path)
            return Threshold.load(path)

    monkeypatch.setattr(model_binding, "Threshold", Counted)
    first = files.get(file)
    assert first is not None and files.get(file) is first and len(reads) == 1
    threshold(0.25).save(file)
    os.utime(file, ns=(1, 1))
    second = files.get(file)
    assert second is not None and second.distance == 0.25 and len(reads) == 2
    file.unlink()
    assert files.get(file) is None


def test_of_several_thresholds_the_first_of_this_model_counts(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        folder.mkdir()
    bound = binding(*folders)
    assert bound.threshold is None and binding().threshold is None
    threshold(0.3, "other").save(folders[0])
    with pytest.raises(FingerprintError, match="calibrated for model other"):
        _ = bound.threshold
    threshold(0.4).save(folders[1])
    threshold(0.5).save(folders[2])
    assert bound.threshold is not None and bound.threshold.distance == 0.4
    threshold(0.4, distance_name="euclidean").save(folders[1])
    os.utime(folders[1] / "threshold.json", ns=(1, 1))
    with pytest.raises(FingerprintError, match="with the euclidean distance"):
        _ = bound.threshold


class _Model:
    name, fingerprint = "m", "f"

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def embed(self, images: Any, **options: Any) -> Any:
        self.asked.append((images, options))
        failures = [SimpleNamespace(reason="broken")] if isinstance(images[0], bytes) else []
        return SimpleNamespace(vectors=np.ones((1, 3), np.float32), failures=failures)


@pytest.mark.parametrize("image", [np.zeros((4, 4, 3), np.uint8), torch.zeros(3, 4, 4)])
def test_arrays_of_three_dimensions_are_images_and_of_one_vectors(image: Any) -> None:
    model = _Model()
    bound = binding(Path("x"), model=model)
    assert bound.loaded is model and bound.vector(image).tolist() == [1, 1, 1]
    assert model.asked == [([image], {"num_workers": 0})]
    for form in ([1, 2, 3], np.array([1, 2, 3]), torch.tensor([1.0, 2, 3], requires_grad=True)):
        vector = bound.vector(form)
        assert vector.dtype == np.float32 and vector.tolist() == [1, 2, 3]
    assert len(model.asked) == 1
    with pytest.raises(InputError, match=r"3 numbers, \(3,\), not \(2,\)"):
        bound.vector([1, 2])
    with pytest.raises(InputError, match=r"not \(1, 3\)"):
        bound.vector(np.ones((1, 3)))
    with pytest.raises(InputError, match="broken"):
        bound.vector(b"no image")


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1e30])
def test_a_vector_that_cannot_be_compared_is_refused(bad: float) -> None:
    with pytest.raises(InputError, match="the query"):
        binding(Path("x"), model=_Model()).vector([1, bad, 3])


def test_a_model_of_another_fingerprint_is_refused() -> None:
    other = _Model()
    other.fingerprint = "g"
    with pytest.raises(
        FingerprintError, match=r"\(g\) than the index i\.index, which belongs to f \(birds\)"
    ):
        binding(Path("x"), model=other)
    with pytest.raises(InputError, match="was made of vectors alone"):
        _ = binding().model
