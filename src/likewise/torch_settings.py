"""Settings of torch that a caller may have changed: results neither depend on them nor change them.

Notebooks set the default dtype or device, switch autocast on, or run under ``torch.inference_mode()``. likewise
computes in float32 on the device of the model, and differentiates. :func:`likewise.arguments.checked` therefore runs
every public function with torch's own settings. Gradients stay off where the caller has switched them off.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_AUTOCAST = ("cpu", "cuda")


class _DefaultDtype:
    """The default dtype is one for all threads: the first that needs float32 sets it, the last restores it."""

    def __init__(self) -> None:
        self._lock, self.users = threading.Lock(), 0

    @contextmanager
    def float32(self) -> Iterator[None]:
        """Float32 until no thread needs it any longer."""
        import torch

        with self._lock:
            if not self.users:
                self._callers = torch.get_default_dtype()
                torch.set_default_dtype(torch.float32)
            self.users += 1
        try:
            yield
        finally:
            with self._lock:
                self.users -= 1
                if not self.users:
                    torch.set_default_dtype(self._callers)


_default_dtype = _DefaultDtype()


def are_usual() -> bool:
    """Whether no setting has been changed, or torch is not loaded; takes some 3 microseconds."""
    torch = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "autocast"):  # or is being loaded by another thread
        return True
    probe = torch.empty(0)
    return not (
        probe.dtype != torch.float32
        or probe.device.type != "cpu"
        or probe.is_inference()
        or _default_dtype.users
        or any(torch.is_autocast_enabled(kind) for kind in _AUTOCAST)
    )


@contextmanager
def usual_settings() -> Iterator[None]:
    """Default dtype float32, default device CPU, no autocast and no inference mode; restored after the block."""
    import torch

    with ExitStack() as stack:
        differentiates = torch.is_grad_enabled()
        if torch.is_inference_mode_enabled():
            stack.enter_context(torch.inference_mode(False))
            stack.enter_context(torch.set_grad_enabled(differentiates))
        for kind in _AUTOCAST:
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_dtype() != torch.float32 or _default_dtype.users:
            stack.enter_context(_default_dtype.float32())
        if torch.empty(0).device.type != "cpu":
            stack.enter_context(torch.device("cpu"))
        yield


@contextmanager
def threads_stay() -> Iterator[None]:
    """Restore torch's number of threads, if torch is loaded.

    Packages that numba compiles (umap-learn, and pymatting, which rembg imports) set the threads of OpenMP to one per
    core. They are torch's too: more than were asked for, and other last bits of results.
    """
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch is not None and hasattr(torch, "get_num_threads") else None
    try:
        yield
    finally:
        if torch is not None and threads is not None:
            torch.set_num_threads(threads)
