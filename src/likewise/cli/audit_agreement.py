"""``likewise audit agreement``."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from likewise.cli.audit import audit_app, check_groups
from likewise.cli.audit_options import AuditOptions, with_audit_options
from likewise.cli.audit_results import end_on, show
from likewise.cli.console import say
from likewise.cli.named_models import named_models
from likewise.cli.option_checks import saliency_settings
from likewise.cli.options import (
    CatalogFile,
    CopyBatch,
    Groups,
    Method,
    ModelsOrSweep,
    Precision,
    Samples,
    Seed,
)
from likewise.cli.trained_on import warn_trained_on
from likewise.errors import ConfigError

if TYPE_CHECKING:
    from likewise.audit import Training
    from likewise.data import Catalog
    from likewise.explain import SaliencyStore


def register(app: typer.Typer) -> None:  # noqa: ARG001 - the group is in the application already
    """Add the command to ``audit``."""
    audit_app.command("agreement")(with_audit_options(agreement))


def agreement(
    models: ModelsOrSweep,
    catalog: CatalogFile,
    *,
    saliency_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder to keep the saliency maps of the models in, so that none is made twice. Default: saliency/ "
            "in a sweep, else a temporary folder.",
        ),
    ] = None,
    trained_as: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Name of the configuration of each model, in the order of the models. Models of the same name count "
            "as trainings of one configuration. Repeatable.",
        ),
    ] = None,
    group: Groups = None,
    random_weights: Annotated[
        bool,
        typer.Option(
            "--random-weights/--no-random-weights",
            help="Also compare with the first model's network at random weights.",
        ),
    ] = True,
    noise_floor: Annotated[
        bool,
        typer.Option(
            "--noise-floor/--no-noise-floor",
            help="Also compare the first model with itself under other noise.",
        ),
    ] = True,
    images: Annotated[
        int | None, typer.Option(min=1, help="Number of images, drawn at random. Default: all.")
    ] = None,
    method: Method = "smoothgrad",
    samples: Samples = 50,
    batch_size: CopyBatch = 32,
    precision: Precision = "float32",
    seed: Seed = 0,
    common: AuditOptions,
) -> None:
    """Compare where models look: how well their saliency maps agree on the same images.

    Stores written by `likewise saliency` can replace all models. CATALOG is then optional.

    Examples: `likewise audit agreement runs/a runs/b birds.parquet --saliency-dir maps --out agreement.html` ;
    `likewise audit agreement sweeps/birds birds.parquet --split test --images 60 --out agreement.html`
    """
    from likewise.audit import agreement as audit_agreement
    from likewise.audit import agreement_of_stores, agreement_of_sweep
    from likewise.explain import SaliencyStore
    from likewise.models import pick_device
    from likewise.results import provenance
    from likewise.training import is_sweep

    if _is_store(catalog):
        if any(value is not None for value in (common.split, common.root, images)):
            raise ConfigError(
                "--split, --root and --images choose images of CATALOG: name it behind the stores."
            )
        models, chosen = [*models, str(catalog)], None
    else:
        chosen = _sample(common.read(catalog), images, seed)
    settings: dict[str, Any] = {
        "settings": saliency_settings(method=method, samples=samples, seed=seed), "noise_floor": noise_floor,
        "batch_size": batch_size, "precision": precision, "progress": True,
    }  # fmt: skip
    facts, ran_on = dict[str, str](), "not recorded (stored maps)"
    if all(_is_store(Path(model)) for model in models):
        stores = [SaliencyStore.open(folder) for folder in models]
        names = list(common.name) if common.name and len(common.name) == len(models) else _short_names(stores)
        result = agreement_of_stores(
            dict(zip(names, stores, strict=True)), chosen, progress=True,
            trainings=_trainings(names, trained_as), groups=_groups(trained_as or names, group),
        )  # fmt: skip
    elif any(_is_store(Path(model)) for model in models) or chosen is None:
        raise ConfigError("Give saliency stores alone, or models and CATALOG: the two cannot be mixed.")
    elif len(models) == 1 and is_sweep(models[0]):
        if group or trained_as:
            raise ConfigError("A sweep knows its losses and their kinds: leave --group and --trained-as out.")
        folder, ran_on = saliency_dir or Path(models[0]) / "saliency", str(pick_device(common.device))
        result = agreement_of_sweep(
            models[0], chosen, folder, random_weights=random_weights, device=common.device, **settings
        )
    else:
        loaded = named_models(models, common.name, common.weights, common.preprocessing, common.device)
        names = [model.name for model in loaded]
        facts, ran_on = warn_trained_on(loaded, chosen), str(loaded[0].device)
        with _folder_of(saliency_dir) as folder:
            result = audit_agreement(
                loaded, chosen, folder, trainings=_trainings(names, trained_as),
                groups=_groups(trained_as or names, group),
                random_weights=random_weights and loaded[0].spec is not None, **settings,
            )  # fmt: skip
    facts |= provenance(
        models=list(result.fingerprints.items()), catalog=chosen or f"{result.images:,}", seed=seed, device=ran_on
    )  # fmt: skip
    verdicts = show(result, "Do the models look at the same locations?", facts, common.output)
    end_on(verdicts, common.fail_on, result.failures)


def _is_store(folder: Path) -> bool:
    return (folder / "saliency.json").is_file()


def _sample(catalog: "Catalog", images: int | None, seed: int) -> "Catalog":
    from likewise.data import sample_rows

    return catalog if images is None else sample_rows(catalog, images, seed)


@contextmanager
def _folder_of(saliency_dir: Path | None) -> Iterator[Path]:
    """The folder of the stores, or one that is removed at the end."""
    if saliency_dir is not None:
        yield saliency_dir
        return
    with TemporaryDirectory(prefix="likewise-maps-") as folder:
        say("The saliency maps are removed at the end; --saliency-dir DIR keeps them.")
        yield Path(folder)


def _short_names(stores: "Sequence[SaliencyStore]") -> list[str]:
    """Distinct names of the stores: names of their models, of the folders, or the paths."""
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
            f"There are {len(models)} names (--trained-as) for {len(names)} models: give one for each."
        )
    numbers = [models[: row + 1].count(name) for row, name in enumerate(models)]
    pairs = zip(names, models, numbers, strict=True)
    return {name: Training(model, f"training {number}") for name, model, number in pairs}


def _groups(models: "Sequence[str]", group: "Sequence[str] | None") -> dict[str, str] | None:
    check_groups(group, models)
    return dict(zip(models, group, strict=True)) if group else None
