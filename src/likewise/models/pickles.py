"""Reading checkpoints around whose weights a training program left objects of its own, without running them.

A Lightning checkpoint may hold hyper-parameters as OmegaConf or Lightning objects. torch's weights-only
reader refuses them. Here each such class, if it belongs to a package known to be used for settings, is
replaced by an empty placeholder: nothing is imported or called, and the weights beside it can be read. Any
other name, such as ``os.system``, is left to be refused.
"""

from collections import OrderedDict
from pathlib import Path
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


def stand_ins(path: Path) -> list[Any]:
    """Values for ``torch.serialization.safe_globals``, for the settings classes named in a file.

    Empty where the file is no zip archive of torch: older files are read strictly.
    """
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(str(path))
    except (RuntimeError, ValueError, OSError, EOFError):
        return []
    harmless = [name for name in names if name in _NAMES or name.startswith(_PACKAGES)]
    return [(_stand_in(name), name) for name in harmless]


def _stand_in(name: str) -> type:
    # torch lets a pickle set items of dictionaries only, so what is a kind of dictionary must become one.
    base = _DictionaryStandIn if name.lower().endswith("dict") else _StandIn
    return type("StandIn", (base,), {})


class _StandIn:
    """Accepts whatever a pickle does to an object, and keeps nothing."""

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
