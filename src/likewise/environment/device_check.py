"""Find the device on which models would run.

torch is imported in a separate process, so that a slow or broken installation does no harm.
"""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from likewise.arguments import cores

TIMEOUT_S = 3.5
_QUESTION = (
    "import json, torch; gpus = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]; "
    "print(json.dumps({'gpus': gpus, 'cuda': torch.version.cuda, 'threads': torch.get_num_threads()}))"
)


@dataclass(frozen=True)
class Devices:
    """The devices of this machine.

    Attributes:
        default: The device a command uses without ``--device``; None if torch is broken.
        gpus: Names of the GPUs that torch can use.
        cuda: CUDA version torch was built with; None for a CPU build.
        threads: Threads torch uses on the CPU.
        cores: Processor cores this process may use.
        note: A problem, or a way to be faster; empty otherwise.
    """

    default: str | None
    gpus: tuple[str, ...]
    cuda: str | None
    threads: int | None
    cores: int
    note: str = ""


def devices(timeout_s: float = TIMEOUT_S) -> Devices:
    """Ask torch for its devices, for at most ``timeout_s`` seconds."""
    driver = shutil.which("nvidia-smi") is not None
    try:
        done = subprocess.run(
            [sys.executable, "-c", _QUESTION], capture_output=True, text=True, timeout=timeout_s, check=True
        )
        answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        guess = "cuda" if driver else "cpu"
        note = f"torch did not load within {timeout_s:g} s; the device is a guess from the installed driver"
        return Devices(guess, (), _cuda_build(), None, cores(), note)
    except subprocess.CalledProcessError as error:
        last = (error.stderr or "").strip().splitlines()[-1:] or ["no reason given"]
        return Devices(None, (), None, None, cores(), f"torch cannot be loaded: {last[0]}")
    except (OSError, ValueError) as error:
        return Devices(None, (), None, None, cores(), f"torch cannot be imported: {error}")
    gpus = tuple(answer["gpus"])
    note = ""
    if driver and not gpus:
        note = "an NVIDIA driver is installed, but torch sees no GPU: compare the CUDA versions of both"
    return Devices("cuda" if gpus else "cpu", gpus, answer["cuda"], answer["threads"], cores(), note)


def _cuda_build() -> str | None:
    """The CUDA version of the installed torch, read from its files without loading it."""
    spec = importlib.util.find_spec("torch")
    file = Path(spec.origin).with_name("version.py") if spec and spec.origin else None
    text = file.read_text(encoding="utf-8") if file and file.is_file() else ""
    match = re.search(r"^cuda\b[^=]*= '([\d.]+)'", text, re.MULTILINE)
    return match[1] if match else None
