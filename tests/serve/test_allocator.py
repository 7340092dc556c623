"""Freed memory goes back to the system."""

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import ctypes, sys, time
from pathlib import Path
from likewise.serve.allocator import keep_memory_flat

def resident():
    return int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0]) / 1000

libc = ctypes.CDLL("libc.so.6")
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
if sys.argv[1] == "flat":
    keep_memory_flat(0.1)
    libc.free(libc.malloc(20 << 20))
else:
    libc.free(libc.malloc(31 << 20))  # raises the size of what a heap takes, by default
before = resident()
blocks = [libc.malloc(5 << 20) for _ in range(40)]
for block in blocks:
    ctypes.memset(block, 1, 5 << 20)
last = libc.malloc(2 << 20)  # nothing below it leaves the heap by itself
used = resident() - before
for block in blocks:
    libc.free(block)
end = time.monotonic() + (30 if sys.argv[1] == "flat" else 1)
while resident() - before > 50 and time.monotonic() < end:
    time.sleep(0.1)
print(round(used), round(resident() - before))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="settings of glibc")
@pytest.mark.parametrize("setting", ["default", "flat"])
def test_freed_memory_returns_to_the_system(setting: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, setting], capture_output=True, text=True, check=True, timeout=120
    )
    used, remaining = map(int, done.stdout.split())
    assert used > 190
    assert remaining < 50 if setting == "flat" else remaining > 150
