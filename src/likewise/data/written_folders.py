"""Folders that likewise writes, recognised by their content: their pictures are no photos of the user."""

import json
import os
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from likewise.printable import counted

_TABLES = {".txt", ".md", ".csv", ".tex"}
_RUN_FILES = {"data.json", "checkpoints", "metrics.csv"}
_WEIGHTS = {"model.safetensors", "projection.safetensors"}
_SWEEP_KEYS = ("presets:", "losses:", "folds:")
_VALUES = re.compile(r"[0-9a-f]{16}\.npz")
_NAMED = 3  # folders in a sentence


def written_kind(folder: str, names: Collection[str]) -> str | None:  # noqa: PLR0911 - one return per kind
    """What likewise wrote into a folder: "index", "Run", "model"...; None where it is another folder.

    The caller excludes folders with images directly in them: likewise writes none there.

    Args:
        folder: Its path.
        names: Its entries.
    """
    if {"images.lance", "about.lance"} <= set(names):
        return "index"
    if "experiment.yaml" in names and not _RUN_FILES.isdisjoint(names):
        return "Run"
    if "sweep.yaml" in names and all(key in _text(folder, "sweep.yaml") for key in _SWEEP_KEYS):
        return "sweep"
    if "model.json" in names and not _WEIGHTS.isdisjoint(names) and _has(folder, "model.json", "fingerprint"):
        return "model"
    if "saliency.json" in names and _has(folder, "saliency.json", "model_fingerprint"):
        return "saliency store"
    if "report.json" in names and _has(folder, "report.json", "verdicts"):
        return "report"
    if folder.endswith("-masks") and {"job", "masks"} <= set(names) and _is_job(f"{folder}/job"):
        return "folder of masks"
    if folder.endswith(".serve") and Path(f"{folder.removesuffix('.serve')}/images.lance").is_dir():
        return "folder of uploads"
    if ("job.json" in names and _is_job(folder)) or _is_parts(folder, names):
        return "unfinished work"
    return "folder of tables" if _are_tables(names) else None


def written_words(folders: dict[str, str]) -> list[str]:
    """Parts of a sentence about folders of these kinds: "the index photos.index"."""
    words = [f"the {kind} {name}" for name, kind in sorted(folders.items())[:_NAMED]]
    more = len(folders) - _NAMED
    return [*words, f"{counted(more, 'other folder')} written by likewise"] if more > 0 else words


def _is_parts(folder: str, names: Iterable[str]) -> bool:
    """Whether it is ``OUT.parts``: jobs or findings at most two levels below, or stored embeddings."""
    if not folder.endswith(".parts"):
        return False
    if any(_VALUES.fullmatch(name) for name in names):
        return True
    below = [entry for top in _folders(folder) for entry in (top, *_folders(top))]
    return any(_is_job(entry) or Path(entry, "finding.json").is_file() for entry in below)


def _folders(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _are_tables(names: Collection[str]) -> bool:
    """Whether every table is there in each of the forms that ``--tables`` writes."""
    stems: dict[str, set[str]] = {}
    for name in names:
        stem, dot, ending = name.rpartition(".")
        stems.setdefault(stem, set()).add(dot + ending)
    return bool(stems) and all(endings == _TABLES for endings in stems.values())


def _is_job(folder: str) -> bool:
    return _has(folder, "job.json", "fingerprint") and _has(folder, "job.json", "suffix")


def _has(folder: str, name: str, key: str) -> bool:
    """Whether a file is a JSON object with this key."""
    try:
        values: Any = json.loads(_text(folder, name))
    except (ValueError, RecursionError):
        return False
    return isinstance(values, dict) and key in values


def _text(folder: str, name: str) -> str:
    file = Path(folder, name)
    try:
        return file.read_text(encoding="utf-8") if file.is_file() else ""  # a pipe would block
    except (OSError, ValueError):
        return ""
