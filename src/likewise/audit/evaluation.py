"""Retrieval scores of one model, and whether they reach the required values."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from likewise.results import Verdict, metric_name, percent

_HEADLINE = ("map@r", "recall@1")


@dataclass(frozen=True)
class EvaluationSummary:
    """Scores of one model.

    Attributes:
        model: Its name.
        summary: Summary of :meth:`likewise.retrieval.RetrievalResult.summary`.
        per_class: Per-class table of :class:`likewise.retrieval.RetrievalResult`.
        required: Metric to the smallest value that passes, 0 to 1.
    """

    model: str
    summary: Mapping[str, Any]
    per_class: pd.DataFrame
    required: Mapping[str, float]

    @property
    def crossed(self) -> list[str]:
        """Metrics below the required value, each with both values."""
        return [
            f"{metric_name(name)} {percent(self.summary['metrics'][name]['value'])} < {percent(least)}"
            for name, least in self.required.items()
            if not self.summary["metrics"][name]["value"] >= least
        ]

    def verdict(self) -> Verdict:
        """The scores, and whether they reach the required values."""
        measures = {
            name: {"value": entry["value"], "interval": {"low": entry["low"], "high": entry["high"]}}
            for name, entry in self.summary["metrics"].items()
        }
        return replace(self._answer(), measures=measures, thresholds=dict(self.required))

    def _answer(self) -> Verdict:
        metrics = self.summary["metrics"]
        chief = next((name for name in _HEADLINE if name in metrics), next(iter(metrics)))
        evidence = [_sentence(name, entry, self.summary) for name, entry in metrics.items()]
        searched = (
            f"{self.summary['queries']} images of {self.summary['classes']} classes were searched in a gallery of "
            f"{self.summary['gallery_size']}."
        )
        number = percent(metrics[chief]["value"])
        if self.crossed:
            return Verdict(
                "The search is below the required score.", "bad", evidence,
                "See the worst classes below; `likewise audit background` shows what the model looks at.",
                f"{'; '.join(self.crossed)}. {searched}", number,
            )  # fmt: skip
        if self.required:
            reached = ", ".join(
                f"{metric_name(name)} {percent(metrics[name]['value'])} of {percent(least)}"
                for name, least in self.required.items()
            )
            return Verdict(
                "The search reaches the required score.",
                "good",
                evidence,
                "",
                f"{reached}. {searched}",
                number,
            )
        return Verdict(
            f"{metric_name(chief)} of {self.summary['classes']} classes.",
            "info",
            evidence,
            "",
            searched,
            number,
        )

    def to_dict(self) -> dict[str, Any]:
        """All numbers, for JSON."""
        return {
            "verdict": self.verdict().to_dict(), **self.summary, "per_class": self.per_class.to_dict("records"),
        }  # fmt: skip


def _sentence(name: str, entry: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    text = f"{metric_name(name)} {percent(entry['value'])}"
    if entry["low"] is None:
        return f"{text}; no interval for a single class."
    level = percent(summary["level"], 0)
    return f"{text} ({level} interval over classes {percent(entry['low'])} to {percent(entry['high'])})."
