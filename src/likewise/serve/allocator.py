"""Settings of glibc's malloc for a process that allocates large arrays in many threads for a long time."""

import ctypes

# Numbers of mallopt(3).
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8


def keep_memory_flat() -> None:
    """Return freed arrays to the system, and let all threads share two heaps; does nothing without glibc.

    By default, a freed array raises the size up to which arrays are taken from heaps, to 32 MB, and every thread may
    have a heap: what they have freed stays with them, and the memory of a busy server grows for hours.
    """
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    for setting, value in ((_ARENA_MAX, 2), (_MMAP_THRESHOLD, 1 << 20), (_TRIM_THRESHOLD, 64 << 20)):
        mallopt(setting, value)
