"""Freed arrays go back to the system."""

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import ctypes, sys
from likewise.serve.allocator import keep_memory_flat

class Mallinfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks mapped".split() + list("abcdef")]

libc = ctypes.CDLL("libc.so.6")
libc.mallinfo2.restype, libc.malloc.restype, libc.free.argtypes = Mallinfo, ctypes.c_void_p, [ctypes.c_void_p]
if sys.argv[1] == "flat":
    keep_memory_flat()
libc.free(libc.malloc(20 << 20))  # raises the size of what a heap takes, by default
before = libc.mallinfo2().mapped
libc.malloc(5 << 20)
print(libc.mallinfo2().mapped - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="settings of glibc")
@pytest.mark.parametrize(("setting", "mapped"), [("default", "0"), ("flat", "1")])
def test_large_arrays_are_mapped_on_their_own(setting: str, mapped: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, setting], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == mapped
