"""Audit of the properties that steer the embedding: colour, view, light, brand, background.

Source: Kobs et al. 2021, *Do Different Deep Metric Learning Losses Lead to Similar Learned Features?*, section on
the property level (Normalized R-Precision). Beyond it: a share that can be compared between properties, p-values
against shuffled values, and properties that should or should not matter.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from likewise.arguments import checked
from likewise.arrays import as_column, without_blanks
from likewise.audit.property_influence.comparison import PropertyComparison
from likewise.audit.property_influence.result import PropertyAudit, PropertyInfluence
from likewise.audit.property_influence.vectors import embedded
from likewise.audit.sweeps import finished_trainings
from likewise.bounds import Bins, Count, Permutations, Positive, Seed
from likewise.data import Catalog
from likewise.data.masks import image_properties
from likewise.errors import CatalogError, ConfigError, InputError, choices
from likewise.models import SimilarityModel, load
from likewise.progress import progress_bar
from likewise.retrieval import (
    Interval,
    PropertyCorrelation,
    PropertyScore,
    holm,
    property_correlations,
    property_scores,
    property_significance,
)
from likewise.retrieval.bootstrap import Clusters, percentile_interval

MANY_VALUES = 24
LABEL = "label"
_RESAMPLES = 1000


@checked
def properties(
    model: SimilarityModel,
    catalog: Catalog,
    names: Sequence[str] | None = None,
    *,
    should_matter: Iterable[str] = (),
    should_not_matter: Iterable[str] = (),
    bins: Bins = 10,
    ranks: bool = False,
    periods: Mapping[str, Positive] | None = None,
    published: bool = False,
    permutations: Permutations = 999,
    seed: Seed = 0,
    batch_size: Count = 64,
    progress: bool = False,
    parts: Path | None = None,
) -> PropertyAudit:
    """Measure which properties steer a model's embeddings.

    Args:
        model: Any model.
        catalog: Images with properties.
        names: Properties to measure. None: all columns, and the label unless a column repeats it.
        should_matter: Properties that should influence the embedding. They are measured also where ``names``
            leaves them out.
        should_not_matter: Properties that should have no influence; likewise.
        bins: Number of bins of equal count for a numeric column with more than 24 values.
        ranks: Also compare numeric properties by rank correlation, without bins.
        periods: Name to the period of a cyclic property, for ``ranks``: 360 for degrees.
        published: Score as in the paper: 1,023 neighbours, and embeddings before they are normalised (not for
            models of unknown architecture).
        permutations: Number of permutations per p-value.
        seed: Seed of the permutations.
        batch_size: Images per forward pass.
        progress: Show progress on stderr.
        parts: Folder of finished embeddings, from which an interrupted call resumes. None: none is kept.

    Raises:
        CatalogError: No such property.
        ConfigError: A property should and should not matter.
        InputError: None of the properties can be used.
    """
    measured = list(names) if names is not None else _all_names(catalog)
    expected = expectations(should_matter, should_not_matter)
    measured += [name for name in expected if name not in measured]
    _check_names(measured, catalog)
    embeddings = embedded(
        model, catalog, published=published, batch_size=batch_size, progress=progress, parts=parts
    )
    table = catalog.table.set_index("path").loc[embeddings.ids].reset_index()
    columns, edges, left_out = _usable(table, measured, bins)
    if not columns:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise InputError(f"None of the properties can be used ({reasons}): name others.")
    rows = embeddings.vectors
    scores = property_scores(rows, columns, published=published, progress=progress)
    tests = property_significance(rows, columns, permutations=permutations, seed=seed, progress=progress)
    corrected = holm([tests[name].p_value for name in columns])
    influences = [
        PropertyInfluence(
            name, scores[name].score, adjusted_purity(scores[name], columns[name], published),
            float(p_value), len(scores[name].per_value), edges.get(name),
            _share_interval(_shares(scores[name], columns[name], published), seed),
        )
        for name, p_value in zip(columns, corrected, strict=True)
    ]  # fmt: skip
    influences.sort(key=lambda influence: -influence.share)
    numbers = {name: table[name] for name in columns if _is_number(table[name])} if ranks else {}
    return PropertyAudit(
        model.name,
        model.fingerprint,
        influences,
        scores,
        len(rows),
        published,
        left_out,
        embeddings.failures,
        _rank_correlations(rows, numbers, periods or {}, permutations, seed),
        permutations,
        expected,
    )


def expectations(should_matter: Iterable[str], should_not_matter: Iterable[str]) -> dict[str, bool]:
    """Property to whether it should influence the embedding.

    Raises:
        ConfigError: A property is in both.
    """
    expected = dict.fromkeys(should_matter, True)
    for name in dict.fromkeys(should_not_matter):
        if name in expected:
            raise ConfigError(f"'{name}' should matter and should not matter: name it once.")
        expected[name] = False
    return expected


@checked
def properties_of_sweep(
    sweep: Path | str, catalog: Catalog, *, device: str | None = None, progress: bool = False, **options: Any
) -> PropertyComparison:
    """Audit every finished run of a sweep; folds of a loss are averaged, kinds of losses are the groups.

    Args:
        sweep: Its folder.
        catalog: Images with properties; not those of the training, or the class looks stronger than it is.
        device: Device of the models. None: the first GPU, else the CPU.
        progress: Show a bar on stderr.
        **options: Of :func:`likewise.audit.properties`; one folder ``parts`` serves all runs.

    Raises:
        ConfigError: No sweep.
        InputError: Fewer than two losses are finished, or a property cannot be used.
    """
    runs, audits = finished_trainings(sweep), []
    with progress_bar("properties", len(runs), enabled=progress) as bar:
        for run in runs:
            bar.note(f"{run.name}, {run.training}")
            audits.append(properties(load(run.folder, device=device), catalog, **options))
            bar.advance()
    return PropertyComparison(audits, [run.group for run in runs], [run.name for run in runs])


def _rank_correlations(
    rows: np.ndarray, numbers: Mapping[str, Any], periods: Mapping[str, float], permutations: int, seed: int
) -> dict[str, PropertyCorrelation]:
    wrong = [name for name in periods if name not in numbers]
    if wrong:
        raise InputError(
            f"There is a period for {wrong[0]!r}, which is not a numeric property compared by rank"
            f"{': ' + ', '.join(numbers) if numbers else ''}."
        )
    if not numbers:
        return {}
    correlations = property_correlations(rows, numbers, periods=periods, permutations=permutations, seed=seed)
    corrected = holm([correlation.p_value for correlation in correlations.values()])
    return {
        name: replace(correlation, p_value=float(p))
        for (name, correlation), p in zip(correlations.items(), corrected, strict=True)
    }


@checked
def adjusted_purity(score: PropertyScore, values: Iterable[Any], published: bool = False) -> float:
    """Mean over images of (found - expected) / (possible - expected), from 1 = perfect to below 0 = avoided.

    Unlike the z-score it does not grow with the number of neighbours looked at, so properties with few and with
    many values can be compared.

    Args:
        score: From :func:`likewise.retrieval.property_scores`.
        values: ``(N,)`` the same values.
        published: Whether ``score`` is in the paper's form.
    """
    return float(_shares(score, as_column(values, "values"), published).mean())


def _shares(score: PropertyScore, values: "pd.Series[Any]", published: bool) -> NDArray[np.float64]:
    """The adjusted purity per scored image; their mean is :func:`adjusted_purity`."""
    counts = values.map(values.value_counts()).to_numpy(dtype=float)
    scored = np.isfinite(score.per_image)
    count, z = counts[scored], score.per_image[scored]
    depth = np.minimum(count - 1, score.neighbors)
    if published:
        chance = count / scored.sum()
        deviation = np.sqrt(depth * chance * (1 - chance))
    else:
        others = float(values.notna().sum() - 1)
        chance = (count - 1) / others
        deviation = np.sqrt(depth * chance * (1 - chance) * (others - depth) / (others - 1))
    shares: NDArray[np.float64] = z * deviation / (depth * (1 - chance))
    return shares


def _share_interval(shares: NDArray[np.float64], seed: int) -> Interval | None:
    """95 % interval of the mean share, from resampling images; None if there are fewer than two."""
    if len(shares) < 2:
        return None
    return percentile_interval(Clusters.of(shares[:, None], None).resampled(_RESAMPLES, seed), 0.95)[0]


def _usable(
    table: pd.DataFrame, names: Sequence[str], bins: int
) -> tuple[dict[str, "pd.Series[Any]"], dict[str, tuple[float, ...]], dict[str, str]]:
    columns: dict[str, pd.Series[Any]] = {}
    edges: dict[str, tuple[float, ...]] = {}
    left_out: dict[str, str] = {}
    for name in dict.fromkeys(names):
        values = without_blanks(table[name])
        if _is_number(values) and values.nunique() > MANY_VALUES:
            values, cuts = pd.qcut(values, bins, labels=False, retbins=True, duplicates="drop")
            edges[name] = tuple(float(cut) for cut in cuts)
        counts = values.value_counts()
        if len(counts) < 2:
            left_out[name] = "all images have the same value" if len(counts) else "no image has a value"
        elif counts.max() < 2:
            left_out[name] = "every image has a different value"
        else:
            columns[name] = values
    return columns, edges, left_out


def _is_number(values: "pd.Series[Any]") -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _all_names(catalog: Catalog) -> list[str]:
    """All properties of the images, and the label where none says the same (the car model of rendered cars does)."""
    labels, names = catalog.table[LABEL], image_properties(catalog)
    same = any(catalog.table[name].astype("str").equals(labels.astype("str")) for name in names)
    return [*([] if same else [LABEL]), *names]


def _check_names(names: Sequence[str], catalog: Catalog) -> None:
    valid = [LABEL, *catalog.properties, *(["super_label"] if "super_label" in catalog.table else [])]
    for name in names:
        if name not in valid:
            raise CatalogError(f"The catalog has no property '{name}': {choices(name, valid)}")
