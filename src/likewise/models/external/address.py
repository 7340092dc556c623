"""``http://HOST/embed``: a model that is only an address.

Request: ``POST`` with the JSON object ``{"images": [...]}``, each image a PNG of the model's input size in base64.
Answer: a JSON object ``{"vectors": [[...], ...], "dim": D}``, one row of D numbers per image in the same order,
optionally with ``"fingerprint"``, a text that changes with the model. ``GET`` of the same address may describe the
model: a JSON object with ``"preprocessing"`` (the values of a Preprocessing), ``"dim"`` and ``"fingerprint"``.
A request holds at most 32 images, and at most four requests wait at the same time. After status 413, or without an
answer within 60 s, smaller ones are sent; a service that hangs is given up after three minutes.
"""

import base64
import io
import threading
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from likewise.data.preprocessing import Preprocessing
from likewise.errors import EmbeddingError, ModelError
from likewise.files import digest
from likewise.models.external.json_service import JsonService, TooLargeError
from likewise.models.external.preprocessing_choice import parse_preprocessing, require_preprocessing
from likewise.models.similarity_model import SimilarityModel
from likewise.printable import duration
from likewise.progress import note

_IMAGES_PER_REQUEST = 32
REQUESTS_AT_ONCE = 4
"""Requests that wait for a service at the same time, each on a connection of its own."""
_SILENCE_S = 5.0  # after which the progress line says what is waited for


class AddressNetwork(nn.Module):
    """Pixels to embeddings through a web service. Without gradients: whatever differentiates a network refuses it."""

    differentiable = False
    runtime = "http"

    def __init__(self, service: JsonService, fingerprint: str | None) -> None:
        super().__init__()
        self._service, self._fingerprint = service, fingerprint
        self.dim: int | None = None
        self.images_per_request = _IMAGES_PER_REQUEST  # fewer once a request was too large or too slow
        self.embedder = nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        """``(B, 3, H, W)`` RGB pixels, 0..255, to ``(B, D)`` of length 1; rows the service has no number for are NaN.

        Raises:
            EmbeddingError: The answer has another form, another number of rows or another dimension than before, or the
                service refuses to answer.
            WorkError: The service cannot be reached, or fails again and again.
        """
        rows = images.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
        size, stop = self.images_per_request, threading.Event()
        pieces = [rows[start : start + size] for start in range(0, len(rows), size)]
        pool = ThreadPoolExecutor(min(REQUESTS_AT_ONCE, len(pieces)), "likewise-address")
        try:
            parts = self._finished([pool.submit(self._vectors, piece, stop) for piece in pieces])
        except BaseException:  # the first refusal ends the other requests, and so does Ctrl-C
            stop.set()
            self._service.abort()
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            note("")
        vectors = torch.from_numpy(np.concatenate(parts)).to(images.device)
        return F.normalize(vectors, dim=-1)

    def _finished(self, requests: Sequence[Future[np.ndarray]]) -> list[np.ndarray]:
        """The results in order; the progress line says for how long the service has been silent."""
        waiting, begin = set(requests), time.monotonic()
        while waiting:
            done, waiting = wait(waiting, _SILENCE_S, FIRST_COMPLETED)
            failed = [request for request in requests if request in done and request.exception() is not None]
            if failed:
                failed[0].result()
            if done:
                begin = time.monotonic()
            elif (silent := time.monotonic() - begin) >= _SILENCE_S:
                problem = self._service.problem
                note(f"waiting {duration(silent)} for {self._service.address}{problem and f' ({problem})'}")
        return [request.result() for request in requests]

    def _vectors(self, rows: np.ndarray, stop: threading.Event) -> np.ndarray:
        parts, start = [], 0
        while start < len(rows) and not stop.is_set():
            some = rows[start : start + self.images_per_request]
            try:
                parts.append(self._asked(some, stop))
            except TooLargeError as error:
                if len(some) == 1:
                    raise
                fewer = max(1, int(len(some) * error.share))
                self.images_per_request = min(fewer, self.images_per_request)
            else:
                start += len(some)
        return np.concatenate(parts) if parts else np.empty((0, 0), np.float32)

    def _asked(self, rows: np.ndarray, stop: threading.Event) -> np.ndarray:
        answer = self._service.post(
            {"images": [_png(row) for row in rows]}, divisible=len(rows) > 1, stop=stop
        )
        name, fingerprint = self._service.address, answer.get("fingerprint")
        if fingerprint is not None and self._fingerprint is not None and fingerprint != self._fingerprint:
            raise EmbeddingError(f"The model behind {name} was replaced during the work: start again.")
        try:
            with np.errstate(over="ignore"):  # infinite is refused for each image where it is used
                vectors = np.array(answer["vectors"], dtype=np.float32)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise EmbeddingError(
                f"{name} answered no list of rows of equal length under 'vectors': let it answer "
                '{"vectors": [[...], ...], "dim": D}.'
            ) from error
        if vectors.ndim != 2 or len(vectors) != len(rows) or not vectors.shape[1]:
            raise EmbeddingError(
                f"{name} answered vectors {vectors.shape} for {len(rows)} images: one row per image."
            )
        dim = vectors.shape[1]
        stated = answer.get("dim", dim)
        if stated != dim:
            raise EmbeddingError(
                f"{name} answered vectors of {dim} numbers and the 'dim' {stated!r}: both must be the same number."
            )
        if dim != (self.dim or dim):
            raise EmbeddingError(
                f"{name} answered vectors of {dim} numbers where {self.dim} were expected: the service must give "
                "vectors of one length."
            )
        self.dim = dim
        return vectors


def load_address(scheme: str) -> Any:
    """The loader of ``http:`` or ``https:`` names."""

    def load(name: str, weights: Path | None, preprocessing: Preprocessing | None) -> SimilarityModel:
        """The model behind an address.

        Raises:
            ModelError: It cannot be reached, does not describe its input, or answers something else.
        """
        address = f"{scheme}:{name}"
        if weights is not None:
            raise ModelError(f"{address} has its weights elsewhere: leave weights out.")
        service = JsonService(address)
        about = service.describe()
        described = about.get("preprocessing")
        described_input = None if described is None else parse_preprocessing(described, address)
        prepared = require_preprocessing(address, preprocessing, described_input)
        fingerprint = about.get("fingerprint")
        network = AddressNetwork(service, fingerprint if isinstance(fingerprint, str) else None)
        if type(about.get("dim")) is int:
            network.dim = about["dim"]
        side = prepared.crop_px
        with service.first_contact():
            dim = network(torch.zeros(1, 3, side, side)).shape[1]
        identity = digest(address, str(fingerprint))
        return SimilarityModel(network.eval(), prepared, dim=dim, name=address, identity=identity)

    return load


def _png(row: np.ndarray) -> str:
    stream = io.BytesIO()
    Image.fromarray(row).save(stream, "PNG", compress_level=1)
    return base64.b64encode(stream.getvalue()).decode("ascii")
