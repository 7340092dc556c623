"""`likewise doctor` answers on every machine: no network, no cache, broken torch, nothing installed."""

import json
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import AbstractContextManager, nullcontext
from email.message import Message
from importlib import metadata
from pathlib import Path
from urllib.error import HTTPError, URLError

import pytest
from typer.testing import CliRunner

from likewise import environment
from likewise.cli.app import app
from likewise.environment import cache_folders, device_check, hub, packages
from likewise.torch_settings import threads_stay


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An own home and cache, and a hub that is switched off."""
    for name in (
        "HF_HUB_CACHE",
        "HUGGINGFACE_HUB_CACHE",
        "TORCH_HOME",
        "U2NET_HOME",
        "XDG_CACHE_HOME",
        "XDG_DATA_HOME",
        "REMBG_HOME",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HOME", str(tmp_path))


def doctor(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["doctor", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def with_weights(home: Path) -> None:
    for name in ("timm--resnet50.a1_in1k", "google--siglip-base"):
        folder = home / "hf" / "hub" / f"models--{name}" / "snapshots" / "0"
        folder.mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(bytes(1000))
    (home / "hf" / "hub" / "models--me--empty").mkdir()


def test_json_has_every_part(tmp_path: Path) -> None:
    with_weights(tmp_path)
    found = json.loads(doctor("--json"))
    assert found["versions"]["torch"] == metadata.version("torch")
    assert set(found["versions"]) >= {"likewise", "Python", "timm", "lancedb", "pillow"}
    assert found["weights"] == ["hf:google/siglip-base", "timm:resnet50.a1_in1k"]
    assert found["hub"].startswith("switched off")
    assert next(cache for cache in found["caches"] if "Hugging Face" in cache["name"])["bytes"] == 2000
    assert found["without_network"] == "likewise:small"
    assert found["free_disk_bytes"] > 0 and found["completion"] is None
    assert found["extras"]["onnx"]["installed"] is True


@pytest.mark.parametrize(("driver", "gpus", "default", "note"), [
    (False, [], "cpu", ""), (True, ["H100"], "cuda", ""), (True, [], "cpu", "torch sees no GPU"),
    (False, ["H100"], "cuda", ""),
])  # fmt: skip
def test_the_default_device_is_what_torch_sees_not_what_is_installed(
    monkeypatch: pytest.MonkeyPatch, driver: bool, gpus: list[str], default: str, note: str
) -> None:
    answer = json.dumps({"gpus": gpus, "cuda": "12.4", "threads": 2})
    monkeypatch.setattr(device_check.shutil, "which", lambda name: "/bin/nvidia-smi" if driver else None)
    monkeypatch.setattr(
        device_check.subprocess, "run", lambda *a, **b: subprocess.CompletedProcess(a, 0, answer, "")
    )
    found = device_check.devices()
    assert (found.default, found.gpus, found.threads) == (default, tuple(gpus), 2)
    assert note in found.note and bool(found.note) == bool(note)


def test_text_names_the_pip_line_of_a_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "_version", lambda name: None if name == "rembg" else "1.0")
    shown = doctor()
    assert "pip install 'likewise[masks]'" in shown
    assert "likewise --install-completion" in shown and "Versions" in shown and "free disk" in shown


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("raise OSError('libcudnn.so.9: no such file')", "libcudnn.so.9"),
        ("import time; time.sleep(600)", "did not load within"),
        ("print('no JSON')", "cannot be imported"),
        ("import os; os.abort()", "cannot be loaded"),
    ],
)
def test_a_torch_that_does_not_load_is_a_note(
    monkeypatch: pytest.MonkeyPatch, program: str, words: str
) -> None:
    monkeypatch.setattr(device_check, "_QUESTION", program)
    begin = time.monotonic()
    found = device_check.devices(timeout_s=1 if "sleep" in program else 60)
    assert time.monotonic() - begin < 60
    assert words in found.note and found.cores >= 1 and found.gpus == ()


@pytest.mark.parametrize("error", [OSError("no memory"), ValueError("no memory")])
def test_a_python_that_does_not_start_is_a_note(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def run(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(device_check.subprocess, "run", run)
    devices = device_check.devices()
    assert (devices.default, devices.note) == (None, "torch cannot be imported: no memory")


def test_an_unreachable_hub_is_said_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    for address in ("http://127.0.0.1:9", "nonsense", "http://host.invalid"):
        monkeypatch.setenv("HF_ENDPOINT", address)
        begin = time.monotonic()
        assert hub.hub_access(1).startswith("offline: ")
        assert time.monotonic() - begin < 20


@pytest.mark.parametrize("value", ["", "0", "1", "on", "On", "off", "yes", "TRUE", "true", "2", "no"])
def test_the_hub_is_switched_off_as_huggingface_hub_reads_its_variable(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setenv("HF_HUB_OFFLINE", value)
    monkeypatch.setattr(hub, "_ask", lambda address, timeout_s: "asked")
    assert hub.hub_access() == (
        "switched off by HF_HUB_OFFLINE; only weights in the cache are used"
        if constants._is_true(value)
        else "asked"
    )


@pytest.mark.parametrize(("answer", "words"), [
    (None, "reachable (http://hub.test)"),
    (HTTPError("http://hub.test", 403, "no", Message(), None), "refused with status 403 (http://hub.test)"),
    (URLError("no route"), "offline: http://hub.test cannot be reached (no route)"),
    (TimeoutError("timed out"), "offline: http://hub.test cannot be reached (timed out)"),
    (ValueError("unknown url type"), "offline: http://hub.test cannot be reached (unknown url type)"),
    ("silence", "offline: no answer from http://hub.test within 0.01 s"),
])  # fmt: skip
def test_every_answer_of_the_hub_has_its_sentence(
    answer: Exception | str | None, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests, end = [], threading.Event()

    def urlopen(request: urllib.request.Request, timeout: float) -> AbstractContextManager[None]:
        requests.append((request.full_url, request.get_method(), timeout))
        if isinstance(answer, Exception):
            raise answer
        if answer == "silence":
            end.wait(5)
        return nullcontext()

    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.test")
    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    limit_s = 0.01 if answer == "silence" else 5.0
    assert hub.hub_access(limit_s) == words
    end.set()
    assert requests == [("http://hub.test", "HEAD", limit_s)]


def test_a_large_cache_is_counted_up_to_the_deadline(tmp_path: Path) -> None:
    with_weights(tmp_path)
    size, complete = cache_folders._size(tmp_path / "hf", end=0)
    assert not complete and size is not None and size < 2000
    assert cache_folders._size(tmp_path / "none", end=0) == (None, True)


def test_without_an_installed_distribution_there_are_no_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> list[str]:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(packages.metadata, "requires", missing)
    assert environment.extras() == []
    assert "Versions" in doctor()


def test_every_extra_has_a_purpose() -> None:
    assert {extra.name for extra in environment.extras()} <= set(packages.PURPOSES)


def test_it_loads_no_torch_itself() -> None:
    program = "import sys; import likewise.environment as e; e.versions(); e.extras(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_build_of_torch_is_read_from_its_files() -> None:
    import torch

    assert device_check._cuda_build() == torch.version.cuda


@pytest.mark.parametrize("variable", ["", "U2NET_HOME", "REMBG_HOME", "XDG_DATA_HOME"])
@pytest.mark.parametrize("legacy", [False, True])
def test_networks_of_rembg_are_looked_for_where_rembg_puts_them(
    variable: str, legacy: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with threads_stay():
        session = pytest.importorskip("rembg.sessions.u2netp").U2netpSession
    if not hasattr(session, "rembg_home"):
        pytest.skip("this version of rembg has one folder, ~/.u2net")
    if variable:
        monkeypatch.setenv(variable, str(tmp_path / "named"))
    folder = Path(session.legacy_home() if legacy else session.model_dir())
    folder.mkdir(parents=True)
    (folder / "u2netp.onnx").write_bytes(bytes(300))
    assert session.resolve_existing("u2netp.onnx") == str(folder / "u2netp.onnx")
    about = next(cache for cache in json.loads(doctor("--json"))["caches"] if cache["name"] == "rembg")
    assert about["bytes"] == 300 and folder.is_relative_to(about["folder"])
