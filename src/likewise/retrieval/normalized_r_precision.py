"""Normalized R-Precision: how far a property of the images steers an embedding, beyond chance.

For each image: how many of its nearest others share its value, less what chance would give, in units of chance's
standard deviation. 0 is chance, positive means that images with equal values are close together, negative that they
avoid each other. Source: Kobs et al., Do Different Deep Metric Learning Losses Lead to Similar Learned Features?
(ICCV 2021). The default is a corrected form; ``published`` gives the numbers of the released code.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from likewise.arguments import checked
from likewise.arrays import Floats, as_column
from likewise.bounds import Count
from likewise.distances import DISTANCES
from likewise.errors import ConfigError, InputError
from likewise.models.devices import pick_device
from likewise.progress import progress_bar
from likewise.readable import readable
from likewise.retrieval._value_counts import Grouping, count_same
from likewise.retrieval.distances import Vectors, check_distance, checked_vectors, prepare

PUBLISHED_K = 1023  # maximum number of neighbours of the library used by the released code
PUBLISHED_THRESHOLD = (
    2.576  # above which the published table marks a mean: two-sided 1 % of a normal distribution
)

Values = Iterable[Any]


@readable
@dataclass(frozen=True)
class PropertyScore:
    """Normalized R-Precision of one property.

    Attributes:
        name: Name of the property.
        score: Mean over the images that count.
        value_score: Mean over values of the mean of their images: rare values weigh as much as common ones.
        per_image: ``(N,)``; NaN where the value is missing or no other image has it.
        per_value: Columns value, images, score; in ascending order of the values.
        neighbors: The most neighbours that were looked at for one image.
        missing: Images without a value; left out, also as neighbours.
        lone: Images whose value no other image has; they are neighbours of others only.
    """

    name: str
    score: float
    value_score: float
    per_image: Floats
    per_value: pd.DataFrame
    neighbors: int
    missing: int
    lone: int


@checked
def normalized_r_precision(
    vectors: Vectors,
    values: Values,
    k: Count | None = None,
    *,
    distance: str = "euclidean",
    published: bool = False,
    device: str | torch.device | None = None,
) -> float:
    """Normalized R-Precision of one property, mean over images.

    With R other images of the query's value among M others, n = R (at most k) neighbours considered and X of them
    with its value: (X - n p) / sqrt(n p (1 - p) (M - n) / (M - 1)), p = R / M, which has exactly mean 0 and
    standard deviation 1 for neighbours in random order. It grows with n, so use it to compare models, not
    properties with different counts.

    Args:
        vectors: ``(N, D)`` embeddings.
        values: ``(N,)`` the property: text, numbers, truth values; None or NaN is missing. Every different value
            is a category: bin a continuous property first.
        k: Maximum number of neighbours; None uses all R.
        distance: "euclidean" uses the vectors unchanged (for vectors of length 1, this gives the order of cosine),
            "cosine" or "snr".
        published: The form of the released code: p = (R + 1) / number of images that share their value, the standard
            deviation of drawing with replacement sqrt(n p (1 - p)), and k = 1023 by default.
        device: Device to search on. None: that of the vectors.

    Raises:
        InputError: Fewer than two values, or none that two images share; shapes that do not fit.
        ConfigError: An unknown distance, or k below 1.
    """
    scores = property_scores(
        vectors, {"values": values}, k, distance=distance, published=published, device=device
    )
    return scores["values"].score


@checked
def property_scores(
    vectors: Vectors,
    properties: Mapping[str, Values] | pd.DataFrame,
    k: Count | None = None,
    *,
    distance: str = "euclidean",
    published: bool = False,
    device: str | torch.device | None = None,
    progress: bool = False,
) -> dict[str, PropertyScore]:
    """Normalized R-Precision of many properties; the neighbours are searched once for all.

    Properties with missing values are searched among the images that have values, once per pattern of gaps.

    Args:
        vectors: ``(N, D)`` embeddings.
        properties: Names to ``(N,)`` values, or a table with one column each.
        k: As for :func:`normalized_r_precision`.
        distance: As there.
        published: As there.
        device: As there.
        progress: Show progress on stderr.

    Raises:
        InputError: As there.
        ConfigError: As there.
    """
    if not isinstance(distance, str):
        raise ConfigError(f"Normalized R-Precision takes a distance by name: {', '.join(DISTANCES)}.")
    check_distance(distance)
    checked = checked_properties(properties)
    rows = checked_vectors(vectors)
    rows = prepare(rows if device is None else rows.to(pick_device(device)), distance)
    limit = k if k is not None or not published else PUBLISHED_K
    columns = [property_column(name, values, len(rows), limit) for name, values in checked.items()]
    by_gaps: dict[bytes, list[PropertyColumn]] = {}
    for column in columns:
        by_gaps.setdefault(column.present.tobytes(), []).append(column)
    counts: dict[str, Floats] = {}
    images = sum(int(group[0].present.sum()) for group in by_gaps.values())
    with progress_bar("searches", images, enabled=progress) as bar:
        for group in by_gaps.values():
            present = group[0].present
            chosen = rows if present.all() else rows[torch.from_numpy(present).to(rows.device)]
            same_counts = count_same(chosen, [column.grouping for column in group], bar)
            counts.update({column.name: same for column, same in zip(group, same_counts, strict=True)})
    return {column.name: column.score(counts[column.name], published) for column in columns}


@dataclass(frozen=True)
class PropertyColumn:
    """The values of a property, checked and numbered.

    Attributes:
        name: Name of the property.
        present: ``(N,)``: which images have a value.
        values: The different values, ascending.
        grouping: Grouping of the images that have a value.
    """

    name: str
    present: NDArray[np.bool_]
    values: pd.Index
    grouping: Grouping

    def score(self, same: Floats, published: bool) -> PropertyScore:
        """The scores, given the number of neighbours per image that share its value."""
        codes, depth = self.grouping.codes, self.grouping.depth
        counts = np.bincount(codes)
        counted = depth > 0
        n = depth[counted].astype(np.float64)
        if published:
            chance = counts[codes[counted]] / counted.sum()
            variance = n * chance * (1 - chance)
        else:
            others = len(codes) - 1
            chance = (counts[codes[counted]] - 1) / others
            variance = n * chance * (1 - chance) * (others - n) / (others - 1)
        if not (variance > 0).all():
            raise InputError(
                f"In property {self.name!r} all images that are not alone share one value, so its published form "
                "divides by zero: leave it out."
            )
        scores = (same[counted] - n * chance) / np.sqrt(variance)
        per_image = np.full(len(self.present), np.nan)
        per_image[np.flatnonzero(self.present)[counted]] = scores
        sums = np.bincount(codes[counted], scores, len(counts))
        means = np.where(counts > 1, sums / np.maximum(counts, 1), np.nan)
        return PropertyScore(
            name=self.name,
            score=float(scores.mean()),
            value_score=float(np.nanmean(means)),
            per_image=per_image,
            per_value=pd.DataFrame({"value": self.values, "images": counts, "score": means}),
            neighbors=int(depth.max()),
            missing=int((~self.present).sum()),
            lone=int((~counted).sum()),
        )


def checked_properties(properties: Any) -> dict[str, Values]:
    """Names to values of a dictionary or a table.

    Raises:
        InputError: It is neither, or empty.
    """
    if not isinstance(properties, Mapping | pd.DataFrame):
        raise InputError(
            f"properties must be a dictionary of names to values or a table, not a {type(properties).__name__}."
        )
    if len(dict(properties.items())) == 0:
        raise InputError("No property is given: name at least one.")
    return {str(name): values for name, values in properties.items()}


def property_column(name: str, values: Values, images: int, limit: int | None = None) -> PropertyColumn:
    """Check and number the values of a property.

    Args:
        name: Name of the property.
        values: ``(N,)``.
        images: N.
        limit: Look at no more neighbours than this.

    Raises:
        InputError: Another length, fewer than two values, or none that two images share.
    """
    series = as_column(values, f"Property {name!r}")
    if len(series) != images:
        raise InputError(
            f"Property {name!r} has {len(series)} values for {images} images: give one per image."
        )
    present = np.array(series.notna(), dtype=bool)
    try:
        codes, names = pd.factorize(series[present], sort=True)
    except TypeError as error:
        raise InputError(
            f"Property {name!r} mixes values that cannot be compared, such as text and numbers ({error})."
        ) from error
    counts = np.bincount(codes, minlength=len(names))
    if len(names) < 2:
        what = (
            f"the value {names.tolist()[0]!r} in all of {len(codes)}"
            if len(names)
            else f"no value in any of {images}"
        )
        raise InputError(f"Property {name!r} has {what} images: there is nothing to compare; leave it out.")
    if counts.max() < 2:
        raise InputError(
            f"Property {name!r} has a different value in each of {len(codes)} images, so no neighbour can share it: "
            "if it is continuous, sort it into bins first."
        )
    others = counts[codes] - 1
    depth = others if limit is None else np.minimum(others, limit)
    return PropertyColumn(name, present, names, Grouping(codes.astype(np.int64), depth.astype(np.int64)))
