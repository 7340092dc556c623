"""Reading checkpoints that contain objects of a training program besides the weights, without running them.

A Lightning checkpoint may hold hyper-parameters as OmegaConf or Lightning objects. torch's weights-only
reader refuses them. Here each such class, if it belongs to a package known to be used for settings, is
replaced by an empty placeholder: nothing is imported or called, and the weights beside it can be read. Any
other name, such as ``os.system``, is left to be refused.
"""

import re
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from pickletools import genops
from typing import Any

import torch

_PACKAGES = (
    "omegaconf.",
    "hydra.",
    "lightning.",
    "lightning_fabric.",
    "lightning_utilities.",
    "pytorch_lightning.",
    "pathlib.",
    "typing.",
    "numpy.dtypes.",
)
_NAMES = {
    "argparse.Namespace",
    "collections.defaultdict",
    "numpy.dtype",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    *(f"builtins.{name}" for name in ("dict", "list", "tuple", "set", "frozenset", "int", "float", "str", "bool")),
}  # fmt: skip

_OF_WEIGHTS = re.compile(
    r"torch\.(_utils|storage|serialization)\.|torch\.\w+Storage$|collections\.OrderedDict$"
)


def stand_ins(path: Path) -> list[Any]:
    """Values for ``torch.serialization.safe_globals``, for the settings classes named in a file.

    Empty where the file is not a zip archive of torch: older files are read strictly.
    """
    return [(_stand_in(name), name) for name in _names_in_archive(path) or () if _is_harmless(name)]


def refused_names(path: Path) -> list[str]:
    """The classes and functions that a file mentions and the weights-only reader does not take, in order.

    Empty where the file is not a pickle, or holds nothing but weights.
    """
    names = _names_in_archive(path)
    if names is None:
        names = [name for name in _names_in_old_file(path) if not _OF_WEIGHTS.match(name)]
    return [name for name in names if not _is_harmless(name)]


def _is_harmless(name: str) -> bool:
    return name in _NAMES or name.startswith(_PACKAGES)


def _names_in_archive(path: Path) -> list[str] | None:
    try:
        return torch.serialization.get_unsafe_globals_in_checkpoint(str(path))
    except (RuntimeError, ValueError, OSError, EOFError):
        return None


def _names_in_old_file(path: Path) -> list[str]:
    names: list[str] = []
    # Up to torch 1.5: a magic number, the protocol and the system come before what was saved.
    with path.open("rb") as stream, suppress(Exception):  # bytes of any kind
        for _ in range(4):
            names += [
                str(argument).replace(" ", ".")
                for code, argument, _ in genops(stream)
                if code.name == "GLOBAL"
            ]
    return names


def _stand_in(name: str) -> type:
    # torch lets a pickle set items of dictionaries only, so what is a kind of dictionary must become one.
    base = _DictionaryStandIn if name.lower().endswith("dict") else _StandIn
    return type("StandIn", (base,), {})


class _StandIn:
    """Accepts whatever a pickle does to an object, and stores nothing."""

    def __new__(cls, *_: Any, **__: Any) -> "_StandIn":
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        pass


class _DictionaryStandIn:
    """Becomes an ordinary dictionary when a pickle makes one."""

    def __new__(cls, *_: Any, **__: Any) -> Any:
        return OrderedDict()
