"""What the options of a command say reaches the function that does its work; no image is read for it."""

import copy
import inspect
import shlex
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import typer.main
from arriving_options import ELSEWHERE, OUTPUT, ROWS, WHOLE
from typer.testing import CliRunner
from walking_world import leaves

from likewise import Catalog, SimilarityModel
from likewise.cli.app import app
from likewise.data import Preprocessing
from likewise.models import ModelSpec, build
from likewise.models.model_reference import ModelReference
from likewise.retrieval import Index


def test_every_option_stands_in_a_row() -> None:
    missing = set()
    for name, command in leaves(typer.main.get_command(app)):
        used = {word for row in ROWS if row[0].startswith(f"{name} ") for word in shlex.split(row[0])}
        for parameter in command.params:
            spellings = {*parameter.opts, *parameter.secondary_opts}
            if (
                parameter.opts[0].startswith("-")
                and name not in ELSEWHERE
                and not spellings & (used | OUTPUT)
            ):
                missing.add((name, parameter.opts[0]))
    assert missing == WHOLE


class _Reached(Exception):  # noqa: N818 - it is wanted
    """The function behind a command was called."""


def plain(value: Any) -> Any:
    """A value as it stands in the table."""
    if isinstance(value, Catalog):
        return f"{len(value)} images of {value.root.name}"
    if isinstance(value, SimilarityModel):
        return f"{value.name}, {value.dim}"
    if isinstance(value, ModelReference):
        return plain(value.arguments)
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    return str(value).removeprefix(f"{Path.cwd()}/") if isinstance(value, str | Path) else value


def named(model: SimilarityModel, name: str) -> SimilarityModel:
    renamed = copy.copy(model)
    renamed.name = name
    return renamed


@pytest.fixture(scope="module")
def tiny() -> SimilarityModel:
    return build(
        ModelSpec(backbone="test_resnet", dim=8, preprocessing=Preprocessing(resize_px=36, crop_px=32))
    )


@pytest.fixture
def loads(
    tiny: SimilarityModel, stripes_catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[Any, ...]]:
    """How models were loaded; the current folder contains what the rows name."""
    calls: list[tuple[Any, ...]] = []

    def load(
        name: str, weights: Any = None, device: Any = None, *, preprocessing: Any = None, dim: Any = None
    ) -> SimilarityModel:
        calls.append((name, weights, device, preprocessing, dim))
        model: Any = named(tiny, name)
        model.truncated = lambda dim, **_: named(model, f"{dim} of {name}")
        model.embed = lambda images, batch_size, **_: f"{plain(images)}, {batch_size} at once"
        return model

    (tmp_path / "photos").symlink_to(stripes_catalog.parent)
    for name in ("c.csv", "d.csv"):
        shutil.copy(stripes_catalog, tmp_path / name)
    (tmp_path / "w.pt").write_bytes(b"weights")
    for name in ("a.png", "b.png"):
        shutil.copy(stripes_catalog.parent / "0-0.png", tmp_path / name)
    (tmp_path / "p.yaml").write_text("tolerate: 0.25")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("likewise.models.load", load)
    monkeypatch.setattr(
        "likewise.models.embedding_job.merged_embeddings", lambda *_, **__: nullcontext("embeddings")
    )
    monkeypatch.setattr(
        "likewise.data.mask_model.MaskModel.open", lambda name, threads: f"{name} in {threads} threads"
    )
    monkeypatch.setattr(
        "likewise.data.mask_runtime.choose_mask_runtime",
        lambda model, runtime, paths: (f"{model}, {runtime}, for {len(paths)} images", SimpleNamespace(words="")),
    )  # fmt: skip
    return calls


def recorder(target: str, arrived: dict[str, Any]) -> Callable[..., Any]:
    """Stands in for the function, writes down its arguments and ends the command."""
    *modules, name = target.split(".")
    owner = Index if modules[-1] == "Index" else import_module(".".join(modules))
    signature = inspect.signature(inspect.unwrap(getattr(owner, name)))
    first = [None] if next(iter(signature.parameters)) in ("self", "cls") else []

    def record(*given: Any, **options: Any) -> Any:
        bound = signature.bind(*first, *given, **options)
        for name, value in bound.arguments.items():
            several = signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD
            arrived.update({key: plain(each) for key, each in (value if several else {name: value}).items()})
        raise _Reached

    return record


@pytest.mark.parametrize(("words", "target", "expected", "loaded"), ROWS, ids=[row[0][:60] for row in ROWS])
def test_options_reach_the_function(
    words: str, target: str, expected: dict[str, Any], loaded: tuple[Any, ...], loads: list[tuple[Any, ...]],
    tiny: SimilarityModel, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    arrived: dict[str, Any] = {}
    record = recorder(target, arrived)
    if words.startswith(("index ", "search ")) and not target.endswith("create"):
        opened = SimpleNamespace(
            model=copy.copy(tiny), find_copies=lambda _: [("its copy", "x")],
            vector=lambda image: f"the vector of {image}",
            stored_vector=lambda name: f"the vector of the image {name}",
        )  # fmt: skip
        setattr(opened, target.rpartition(".")[2], record)
        monkeypatch.setattr(Index, "open", lambda *_: opened)
    monkeypatch.setattr(target, record)
    result = CliRunner().invoke(app, shlex.split(words))
    assert isinstance(result.exception, _Reached), (result.output, result.exception)
    assert {name: arrived.get(name, "did not arrive") for name in expected} == expected
    assert loads[-1:] == ([loaded] if loaded else [])


@pytest.mark.usefixtures("loads")
def test_scores_are_summed_up_as_the_options_say(monkeypatch: pytest.MonkeyPatch) -> None:
    called: dict[str, Any] = {}

    def summary(level: float, **options: Any) -> None:
        called.update(options, level=level)
        raise _Reached

    evaluation = SimpleNamespace(result=SimpleNamespace(summary=summary))
    monkeypatch.setattr("likewise.retrieval.evaluate_model", lambda *_, **__: evaluation)
    words = "eval M c.csv --split val --average macro --confidence 0.8 --seed 9"
    assert isinstance(CliRunner().invoke(app, words.split()).exception, _Reached)
    assert called == {"level": 0.8, "average": "macro", "seed": 9}


@pytest.mark.usefixtures("loads")
@pytest.mark.parametrize("audit", ["properties", "agreement"])
def test_the_models_of_a_sweep_are_on_the_device(audit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    arrived: dict[str, Any] = {}
    target = f"likewise.audit.{audit}_of_sweep"
    monkeypatch.setattr(target, recorder(target, arrived))
    monkeypatch.setattr("likewise.training.is_sweep", lambda _: True)
    words = ["audit", audit, "sweep", "c.csv", "--split", "val", "--device", "cpu", "--seed", "9"]
    assert isinstance(CliRunner().invoke(app, words).exception, _Reached)
    assert (arrived["sweep"], arrived["device"]) == ("sweep", "cpu")


@pytest.mark.parametrize("module", ["property_influence", "saliency_agreement"])
def test_a_sweep_loads_its_models_there(module: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    devices: list[Any] = []

    def load(_: Any, *, device: Any = None) -> None:
        devices.append(device)
        raise _Reached

    audit = import_module(f"likewise.audit.{module}.audit")
    runs = [SimpleNamespace(folder=Path(name), name=name, training="fold 0", group="") for name in ("a", "b")]
    monkeypatch.setattr(audit, "finished_trainings", lambda _: runs)
    monkeypatch.setattr(audit, "load", load)
    catalog = Catalog.from_table(pd.DataFrame({"path": ["x.png"], "label": ["x"]}), tmp_path)
    with pytest.raises(_Reached):
        if module == "property_influence":
            audit.properties_of_sweep("sweep", catalog, device="cpu")
        else:
            audit.agreement_of_sweep("sweep", catalog, tmp_path, device="cpu")
    assert devices == ["cpu"]
