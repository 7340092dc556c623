"""``likewise doctor``: what is installed, which device and weights would be used, and what is missing."""

import os
import shutil
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from likewise.cli.console import print_json, print_pairs, print_table, print_text
from likewise.cli.options import AsJson

if TYPE_CHECKING:
    from likewise.environment import Cache, Devices, Extra

_COMPLETIONS = (".bash_completions/likewise.sh", ".zfunc/_likewise", ".config/fish/completions/likewise.fish")
_DEFAULT = "timm:tf_efficientnet_lite0.in1k"
_SHIPPED = "likewise:small"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def doctor(*, as_json: AsJson = False) -> None:
    """Show versions, device, extras, hub access, caches and weights on this machine. Takes a few seconds.

    Example: `likewise doctor`
    """
    from likewise import environment

    with ThreadPoolExecutor() as pool:
        futures: dict[str, Future[Any]] = {
            "devices": pool.submit(environment.devices),
            "hub": pool.submit(environment.hub_access),
            "caches": pool.submit(environment.caches),
            "weights": pool.submit(environment.cached_weights),
        }
        answers: dict[str, Any] = {name: answer.result() for name, answer in futures.items()}
    weights = answers["weights"]
    facts = {
        "versions": environment.versions(),
        "device": asdict(answers["devices"]),
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS"),
        "extras": {extra.name: _extra_json(extra) for extra in environment.extras()},
        "hub": answers["hub"],
        "caches": [{**asdict(cache), "folder": str(cache.folder)} for cache in answers["caches"]],
        "weights": weights,
        "without_network": _DEFAULT if _DEFAULT in weights else _SHIPPED,
        "completion": _completion(),
        "free_disk_bytes": shutil.disk_usage(Path.cwd()).free,
    }
    if as_json:
        print_json(facts)
        return
    print_pairs({name: value or "missing" for name, value in facts["versions"].items()}, "Versions")
    print_text("")
    print_pairs(_device_rows(answers["devices"], facts["omp_num_threads"]), "Device")
    rows = [_extra_row(extra) for extra in environment.extras()]
    print_text("")
    print_table(["extra", "installed, or how", "for"], rows, "Extras")
    print_text("")
    print_pairs(
        {"hub": facts["hub"], **{cache.name: _cache_words(cache) for cache in answers["caches"]}}, "Weights"
    )
    print_pairs(
        {
            "in the cache": ", ".join(weights) or "none",
            "without a network": f"use {facts['without_network']}",
            "shell completion": facts["completion"] or "not installed: likewise --install-completion",
            "free disk here": _size(facts["free_disk_bytes"]),
        }
    )


def _device_rows(devices: "Devices", omp: str | None) -> dict[str, str]:
    rows = {
        "used without --device": devices.default or "unknown",
        "GPUs": ", ".join(devices.gpus) or "none",
        "torch built for": f"CUDA {devices.cuda}" if devices.cuda else "CPU",
        "cores": str(devices.cores),
        "threads": "unknown" if devices.threads is None else str(devices.threads),
        "OMP_NUM_THREADS": omp or "not set",
    }
    return {**rows, "note": devices.note} if devices.note else rows


def _extra_row(extra: "Extra") -> tuple[str, str, str]:
    return extra.name, extra.pip if extra.missing else "installed", extra.purpose


def _extra_json(extra: "Extra") -> dict[str, Any]:
    return {
        "installed": not extra.missing,
        "missing": extra.missing,
        "pip": extra.pip,
        "purpose": extra.purpose,
    }


def _cache_words(cache: "Cache") -> str:
    if cache.bytes is None:
        return f"none ({cache.folder})"
    return f"{'' if cache.complete else 'at least '}{_size(cache.bytes)} in {cache.folder}"


def _size(count: int) -> str:
    return f"{count / 1e9:z.1f} GB" if count >= 1e9 else f"{count / 1e6:z.1f} MB"


def _completion() -> str | None:
    """The completion file that typer installed in the home folder, if any."""
    files = (Path.home() / name for name in _COMPLETIONS)
    return next((str(file) for file in files if file.is_file()), None)
