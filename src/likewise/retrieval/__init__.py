"""Retrieval: exact neighbours, metrics with intervals, statistics, the searchable index, and calibration."""

from likewise.distances import DISTANCES
from likewise.retrieval.bootstrap import Interval
from likewise.retrieval.calibration import (
    DEFAULT_RATE,
    MOST_MISSED,
    calibrate,
    error_curve,
    error_rates,
    supported_rate,
)
from likewise.retrieval.distances import Comparison, search_distance
from likewise.retrieval.evaluation import evaluate, evaluate_queries, resolve_metrics
from likewise.retrieval.index import (
    Added,
    Approximate,
    EmbeddingOptions,
    Hit,
    Index,
    IndexInfo,
    ModelReference,
    Searched,
    SearchResult,
    Synced,
    search_grid,
    search_sheet,
)
from likewise.retrieval.metrics import (
    average_precision,
    map_at_r,
    metric_names,
    precision_at_k,
    r_precision,
    recall_at_k,
)
from likewise.retrieval.mixed_query import mixed_query
from likewise.retrieval.model_evaluation import ModelEvaluation, calibrate_model, evaluate_model
from likewise.retrieval.neighbors import Neighbors, NeighborSearch, nearest
from likewise.retrieval.normalized_r_precision import (
    PUBLISHED_K,
    PUBLISHED_THRESHOLD,
    PropertyScore,
    normalized_r_precision,
    property_scores,
)
from likewise.retrieval.property_correlation import PropertyCorrelation, property_correlations
from likewise.retrieval.property_significance import PropertySignificance, property_significance
from likewise.retrieval.result import RetrievalResult
from likewise.retrieval.statistics import (
    PairedDifference,
    holm,
    mann_whitney,
    mean_difference,
    paired_difference,
    permutation_test,
    rank_biserial,
    sign_permutation,
)
from likewise.retrieval.text_evaluation import evaluate_texts
from likewise.retrieval.threshold import ErrorCurve, ErrorRate, Threshold

__all__ = [
    "DEFAULT_RATE",
    "DISTANCES",
    "MOST_MISSED",
    "PUBLISHED_K",
    "PUBLISHED_THRESHOLD",
    "Added",
    "Approximate",
    "Comparison",
    "EmbeddingOptions",
    "ErrorCurve",
    "ErrorRate",
    "Hit",
    "Index",
    "IndexInfo",
    "Interval",
    "ModelEvaluation",
    "ModelReference",
    "NeighborSearch",
    "Neighbors",
    "PairedDifference",
    "PropertyCorrelation",
    "PropertyScore",
    "PropertySignificance",
    "RetrievalResult",
    "SearchResult",
    "Searched",
    "Synced",
    "Threshold",
    "average_precision",
    "calibrate",
    "calibrate_model",
    "error_curve",
    "error_rates",
    "evaluate",
    "evaluate_model",
    "evaluate_queries",
    "evaluate_texts",
    "holm",
    "mann_whitney",
    "map_at_r",
    "mean_difference",
    "metric_names",
    "mixed_query",
    "nearest",
    "normalized_r_precision",
    "paired_difference",
    "permutation_test",
    "precision_at_k",
    "property_correlations",
    "property_scores",
    "property_significance",
    "r_precision",
    "rank_biserial",
    "recall_at_k",
    "resolve_metrics",
    "search_distance",
    "search_grid",
    "search_sheet",
    "sign_permutation",
    "supported_rate",
]
