"""Planted faults: does ``likewise check`` find them, and is it quiet about the clean twin?

Each fault is planted with known strength into a small catalog of real photos (12 test classes, drawn anew by each
seed), and the named checks run on it and on a twin that differs in nothing else. A check finds a fault if it warns or
fails (the background audit: if its replaced backgrounds cost something); it raises a false alarm if it does so on the
twin. Each run is one line of RESULTS, so an interrupted benchmark continues.

    python benchmarks/planted.py RESULTS.jsonl CATALOG... --weights EFFICIENTNET_LITE0 --masks U2NETP.onnx \
        --backgrounds FOLDER --other MOBILENETV2.onnx --preprocessing MOBILENETV2.json

FOLDER has the subfolders ``val`` (photos to plant) and ``test`` (photos of the audit). ``--table`` prints the table.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
from planted_faults import FAULTS, Fault, Twin
from planted_world import World

import likewise
from likewise.checks import CheckResult, Limit, judged

FLAGGED = ("warn", "fail")
ABOUT = {
    "background.reliance": ("replaced",),
    "threshold.held_out": ("false_match_ratio",),
    "geometry.hubness": ("skewness", "largest_hub"),
    "data.duplicates": ("across_splits", "other_label"),
}
"""Check to the measures that its fault is about. Without a limit, the whole interval must be below 0."""


def alarmed(result: CheckResult) -> bool:
    """Whether a check reports something, by the measures that the fault is about where it has several."""
    found = [name for name in ABOUT.get(result.id, ()) if name in result.measures]
    if not found:
        return result.status in FLAGGED
    limits = {name: result.limits.get(name, Limit(fail=0.0)) for name in found}
    return any(judged(result.measures[name], limit) in FLAGGED for name, limit in limits.items())


def checked(twin: Twin, checks: Iterable[str], seed: int) -> dict[str, Any]:
    run = likewise.check(twin.model, twin.catalog, only=list(checks), seed=seed, **twin.options)
    return {
        result.id: {
            "alarm": alarmed(result), "status": result.status, "sentence": result.sentence,
            "measures": {name: [m.value, m.low, m.high] for name, m in result.measures.items()},
        }
        for result in run
    }  # fmt: skip


def lines_of(fault: Fault, world: World) -> list[dict[str, Any]]:
    """One line per check: what it says of the planted catalog and of its twin."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as place:
        clean, planted = fault.plant(world, Path(place))
        found = checked(planted, fault.checks, world.seed)
        quiet = checked(clean, fault.checks, world.seed)
    about = {
        "fault": fault.name,
        "strength": fault.strength,
        "seconds": round(time.perf_counter() - start, 1),
    }
    return [{**about, "check": name, "found": found[name], "clean": quiet[name]} for name in fault.checks]


def interval(hits: int, runs: int) -> str:
    """A share with its 95 % Clopper-Pearson interval."""
    from scipy.stats import binomtest

    ends = binomtest(hits, runs).proportion_ci(0.95, method="exact")
    return f"{hits} of {runs} ({100 * ends.low:.0f} to {100 * ends.high:.0f} %)"


def table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    frame["set"] = [run[0] for run in frame.pop("run")]
    frame["hit"] = [row["alarm"] for row in frame["found"]]
    frame["false"] = [row["alarm"] for row in frame["clean"]]
    lines = []
    for (fault, strength, check), group in frame.groupby(["fault", "strength", "check"], sort=False):
        by_set = {name: f"{one['hit'].sum()}/{len(one)}" for name, one in group.groupby("set")}
        lines.append({
            "fault": fault, "strength": strength, "check": check, "found": interval(group["hit"].sum(), len(group)),
            "false alarms": interval(group["false"].sum(), len(group)), **by_set,
        })  # fmt: skip
    return pd.DataFrame(lines)


def options_of() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("catalogs", type=Path, nargs="*")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--masks", type=Path)
    parser.add_argument("--backgrounds", type=Path)
    parser.add_argument("--other", type=Path)
    parser.add_argument("--preprocessing")
    parser.add_argument("--cache", type=Path, help="keeps masks and embeddings")
    parser.add_argument("--split", default="test")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", help="names of faults")
    parser.add_argument("--table", action="store_true")
    return parser.parse_args()


def main() -> None:
    options = options_of()
    lines = options.results.read_text().splitlines() if options.results.is_file() else []
    done = {tuple(json.loads(line)["run"]) for line in lines}
    for path in options.catalogs:
        for seed in range(options.seeds):
            runs = {(path.parent.name, seed, fault.name, fault.strength): fault for fault in FAULTS
                    if not options.only or fault.name in options.only}  # fmt: skip
            missing = {run: fault for run, fault in runs.items() if run not in done}
            world = World(path, seed, options) if missing else None
            for run, fault in missing.items():
                assert world is not None
                rows = lines_of(fault, world)
                with options.results.open("a") as file:
                    file.writelines(json.dumps({"run": run, **row}) + "\n" for row in rows)
                print(
                    *run,
                    {row["check"]: (row["found"]["alarm"], row["clean"]["alarm"]) for row in rows},
                    flush=True,
                )
    if options.table:
        rows = [json.loads(line) for line in options.results.read_text().splitlines()]
        print(table(rows).to_string(index=False))


if __name__ == "__main__":
    main()
