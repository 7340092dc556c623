"""``likewise audit agreement``."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from likewise.cli.audit import audit_app, check_groups, saliency_settings
from likewise.cli.audit_models import Names, PreparedOf, WeightsOf, named_models
from likewise.cli.audit_results import (
    FailOn,
    Output,
    Page,
    Tables,
    check_fail_on,
    end_on,
    show,
)
from likewise.cli.catalogs import read_catalog
from likewise.cli.console import say
from likewise.cli.options import Amp, AsJson, CopyBatch, Device, Root, Split
from likewise.cli.targets import check_report
from likewise.cli.trained_on import warn_trained_on
from likewise.errors import ConfigError

if TYPE_CHECKING:
    from likewise.audit import Training
    from likewise.explain import SaliencyStore


def register(app: typer.Typer) -> None:  # noqa: ARG001 - the group is in the application already
    """Add the command to ``audit``."""
    audit_app.command("agreement")(agreement)


def agreement(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...",
            help="Two or more models, or saliency stores, or one sweep (`likewise train --sweep`).",
        ),
    ],
    *,
    catalog: Annotated[
        Path | None, typer.Option(help="Images; with stores alone only the pictures need it.")
    ] = None,
    stores: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder that keeps the maps of models, so that none is made twice. [default: a sweep's saliency/, "
            "else one that is removed]",
        ),
    ] = None,
    training_of: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Name of each model, in order; those of one name are trainings of one model."
        ),
    ] = None,
    group: Annotated[
        list[str] | None, typer.Option(help="Group of each model, in order; groups are tested.")
    ] = None,
    random_weights: Annotated[
        bool, typer.Option(help="Compare with the first model's network without its weights, too.")
    ] = True,
    other_noise: Annotated[
        bool, typer.Option(help="Compare the first model with itself under other noise, too.")
    ] = True,
    split: Split = None,
    root: Root = None,
    images: Annotated[int | None, typer.Option(min=1, help="Only so many images, drawn by --seed.")] = None,
    method: Annotated[
        str, typer.Option(help="How maps are made, as in `likewise saliency`; occlusion needs no gradients.")
    ] = "smoothgrad",
    samples: Annotated[int, typer.Option(min=1, help="Noisy copies of each image (published: 50).")] = 50,
    batch_size: CopyBatch = 32,
    amp: Amp = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the noise and of --images.")] = 0,
    out: Page = None,
    tables: Tables = None,
    weights: WeightsOf = None,
    preprocessing: PreparedOf = None,
    name: Names = None,
    device: Device = None,
    fail_on: FailOn = None,
    as_json: AsJson = False,
) -> None:
    """Do models look at the same places? Compares their saliency maps, image by image.

    Examples: `likewise audit agreement runs/a runs/b --catalog birds.parquet --stores maps --out agreement.html` ;
    `likewise audit agreement sweeps/birds --catalog birds.parquet --split test --images 60 --out agreement.html`
    """
    from likewise.audit import agreement as audit_agreement
    from likewise.audit import agreement_of_stores, agreement_of_sweep
    from likewise.data import draw_rows
    from likewise.explain import SaliencyStore
    from likewise.models import pick_device
    from likewise.results import provenance
    from likewise.training import is_sweep

    check_report(out, tables)
    check_fail_on(fail_on)
    chosen = None if catalog is None else read_catalog(catalog, root, split=split)
    if chosen is not None and images is not None:
        chosen = draw_rows(chosen, images, seed)
    settings = saliency_settings(method, samples=samples, seed=seed)
    made: dict[str, Any] = {
        "settings": settings,
        "other_noise": other_noise,
        "batch_size": batch_size,
        "amp": amp,
        "progress": True,
    }
    kept = [(Path(one) / "saliency.json").is_file() for one in models]
    facts, ran_on = {}, "not recorded (stored maps)"
    if all(kept):
        opened = [SaliencyStore.open(one) for one in models]
        names = list(name) if name and len(name) == len(models) else _short_names(opened)
        found = agreement_of_stores(
            dict(zip(names, opened, strict=True)), chosen, progress=True,
            trainings=_trainings(names, training_of), groups=_groups(training_of or names, group),
        )  # fmt: skip
    elif chosen is not None and len(models) == 1 and is_sweep(models[0]):
        if group or training_of:
            raise ConfigError(
                "A sweep knows its losses and their kinds: leave --group and --training-of out."
            )
        folder, ran_on = stores or Path(models[0]) / "saliency", str(pick_device(None))
        found = agreement_of_sweep(models[0], chosen, folder, random_weights=random_weights, **made)
    elif any(kept) or chosen is None:
        raise ConfigError("Give saliency stores alone, or models with --catalog.")
    else:
        loaded = named_models(models, name, weights, preprocessing, device)
        names = [model.name for model in loaded]
        facts, ran_on = warn_trained_on(loaded, chosen), str(loaded[0].device)
        with _folder_of(stores) as folder:
            found = audit_agreement(
                loaded, chosen, folder, trainings=_trainings(names, training_of),
                groups=_groups(training_of or names, group),
                random_weights=random_weights and loaded[0].spec is not None, **made,
            )  # fmt: skip
    facts |= provenance(
        models=list(found.fingerprints.items()),
        catalog=chosen or f"{found.images:,}",
        seed=seed,
        device=ran_on,
    )
    verdicts = show(found, "Do the models look at the same places?", facts, Output(out, tables, as_json))
    end_on(verdicts, fail_on, found.failures)


@contextmanager
def _folder_of(stores: Path | None) -> Iterator[Path]:
    """The folder of the stores, or one that is removed at the end."""
    if stores is not None:
        yield stores
        return
    with TemporaryDirectory(prefix="likewise-maps-") as folder:
        say("The saliency maps are removed at the end; --stores FOLDER keeps them.")
        yield Path(folder)


def _short_names(stores: "Sequence[SaliencyStore]") -> list[str]:
    """What tells the stores apart: their models' names, or the folders' names, or the folders."""
    for names in ([Path(store.model_name).name for store in stores], [store.folder.name for store in stores]):
        if len(set(names)) == len(names):
            return names
    return [str(store.folder) for store in stores]


def _trainings(names: "Sequence[str]", models: "Sequence[str] | None") -> "dict[str, Training] | None":
    from likewise.audit import Training

    if not models:
        return None
    if len(models) != len(names):
        raise ConfigError(
            f"There are {len(models)} names (--training-of) for {len(names)} models: give one for each."
        )
    seen = [models[: row + 1].count(name) for row, name in enumerate(models)]
    pairs = zip(names, models, seen, strict=True)
    return {name: Training(model, f"training {number}") for name, model, number in pairs}


def _groups(models: "Sequence[str]", group: "Sequence[str] | None") -> dict[str, str] | None:
    check_groups(group, models)
    return dict(zip(models, group, strict=True)) if group else None
