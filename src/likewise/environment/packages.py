"""Installed packages and complete extras of likewise."""

import platform
import re
from dataclasses import dataclass
from importlib import metadata

from likewise import __version__

SHOWN = ("torch", "torchvision", "timm", "lightning-fabric", "pytorch-metric-learning", "lancedb", "pyarrow", "numpy",
         "pandas", "scipy", "pillow", "safetensors", "pydantic", "typer")  # fmt: skip
PURPOSES = {
    "train": "training (likewise train, demo)",
    "masks": "object masks (likewise masks)",
    "serve": "search page and API (likewise serve)",
    "scenes": "rendering (likewise data render); Python 3.11 only",
    "scale": "jobs on Ray (--engine ray)",
    "heic": "photos in HEIC",
    "hub": "models of transformers, OpenCLIP and sentence-transformers (hf:org/name, folders)",
    "onnx": "ONNX models and export, --runtime onnx",
    "openvino": "embedding on Intel CPUs (--runtime openvino)",
    "explain": "integrated gradients, Grad-CAM, occlusion",
    "map": "maps of embeddings by UMAP (likewise data map)",
    "wandb": "logging to Weights & Biases",
    "tensorboard": "logging to TensorBoard",
    "docs": "the documentation site (make docs)",
    "dev": "the test suite",
}


@dataclass(frozen=True)
class Extra:
    """One extra of likewise.

    Attributes:
        name: As in ``likewise[NAME]``.
        purpose: Purpose of the extra.
        missing: Packages of it that are not installed; empty if the extra is complete.
    """

    name: str
    purpose: str
    missing: tuple[str, ...]

    @property
    def pip(self) -> str:
        """The command that completes it."""
        return f"pip install 'likewise[{self.name}]'"


def versions() -> dict[str, str | None]:
    """Versions of likewise, Python and its dependencies; None for missing packages."""
    own_versions: dict[str, str | None] = {"likewise": __version__, "Python": platform.python_version()}
    return own_versions | {name: _version(name) for name in SHOWN}


def extras() -> list[Extra]:
    """All extras that the installed likewise declares, in alphabetical order; empty if it is not installed."""
    try:
        declared = metadata.requires("likewise") or []
    except metadata.PackageNotFoundError:
        return []
    needed: dict[str, list[str]] = {}
    for line in declared:
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", line)
        name = re.match(r"[\w.-]+", line)
        if extra and name and name[0] != "likewise":
            needed.setdefault(extra[1], []).append(name[0])
    return [
        Extra(extra, PURPOSES.get(extra, ""), tuple(name for name in names if _version(name) is None))
        for extra, names in sorted(needed.items())
    ]


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
