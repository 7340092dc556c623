"""``likewise serve``: a search page and an API over indexes."""

import re
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from likewise.cli.console import say
from likewise.cli.keys import KeysFile
from likewise.cli.opening import require_model
from likewise.cli.options import Device, Prepared, Runtime, Weights
from likewise.errors import ConfigError, InputError, MissingExtraError, choices

_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_MASKS = "Mask model for searching by object or background: a name of rembg or an ONNX file."


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(serve)


def serve(
    indexes: Annotated[
        list[str],
        typer.Argument(metavar="INDEX", help="Folders of the indexes to serve; the first is the default."),
    ],
    *,
    host: Annotated[
        str, typer.Option(help="Address to listen on. Addresses that other machines reach need a key.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 takes a free one.")
    ] = 8000,
    keys: KeysFile = None,
    reports: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of report pages (.html) to list and show.")
    ] = None,
    masks: Annotated[str | None, typer.Option(metavar="NAME|FILE", help=_MASKS)] = None,
    threshold: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Threshold written by `likewise calibrate`, for every index of its model. Repeatable. "
            "Default: the one beside the model.",
        ),
    ] = None,
    allow_urls: Annotated[
        bool, typer.Option("--allow-urls", help="Fetch query images from public addresses.")
    ] = False,
    host_name: Annotated[
        list[str] | None,
        typer.Option(
            "--host-name",
            metavar="NAME",
            help="Further host name under which a server without keys answers. Repeatable.",
        ),
    ] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=NUMBER",
            help="Limit to change: body_bytes, upload_bytes, pixels, k, images, queries, per_minute, queue, seconds, "
            "batch, direct, resident_bytes or drain_seconds. Repeatable.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="Model of the first index, if it has moved since the index was built."
        ),
    ] = None,
    weights: Weights = None,
    preprocessing: Prepared = None,
    runtime: Runtime = "torch",
    device: Device = None,
) -> None:
    """Serve a search page and an API over indexes, until it is stopped with Ctrl-C.

    Without keys, only programs of this machine are served. Feedback, uploads and snapshots are kept in a folder beside
    each index. Nothing is sent anywhere.

    Example: `likewise serve photos.index --port 8000`
    """
    require_model(model, weights, preprocessing)
    if reports is not None and not reports.is_dir():
        raise InputError(f"--reports: {reports} is not a folder.")
    for name in host_name or ():
        if not _HOST_NAME.fullmatch(name):
            raise ConfigError(f"--host-name takes a name such as search.example.com, not {name!r}.")
    settings_given = _limits(limit or [])
    try:
        import fastapi  # noqa: F401 - is the extra there?
        import prometheus_client  # noqa: F401
        import python_multipart  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("Serving an index", "serve") from error
    from likewise.models import load, pick_device
    from likewise.serve.keys import keys_file
    from likewise.serve.running import serve as run
    from likewise.serve.settings import Settings

    settings = Settings(
        host=host, port=port, device=device, runtime=cast("Any", runtime), keys=keys or keys_file(),
        masks=masks, reports=reports, thresholds=tuple(threshold or ()), allow_urls=allow_urls,
        origins=tuple(name.lower() for name in host_name or ()),
        **settings_given,
    )  # fmt: skip
    pick_device(device)
    models: dict[str, Any] = {}
    if model is not None:
        models[indexes[0]] = load(model, weights, device, preprocessing=preprocessing)
    run(
        indexes,
        settings,
        models,
        lambda address: say(f"Serving {', '.join(indexes)} at {address}  (stop: Ctrl-C)"),
    )


def _limits(limits: list[str]) -> dict[str, Any]:
    """Limits in the form of the settings."""
    from likewise.serve.settings import Settings

    existing, values = Settings.limits(), dict[str, Any]()
    for each in limits:
        name, sign, value = each.partition("=")
        if not sign:
            raise ConfigError(f"--limit takes NAME=NUMBER, such as k=100, not {each!r}.")
        if name not in existing:
            raise ConfigError(f"--limit: there is no limit {name!r}: {choices(name, existing)}")
        values[name] = value
    return values
