"""What all requests of a server share."""

import gc
import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from likewise.data.mask_model import MaskModel
from likewise.errors import FingerprintError, InputError, choices
from likewise.image_limits import Limits
from likewise.retrieval import Threshold
from likewise.retrieval.index.locations import Locations
from likewise.serve.access import Access
from likewise.serve.adding import NewImage
from likewise.serve.explaining import Explainer
from likewise.serve.feedback import Journal
from likewise.serve.fetching import Fetcher
from likewise.serve.job_board import JobBoard, ServerJob
from likewise.serve.job_kinds import kinds, new_add_job
from likewise.serve.keys import KeyRing
from likewise.serve.metrics import Metrics
from likewise.serve.problems import NotThereError
from likewise.serve.query_images import QueryImages
from likewise.serve.quick_searches import QuickSearches
from likewise.serve.searching import Searcher
from likewise.serve.served_index import ServedIndex
from likewise.serve.server_folders import ServerFolders
from likewise.serve.settings import Settings
from likewise.serve.thumbnails import Thumbnails
from likewise.serve.workers import Workers

_log = logging.getLogger("likewise.serve")


class ServerState:
    """The indexes of a server and everything that answers for them.

    Args:
        paths: Paths of the indexes.
        settings: Settings of the server.
        models: Loaded models by the path of their index, where they are there already.

    Raises:
        InputError: An index or a threshold cannot be opened, or two indexes have one name.
        FingerprintError: A threshold belongs to the model of no index.
        ConfigError: The server would be open to others without a key.
    """

    def __init__(self, paths: list[str], settings: Settings, models: dict[str, Any] | None = None) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.limits = Limits(max_pixels=settings.pixels, max_bytes=settings.upload_bytes)
        self.indexes = self._opened(paths, models or {})
        self._take_thresholds()
        index_folders = (each.state.parent for each in self.indexes.values())
        self.folders = ServerFolders(
            [*index_folders, *(each for each in (settings.reports, settings.keys) if each), Path.home()]
        )
        self.journals = {name: Journal(each.state / "feedback.jsonl") for name, each in self.indexes.items()}
        masks = None if settings.masks is None else MaskModel.open(settings.masks)
        self.images = QueryImages(self.limits, masks)
        fetcher = Fetcher(settings.body_bytes) if settings.allow_urls else None
        self.searcher = Searcher(settings, self.images, fetcher)
        self.explainer = Explainer(self.images)
        self.thumbnails = Thumbnails(self.limits)
        self.access = Access(None if settings.keys is None else KeyRing(settings.keys), settings)
        self.quick = QuickSearches(self.searcher, settings.batch)
        self.workers = Workers(2 * settings.batch, settings.queue, settings.seconds)
        self.jobs = JobBoard(next(iter(self.indexes.values())).state / "jobs", kinds(self), self.folders.hide)
        self.ready = threading.Event()

    def warm(self) -> None:
        """Load all models; ready afterwards. Indexes of one model share it."""
        models: dict[str, ServedIndex] = {}
        for served in self.indexes.values():
            first = models.get(served.fingerprint)
            if first is not None:
                served.share(first)
            served.warm(self.settings.device, self.settings.runtime)
            if served.problem is not None:
                _log.warning("%s: %s", served.name, served.problem)
                served.problem = self.folders.hide(served.problem)
            else:
                models.setdefault(served.fingerprint, served)
        # What was loaded stays: collections of garbage need not look at it again.
        gc.collect()
        gc.freeze()
        self.ready.set()
        self.jobs.start()

    def index(self, name: str | None) -> ServedIndex:
        """The index of this name; the first where there is none.

        Raises:
            NotThereError: There is no such index.
        """
        if name is None:
            return next(iter(self.indexes.values()))
        if name not in self.indexes:
            raise NotThereError(f"There is no index {name!r} here: {choices(name, self.indexes)}")
        return self.indexes[name]

    def add_job(self, served: ServedIndex, images: Sequence[NewImage], replace: bool, who: str) -> ServerJob:
        """A job that adds images; see :func:`likewise.serve.adding.add_images`."""
        return new_add_job(self.jobs, served, images, replace=replace, who=who)

    def close(self) -> None:
        """Finish what runs."""
        self.quick.close()
        self.workers.close()
        self.jobs.close()
        for served in self.indexes.values():
            served.close()

    def _take_thresholds(self) -> None:
        """Give every threshold of the settings to the indexes of its model."""
        for file in self.settings.thresholds:
            threshold, refusals = Threshold.load(file), list[FingerprintError]()
            for served in self.indexes.values():
                try:
                    threshold.check(served.fingerprint, str(served.store.metadata["distance"]))
                except FingerprintError as error:
                    refusals.append(error)
                else:
                    served.given_threshold = threshold
            if len(refusals) == len(self.indexes):
                raise FingerprintError(f"{file} fits no index. {refusals[0]}")

    def _opened(self, paths: list[str], models: dict[str, Any]) -> dict[str, ServedIndex]:
        if not paths:
            raise InputError("There is nothing to serve: name an index.")
        opened: dict[str, ServedIndex] = {}
        for path in paths:
            name = Path(Locations("x").of(path)).name.removesuffix(".index") or path
            if name in opened:
                raise InputError(
                    f"Two indexes are called {name!r}, {opened[name].path} and {path}: rename one."
                )
            opened[name] = ServedIndex(
                path, name, model=models.get(path), resident_bytes=self.settings.resident_bytes,
                batch=self.settings.batch, observe=self.metrics.batches.observe,
            )  # fmt: skip
        return opened
