"""What the checks of a run share: model, images, options, and everything that is computed once for all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likewise.audit import background
from likewise.audit.background_bias.mask_plausibility import (
    MaskPlausibility,
    mask_plausibility,
    who_says_exact,
)
from likewise.audit.background_bias.result import BackgroundAudit
from likewise.checks.definition import Need
from likewise.checks.embedding_cache import EmbeddingCache
from likewise.data import Catalog
from likewise.data.masks import image_properties
from likewise.data.sampling import rows_with_pairs
from likewise.explain.evidence import HIDING_MASKS
from likewise.explain.sampled_hiding import PASSES
from likewise.json_text import json_text
from likewise.models import Embeddings, SimilarityModel
from likewise.models.devices import with_gradients
from likewise.models.external.vectors_file import no_network
from likewise.readable import readable
from likewise.retrieval import Neighbors, RetrievalResult, evaluate_queries, nearest, search_distance
from likewise.seeds import stream

METRIC = "map@r"
NEIGHBORS = 50
MOST_PAIRED = 3000  # images whose pairs are all compared
_WHOLE_CLASS = 10  # images of a class that a sample takes before it takes fewer classes
_DRAWS = 3  # of the backgrounds
_ATTENTION_IMAGES = 30


@dataclass(frozen=True)
class CheckOptions:
    """Options of a run that change what is measured.

    Attributes:
        backgrounds: Folder of photos without an object.
        should_matter: Columns that should steer the embedding.
        should_not_matter: Columns that should not.
        false_match_rate: Target share of pairs of different classes that count as the same. None: chosen
            automatically.
        attention_images: Images with an attention score; None: 30.
        pairs: Pairs that explanations are tested on; without gradients, two thirds of them test their faithfulness.
        masks_exact: Whether the masks are exact; None judges them.
    """

    backgrounds: Path | None = None
    should_matter: Sequence[str] = ()
    should_not_matter: Sequence[str] = ()
    false_match_rate: float | None = None
    attention_images: int | None = None
    pairs: int = 30
    masks_exact: bool | None = None


@readable
@dataclass(frozen=True)
class Labelled:
    """The images with a label and a vector.

    Attributes:
        vectors: ``(N, D)`` float32.
        labels: ``(N,)`` text.
        ids: ``(N,)``.
    """

    vectors: NDArray[np.float32]
    labels: NDArray[np.str_]
    ids: list[str]

    def __len__(self) -> int:
        return len(self.ids)

    def with_pairs(self, count: int, seed: int) -> "Labelled":
        """At most ``count`` of the images, with pairs of one class: small classes whole, and single images last."""
        if len(self) <= count:
            return self
        names, codes = np.unique(self.labels, return_inverse=True)
        random = stream(seed, "checks", "pairs of one class")
        most = max(_WHOLE_CLASS, count // len(names))
        return self.take(rows_with_pairs(codes, count, random, most=most))

    def take(self, rows: NDArray[Any]) -> "Labelled":
        """Some of the images: numbers, or one boolean for each."""
        numbers = np.arange(len(self))[rows]
        return Labelled(self.vectors[numbers], self.labels[numbers], [self.ids[row] for row in numbers])


@dataclass
class CheckContext:
    """Shared material of a run.

    Attributes:
        model: Its ``embed`` reads catalogs from the cache.
        catalog: All images.
        options: See :class:`CheckOptions`.
        cache: Embeddings of all models and conditions.
        seed: Seed of all random choices.
        batch_size: Images per forward pass.
        reference: ``to_dict()`` of an earlier run, or another model.
        parts: Folder of the measurements of long audits. None: none is kept.
        tolerate: Share of unusable images that is tolerated.
        words: Replacements for MODEL and CATALOG in the commands of advice.
        progress: Whether the bar of all checks is shown; the work inside a check tells it how far it is.
    """

    model: SimilarityModel
    catalog: Catalog
    options: CheckOptions = field(default_factory=CheckOptions)
    cache: EmbeddingCache = field(default_factory=EmbeddingCache)
    seed: int = 0
    batch_size: int = 64
    reference: Mapping[str, Any] | SimilarityModel | None = None
    parts: Path | None = None
    tolerate: float = 0.01
    words: Mapping[str, str] = field(default_factory=dict)
    progress: bool = False

    def __post_init__(self) -> None:
        self.model = self.cache.watching(self.model)

    @cached_property
    def embeddings(self) -> Embeddings:
        """Embeddings of all images."""
        return self.cache.embed(self.model, self.catalog)

    @cached_property
    def labelled(self) -> Labelled:
        """The images with a label and a vector."""
        embeddings = self.embeddings
        labels = np.array(
            ["" for _ in embeddings.ids] if embeddings.labels is None else embeddings.labels.tolist(), np.str_
        )
        everything = Labelled(embeddings.vectors, labels, embeddings.ids)
        return everything if (labels != "").all() else everything.take(labels != "")

    @cached_property
    def distance(self) -> Any:
        """The distance of the model, as searches take it."""
        return search_distance(self.model)

    @cached_property
    def evaluation(self) -> RetrievalResult:
        """Retrieval of every labelled image among the others."""
        some = self.labelled
        return evaluate_queries(
            some.vectors,
            some.labels,
            distance=self.distance,
            recall_at=(1,),
            metrics=["recall@1", METRIC],
            device=self.model.device,
            progress=self.progress,
        )

    @cached_property
    def neighbors(self) -> Neighbors:
        """Nearest neighbours of every labelled image among the others, at most 50."""
        some = self.labelled
        count = min(NEIGHBORS, len(some) - 1)
        return nearest(
            some.vectors, k=count, distance=self.distance, device=self.model.device, progress=self.progress
        )

    @cached_property
    def background(self) -> BackgroundAudit:
        """The background audit, which several checks read."""
        return background(
            self.model, self.catalog, self.options.backgrounds or "", _DRAWS, attention_images=self.attention_images,
            seed=self.seed,
            batch_size=self.batch_size, parts=self.audit_parts("background"), exact_masks=self.options.masks_exact,
            progress=self.progress,
        )  # fmt: skip

    @cached_property
    def mask_plausibility(self) -> MaskPlausibility:
        """Whether the masks look right."""
        masked = (self.catalog.table["mask"] != "").to_numpy()
        return mask_plausibility(
            self.catalog.take(masked), missing=float((~masked).mean()),
            exact=who_says_exact(self.catalog, self.options.masks_exact), seed=self.seed,
        )  # fmt: skip

    @property
    def attention_images(self) -> int:
        """Images of the background audit that get an attention score."""
        images = self.options.attention_images
        return images if images is not None else _ATTENTION_IMAGES if self.model.differentiable else 0

    @property
    def explanation_passes(self) -> int:
        """Forward passes to explain the first of two images; a backward pass takes about as long as two of them."""
        both = 2  # the images themselves
        return both + (3 * (HIDING_MASKS + 1) if self.model.decomposable else PASSES)

    def audit_parts(self, name: str) -> Path | None:
        """Folder of the measurements of a long audit."""
        return None if self.parts is None else self.parts / "audits" / name

    @property
    def reference_key(self) -> str:
        """Identity of the reference."""
        if isinstance(self.reference, SimilarityModel):
            return self.reference.fingerprint
        return "" if self.reference is None else json_text(self.reference)

    def why_not(self, needs: Sequence[Need]) -> str:
        """Why a check does not apply, with a way out; empty if nothing is missing."""
        for need in needs:
            reason = getattr(self, f"_lacks_{need}")()
            if reason:
                return str(reason)
        return ""

    def _lacks_pixels(self) -> str:
        return "" if self.model.embeds_images else no_network(self.model.name)

    def _lacks_files(self) -> str:
        if self.model.embeds_images or any(path.is_file() for path in self.catalog.paths[:100]):
            return ""
        return "The image files are not on this machine: name their folder with `--root`."

    def _lacks_gradients(self) -> str:
        if self.model.embeds_images and self.model.differentiable:
            return ""
        return f"'{self.model.name}' gives no gradients: use {with_gradients(self.model.network)}."

    def _lacks_labels(self) -> str:
        labels = self.catalog.labels
        names, counts = np.unique(labels[labels != ""].astype(str), return_counts=True)
        if not len(names):
            return "No image has a label: add a column `label`, or put each class into a folder of its own."
        if len(names) < 2:
            return f"All images have the label {str(names[0])!r}: give at least two classes."
        if not (counts > 1).any():
            return "No class has two images: there is nothing to find."
        return ""

    def _lacks_masks(self) -> str:
        masked = "mask" in self.catalog.table and bool((self.catalog.table["mask"] != "").any())
        return (
            ""
            if masked
            else (
                "There are no object masks: make them with `likewise masks CATALOG`, which downloads a network once; "
                "offline, add `--model FILE` with an .onnx file."
            )
        )

    def _lacks_backgrounds(self) -> str:
        return "" if self.options.backgrounds else "Background photos are needed: add `--backgrounds DIR`."

    def _lacks_columns(self) -> str:
        return (
            "" if image_properties(self.catalog) else "The catalog has no columns that describe its images."
        )

    def _lacks_reference(self) -> str:
        return (
            ""
            if self.reference is not None
            else "Nothing to compare with: add `--reference RUN.json` or a model."
        )

    def _lacks_vectors(self) -> str:
        return (
            "" if isinstance(self.distance, str) else "It needs plain vectors, and this model compares parts."
        )
