"""``likewise models``: the kinds of models, and what can be done with one."""

from typing import Any

import typer

from likewise.cli.console import print_json, print_pairs, print_table
from likewise.cli.options import AsJson, Device, ModelName, Prepared, Weights

models_app = typer.Typer(
    name="models",
    help="List the kinds of models, and show what a model supports.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


def register(app: typer.Typer) -> None:
    """Add ``models`` to ``app``."""
    app.add_typer(models_app, name="models")


@models_app.command("list")
def list_kinds(*, as_json: AsJson = False) -> None:
    """List the kinds of models, how their names are written, and the extra that each needs.

    Example: `likewise models list`
    """
    from likewise.environment import cached_weights, extras
    from likewise.models import KINDS, kinds

    missing = {extra.name: extra.pip for extra in extras() if extra.missing}
    custom = [name for name in kinds() if name not in KINDS]
    rows = [
        {"form": kind.form, "description": kind.description, "extra": kind.extra or None,
         "install": missing.get(kind.extra)}
        for kind in KINDS.values()
    ]  # fmt: skip
    rows += [
        {"form": f"{name}:NAME", "description": "your own", "extra": None, "install": None} for name in custom
    ]
    cached = cached_weights()
    if as_json:
        print_json({"kinds": rows, "in_the_cache": cached})
        return
    print_table(
        ["model", "description", "needs"],
        [[row["form"], row["description"], row["install"] or ""] for row in rows],
    )
    if cached:
        print_table(["in the cache of the hub"], [[name] for name in cached])


@models_app.command("info")
def show_info(
    model: ModelName,
    *,
    weights: Weights = None,
    preprocessing: Prepared = None,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Show a model: its embedding, its preprocessing, its fingerprint, and what it supports.

    Example: `likewise models info hf:facebook/dinov2-small`
    """
    from likewise.models import CAPABILITIES, capabilities, load

    loaded = load(model, weights, device, preprocessing=preprocessing)
    output = getattr(getattr(loaded.network.embedder, "module", None), "output", None)
    about: dict[str, Any] = {
        "name": loaded.name,
        "dim": loaded.dim,
        "distance": loaded.distance,
        "fingerprint": loaded.fingerprint,
        "output": output,
    }
    supported, prepared = capabilities(loaded), loaded.preprocessing.model_dump(mode="json")
    if as_json:
        print_json(
            {**about, "preprocessing": prepared if supported["embed"] else None, "supports": supported}
        )
        return
    print_pairs({name: value for name, value in about.items() if value is not None})
    if supported["embed"]:
        print_pairs({name: ", ".join(map(str, value)) if isinstance(value, list) else value
                     for name, value in prepared.items()}, "Preprocessing")  # fmt: skip
    rows = [(each.name, "yes" if supported[each.name] else "no", each.description) for each in CAPABILITIES]
    print_table(["supports", "", ""], rows)
