"""``likewise.audit.agreement``: do two or more models look at the same places?

Source: Kobs, Steininger, Dulny, Hotho, Do Different Deep Metric Learning Losses Lead to Similar Learned
Features?, 2021, pixel level; the references, intervals and the test of groups are ours.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from likewise.audit.agreement_baselines import CENTER, EDGES, center_prior, edge_maps
from likewise.audit.agreement_result import AgreementAudit, GroupTest, PairAgreement, mean_through_z
from likewise.audit.agreement_stream import AgreementTotals
from likewise.data import Catalog, CatalogDataset, EvalTransform, Failure, Preprocessing
from likewise.drawing import Tile, heat_overlay, sheet
from likewise.errors import ConfigError, InputError
from likewise.explain import SaliencySettings, SaliencyStore, make_store, require_same_images
from likewise.models import SimilarityModel
from likewise.progress import progress_bar
from likewise.seeds import stream

_BLOCK = 2  # all maps of a block stay in the processor's cache
_EXACT = 5000  # ways to deal models into groups, up to which all are tried


def agreement(
    models: Sequence[SimilarityModel],
    catalog: Catalog,
    folder: Path | str,
    *,
    settings: SaliencySettings | None = None,
    groups: Mapping[str, str] | None = None,
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
        groups: Model name to group ("ranking", "classification"...).
        batch_size: Rows in one pass.
        amp: bfloat16 autocast.
        progress: Show bars on stderr.

    Raises:
        InputError: Fewer than two models, equal names, or other input sizes.
    """
    names = [model.name for model in models]
    _check_names(names)
    chosen = SaliencySettings(samples=50) if settings is None else settings
    stores = {}
    for model in models:
        place = Path(folder) / "".join(letter if letter.isalnum() else "-" for letter in model.name)
        made = make_store(
            model, catalog, place, settings=chosen, batch_size=batch_size, amp=amp, progress=progress
        )
        stores[model.name] = made.store
    return agreement_of_stores(stores, catalog, groups=groups, progress=progress)


def agreement_of_stores(
    stores: Mapping[str, SaliencyStore],
    catalog: Catalog | None = None,
    *,
    groups: Mapping[str, str] | None = None,
    disagreements: int = 6,
    progress: bool = False,
) -> AgreementAudit:
    """Compare saliency stores of the same images; reads them once, a few images at a time.

    Args:
        stores: Model name to its store, two or more.
        catalog: The images, for the edge map and the pictures; None leaves both out.
        groups: Model name to group.
        disagreements: Images of least agreement to show.
        progress: Show a bar on stderr.

    Raises:
        InputError: Fewer than two stores, stores of other images or sizes, or a group of an unknown model.
    """
    names = list(stores)
    _check_names(names)
    opened = list(stores.values())
    require_same_images(opened)
    for name, group in (groups or {}).items():
        if name not in stores:
            raise InputError(
                f"The group {group!r} names {name!r}, which is no model here: {', '.join(names)}."
            )
    first = opened[0]
    photos = None if catalog is None else _Photos(catalog, first.preprocessing)
    references = [CENTER] + ([EDGES] if photos is not None else [])
    totals = AgreementTotals(len(names) + len(references), disagreements, counted=range(len(names)))
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
    found = _pairs(totals, [*names, *references])
    pairs = [pair for pair in found if pair.b not in references]
    return AgreementAudit(
        models=names, pairs=pairs,
        references=[pair for pair in found if pair.b in references and pair.a not in references],
        images=len(first), groups=dict(groups or {}), group_test=group_test(pairs, groups or {}),
        disagreements=[
            (first.ids[image], value, None if photos is None else _sheet(opened, names, image, photos))
            for value, image in totals.lowest
        ],
        settings=f"{first.settings.method}, {first.settings.samples} noisy copies",
    )  # fmt: skip


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
    return GroupTest(
        mean_through_z(values[same].tolist()), mean_through_z(values[~same].tolist()), float(reached)
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


def _pairs(totals: AgreementTotals, names: Sequence[str]) -> list[PairAgreement]:
    means, spreads = totals.divergences()
    return [
        PairAgreement(names[i], names[j], correlation, float(mean), float(spread))
        for (i, j), correlation, mean, spread in zip(
            totals.pairs, totals.correlations(), means, spreads, strict=True
        )
    ]


def _check_names(names: Sequence[str]) -> None:
    if len(names) < 2:
        raise InputError(f"Agreement needs two models or more, got {len(names)}.")
    if len(set(names)) < len(names):
        raise ConfigError(
            f"Two models are called {max(names, key=list(names).count)!r}: give them different names."
        )


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


def _sheet(stores: Sequence[SaliencyStore], names: Sequence[str], image: int, photos: _Photos) -> Image.Image:
    pixels = photos.pixels(stores[0].ids[image], stores[0].shape)
    photo = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    tiles = [Tile(photo, "photo")]
    tiles += [
        Tile(heat_overlay(photo, store[image]), name) for store, name in zip(stores, names, strict=True)
    ]
    return sheet([tiles[start : start + 5] for start in range(0, len(tiles), 5)], 130)
