"""Settings of glibc's malloc for a process that allocates large arrays in many threads for a long time."""

import ctypes
import threading
import time

# Numbers of mallopt(3).
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_SECONDS = 20.0


def keep_memory_flat(seconds: float = _SECONDS) -> None:
    """Let all threads share two heaps, and return what they have freed to the system; does nothing without glibc.

    By default, every thread may have a heap, what was freed stays with it, and the memory of a busy server grows for
    hours. Arrays of up to 32 MB come from the heaps: mapping each of them takes a fifth of the processor time of a
    small network.

    Args:
        seconds: Time between two returns of freed memory.
    """
    try:
        libc = ctypes.CDLL("libc.so.6")
        mallopt, trim = libc.mallopt, libc.malloc_trim
    except (OSError, AttributeError):
        return
    for setting, value in ((_ARENA_MAX, 2), (_MMAP_THRESHOLD, 32 << 20), (_TRIM_THRESHOLD, 64 << 20)):
        mallopt(setting, value)

    def trimming() -> None:
        while True:
            time.sleep(seconds)
            trim(0)

    threading.Thread(target=trimming, name="trim", daemon=True).start()
