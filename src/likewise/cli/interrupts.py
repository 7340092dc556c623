"""Ctrl-C always ends a command, wherever it meets the program."""

import _thread
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_AGAIN_AFTER_S = 0.05


@contextmanager
def interrupts_reach_main() -> Iterator[None]:
    """While the block runs, an interrupt that Python drops is sent again.

    Python raises KeyboardInterrupt wherever the main thread happens to be. In a finaliser or in a callback of the
    garbage collector it prints a traceback and goes on; here it is repeated a moment later instead.
    """
    before = sys.unraisablehook

    def again(unraisable: Any) -> None:
        if unraisable.exc_type is not None and issubclass(unraisable.exc_type, KeyboardInterrupt):
            timer = threading.Timer(_AGAIN_AFTER_S, _thread.interrupt_main)
            timer.daemon = True
            timer.start()
        else:
            before(unraisable)

    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = before
