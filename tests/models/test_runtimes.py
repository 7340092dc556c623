"""Runtimes: the same embeddings from ONNX Runtime and OpenVINO, and which of them "auto" takes."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from likewise import onnx_sessions, runtime_choice
from likewise.cli.app import _run
from likewise.data import Catalog
from likewise.errors import ConfigError, InterruptedWork, ModelError
from likewise.models import (
    AVSLSpec,
    Embeddings,
    ModelSpec,
    SimilarityModel,
    build,
    embed_to_file,
    runtimes,
    use_runtime,
)
from likewise.retrieval import Index

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One cache for this file: exporting takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def small() -> SimilarityModel:
    return build(ModelSpec(backbone="test_resnet", dim=8), seed=0)


def pixels(count: int = 5) -> torch.Tensor:
    side = small().preprocessing.crop_px
    return torch.randint(
        0, 256, (count, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_a_runtime_gives_the_embeddings_of_torch(runtime: Any, tmp_path: Path) -> None:
    if runtime == "openvino":
        pytest.importorskip("openvino")
    model, reference = small(), small().embed(pixels())
    choice = use_runtime(model, runtime, pixels())
    found = model.embed(pixels())
    np.testing.assert_allclose(found.vectors, reference.vectors, atol=1e-5)
    assert choice.runtime == model.runtime == found.runtime == runtime and choice.cosine > 0.9999
    assert found.fingerprint == reference.fingerprint and reference.runtime == "torch"
    assert found.runtime_choice == choice and reference.runtime_choice is None
    for name in ("a.npz", "a.parquet"):
        found.save(tmp_path / name)
        loaded = Embeddings.load(tmp_path / name)
        assert loaded.runtime == runtime and loaded.runtime_choice == choice
    assert Index.from_embeddings(tmp_path / "e.index", found).info().runtime == choice
    model.to("cpu")
    assert model.runtime == "torch" and model.runner is None and model.runtime_choice is None


def test_explanations_keep_to_the_network() -> None:
    model = small()
    before = model.explain(pixels()[0], pixels()[1], check=False)
    use_runtime(model, "onnx", pixels())
    after = model.explain(pixels()[0], pixels()[1], check=False)
    np.testing.assert_array_equal(before.a.similarity_map, after.a.similarity_map)


def test_threads_embed_at_once() -> None:
    model = small()
    use_runtime(model, "onnx", pixels())
    expected = model.vectors(pixels())
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: model.vectors(pixels()), range(16)))
    assert all((vectors == expected).all() for vectors in found)


def test_it_goes_to_another_process() -> None:
    model = small()
    use_runtime(model, "onnx", pixels())
    copy = pickle.loads(pickle.dumps(model.runner))
    np.testing.assert_array_equal(copy(pixels()).numpy(), model.vectors(pixels()))


def test_a_runtime_that_disagrees_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    own = runtimes.ExportedNetwork.forward
    monkeypatch.setattr(
        runtimes.ExportedNetwork,
        "forward",
        lambda self, images: own(self, images) + torch.tensor([0.1] + [0.0] * 7),
    )
    model = small()
    with pytest.raises(ModelError, match=r"differ from those of torch \(lowest cosine 0\.9"):
        use_runtime(model, "onnx", pixels())
    assert model.runner is None and model.runtime == "torch"
    choice = use_runtime(model, "auto", pixels(), expected=10**6)
    assert choice.runtime == "torch" and "differ from" in choice.refused["onnx"]
    assert choice.words.startswith("Runtime: torch. Not onnx: The outputs of the runtime onnx differ")


class Clock:
    """Time that only the networks spend: each pass takes its seconds, ``factor(now)`` times as long under load."""

    def __init__(
        self, patch: pytest.MonkeyPatch, seconds: dict[str, float], factor: Any = lambda _: 1.0
    ) -> None:
        self.now, self.passes = 0.0, list[str]()

        def embedded(_: object, network: object, pixels: torch.Tensor) -> np.ndarray:
            name = network.runtime if isinstance(network, runtimes.ExportedNetwork) else "torch"
            self.passes.append(name)
            self.now += seconds[name] * len(pixels) * factor(self.now)
            return np.ones((len(pixels), 8), np.float32)

        patch.setattr(runtimes, "_embedded", embedded)
        patch.setattr(runtimes, "_clock", lambda: self.now)
        patch.setattr(runtime_choice, "_clock", lambda: self.now)
        patch.setattr(runtimes, "find_spec", lambda _: None)


@pytest.mark.parametrize(("onnx_s", "expected"), [(0.001, "onnx"), (1.0, "torch")])
def test_auto_takes_the_fastest(
    monkeypatch: pytest.MonkeyPatch, stripes_catalog: Path, onnx_s: float, expected: str
) -> None:
    model = small()
    with monkeypatch.context() as patch:
        Clock(patch, {"torch": 0.01, "onnx": onnx_s})
        choice = use_runtime(model, "auto", pixels(), expected=10**5)
    assert choice.runtime == model.runtime == expected and choice.seconds["torch"] == pytest.approx(0.01)
    assert (model.runner is None) == (expected == "torch")
    times = "onnx 1, torch 10" if expected == "onnx" else "torch 10, onnx 1e+03"
    assert f"(ms per image: {times}; the fastest of" in choice.words and "\n" not in choice.words
    assert ("10.0 times as fast as torch" in choice.words) == (expected == "onnx")
    assert ("lowest cosine with the output of torch 1.000000" in choice.words) == (expected == "onnx")
    assert model.embed(Catalog.read(stripes_catalog)).runtime_choice == choice


@pytest.mark.parametrize(
    ("fastest", "begin", "end"),
    [("onnx", 0.0, 1.42), ("torch", 5.8, 100.0)],
    ids=["load comes after torch", "load goes after torch"],
)
def test_load_that_comes_or_goes_decides_nothing(
    monkeypatch: pytest.MonkeyPatch, fastest: str, begin: float, end: float
) -> None:
    """The machine is free from ``begin`` to ``end``, and six times as slow before and after."""
    seconds = {"torch": 0.02, "onnx": 0.02} | {fastest: 0.01}
    Clock(monkeypatch, seconds, lambda now: 1.0 if begin <= now < end else 6.0)
    assert use_runtime(small(), "auto", pixels(16), expected=10**5).runtime == fastest


def test_passes_alternate_and_slow_networks_are_timed_on_fewer_images(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch, {"torch": 0.01, "onnx": 0.005})
    choice = use_runtime(small(), "auto", pixels(16), expected=10**5)
    assert clock.passes == ["torch", "torch", "onnx"] + ["torch", "onnx"] * 5
    assert (choice.images, choice.passes) == (16, 5)
    clock = Clock(monkeypatch, {"torch": 1.0, "onnx": 2.0})
    choice = use_runtime(small(), "auto", pixels(16), expected=10**5)
    assert clock.passes[3:] == ["torch", "onnx"] * 2 and (choice.images, choice.passes) == (4, 2)


@pytest.mark.parametrize(("images", "seconds"), [(255, 100.0), (300, 0.01)])
def test_auto_exports_nothing_for_little_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, images: int, seconds: float
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    Clock(monkeypatch, {"torch": seconds})
    said: list[str] = []
    choice = use_runtime(small(), "auto", pixels(), expected=images, say=said.append)
    assert choice.runtime == "torch" and choice.words == "Runtime: torch."
    assert not said and not list(tmp_path.rglob("*.onnx"))


def test_what_cannot_be_exported_keeps_torch() -> None:
    tiny_avsl = build(
        ModelSpec(backbone="test_resnet", dim=None, head="avsl", avsl=AVSLSpec(dim=8, topk=3)), seed=0
    )
    with pytest.raises(ModelError, match="AVSL head"):
        use_runtime(tiny_avsl, "onnx")
    assert use_runtime(tiny_avsl, "auto", expected=10**9).runtime == "torch"


def test_a_network_that_cannot_be_compiled_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> torch.nn.Module:
        class Broken(torch.nn.Module):
            def forward(self, _: torch.Tensor) -> torch.Tensor:
                raise RuntimeError("no compiler found\nmore")

        return Broken()

    monkeypatch.setattr(torch, "compile", broken)
    with pytest.raises(
        ModelError, match=r"torch cannot compile .* here \(no compiler found\): use the runtime torch"
    ):
        use_runtime(small(), "compile", pixels())


def test_a_compiled_network_embeds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda network, dynamic: network)
    model = small()
    assert use_runtime(model, "compile", pixels()).runtime == "compile"
    np.testing.assert_array_equal(model.vectors(pixels()), small().vectors(pixels()))


def test_an_unknown_runtime() -> None:
    with pytest.raises(ConfigError, match="runtime"):
        use_runtime(small(), "fast")  # type: ignore[arg-type]


def test_images_that_cannot_be_read_are_not_measured(stripes_catalog: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no image")
    good = Catalog.read(stripes_catalog).paths[0]
    assert use_runtime(small(), "onnx", [tmp_path / "bad.png", good]).cosine > 0.9999


def test_shards_of_two_runtimes_are_both_named(stripes_catalog: Path, tmp_path: Path) -> None:
    catalog = Catalog.read(stripes_catalog)
    model = small()
    stopped: list[int] = []

    def stop(*arguments: Any, **options: Any) -> Embeddings:
        stopped.append(1)
        if len(stopped) == 2:
            raise KeyboardInterrupt
        return embed(*arguments, **options)

    embed, model.embed = model.embed, stop  # type: ignore[method-assign]
    with pytest.raises(InterruptedWork):
        embed_to_file(model, catalog, tmp_path / "e.npz", shard_size=len(catalog) // 2, progress=False)
    model = small()
    use_runtime(model, "onnx", pixels())
    found = embed_to_file(model, catalog, tmp_path / "e.npz", shard_size=len(catalog) // 2, progress=False)
    assert found.runtime == "onnx, torch"
    np.testing.assert_allclose(found.vectors, small().embed(catalog).vectors, atol=1e-5)


@pytest.mark.parametrize("command", ["embed", "index build", "eval"])
def test_commands(
    command: str, stripes_catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    folder = tmp_path / "model"
    small().save(folder)
    out = (
        [] if command == "eval" else ["--out", str(tmp_path / ("e.npz" if command == "embed" else "i.index"))]
    )
    words = [*command.split(), str(folder), str(stripes_catalog), *out, "--runtime", "onnx", "--json"]
    monkeypatch.setattr("sys.argv", ["likewise", *words])
    assert _run() == 0
    shown = capsys.readouterr()
    assert "Runtime: onnx" in shown.err
    if command == "embed":
        assert '"runtime": "onnx"' in shown.out and '"runtime_choice": {' in shown.out
    if command == "index build":
        monkeypatch.setattr("sys.argv", ["likewise", "index", "info", str(tmp_path / "i.index")])
        assert _run() == 0
        assert "runtime" in (info := capsys.readouterr().out) and "onnx" in info


@pytest.mark.parametrize("runtime", ["torch", "onnx", "openvino"])
def test_another_preprocessing_reaches_what_runs_or_is_refused(runtime: str) -> None:
    model = small()
    if runtime == "openvino":
        pytest.importorskip("openvino")
    use_runtime(model, runtime, pixels())
    own = model.preprocessing
    for change in (
        {"mean": (0.1, 0.2, 0.3)},
        {"std": (1.0, 1.0, 1.0)},
        {"channel_order": "bgr"},
        {"value_range": 255},
    ):
        with pytest.raises(ConfigError, match=rf"The {next(iter(change))} of .* load the model again"):
            model.preprocessing = own.model_copy(update=change)
    with pytest.raises(ConfigError, match="must be a Preprocessing, but is a dict"):
        model.preprocessing = {"crop_px": 16}
    assert model.preprocessing == own and model.runtime == runtime
    before = model.fingerprint
    model.preprocessing = own.model_copy(update={"resize_px": own.resize_px * 2, "crop_px": own.crop_px + 8})
    assert model.runtime == "torch" and model.runner is None and model.fingerprint != before
    expected = build(ModelSpec(backbone="test_resnet", dim=8, preprocessing=model.preprocessing), seed=0)
    picture = Image.fromarray(pixels(1)[0, :, :150, :170].permute(1, 2, 0).numpy())
    np.testing.assert_array_equal(model.embed([picture]).vectors, expected.embed([picture]).vectors)


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_a_runtime_has_the_threads_of_pytorch(runtime: str, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[tuple[str, int]] = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    monkeypatch.setattr(onnx_sessions, "open_session", lambda _, count: threads.append(("session", count)))
    monkeypatch.setattr(onnx_sessions, "onnx_run", lambda _, threads: ("onnx", threads))
    monkeypatch.setattr(onnx_sessions, "openvino_run", lambda _, threads: ("openvino", threads))
    assert runtimes.ExportedNetwork(runtime, Path("model.onnx"))._run == (runtime, 3)
    assert threads == ([("session", 3)] if runtime == "onnx" else [])
