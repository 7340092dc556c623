"""Everything that commands print: tables, sentences and JSON, on stored vectors and results made by hand."""
# ruff: noqa: E501 - one line per row of a table

import os
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from likewise.cli.app import app
from likewise.data import Catalog
from likewise.environment.packages import Extra
from whole_texts import assert_accepted

ACCEPTED = Path(__file__).with_name("accepted")
_CHANGING = [
    (re.compile(r"(\"seconds\": )[\d.]+"), r"\1T"),
    (re.compile(r"\blw\.shop\.[\w-]+"), "KEY"),
    (re.compile(r"(?<![.\w])[0-9a-f]{16}\b"), "DIGEST"),
    (re.compile(r"^(software|command|date): .*", re.MULTILINE), r"\1: ..."),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(\+00:00|Z)?"), "TIME"),
    (re.compile(r"^[\w ]+: \d+ of \d+.*\n", re.MULTILINE), ""),  # progress
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 photos of three classes with masks and a property, their vectors, and an index of them."""
    folder, random = tmp_path_factory.mktemp("outputs"), np.random.default_rng(0)
    (folder / "photos").mkdir()
    rows = []
    for number in range(24):
        pixels = random.integers(0, 256, (12, 12, 3)).astype(np.uint8)
        name = f"photos/{number:02}.png"
        Image.fromarray(pixels).resize((48, 48), Image.Resampling.NEAREST).save(folder / name)
        rows.append({"path": name, "label": "abc"[number % 3], "mask": f"mask{number % 2}.png", "hue": ["warm", "cold"][number % 2],
                     "split": "train" if number < 9 else "test"})  # fmt: skip
    shutil.copy(folder / "photos/02.png", folder / "photos/23.png")
    rows[20]["label"], rows[22]["label"] = "d", ""
    for number, edge in enumerate((10, 16)):
        mask = Image.new("L", (48, 48))
        mask.paste(255, (edge, edge, 38, 38))
        mask.save(folder / f"mask{number}.png")
    Catalog.from_table(pd.DataFrame(rows), folder).write(folder / "c.csv")
    true = [{**row, "mask": "mask0.png"} for row in rows[:6]]
    Catalog.from_table(pd.DataFrame(true), folder).write(folder / "true.csv")
    centers = random.normal(size=(3, 8))
    vectors = centers[np.arange(24) % 3] + 0.6 * random.normal(size=(24, 8))
    vectors[5] = vectors[9]
    np.savez(folder / "v.npz", vectors=vectors.astype(np.float32), ids=[row["path"] for row in rows])
    before = Path.cwd()
    os.chdir(folder)
    try:
        for words in (
            "index build v.npz c.csv --out x.index --split test",
            "calibrate v.npz c.csv --split test --false-match-rate 0.44 --out t.json",
        ):
            CliRunner().invoke(app, words.split(), catch_exceptions=False)
    finally:
        os.chdir(before)
    return folder


ROWS = {
    "eval": "eval v.npz c.csv",
    "eval-classes": "eval v.npz c.csv --split test --metric map@r --metric precision@2 --per-class --average macro --confidence 0.8",
    "eval-json": "eval v.npz c.csv --split test --recall-at 1 --per-class --json",
    "eval-sides": "eval v.npz c.csv --query-split test --gallery-split train",
    "eval-under": "eval v.npz c.csv --split test --fail-under map@r=0.99 --fail-under recall@1=0.2 --json --metric map@r --metric recall@1",
    "eval-file": "eval v.npz c.csv --split test --out scores.json",
    "eval-table": "eval v.npz c.csv --split test --out scores.csv --dim 4",
    "calibrate": "calibrate v.npz c.csv --split test --false-match-rate 0.5 --out new.json --confidence 0.9",
    "calibrate-json": "calibrate v.npz c.csv --split test --out new.json --json",
    "embed": "embed v.npz c.csv --split test --out e.npz",
    "index-build": "index build v.npz c.csv --out new.index",
    "index-build-json": "index build v.npz c.csv --out new.index --json",
    "index-info": "index info x.index",
    "index-info-json": "index info x.index --json",
    "index-add": "index add x.index c.csv --split train",
    "index-sync": "index sync x.index c.csv --dry-run",
    "index-sync-json": "index sync x.index c.csv --split train --keep-deleted --json",
    "index-remove": "index remove x.index photos/10.png nothing.png",
    "index-remove-where": "index remove x.index --where \"label = 'a'\" --json",
    "search": "search x.index --id photos/10.png --id photos/12.png -k 3 --threshold t.json",
    "search-self": "search x.index --id photos/10.png -k 20 --skip-self --where \"hue = 'warm'\"",
    "search-json": "search x.index --id photos/10.png -k 2 --threshold t.json --json",
    "data-check": "data check c.csv",
    "data-check-json": "data check c.csv --no-decode --json",
    "data-duplicates": "data duplicates c.csv",
    "data-duplicates-json": "data duplicates c.csv --json --out clean.csv",
    "data-suspects": "data suspects c.csv v.npz --seed 1",
    "data-suspects-json": "data suspects c.csv v.npz --json",
    "data-fold": "data fold c.csv --folds 2 --out folds",
    "data-fold-json": "data fold c.csv --folds 2 --json",
    "data-prepare": "data prepare folder photos --out p.csv",
    "data-prepare-json": "data prepare table c.csv --out p.csv --split half --json",
    "masks-score": "masks score c.csv true.csv",
    "masks-score-json": "masks score c.csv true.csv --json",
    "check": "check v.npz c.csv --only cost --only data.classes --only retrieval.scores",
    "check-json": "check v.npz c.csv --only cost --json --tolerate 0.2 --seed 3",
    "check-annotations": "check v.npz c.csv --only geometry.dimensions --only data.classes --annotations --summary s.md --fail-on warning",
    "check-list": "check --list",
    "check-list-json": "check --list --json",
    "audit-properties": "audit properties v.npz c.csv --permutations 49 --seed 2 --should-not-matter hue",
    "audit-properties-above": "audit properties v.npz c.csv --permutations 49 --should-not-matter label --fail-above 0",
    "models-list": "models list",
    "models-list-json": "models list --json",
    "models-info": "models info v.npz",
    "models-info-json": "models info v.npz --json",
    "presets": "presets",
    "presets-some": "presets cub200/arcface*",
    "presets-one": "presets catalog/arcface -o seed=4",
    "keys-new": "keys new shop --role write --keys k.json",
    "keys-json": "keys new shop --json --keys k.json",
    "keys-empty": "keys list --keys k.json",
    "report": "report missing",
}  # fmt: skip
WRITTEN = {"data-duplicates-json": "clean.csv", "eval-file": "scores.json", "eval-table": "scores.csv", "check-annotations": "s.md", "calibrate": "new.json",
           "data-prepare": "p.csv", "data-fold": "folds/c-fold1.csv"}  # fmt: skip


def output_of(words: str) -> str:
    """Exit code, stdout and stderr of a command."""
    result = CliRunner().invoke(app, shlex.split(words))
    problem = "" if isinstance(result.exception, SystemExit | None) else f"\n--- raised\n{result.exception}"
    return (
        f"$ likewise {words}\n--- exit code {result.exit_code}{problem}\n--- stdout\n{result.stdout}\n"
        f"--- stderr\n{result.stderr}"
    )


def lasting(text: str, *places: Path) -> str:
    """The text without what another run changes: folders, times, keys, digests."""
    for place in places:
        text = text.replace(str(place), "HERE")
    for pattern, replacement in _CHANGING:
        text = pattern.sub(replacement, text)
    return text


@pytest.mark.parametrize("name", ROWS)
def test_commands_print_what_was_accepted(
    name: str, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(made, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    extras = [Extra("onnx", "exports", ("onnx",)), Extra("hub", "models of others", ())]
    monkeypatch.setattr("likewise.environment.extras", lambda: extras)
    monkeypatch.setattr("likewise.environment.cached_weights", lambda: ["timm:resnet"])
    text = output_of(ROWS[name])
    if name in WRITTEN:
        text += f"\n--- {WRITTEN[name]}\n{Path(WRITTEN[name]).read_text(encoding='utf-8')}"
    assert_accepted(ACCEPTED / f"{name}.txt", lasting(text, tmp_path / "work", made))
