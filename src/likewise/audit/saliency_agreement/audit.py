"""``likewise.audit.agreement``: do models look at the same locations?

Source: Kobs, Steininger, Dulny, Hotho, Do Different Deep Metric Learning Losses Lead to Similar Learned
Features?, 2021, pixel level; the references, intervals and the test of groups are ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from likewise.arguments import checked
from likewise.audit.saliency_agreement.baselines import (
    CENTER,
    EDGES,
    NOISE,
    center_prior,
    edge_maps,
    randomized_model,
)
from likewise.audit.saliency_agreement.common_grid import CommonGrid
from likewise.audit.saliency_agreement.groups import group_test
from likewise.audit.saliency_agreement.pictures import Photos, map_sheet
from likewise.audit.saliency_agreement.plan import (
    Outcome,
    Reference,
    Role,
    Training,
    outcomes,
    summaries,
    trainings_of,
)
from likewise.audit.saliency_agreement.result import AgreementAudit, PairAgreement
from likewise.audit.saliency_agreement.stream import AgreementTotals
from likewise.audit.sweeps import finished_trainings
from likewise.bounds import Count, CountOrZero
from likewise.data import Catalog, Failure
from likewise.data.failures import distinct_failures
from likewise.errors import ConfigError, InputError
from likewise.explain import SaliencySettings, SaliencyStore, make_store, require_same_images
from likewise.models import SimilarityModel, load
from likewise.models.capabilities import require_network
from likewise.models.embedding import Precision
from likewise.progress import progress_bar

_BLOCK = 2  # maps of a block, which stay in the processor's cache


@checked
def agreement(
    models: Sequence[SimilarityModel],
    catalog: Catalog,
    folder: Path | str,
    *,
    settings: SaliencySettings | None = None,
    trainings: Mapping[str, Training] | None = None,
    groups: Mapping[str, str] | None = None,
    random_weights: bool = False,
    noise_floor: bool = False,
    batch_size: Count = 32,
    precision: Precision = "float32",
    progress: bool = False,
) -> AgreementAudit:
    """Make or reuse the saliency stores of models and compare them.

    Args:
        models: Two or more with different names. Maps of different input sizes are compared on the coarsest grid,
            on the part of the photo that all models see.
        catalog: Images.
        folder: Folder of the stores, one subfolder per model; finished stores are reused.
        settings: Settings of the maps; default as published for this comparison: 50 noisy copies.
        trainings: Name to the model that it is a training of, if models were trained several times.
        groups: Model name to group ("ranking", "classification"...).
        random_weights: Also compare with the network of the first model with random weights.
        noise_floor: Also compare the first model with itself under other noise (only if its maps have noise).
        batch_size: Rows per pass.
        precision: "bf16" runs the network in bfloat16 autocast: faster on a GPU, about three significant digits.
        progress: Show bars on stderr.

    Raises:
        InputError: Fewer than two models, or equal names.
        ConfigError: The method needs gradients, and a model has none.
        ModelError: ``random_weights``, and the architecture of the first model is unknown.
    """
    names = [model.name for model in models]
    trainings_of(names, trainings)
    chosen = settings or SaliencySettings(samples=50)
    _check_gradients(models, chosen)
    maker = _Maker(catalog, Path(folder), chosen, batch_size, precision, progress)
    stores = {model.name: maker.store(model) for model in models}
    audit = agreement_of_stores(
        stores, catalog, trainings=trainings, groups=groups, progress=progress,
        baselines=maker.random_weights(models[0]) if random_weights else None,
        noise=maker.noise_floor(models[0]) if noise_floor else None,
    )  # fmt: skip
    return replace(audit, failures=distinct_failures([maker.failures]))


@checked
def agreement_of_sweep(
    sweep: Path | str,
    catalog: Catalog,
    folder: Path | str,
    *,
    settings: SaliencySettings | None = None,
    random_weights: bool = True,
    noise_floor: bool = True,
    batch_size: Count = 32,
    precision: Precision = "float32",
    device: str | None = None,
    progress: bool = False,
) -> AgreementAudit:
    """Compare all finished runs of a sweep: losses over folds, and each loss with itself.

    One model is in memory at a time. Arguments are those of :func:`agreement`; the losses' kinds are the groups.
    ``device`` None is the first GPU, else the CPU.

    Raises:
        ConfigError: No sweep.
        InputError: Fewer than two losses are finished.
    """
    runs = finished_trainings(sweep)
    trainings = {run.folder.name: Training(run.name, run.training) for run in runs}
    trainings_of(list(trainings), trainings)
    maker = _Maker(
        catalog, Path(folder), settings or SaliencySettings(samples=50), batch_size, precision, progress
    )
    stores = {run.folder.name: maker.store(load(run.folder, device=device)) for run in runs}
    first = load(runs[0].folder, device=device)
    first.name = runs[0].folder.name
    audit = agreement_of_stores(
        stores, catalog, trainings=trainings, groups={run.name: run.group for run in runs if run.group},
        baselines=maker.random_weights(first) if random_weights else None,
        noise=maker.noise_floor(first) if noise_floor else None, progress=progress,
    )  # fmt: skip
    return replace(audit, failures=distinct_failures([maker.failures]))


@checked
def agreement_of_stores(
    stores: Mapping[str, SaliencyStore],
    catalog: Catalog | None = None,
    *,
    trainings: Mapping[str, Training] | None = None,
    groups: Mapping[str, str] | None = None,
    baselines: Mapping[str, SaliencyStore] | None = None,
    noise: Mapping[str, SaliencyStore] | None = None,
    disagreements: CountOrZero = 6,
    progress: bool = False,
) -> AgreementAudit:
    """Compare saliency stores of the same images. They are read once, a few images at a time.

    Args:
        stores: Name to store, of two or more models.
        catalog: The images, for the edge map and the examples. None: both are left out.
        trainings: Name in ``stores`` to the model that it is a training of, if models have several.
        groups: Model name to group.
        baselines: Name to store of maps of other networks, such as one with random weights.
        noise: Name in ``stores`` to another store of the same model, made with another seed of the noise.
        disagreements: Number of images of least agreement to show.
        progress: Show a bar on stderr.

    Raises:
        InputError: Fewer than two models, stores of other images, or a group of an unknown model.
    """
    places = trainings_of(list(stores), trainings)
    models = list(dict.fromkeys(place.model for place in places))
    for name, group in (groups or {}).items():
        if name not in models:
            raise InputError(
                f"The group {group!r} names {name!r}, which is not one of the models {', '.join(models)}."
            )
    opened = [*stores.values(), *(baselines or {}).values(), *(noise or {}).values()]
    require_same_images(opened, any_size=True)
    grid = CommonGrid(opened)
    first = opened[0]
    photos = None if catalog is None else Photos(catalog, first.preprocessing)
    rows = {name: row for row, name in enumerate(stores)}
    references = [Reference(name) for name in baselines or {}]
    references += [Reference(NOISE, rows[name]) for name in noise or {}]
    references += [Reference(CENTER)] + ([Reference(EDGES)] if photos is not None else [])
    planned = outcomes(places, references)
    planned += summaries(planned, groups or {})
    totals = AgreementTotals(
        [outcome.pairs for outcome in planned],
        disagreements,
        counted=[outcome.role == "pair" for outcome in planned],
    )
    _add_all(totals, grid, opened, photos, progress)
    measured = _measured(totals, planned)
    shown_rows = {
        model: next(row for row, place in enumerate(places) if place.model == model) for model in models
    }
    return AgreementAudit(
        models=models, pairs=measured["pair"], references=measured["reference"], retrained=measured["retrained"],
        cross_training=measured["cross_training"], summaries={summary.a: summary for summary in measured["summary"]},
        images=len(first), groups=dict(groups or {}),
        group_test=group_test(measured["pair"], groups or {}),
        disagreements=[
            (first.ids[image], value, None if photos is None else map_sheet(grid, first, shown_rows, image, photos))
            for value, image in totals.lowest
        ],
        settings=_settings_words(first.settings, grid),
        fingerprints={name: store.model_fingerprint for name, store in stores.items()},
    )  # fmt: skip


def _add_all(
    totals: AgreementTotals, grid: CommonGrid, stores: Sequence[SaliencyStore], photos: Photos | None, progress: bool
) -> None:  # fmt: skip
    """Read the maps of all stores once, a block of images at a time, and add them with those of the references."""
    first, prior = stores[0], center_prior(grid.shape)
    with progress_bar("agreement", len(first), enabled=progress) as bar:
        for start in range(0, len(first), _BLOCK):
            stop = min(start + _BLOCK, len(first))
            maps = [grid.read(number, start, stop) for number in range(len(stores))]
            maps.append(np.broadcast_to(prior, maps[0].shape))
            if photos is not None:
                pixels = np.stack([photos.pixels(name, first.shape) for name in first.ids[start:stop]])
                maps.append(grid.place(edge_maps(pixels), 0))
            totals.add(np.stack(maps), start)
            bar.advance(stop - start)


@dataclass(frozen=True)
class _Maker:
    """Makes stores, or reuses finished ones."""

    catalog: Catalog
    folder: Path
    settings: SaliencySettings
    batch_size: int
    precision: Precision
    progress: bool
    failures: list[Failure] = field(default_factory=list)

    def store(
        self, model: SimilarityModel, name: str = "", settings: SaliencySettings | None = None
    ) -> SaliencyStore:
        place = self.folder / "".join(letter if letter.isalnum() else "-" for letter in name or model.name)
        made = make_store(
            model, self.catalog, place, settings=settings or self.settings, batch_size=self.batch_size,
            precision=self.precision, progress=self.progress,
        )  # fmt: skip
        self.failures.extend(made.failures)
        return made.store

    def random_weights(self, model: SimilarityModel) -> dict[str, SaliencyStore]:
        empty = randomized_model(model)
        return {empty.name: self.store(empty)}

    def noise_floor(self, model: SimilarityModel) -> dict[str, SaliencyStore]:
        if self.settings.method != "smoothgrad":
            return {}
        other = self.settings.model_copy(update={"seed": self.settings.seed + 1})
        return {model.name: self.store(model, f"{model.name} other noise", other)}


def _measured(totals: AgreementTotals, planned: Sequence[Outcome]) -> dict[Role, list[PairAgreement]]:
    agreements: dict[Role, list[PairAgreement]] = {
        "pair": [], "retrained": [], "cross_training": [], "reference": [], "summary": []
    }  # fmt: skip
    means, spreads = totals.divergences()
    for outcome, correlation, mean, spread in zip(
        planned, totals.correlations(), means, spreads, strict=True
    ):
        agreements[outcome.role].append(
            PairAgreement(outcome.a, outcome.b, correlation, float(mean), float(spread))
        )
    return agreements


def _settings_words(settings: SaliencySettings, grid: CommonGrid) -> str:
    noisy = f", {settings.samples} noisy copies" if settings.method == "smoothgrad" else ""
    return f"{settings.method}{noisy}{'; ' if grid.words else ''}{grid.words}"


def _check_gradients(models: Sequence[SimilarityModel], settings: SaliencySettings) -> None:
    """Refuse a method that a model cannot be explained by, before the maps of the others are made."""
    for model in models:
        require_network(model)
    blind = [model.name for model in models if not model.differentiable]
    if blind and settings.method != "occlusion":
        raise ConfigError(
            f"'{blind[0]}' gives no gradients, which {settings.method} needs: add --method occlusion (in Python "
            "settings=SaliencySettings(method='occlusion')), for all models alike, or leave it out."
        )
