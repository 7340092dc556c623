"""Damages files of one target and uses them; prints one JSON object per file, before and after."""

import argparse
import contextlib
import io
import json
import signal
import time
import traceback
import warnings
from pathlib import Path

from fuzz_targets import TARGETS

from likewise.errors import LikewiseError

CPU_SECONDS, SECONDS = 20, 300


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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("folder", type=Path)
    parser.add_argument("first", type=int)
    parser.add_argument("end", type=int)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    target = TARGETS[options.target]
    options.folder.mkdir(parents=True)
    files = target.make(options.folder)
    whole = [file.read_bytes() for file in files]
    for file in files:
        ended, said = attempt(target.use, file)
        if ended != "used":
            raise SystemExit(f"{file} is not damaged, but: {said}")
    for number in range(options.first, options.end):
        file, data = files[number % len(files)], target.damaged(whole[number % len(files)], number)
        file.write_bytes(data)
        print(json.dumps({"number": number, "file": file.name}), flush=True)
        signal.setitimer(
            signal.ITIMER_PROF, CPU_SECONDS
        )  # ends the process: the parent goes on behind this file
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        forget()
        before, began = memory("VmRSS"), time.process_time()
        ended, said = attempt(target.use, file)
        seconds, grown = time.process_time() - began, memory("VmHWM") - before
        print(
            json.dumps(
                {
                    "number": number,
                    "file": file.name,
                    "ended": ended,
                    "said": said,
                    "seconds": round(seconds, 2),
                    "megabytes": grown,
                }
            ),
            flush=True,
        )
        file.write_bytes(whole[number % len(files)])


if __name__ == "__main__":
    main()
