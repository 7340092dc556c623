"""Damages files of each target and uses them; prints how each ended as JSON."""

import argparse
import contextlib
import io
import json
import os
import signal
import time
import traceback
import warnings
from pathlib import Path
from typing import Any, TextIO

from fuzz_targets import TARGETS

from likewise.errors import LikewiseError

CPU_SECONDS, SECONDS = 20, 300
ENDED_BY = {
    -signal.SIGPROF: "hang: more than 20 s of processor time",
    -signal.SIGALRM: "hang: more than 300 s",
}


def memory(name: str) -> int:
    """Megabytes of this process: VmRSS now, VmHWM at most since :func:`forget`."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith(name)).split()[1]) // 1024


def forget() -> None:
    """Measure the most memory from here on."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def attempt(use, file: Path) -> tuple[str, str]:  # type: ignore[no-untyped-def]
    """How it ended ("used", "refused", "traceback"), and what was said."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            use(file)
    except LikewiseError as error:
        return "refused", str(error)
    except BaseException:
        return "traceback", traceback.format_exc()[-3000:]
    return "used", ""


def damage(name: str, folder: Path, first: int, end: int, told: TextIO) -> None:
    """Write one line to ``told`` before each file is used, and one after it."""
    target = TARGETS[name]
    folder.mkdir(parents=True)
    files = target.make(folder)
    whole = [file.read_bytes() for file in files]
    for file in files:
        ended, said = attempt(target.use, file)
        if ended != "used":
            raise SystemExit(f"{file} is not damaged, but: {said}")
    for number in range(first, end):
        file, data = files[number % len(files)], target.damaged(whole[number % len(files)], number)
        file.write_bytes(data)
        about = {"number": number, "file": file.name}
        print(json.dumps(about), file=told, flush=True)
        # Either ends the process: the next one goes on behind this file.
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        forget()
        before, began = memory("VmRSS"), time.process_time()
        ended, said = attempt(target.use, file)
        seconds, grown = time.process_time() - began, memory("VmHWM") - before
        outcome = {"ended": ended, "said": said, "seconds": round(seconds, 2), "megabytes": grown}
        print(json.dumps(about | outcome), file=told, flush=True)
        file.write_bytes(whole[number % len(files)])


def outcomes(name: str, folder: Path, count: int) -> list[dict[str, Any]]:
    """How each damaged file ended. Where one ended the process, another process goes on behind it."""
    found: list[dict[str, Any]] = []
    while len(found) < count:
        reader, writer = os.pipe()
        process = os.fork()
        if process == 0:
            code = 1
            try:
                with os.fdopen(writer, "w") as told:
                    damage(name, folder / str(len(found)), len(found), count, told)
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        os.close(writer)
        with os.fdopen(reader) as told:
            lines = [json.loads(line) for line in told]
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        found += [line for line in lines if "ended" in line]
        if code != 0:
            if not lines or "ended" in lines[-1]:
                raise SystemExit(f"{name}: exit {code} of the process, not at a damaged file")
            ended = ENDED_BY.get(code, f"exit {code}")
            found.append({**lines[-1], "ended": ended, "said": "", "seconds": 0, "megabytes": 0})
    return found


def main() -> None:
    """Print one JSON object per target. Everything is imported once: each process is a fork of this one."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("counts", nargs="+", metavar="TARGET=COUNT")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    for name, count in (word.split("=") for word in options.counts):
        print(
            json.dumps({"target": name, "found": outcomes(name, options.folder / name, int(count))}),
            flush=True,
        )


if __name__ == "__main__":
    main()
