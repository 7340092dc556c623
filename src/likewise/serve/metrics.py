"""Numbers for Prometheus: requests, latencies, queue, batches, sizes of indexes, errors."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """The metrics of one server; each has a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "likewise_requests", "Requests by route, method and status", ("route", "method", "status"),
            registry=self._registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "likewise_request_seconds", "Time from request to answer", ("route",), buckets=_SECONDS,
            registry=self._registry,
        )  # fmt: skip
        self.errors = Counter(
            "likewise_errors", "Answers with a status of 500 and above", ("route",), registry=self._registry
        )
        self.batches = Histogram(
            "likewise_batch_images", "Images that went through a model together", buckets=_SIZES,
            registry=self._registry,
        )  # fmt: skip
        self.queue = Gauge("likewise_queue", "Requests that wait or are worked on", registry=self._registry)
        self._images = Gauge(
            "likewise_index_images", "Images of an index", ("index",), registry=self._registry
        )

    def text(self, pending: int, sizes: Iterable[tuple[str, int]]) -> bytes:
        """The exposition format.

        Args:
            pending: Requests in the queue.
            sizes: Names and images of the indexes.
        """
        self.queue.set(pending)
        for name, images in sizes:
            self._images.labels(name).set(images)
        return generate_latest(self._registry)
