"""Cache folders of weights and prepared files, and their sizes."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

DEADLINE_S = 1.0


@dataclass(frozen=True)
class Cache:
    """A cache folder.

    Attributes:
        name: Whose it is.
        folder: Its location, which may not exist.
        bytes: Its size; None if it does not exist.
        complete: False where counting stopped at the deadline, so that ``bytes`` is a lower bound.
    """

    name: str
    folder: Path
    bytes: int | None
    complete: bool = True


def caches(deadline_s: float = DEADLINE_S) -> list[Cache]:
    """The caches of the Hugging Face hub (timm's weights are there too), torch, rembg and likewise."""
    end = time.monotonic() + deadline_s
    folders = {
        "Hugging Face hub, timm": hub_cache(),
        "torch hub": Path(os.environ.get("TORCH_HOME") or user_cache() / "torch") / "hub",
        "rembg": rembg_home(),
        "likewise": user_cache() / "likewise",
    }
    return [Cache(name, folder, *_size(folder, end)) for name, folder in folders.items()]


def cached_weights() -> list[str]:
    """Models of the hub cache that likewise can load without a network, as ``timm:NAME`` or ``hf:org/name``."""
    names = []
    for folder in sorted(hub_cache().glob("models--*--*")):
        files = [file.name for file in folder.glob("snapshots/*/*") if file.exists()]
        if any(name.endswith((".safetensors", ".bin")) for name in files):
            organisation, _, name = folder.name.removeprefix("models--").partition("--")
            names.append(f"timm:{name}" if organisation == "timm" else f"hf:{organisation}/{name}")
    return names


def hub_cache() -> Path:
    """The folder in which huggingface_hub keeps downloads, by its own rules."""
    if named := os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE"):
        return Path(named).expanduser()
    home = os.environ.get("HF_HOME")
    return (Path(home).expanduser() if home else user_cache() / "huggingface") / "hub"


def rembg_home() -> Path:
    """The folder in which rembg keeps its networks, by its own rules: of those that exist, the one it reads first."""
    legacy = Path(os.environ.get("XDG_DATA_HOME") or "~") / ".u2net"
    if named := os.environ.get("U2NET_HOME"):
        return Path(named).expanduser()
    data = os.environ.get("XDG_DATA_HOME")
    home = Path(os.environ.get("REMBG_HOME") or (Path(data) / "rembg" if data else "~/.rembg"))
    folders = [folder.expanduser() for folder in (home, legacy)]
    return next((folder for folder in folders if folder.is_dir()), folders[0])


def user_cache() -> Path:
    """The folder of all caches of the user."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _size(folder: Path, end: float) -> tuple[int | None, bool]:
    if not folder.is_dir():
        return None, True
    total = 0
    for inside, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(inside) / name).lstat().st_size
            except OSError:
                continue
        if time.monotonic() > end:
            return total, False
    return total, True
