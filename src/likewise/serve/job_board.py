"""Long work of a server: one job after the other, with progress, on the disk so that a restart goes on."""

import json
import logging
import queue
import secrets
import shutil
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from likewise.errors import LikewiseError
from likewise.files import write_json
from likewise.serve.problems import NotThereError

_log = logging.getLogger("likewise.serve")
_SHOWN = ("id", "kind", "state", "done", "total", "failures", "error", "created", "who", "index", "result")


@dataclass
class ServerJob:
    """A job.

    Attributes:
        id: Its name.
        kind: Kind of the work.
        index: Name of the index.
        who: Name of the key that requested it.
        options: Options of the work.
        state: waiting, running, cancelling, done, failed or cancelled.
        done: Finished items.
        total: All items.
        failures: Items that failed, with reasons.
        error: The sentence of a failed job.
        result: Name of what was made.
        created: Time in UTC.
    """

    id: str
    kind: str
    index: str
    who: str
    options: dict[str, Any] = field(default_factory=dict)
    state: Literal["waiting", "running", "cancelling", "done", "failed", "cancelled"] = "waiting"
    done: int = 0
    total: int = 0
    failures: list[dict[str, str]] = field(default_factory=list)
    error: str | None = None
    result: str | None = None
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    @property
    def open(self) -> bool:
        """Whether it waits or is worked on."""
        return self.state in ("waiting", "running", "cancelling")

    def shown(self) -> dict[str, Any]:
        """For JSON."""
        return {name: getattr(self, name) for name in _SHOWN}


Work = Callable[["JobBoard", ServerJob], None]


class _JobStopped(Exception):  # noqa: N818 - the user or the end of the server stops it
    """The job was cancelled, or the server stops."""


class JobBoard:
    """The jobs of a server.

    Args:
        folder: Folder of the jobs.
        kinds: The work of each kind of job. It calls :meth:`step` or :meth:`check` between its steps; work that was
            interrupted by the end of the server is called again.
        public: Takes from the sentence of an error what is not for users.
    """

    def __init__(self, folder: Path, kinds: dict[str, Work], public: Callable[[str], str] = str) -> None:
        self.folder, self._kinds, self._public = folder, kinds, public
        self._jobs: dict[str, ServerJob] = {}
        self._waiting: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._stopping = False
        self._lock = threading.Lock()
        for file in sorted(folder.glob("*.json")) if folder.is_dir() else []:
            try:
                job = ServerJob(**json.loads(file.read_text(encoding="utf-8")))
            except (ValueError, TypeError, OSError):
                continue
            self._jobs[job.id] = job
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)

    def start(self) -> None:
        """Go on with what an earlier server left."""
        for job in sorted(self._jobs.values(), key=lambda job: job.created):
            if job.state == "cancelling":
                self._finish(job, "cancelled")
            elif job.open:
                job.options["restarted"] = job.done
                self._waiting.put(job.id)
        self._thread.start()

    def once(self, kind: str, index: str, who: str, options: dict[str, Any]) -> ServerJob:
        """The open job with the same options, or a new one."""
        with self._lock:
            for job in self._jobs.values():
                requested = {name: value for name, value in job.options.items() if name != "restarted"}
                if job.open and (job.kind, job.index, requested) == (kind, index, options):
                    return job
            name, _ = self.new_folder()
            return self.add(ServerJob(name, kind, index, who, options, total=1))

    def new_folder(self) -> tuple[str, Path]:
        """The id of a job to come, and a folder for its files."""
        name = datetime.now(UTC).strftime("%Y%m%dT%H%M%S-") + secrets.token_hex(4)
        place = self.folder / name
        place.mkdir(parents=True)
        return name, place

    def add(self, job: ServerJob) -> ServerJob:
        """Write a job down, and work on it when its turn comes."""
        self._jobs[job.id] = job
        self._save(job)
        self._waiting.put(job.id)
        return job

    def get(self, name: str) -> ServerJob:
        """A job.

        Raises:
            NotThereError: There is none of this id.
        """
        if name not in self._jobs:
            raise NotThereError(f"There is no job {name!r}.")
        return self._jobs[name]

    def all(self) -> list[ServerJob]:
        """All jobs, newest first."""
        return sorted(self._jobs.values(), key=lambda job: job.created, reverse=True)

    def cancel(self, name: str) -> ServerJob:
        """Stop a job before its next step; what it has done stays. A job past its last step ends as done."""
        job = self.get(name)
        with self._lock:
            if job.state == "waiting":
                self._finish(job, "cancelled")
            elif job.state == "running":
                job.state = "cancelling"
                self._save(job)
        return job

    def step(self, job: ServerJob, done: int) -> None:
        """Write down progress, and end the work here if the job is to stop."""
        job.done = done
        self._save(job)
        self.check(job)

    def check(self, job: ServerJob) -> None:
        """End the work here if the job was cancelled or the server stops."""
        if job.state == "cancelling" or self._stopping:
            raise _JobStopped

    def close(self) -> None:
        """Stop after the current step; a restart goes on."""
        self._stopping = True
        self._waiting.put(None)
        if self._thread.is_alive():
            self._thread.join(30)

    def _run(self) -> None:
        while (name := self._waiting.get()) is not None and not self._stopping:
            job = self._jobs[name]
            with self._lock:
                if job.state not in ("waiting", "running"):
                    continue
                job.state = "running"
            self._work(job)

    def _work(self, job: ServerJob) -> None:
        try:
            self._kinds[job.kind](self, job)
        except _JobStopped:
            with self._lock:
                if job.state == "cancelling":
                    self._finish(job, "cancelled")
            return  # a restarted server goes on
        except LikewiseError as error:
            _log.warning("%s %s: %s", job.kind, job.id, error)
            job.error = self._public(str(error))
        except Exception as error:
            _log.error("A job failed.", exc_info=error)
            job.error = "This is a fault of likewise: see the log of the server."
        with self._lock:
            self._finish(job, "done" if job.error is None else "failed")

    def _finish(self, job: ServerJob, state: Literal["done", "failed", "cancelled"]) -> None:
        write_json(self.folder / f"{job.id}.json", asdict(job) | {"state": state})
        shutil.rmtree(self.folder / job.id, ignore_errors=True)
        job.state = state

    def _save(self, job: ServerJob) -> None:
        write_json(self.folder / f"{job.id}.json", asdict(job))
