"""Worker processes that do not run the user's script again.

A process that is not forked imports the main module of its parent first. A script without
``if __name__ == "__main__":`` would then run a second time in each worker, and fail when it starts workers itself.
"""

import pickle
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.reduction import ForkingPickler
from types import ModuleType
from typing import Any

_replaced = threading.RLock()


@contextmanager
def main_left_out(*sent: Any) -> Iterator[None]:
    """Processes started within this context do not import the main module.

    Args:
        *sent: What the processes receive. If it needs the main module, for example a class defined in the script,
            nothing is changed.
    """
    if _needs_main(sent):
        yield
        return
    with _replaced:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main


def _needs_main(sent: tuple[Any, ...]) -> bool:
    try:
        return b"__main__" in bytes(ForkingPickler.dumps(sent))
    except (pickle.PicklingError, TypeError, AttributeError):
        return True  # the error belongs to whoever sends it
