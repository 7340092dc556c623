"""RetrievalResult: the metrics of every query, their means, the table by class, and intervals."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from likewise.readable import readable
from likewise.retrieval.bootstrap import (
    Average,
    Clusters,
    Interval,
    Unit,
    check_choice,
    check_resampling,
    percentile_interval,
)


@readable
@dataclass(frozen=True)
class RetrievalResult:
    """Result of :func:`likewise.retrieval.evaluate_queries`.

    Attributes:
        labels: ``(Q,)`` class of each query.
        relevant: ``(Q,)`` gallery images of that class, the query itself not counted.
        per_query: Metric name to ``(Q,)`` values 0 to 1; NaN for lone queries.
        gallery_size: Images in the gallery. In leave-one-out each query is compared with one less.
    """

    labels: np.ndarray
    relevant: NDArray[np.int64]
    per_query: dict[str, NDArray[np.float64]]
    gallery_size: int

    def __repr__(self) -> str:
        scores = (
            ", ".join(f"{name} {value:z.3f}" for name, value in self.scores().items()) if self.queries else ""
        )
        return f"RetrievalResult({self.queries:,} queries, gallery of {self.gallery_size:,}: {scores or 'no scores'})"

    @property
    def counted(self) -> NDArray[np.bool_]:
        """``(Q,)``: which queries have something to find and so count in the means."""
        return self.relevant > 0

    @property
    def queries(self) -> int:
        """Queries that count."""
        return int(self.counted.sum())

    @property
    def lone(self) -> int:
        """Queries without a relevant image in the gallery, left out of all means."""
        return len(self.labels) - self.queries

    @property
    def classes(self) -> int:
        """Classes of the queries that count."""
        return len(np.unique(self.labels[self.counted]))

    def scores(self, average: str = "micro") -> dict[str, float]:
        """Metric name to its mean over queries ("micro") or over classes of class means ("macro").

        Raises:
            ConfigError: Another average.
        """
        check_choice(average, Average, "average")
        means = self._clusters("classes").mean(average)  # type: ignore[arg-type]  # checked above
        return {name: float(value) for name, value in zip(self.per_query, means, strict=True)}

    def intervals(
        self,
        level: float = 0.95,
        *,
        over: str = "classes",
        average: str = "micro",
        repeats: int = 1000,
        seed: int = 0,
    ) -> dict[str, Interval]:
        """Metric name to its bootstrap interval.

        Args:
            level: Share of the resampled means inside.
            over: "classes" resamples whole classes: what other classes of this kind would give. "queries"
                resamples images as if they were independent, which makes intervals too narrow.
            average: As for :meth:`scores`.
            repeats: Resamplings, at least 100.
            seed: Seed of the resampling.

        Raises:
            ConfigError: An unknown word or a number out of range.
            InputError: Fewer than two classes or queries.
        """
        check_choice(over, Unit, "over")
        check_choice(average, Average, "average")
        clusters = self._clusters("classes" if average == "macro" else over)
        check_resampling(level, repeats, len(clusters.counts), over)
        samples = clusters.resampled(repeats, seed, average)  # type: ignore[arg-type]  # checked above
        return dict(zip(self.per_query, percentile_interval(samples, level), strict=True))

    def summary(self, level: float = 0.95, *, average: str = "micro", seed: int = 0) -> dict[str, Any]:
        """All reported values, for JSON.

        Returns:
            ``metrics``: name to value, low and high (None with fewer than two classes); ``gallery_size``,
            ``queries``, ``lone``, ``classes``, ``average``, ``level``.
        """
        intervals = self.intervals(level, average=average, seed=seed) if self.classes > 1 else {}
        metrics = {}
        for name, value in self.scores(average).items():
            low, high = intervals.get(name, (None, None))
            metrics[name] = {"value": value, "low": low, "high": high}
        return {
            "metrics": metrics,
            "gallery_size": self.gallery_size,
            "queries": self.queries,
            "lone": self.lone,
            "classes": self.classes,
            "average": average,
            "level": level,
        }

    @property
    def per_class(self) -> pd.DataFrame:
        """One row per class, worst ``map@r`` (or first metric) first: label, queries, relevant, metrics.

        ``relevant`` is the mean number of images to find. Classes that have only lone queries are left out.
        """
        counted = self.counted
        table = pd.DataFrame({name: values[counted] for name, values in self.per_query.items()})
        table.insert(0, "relevant", self.relevant[counted])
        grouped = table.groupby(self.labels[counted], sort=True)
        result = grouped.mean()
        result.insert(0, "queries", grouped.size())
        worst = "map@r" if "map@r" in self.per_query else next(iter(self.per_query))
        return result.rename_axis("label").reset_index().sort_values(worst, kind="stable", ignore_index=True)

    def _clusters(self, over: str) -> Clusters:
        counted = self.counted
        values = np.stack([values[counted] for values in self.per_query.values()], 1)
        groups = np.unique(self.labels[counted], return_inverse=True)[1] if over == "classes" else None
        return Clusters.of(values, groups)
