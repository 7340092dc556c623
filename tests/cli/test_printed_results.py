"""What commands print of results that take a network: each number stands at its name, in text and as JSON."""
# ruff: noqa: E501 - one line per row of a table

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from test_whole_outputs import ACCEPTED, lasting, output_of

from likewise.data import Failure
from likewise.environment.cache_folders import Cache
from likewise.environment.device_check import Devices
from likewise.results import Column, Table, Verdict
from whole_texts import assert_accepted

FAILURES = [Failure("b.png", "truncated")]


class Plain(SimpleNamespace):
    """A result made by hand."""

    def to_dict(self) -> dict[str, Any]:
        return dict(self.dictionary)

    def save(self, file: Path, facts: Any = None) -> list[Path]:
        Path(file).parent.mkdir(exist_ok=True)
        Path(f"{file}.saved").write_text(str(sorted(facts or {})))
        return [Path("one"), Path("two")]


def model(**more: Any) -> Any:
    about = {
        "name": "net", "dim": 8, "distance": "cosine", "fingerprint": "f" * 16, "device": "cpu", "embeds_images": True,
        "spec": None, "prefix_sizes": None, "preprocessing": SimpleNamespace(model_dump=lambda mode: {"resize_px": 36, "mean": [0.1, 0.2], "mode": mode}),
        "network": SimpleNamespace(embedder=SimpleNamespace(module=SimpleNamespace(output="pooled"))),
    }  # fmt: skip
    return Plain(**about | more)


def replaced(monkeypatch: pytest.MonkeyPatch, **targets: Any) -> None:
    """Functions behind commands that return a result at once; ``__`` stands for a dot."""
    for target, value in targets.items():
        monkeypatch.setattr(
            f"likewise.{target.replace('__', '.')}",
            value if callable(value) else lambda *_, value=value, **__: value,
        )


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.png"):
        Image.new("RGB", (8, 8)).save(name)
    Path("c.csv").write_text("path,label,split,mask\na.png,x,train,\nb.png,y,test,a.png\n")
    replaced(
        monkeypatch,
        models__load=model(),
        cli__named_models__named_model=model(),
        cli__explain__named_model=model(),
    )
    return tmp_path


def accept(name: str, *commands: str) -> None:
    assert_accepted(
        ACCEPTED / f"{name}.txt", "\n".join(lasting(output_of(words), Path.cwd()) for words in commands)
    )


PAIR = {
    "distance_name": "cosine", "distance": 0.25, "similarity": 0.75, "completeness": 1.234e-7, "kind": "positions", "words": "They are similar.",
    "levels": [SimpleNamespace(level=2, contribution=0.2), SimpleNamespace(level=1, contribution=0.05)], "dictionary": {"distance": 0.25},
}  # fmt: skip


@pytest.mark.parametrize("kind", ["positions", "nodes"])
def test_a_pair(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = pd.DataFrame({"image": ["a", "b"], "row": [1, 2], "adds": ["+0.1", "-0.2"]})
    sources = pd.DataFrame({"source": ["tokens", "rest"], "a.png": [0.5, 0.25], "b.png": [0.4, 0.35]})
    replaced(
        monkeypatch, explain__explain_pair=Plain(**PAIR | {"kind": kind, "similarity": None if kind == "nodes" else 0.75}),
        explain__pair_words__printed_table=lambda pair, rows: parts.assign(rows=rows),
        explain__pair_words__sources_table=sources if kind == "positions" else sources.iloc[:0],
        explain__pair_words__picture_words=lambda pair: ["first image", "second image"],
        explain__pair_words__pair_paragraphs=lambda pair: [pair.words, "The explanation holds."],
    )  # fmt: skip
    accept(
        f"explain-{kind}",
        "explain M a.png b.png",
        "explain M a.png b.png --out why.html",
        "explain M a.png b.png --json --out why.png",
    )


def test_a_text(monkeypatch: pytest.MonkeyPatch) -> None:
    explained = Plain(
        similarity=0.31, similarity_map=np.full((2, 2), 0.05), unlocated={"class token": 0.1, "bias": 0.01}, inexact_reason="", words="It is red.",
        dictionary={"similarity": 0.31}, table=pd.DataFrame({"row": range(10), "column": 1, "contribution": 0.125}),
    )  # fmt: skip
    replaced(monkeypatch, explain__explain_text=explained)
    commands = [
        "explain M a.png --text red",
        "explain M a.png --text red --out t.png",
        "explain M a.png --text red --json",
    ]
    accept("explain-text", *commands)
    explained.inexact_reason, explained.unlocated = "hidden", {}
    accept("explain-text-hidden", commands[0])


def test_a_node(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = {
        name: [SimpleNamespace(id=f"{name}.png", label="x", response=value)]
        for name, value in (("highest", 0.9), ("lowest", -0.8))
    }
    named = Plain(
        **ends,
        properties=pd.DataFrame({"property": ["hue"] * 9, "p": 0.5}),
        words="It sees red.",
        dictionary={"node": "2:1"},
    )
    replaced(monkeypatch, explain__name_node=named)
    accept(
        "explain-node",
        "explain M c.csv --node 2:1",
        "explain M c.csv --node 2:1 --out n.html",
        "explain M c.csv --node 2:1 --json",
    )
    named.properties = named.properties.iloc[:0]
    accept("explain-node-alone", "explain M c.csv --node 2:1")


def test_saliency(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = SimpleNamespace(store=[1, 2, 3], failures=FAILURES, new=1, renewed=2, reused=3)
    scores = SimpleNamespace(defined=np.array([True, True, False]), mean=lambda: 0.625, std=lambda: 0.125)
    replaced(monkeypatch, explain__make_store=stored, explain__catalog_attention=(scores, None))
    accept(
        "saliency",
        "saliency M c.csv --out maps",
        "saliency M c.csv --out maps --json",
        "saliency M c.csv --out maps --split train",
    )
    scores.defined[:] = False
    accept("saliency-without-masks", "saliency M c.csv --out maps --json")


def test_whitening(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = SimpleNamespace(
        model=model(dim=4), images=12, measured_on="held-out images", before={"recall@1": 0.5, "map@r": 0.25}, after={"recall@1": 0.625, "map@r": 0.375},
        failures=FAILURES,
    )  # fmt: skip
    saved: list[Any] = []
    replaced(
        monkeypatch, training__fit_whitening=fitted, training__whitening__ids_to_fit=[], models__embedding_job__embedding_job=None,
        models__embedding_job__merged_embeddings=lambda *_, **__: nullcontext(None), cli__fit__apply_runtime=None,
        models__projected_folder__save_projected=lambda model, out, reference: saved.append((model.name, str(out), reference.arguments)),
    )  # fmt: skip
    accept(
        "fit-whitening", "fit whitening M c.csv --out 'the model'", "fit whitening M c.csv --out white --json"
    )
    assert saved == [("the model", "the model", ["M"]), ("white", "white", ["M"])]
    fitted.before = fitted.after = None
    fitted.measured_on, fitted.failures = "", []
    accept(
        "fit-whitening-unmeasured", "fit whitening M c.csv --out w", "fit whitening M c.csv --out w --json"
    )


class Vectors(SimpleNamespace):
    def __len__(self) -> int:
        return 5


def test_embed_and_export(monkeypatch: pytest.MonkeyPatch) -> None:
    choice = SimpleNamespace(to_dict=lambda: {"runtime": "openvino", "cosine": 0.9999})
    embeddings = Vectors(
        dim=8, fingerprint="g" * 16, runtime="openvino", runtime_choice=choice, failures=FAILURES
    )
    exported = SimpleNamespace(file=Path("m.onnx"), max_difference=3.21e-6, batch_sizes=(1, 4))
    Path("m.onnx").write_bytes(b"0" * 1_260_000)
    replaced(
        monkeypatch,
        models__embed_to_file=embeddings,
        cli__models__apply_runtime=None,
        models__export=exported,
    )
    accept("embed-network", "embed M c.csv --out e.npz", "embed M c.csv --out e.npz --json")
    accept(
        "export",
        "export M --out m.onnx",
        "export M --out m.onnx --json",
        "export M --out m.pt --to torchscript",
    )


def test_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    replaced(
        monkeypatch,
        models__published__import_avsl=model(),
        models__published__import_background_bias=model(),
        models__published__import_reality_check=model(),
    )
    accept(
        "import",
        "import avsl a.png --out 'new run'",
        "import background-bias a.png --out new2 --json",
        "import reality-check . --out new3",
    )


def test_masks(monkeypatch: pytest.MonkeyPatch) -> None:
    made = SimpleNamespace(statuses={"ok": 2, "empty": 1}, failures=FAILURES, new=3, renewed=0, reused=1)
    choice = SimpleNamespace(words="OpenVINO is 2 times faster.", runtime="openvino")
    replaced(
        monkeypatch,
        data__mask_model__MaskModel__open=None,
        data__mask_runtime__choose_mask_runtime=(None, choice),
        jobs__object_masks__make_masks=made,
    )
    accept(
        "masks-make",
        "masks c.csv --out 'my masks.csv'",
        "masks make c.csv --runtime auto --json",
        "masks c.csv",
    )


def test_models_info(monkeypatch: pytest.MonkeyPatch) -> None:
    replaced(monkeypatch, models__capabilities=lambda _: dict.fromkeys(CAPABLE, True) | {"train": False})
    accept("models-info-network", "models info M", "models info M --json")


CAPABLE = (
    "evaluate",
    "embed",
    "text",
    "exact parts",
    "hiding",
    "gradients",
    "background audit",
    "property audit",
    "train",
    "save",
    "export",
    "local",
)


def test_train(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Plain(folder=Path("runs/x"), result={"kept": "backbone", "helped": False, "headline": "No.", "advice": "More.", "scores": {"a": 1}},
                best=lambda: {"epoch": 3, "epochs": 5, "original/map@r": 0.31}, skipped=Path("a.png"))  # fmt: skip
    table = Table([Column("metric"), Column("value", "percent")], [["MAP@R", 0.5]])
    replaced(
        monkeypatch,
        training__train=run,
        report__write_pages=(Path("runs/x/page.html"), None),
        training__compared_table=table,
        training__is_sweep=False,
    )
    accept("train-compared", "train catalog/arcface", "train catalog/arcface --json")
    run.result, run.skipped = {}, Path("none")
    replaced(monkeypatch, training__compared_table=lambda _: None)
    accept("train", "train catalog/arcface")


def test_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table(["loss"], [["arcface"]])
    results = Plain(table=lambda: table, dictionary={"losses": ["arcface"]})
    sweep = SimpleNamespace(
        plan=SimpleNamespace(folder=Path("sweeps/x")),
        finished=True,
        elsewhere=["fold 1"],
        failed={},
        results=lambda: results,
    )
    calls: list[Any] = []
    replaced(
        monkeypatch,
        training__sweep=lambda *values, **more: calls.append((values, more)) or sweep,
        training__resume_sweep=sweep,
        training__is_sweep=lambda _: True,
    )
    accept(
        "sweep",
        "train cub200/* --sweep losses",
        "train --resume sweeps/x --json",
        "train --resume sweeps/x --loss arcface",
        "train x --sweep fold",
        "train --sweep losses",
    )
    assert calls == [(("cub200/*", []), {"out": Path("sweeps/cub200-losses"), "losses": None, "folds": None})]
    sweep.plan.folder = Path("my sweep")
    sweep.failed, sweep.finished, sweep.elsewhere = {"arcface 0": "out of memory"}, False, []
    accept("sweep-failed", "train --resume sweeps/x")


def test_doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    devices = Devices("cuda:0", ("H100",), "12.4", None, 16, "Update the driver.")
    caches = [
        Cache("huggingface", Path("hub"), 2_500_000_000, True),
        Cache("torch", Path("torch"), 1_500_000, False),
        Cache("own", Path("own"), None, True),
    ]
    replaced(
        monkeypatch, environment__devices=devices, environment__caches=caches, environment__hub_access="reachable", environment__cached_weights=[],
        environment__versions={"likewise": "1.0", "torch": None}, environment__extras=[],
    )  # fmt: skip
    monkeypatch.setattr(
        "likewise.cli.doctor.shutil.disk_usage", lambda _: SimpleNamespace(free=123_000_000_000)
    )
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("HOME", str(Path.cwd()))
    accept("doctor", "doctor", "doctor --json")


def test_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    verdicts = [Verdict("Good.", "good", sentence="It works.", number="94 %"), Verdict("Bad.", "bad")]
    result = Plain(
        report=SimpleNamespace(verdicts=verdicts),
        page=Path("d/index.html"),
        next_steps=["likewise a", "likewise b"],
        dictionary={"page": "x"},
    )
    replaced(monkeypatch, demo__run_demo=result)
    accept("demo", "demo . --out 'my demo'", "demo --json")


def test_rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = type("Rows", (SimpleNamespace,), {"__len__": lambda _: 7})(
        label_codes=(None, ["x", "y"]), write=lambda _: None
    )
    rendered = SimpleNamespace(
        file=Path("r.csv"), catalog=catalog, reused=3, seconds=12.34, failures=FAILURES
    )
    replaced(
        monkeypatch,
        scenes__commands__render_set=(rendered, [Failure("skipped", "no room")]),
        scenes__read_published_cars=catalog,
    )
    accept(
        "data-render",
        "data render cars --out r.csv",
        "data render cars --out r.csv --json",
        "data render cars --out r.csv --fix light",
        "data published-cars . --out p.csv",
    )
