"""Runs scenarios with one failing operation each, and repeats them without: prints what became of it as JSON.

Started with the shim in LD_PRELOAD. Everything is imported once; each try is a fork, which alone opens LanceDB.
"""

import argparse
import ctypes
import errno
import importlib
import json
import os
import re
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import lancedb  # noqa: F401 - its threads begin with the first connection
from fault_commands import COMMANDS, Command
from fault_scenarios import SCENARIOS, Scenario, copied, tiny_model

import likewise.jobs.object_masks
import likewise.retrieval  # noqa: F401
from likewise.errors import LikewiseError

ALL = {**SCENARIOS, **COMMANDS}
KINDS = {"kill": 0, "full": errno.ENOSPC, "quota": errno.EDQUOT, "io": errno.EIO}
FINE, TRACEBACK = 0, 70
NOT_REACHED = "not reached"
SHARD = re.compile(r"(\d{5})(\.\w+)")


def in_fork(work: Callable[[], str]) -> tuple[int, str]:
    """Exit code of ``work`` in a process of its own (negative: the signal), and the text it gave."""
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        code, text = FINE, ""
        try:
            text = work()
        except LikewiseError as error:
            code, text = error.exit_code, f"{type(error).__name__}: {error}"
        except BaseException as error:
            code, text = TRACEBACK, f"{type(error).__name__}: {error}"
        os.write(writer, text.encode(errors="backslashreplace")[:60_000])
        os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        text = stream.read().decode()
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), text


class Driver:
    """Tries of one scenario in a folder of its own."""

    def __init__(self, name: str, place: Path, shim: ctypes.CDLL) -> None:
        self.scenario: Scenario = ALL[name]
        for module in self.scenario.imports if isinstance(self.scenario, Command) else ():
            importlib.import_module(module)
        self.template, self.folder = place / "template", place / "work"
        self.shim, self.model = shim, tiny_model()
        self.most = 0
        self.template.mkdir(parents=True)
        self._must(lambda: str(self.scenario.prepare(self.template, self.model)))
        copied(self.template, self.folder)
        self.operations = int(self._must(self._counted))
        self.wanted = self._must(self._result)
        self.files = self._files()

    def repeats(self) -> bool:
        """Whether a second undisturbed run gives the same result."""
        copied(self.template, self.folder)
        self._must(self._counted)
        return self._must(self._result) == self.wanted

    def attempt(self, number: int, kind: str) -> dict[str, object]:
        """One operation fails, then the work is repeated.

        Threads make the number of operations vary by a few: the last ones may not be reached.
        """
        copied(self.template, self.folder)

        def failing() -> str:
            self.shim.fault_arm(str(self.folder).encode(), number, KINDS[kind])
            self.scenario.work(self.folder, self.model)
            return "" if self.shim.fault_count() >= number else NOT_REACHED

        first, first_text = in_fork(failing)
        again, again_text = in_fork(lambda: str(self.scenario.work(self.folder, self.model)))
        checked, result = in_fork(self._result)
        left = sorted(self._files() - self.files)
        return {
            "operation": number, "kind": kind, "first": first, "said": first_text,
            "reached": first_text != NOT_REACHED,
            "stuck": again_text if again != FINE else "",
            "damaged": "" if checked == FINE and result == self.wanted else result or "another result",
            "left_over": left,
        }  # fmt: skip

    def _counted(self) -> str:
        self.shim.fault_arm(str(self.folder).encode(), 0, 0)
        self.scenario.work(self.folder, self.model)
        return str(self.shim.fault_count())

    def _result(self) -> str:
        return self.scenario.result(self.folder, self.model)

    def _files(self) -> set[str]:
        """Everything that is there, by name where names are the same each time.

        Shards are numbered on after a stop, so their rank counts: one too many is noticed. LanceDB's files have new
        names each time: they must not pile up.
        """
        paths = sorted(path.relative_to(self.folder) for path in self.folder.rglob("*"))
        names, ranks = set(), Counter[tuple[Path, str]]()
        for path in paths:
            shard = SHARD.fullmatch(path.name)
            if shard:
                ranks[path.parent, shard[2]] += 1
                names.add(f"{path.parent}/shard {ranks[path.parent, shard[2]]}{shard[2]}")
            elif ".lance/" not in str(path):
                names.add(str(path))
        inside = sum(".lance/data/" in str(path) for path in paths)
        self.most = self.most or 2 * inside + 2
        return names | ({f"{inside} data files of LanceDB"} if inside > self.most else set())

    def _must(self, work: Callable[[], str]) -> str:
        code, text = in_fork(work)
        if code != FINE:
            sys.exit(f"without a fault: exit {code}: {text}")
        return text


def chosen(operations: int, tries: int) -> list[int]:
    """``tries`` operations from the first to the last, or the middle one; 0 is all of them."""
    if not tries or tries >= operations:
        return list(range(1, operations + 1))
    if tries == 1:
        return [(operations + 1) // 2]
    return sorted({1 + round(step * (operations - 1) / (tries - 1)) for step in range(tries)})


def main() -> None:
    """Print one JSON object per scenario."""
    parser = argparse.ArgumentParser()
    parser.add_argument("place", type=Path)
    parser.add_argument("--tries", type=int, default=0, help="operations per scenario and kind; 0 is all")
    parser.add_argument("--only", nargs="*", default=list(ALL))
    parser.add_argument("--kinds", nargs="*", default=list(KINDS))
    options = parser.parse_args()
    warnings.filterwarnings("ignore", message="lancedb fork support")  # no connection is open here
    shim = ctypes.CDLL(os.environ["LD_PRELOAD"])
    for name in options.only:
        driver = Driver(name, options.place.resolve() / name.replace(" ", "-"), shim)
        if not options.tries and not driver.repeats():
            sys.exit(f"{name}: two undisturbed runs give different results")
        tried = [
            driver.attempt(number, kind)
            for kind in options.kinds
            for number in chosen(driver.operations, options.tries)
        ]
        print(json.dumps({"scenario": name, "operations": driver.operations, "tried": tried}), flush=True)


if __name__ == "__main__":
    main()
