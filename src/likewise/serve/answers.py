"""Answers of a server as results of likewise."""

from typing import Any

from likewise.retrieval import Hit, SearchResult


def result_of(answer: dict[str, Any]) -> SearchResult:
    """An answer as the result of :meth:`likewise.Index.search`; ``path`` is None."""
    hits = [
        Hit(
            rank=hit["rank"], id=hit["id"], label=hit["label"], distance=hit["distance"], same=hit["same"], path=None,
            split=hit["split"], properties=hit["properties"],
        )
        for hit in answer["hits"]
    ]  # fmt: skip
    limit = answer["threshold"]
    return SearchResult(
        hits, answer["searched"], None if limit is None else limit["distance"], answer["exact"]
    )
