"""`likewise serve` in a process of its own, for the benchmark and for the tests under load."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

# The browser notes a paint some time after it.
FIRST_PAINT = """new Promise((done) => {
  const look = () => {
    const [entry] = performance.getEntriesByName("first-contentful-paint");
    if (entry) done(entry.startTime); else setTimeout(look, 10);
  };
  look();
})"""
"""Milliseconds from the start of a page to its first contentful paint, as an expression of the page."""


class Server:
    """A server that is ready to answer; ends with the block.

    Args:
        index: The index to serve.
        options: Further words of the command line.
        seconds: Longest time until it is ready.

    Attributes:
        address: Ends with a slash.
        start_seconds: From the start of the process until it is ready.

    Raises:
        RuntimeError: It ended, or is not ready in time; with the end of its log.
    """

    def __init__(self, index: Path, options: Sequence[str] = (), seconds: float = 300) -> None:
        started = time.perf_counter()
        self._log = index.with_name(f"{index.name}.log")
        words = [sys.executable, "-m", "likewise", "serve", str(index), "--port", "0", *options]
        environment = os.environ | {"LIKEWISE_KEYS": str(index.with_name("no-keys.json"))}
        with self._log.open("w") as log:
            self.process = subprocess.Popen(words, stderr=log, env=environment)
        self.address = ""
        while not self._ready():
            if self.process.poll() is not None or time.perf_counter() > started + seconds:
                self.process.kill()
                raise RuntimeError(f"The server is not ready: {self._log.read_text()[-2000:]}")
            time.sleep(0.05)
        self.start_seconds = time.perf_counter() - started

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait(30)

    def stop(self) -> int:
        """Ask it to end; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def memory(self, name: str = "VmRSS") -> float:
        """Resident memory in MB; ``VmHWM`` is its peak."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split(f"{name}:")[1].split()[0]) / 1000

    def processor_seconds(self) -> float:
        """Processor time of the server so far."""
        times = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")

    def _ready(self) -> bool:
        if not self.address:
            text = self._log.read_text()
            self.address = text.split(" at ")[1].split()[0] if " at http" in text else ""
        try:
            return bool(self.address) and httpx.get(f"{self.address}readyz").status_code == 200
        except httpx.HTTPError:
            return False
