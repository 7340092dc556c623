"""``likewise.audit.agreement``: do two or more models look at the same places?

Source: Kobs, Steininger, Dulny, Hotho, Do Different Deep Metric Learning Losses Lead to Similar Learned
Features?, 2021, pixel level; the references, intervals and the test of groups are ours.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from likewise.audit.agreement_baselines import CENTER, EDGES, center_prior, edge_maps, without_weights
from likewise.audit.agreement_plan import Outcome, Role, Training, outcomes, summaries, trainings_of
from likewise.audit.agreement_result import AgreementAudit, GroupTest, PairAgreement, mean_through_z
from likewise.audit.agreement_stream import AgreementTotals
from likewise.audit.sweeps import finished_trainings
from likewise.data import Catalog, CatalogDataset, EvalTransform, Failure, Preprocessing
from likewise.drawing import Tile, heat_overlay, sheet
from likewise.errors import InputError
from likewise.explain import SaliencySettings, SaliencyStore, make_store, require_same_images
from likewise.models import SimilarityModel, load
from likewise.progress import progress_bar
from likewise.seeds import stream

_BLOCK = 2  # all maps of a block stay in the processor's cache
_ACROSS = 6  # pictures beside each other
_EXACT = 5000  # ways to deal models into groups, up to which all are tried


def agreement(
    models: Sequence[SimilarityModel],
    catalog: Catalog,
    folder: Path | str,
    *,
    settings: SaliencySettings | None = None,
    trainings: Mapping[str, Training] | None = None,
    groups: Mapping[str, str] | None = None,
    random_weights: bool = False,
    batch_size: int = 32,
    amp: bool = False,
    progress: bool = False,
) -> AgreementAudit:
    """Make saliency stores of models (or find them) and compare them.

    Args:
        models: Two or more, of one input size, with different names.
        catalog: Images.
        folder: Where the stores lie, one folder a model; what is finished there is not made again.
        settings: How maps are made; default as published for this comparison: 50 noisy copies.
        trainings: Name to the model that it is a training of, where models were trained several times.
        groups: Model name to group ("ranking", "classification"...).
        random_weights: Compare with the first model's network without its weights, too.
        batch_size: Rows in one pass.
        amp: bfloat16 autocast.
        progress: Show bars on stderr.

    Raises:
        InputError: Fewer than two models, equal names, or other input sizes.
        ModelError: ``random_weights``, and it is not known how the first model's network is built.
    """
    names = [model.name for model in models]
    trainings_of(names, trainings)
    if random_weights:
        models = [*models, without_weights(models[0])]
    stores = {}
    for model in models:
        stores[model.name] = _store(model, catalog, Path(folder), settings, batch_size, amp, progress)
    baselines = {name: stores.pop(name) for name in [*stores] if name not in names}
    return agreement_of_stores(
        stores, catalog, trainings=trainings, groups=groups, baselines=baselines, progress=progress
    )


def agreement_of_sweep(
    sweep: Path | str,
    catalog: Catalog,
    folder: Path | str,
    *,
    settings: SaliencySettings | None = None,
    random_weights: bool = True,
    batch_size: int = 32,
    amp: bool = False,
    progress: bool = False,
) -> AgreementAudit:
    """Compare all finished runs of a sweep: losses over folds, and each loss with itself.

    One model is in memory at a time. Arguments are those of :func:`agreement`; the losses' kinds are the groups.

    Raises:
        ConfigError: No sweep.
        InputError: Fewer than two losses are finished.
    """
    runs = finished_trainings(sweep)
    trainings = {run.folder.name: Training(run.name, run.training) for run in runs}
    trainings_of(list(trainings), trainings)
    stores, first = {}, load(runs[0].folder)
    for run in runs:
        model = load(run.folder)
        stores[run.folder.name] = _store(model, catalog, Path(folder), settings, batch_size, amp, progress)
    baselines = {}
    if random_weights:
        empty = without_weights(first)
        baselines[empty.name] = _store(empty, catalog, Path(folder), settings, batch_size, amp, progress)
    groups = {run.name: run.group for run in runs if run.group}
    return agreement_of_stores(
        stores, catalog, trainings=trainings, groups=groups, baselines=baselines, progress=progress
    )


def agreement_of_stores(
    stores: Mapping[str, SaliencyStore],
    catalog: Catalog | None = None,
    *,
    trainings: Mapping[str, Training] | None = None,
    groups: Mapping[str, str] | None = None,
    baselines: Mapping[str, SaliencyStore] | None = None,
    disagreements: int = 6,
    progress: bool = False,
) -> AgreementAudit:
    """Compare saliency stores of the same images; reads them once, a few images at a time.

    Args:
        stores: Name to store, of two models or more.
        catalog: The images, for the edge map and the pictures; None leaves both out.
        trainings: Name in ``stores`` to the model that it is a training of, where models have several.
        groups: Model name to group.
        baselines: Name to store of maps that no model here made, such as those of random weights.
        disagreements: Images of least agreement to show.
        progress: Show a bar on stderr.

    Raises:
        InputError: Fewer than two models, stores of other images or sizes, or a group of an unknown model.
    """
    places = trainings_of(list(stores), trainings)
    models = list(dict.fromkeys(place.model for place in places))
    for name, group in (groups or {}).items():
        if name not in models:
            raise InputError(
                f"The group {group!r} names {name!r}, which is no model here: {', '.join(models)}."
            )
    opened = [*stores.values(), *(baselines or {}).values()]
    require_same_images(opened)
    first = opened[0]
    photos = None if catalog is None else _Photos(catalog, first.preprocessing)
    references = [*(baselines or {}), CENTER] + ([EDGES] if photos is not None else [])
    wanted = outcomes(places, references)
    wanted += summaries(wanted, groups or {})
    totals = AgreementTotals(
        [one.pairs for one in wanted], disagreements, counted=[one.role == "pair" for one in wanted]
    )
    prior = center_prior(first.shape)
    with progress_bar("agreement", len(first), enabled=progress) as bar:
        for start in range(0, len(first), _BLOCK):
            stop = min(start + _BLOCK, len(first))
            maps = [store.read(start, stop) for store in opened]
            maps.append(np.broadcast_to(prior, maps[0].shape))
            if photos is not None:
                maps.append(
                    edge_maps(np.stack([photos.pixels(name, first.shape) for name in first.ids[start:stop]]))
                )
            totals.add(np.stack(maps), start)
            bar.advance(stop - start)
    found = _measured(totals, wanted)
    shown = {place.model: store for place, store in reversed([*zip(places, stores.values(), strict=True)])}
    return AgreementAudit(
        models=models, pairs=found["pair"], references=found["reference"], again=found["again"],
        crossed=found["crossed"], summaries={one.a: one for one in found["summary"]}, images=len(first),
        groups=dict(groups or {}),
        group_test=group_test(found["pair"], groups or {}),
        disagreements=[
            (first.ids[image], value, None if photos is None else _sheet(shown, models, image, photos))
            for value, image in totals.lowest
        ],
        settings=f"{first.settings.method}, {first.settings.samples} noisy copies",
    )  # fmt: skip


def _store(  # noqa: PLR0917 - what the audits were given
    model: SimilarityModel, catalog: Catalog, folder: Path, settings: SaliencySettings | None,
    batch_size: int, amp: bool, progress: bool,
) -> SaliencyStore:  # fmt: skip
    place = folder / "".join(letter if letter.isalnum() else "-" for letter in model.name)
    chosen = SaliencySettings(samples=50) if settings is None else settings
    made = make_store(
        model, catalog, place, settings=chosen, batch_size=batch_size, amp=amp, progress=progress
    )
    return made.store


def group_test(pairs: Sequence[PairAgreement], groups: Mapping[str, str], seed: int = 0) -> GroupTest | None:
    """Test whether agreement within groups exceeds agreement across, by dealing models into groups anew.

    All ways of dealing are tried where there are at most 5,000, else as many random ones.

    Returns:
        None unless there are two groups or more with a pair within and a pair across.
    """
    names = sorted({name for pair in pairs for name in (pair.a, pair.b) if name in groups})
    place = {name: row for row, name in enumerate(names)}
    known = [pair for pair in pairs if pair.a in place and pair.b in place]
    values = np.array([pair.correlation.mean for pair in known])
    ends = np.array([[place[pair.a], place[pair.b]] for pair in known], np.int64).reshape(-1, 2)
    _, dealt = np.unique([groups[name] for name in names], return_inverse=True)
    same = dealt[ends[:, 0]] == dealt[ends[:, 1]]
    if not same.any() or same.all() or not np.isfinite(values).all():
        return None
    z = np.arctanh(np.clip(values, -1 + 1e-6, 1 - 1e-6))

    def separation(codes: NDArray[np.int64]) -> float:
        inside = codes[ends[:, 0]] == codes[ends[:, 1]]
        return float(z[inside].mean() - z[~inside].mean())

    observed = separation(dealt)
    others = [separation(codes) for codes in _dealings(dealt, seed)]
    reached = np.mean(np.array(others) >= observed - 1e-12)
    each = {}
    for code, name in enumerate(sorted({groups[name] for name in names})):
        own = same & (dealt[ends[:, 0]] == code)
        each[name] = mean_through_z(values[own].tolist())
    return GroupTest(
        mean_through_z(values[same].tolist()), mean_through_z(values[~same].tolist()), float(reached), each
    )


def _dealings(codes: NDArray[np.int64], seed: int) -> list[NDArray[np.int64]]:
    if len(np.unique(codes)) == 2:
        ones = int((codes == codes[0]).sum())
        ways = 1.0
        for step in range(ones):
            ways *= (len(codes) - step) / (step + 1)
        if ways <= _EXACT:
            return [
                np.isin(np.arange(len(codes)), picked).astype(np.int64)
                for picked in combinations(range(len(codes)), ones)
            ]
    random = stream(seed, "groups")
    return [codes, *(random.permutation(codes) for _ in range(_EXACT - 1))]


def _measured(totals: AgreementTotals, wanted: Sequence[Outcome]) -> dict[Role, list[PairAgreement]]:
    found: dict[Role, list[PairAgreement]] = {
        "pair": [], "again": [], "crossed": [], "reference": [], "summary": []
    }  # fmt: skip
    means, spreads = totals.divergences()
    for one, correlation, mean, spread in zip(wanted, totals.correlations(), means, spreads, strict=True):
        found[one.role].append(PairAgreement(one.a, one.b, correlation, float(mean), float(spread)))
    return found


class _Photos:
    """The squares the models saw, by id."""

    def __init__(self, catalog: Catalog, preprocessing: Preprocessing) -> None:
        self._rows = {name: row for row, name in enumerate(catalog.ids)}
        self._dataset = CatalogDataset(catalog, EvalTransform(preprocessing))

    def pixels(self, name: str, shape: tuple[int, int]) -> NDArray[np.uint8]:
        """uint8 (3, H, W); grey where the photo is gone."""
        row = self._rows.get(name)
        sample = None if row is None else self._dataset[row]
        if sample is None or isinstance(sample, Failure) or tuple(sample.image.shape[1:]) != shape:
            return np.full((3, *shape), 128, np.uint8)
        pixels: NDArray[np.uint8] = sample.image.numpy()
        return pixels


def _sheet(
    stores: Mapping[str, SaliencyStore], names: Sequence[str], image: int, photos: _Photos
) -> Image.Image:
    first = stores[names[0]]
    pixels = photos.pixels(first.ids[image], first.shape)
    photo = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    tiles = [Tile(photo, "photo")]
    tiles += [Tile(heat_overlay(photo, stores[name][image]), name) for name in names]
    across = math.ceil(len(tiles) / math.ceil(len(tiles) / _ACROSS))  # rows of about one length
    return sheet([tiles[start : start + across] for start in range(0, len(tiles), across)], 130)
