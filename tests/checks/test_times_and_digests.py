"""The cost of a model from given times, and the digest that says whether two checks saw the same images."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from likewise import Catalog
from likewise.checks import cost
from likewise.checks.reference import images_digest, read_reference, require_same_images
from likewise.errors import InputError


class Model:
    """Remembers its calls, each of which takes the next of the given times."""

    device, preprocessing = "cpu", SimpleNamespace(crop_px=4)

    def __init__(self, *seconds: float) -> None:
        self.calls, self.left, self.now = list[Any](), list(seconds), 100.0

    def vectors(self, pixels: torch.Tensor, batch_size: int = 0) -> None:
        assert pixels.dtype == torch.uint8 and not pixels.any()
        self.calls.append((tuple(pixels.shape), batch_size))
        self.now += self.left.pop(0)

    def embed(self, catalog: Catalog, batch_size: int, workers: int) -> None:
        self.calls.append((catalog.ids, batch_size, workers))
        self.now += self.left.pop(0)


@pytest.mark.parametrize(
    ("network", "whole", "each", "inner"), [(0.2, 0.8, 200, 50), (0.8, 0.8, 200, 200), (1.2, 0.8, 200, 200)]
)
@pytest.mark.parametrize("memory", [None, 1234.5])
def test_the_time_of_an_image_and_of_the_network(
    monkeypatch: pytest.MonkeyPatch,
    network: float,
    whole: float,
    each: float,
    inner: float,
    memory: float | None,
) -> None:
    """The first pass does not count, unreadable images neither; the network is never slower than all."""
    model = Model(50.0, network, whole)
    monkeypatch.setattr(cost, "time", SimpleNamespace(perf_counter=lambda: model.now))
    monkeypatch.setattr(cost, "_peak_mb", lambda device: memory)
    catalog = Catalog.from_table(pd.DataFrame({"path": list("abcde")}), Path())
    context: Any = SimpleNamespace(
        catalog=catalog, model=model, batch_size=7, embeddings=SimpleNamespace(ids=list("eabd")),
        cache=SimpleNamespace(unwatched=lambda each: each),
    )  # fmt: skip
    found = cost._speed(context)
    assert model.calls == [
        ((1, 3, 4, 4), 0), ((4, 3, 4, 4), 7), (["a", "b", "d", "e"], 7, 0)
    ]  # fmt: skip
    values = {name: measure.value for name, measure in found.measures.items()}
    peak = {} if memory is None else {"peak_mb": memory}
    assert values == pytest.approx({"ms_per_image": each, "network_ms": inner} | peak)
    used = "" if memory is None else "; the process has used up to 1,234 MB"
    assert found.sentence == (
        f"Embedding takes {each:.1f} ms per image on cpu, {inner:.1f} ms of them in the network{used}."
    )
    assert {measure.better for measure in found.measures.values()} == {"lower"}
    context.embeddings.ids = []
    assert cost._speed(context).status == "not_applicable"


def test_the_size_of_an_index_of_a_million_images() -> None:
    context: Any = SimpleNamespace(embeddings=SimpleNamespace(dim=384))
    found = cost._index(context)
    assert {name: measure.value for name, measure in found.measures.items()} == {
        "dim": 384,
        "index_gb": 1.536,
    }
    rows = found.evidence[0].table.rows
    names = ("float32", "float16", "int8")
    expected = [np.zeros((1, 384), name).nbytes / 1000 for name in names]
    assert [list(row) for row in rows] == [list(row) for row in zip(names, expected, strict=True)]
    assert "384 dimensions; a million of them take 1.5 GB" in found.sentence


def test_the_digest_is_of_the_ids_alone(tmp_path: Path) -> None:
    table = pd.DataFrame({"path": list("abc"), "label": list("xyz")})
    first = Catalog.from_table(table, Path())
    for same in (table[::-1], table.assign(label="x"), table.assign(price=3)):
        assert images_digest(Catalog.from_table(same.reset_index(drop=True), tmp_path)) == images_digest(
            first
        )
    for other in (list("abd"), list("ab"), ["a", "bc"], list("abcd")):
        catalog = Catalog.from_table(pd.DataFrame({"path": other}), Path())
        assert images_digest(catalog) != images_digest(first)
        with pytest.raises(InputError) as refused:
            require_same_images({"catalog": images_digest(first), "images": 3}, catalog)
        assert str(refused.value) == (
            f"The reference is a check of 3 other images, and this catalog has {len(other)}: give the catalog it was "
            "made of, or the earlier model as reference."
        )
    require_same_images({"catalog": images_digest(first)}, first)
    with pytest.raises(InputError, match="a check of 0 other images"):
        require_same_images({}, first)


STORED = {"model": "m", "images": 3, "catalog": "c", "checks": [{"id": "a", "measures": {}}]}


def test_what_is_read_is_a_whole_result(tmp_path: Path) -> None:
    path = tmp_path / "a b.json"
    advice = f"make it with  likewise check MODEL CATALOG --json > '{path}'"
    with pytest.raises(InputError) as refused:
        read_reference(path)
    assert str(refused.value) == f"There is no file {path}: {advice}"
    measure = {"value": None, "low": 0.5, "high": 1}
    whole = STORED | {"more": 1, "checks": [{"id": "a", "measures": {"x": measure}, "sentence": "s"}]}
    path.write_text(json.dumps(whole))
    assert read_reference(path) == whole
    broken: list[Any] = [{key: value for key, value in STORED.items() if key != name} for name in STORED]
    broken += [STORED | {"checks": [{"id": "a", "measures": {"x": {"value": 1.0, "low": 0.0}}}]}, [STORED], 3]
    for text in (*map(json.dumps, broken), "{", "[" * 100_000):
        path.write_text(text)
        with pytest.raises(InputError) as refused:
            read_reference(path)
        assert str(refused.value).startswith(f"{path} is not the result of a check (")
        assert str(refused.value).endswith(f"): {advice}")
