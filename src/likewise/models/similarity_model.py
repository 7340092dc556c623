"""SimilarityModel: what users hold. It embeds images, compares embeddings, explains a pair, saves itself."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from likewise.arguments import checked
from likewise.arrays import as_numbers
from likewise.bounds import Count, Workers
from likewise.data import Preprocessing
from likewise.distances import ModelDistance
from likewise.errors import InputError, ModelError
from likewise.files import digest
from likewise.models.devices import device_of, native_runtime, pick_device
from likewise.models.distances import pairwise
from likewise.models.embedder import Embedder
from likewise.models.embedding import Images, Options, Precision, embed_images, embed_squares, embed_two
from likewise.models.embeddings import Embeddings
from likewise.models.fingerprint import WeightsDigest, foreign_identity, model_fingerprint
from likewise.models.normalization import require_assignable
from likewise.models.pictures import Picture
from likewise.models.projection import (
    Projection,
    check_projection,
    first_dimensions,
    projected_network,
    projected_texts,
)
from likewise.models.spec import ModelSpec
from likewise.models.text import TextTower
from likewise.models.trained_on import TrainedOn
from likewise.runtime_choice import RuntimeChoice

if TYPE_CHECKING:
    from likewise.explain import PairExplanation

Vectors = np.ndarray | Tensor


@checked
class SimilarityModel:
    """A network with its preprocessing and the distance it was trained with.

    Make one with :func:`likewise.load` or :func:`likewise.models.build`.

    Attributes:
        network: ``(B, 3, H, W)`` RGB pixels, uint8 or 0..255, to ``(B, dim)``. Rows have length 1 (flat
            rows for AVSL). ``network.normalization`` and ``network.embedder`` are its two halves.
        spec: Description of the network; None for foreign modules and ONNX files.
        distance: "cosine", "euclidean", "snr" or "avsl"; the distance of the training.
        name: Display name, from loading.
        dim: Length of an embedding.
        trained_on: Classes and images it was trained with, where that is known; saved with it.
        text: The text tower of models such as CLIP; None without one.
        base: The model below a projection of its embeddings; None without one.
        projection: See :meth:`projected`.
        prefix_sizes: Numbers of first dimensions that are an embedding of their own, () for any; None if the model was
            not trained so (Matryoshka representation learning).
        runtime: Runtime that embeds: "torch", "onnx", "http", or what :func:`likewise.models.use_runtime` chose.
        runner: Function that embeds instead of ``network``. None: the network itself.
        runtime_choice: Why ``runtime`` was chosen, with times and agreement; None without a choice.
    """

    def __init__(
        self,
        network: nn.Module,
        preprocessing: Preprocessing,
        *,
        dim: Count,
        spec: ModelSpec | None = None,
        distance: ModelDistance = "cosine",
        name: str = "model",
        identity: str | None = None,
        text: TextTower | None = None,
    ) -> None:
        self.network, self._preprocessing = network, preprocessing
        self.dim, self.spec = dim, spec
        self.distance: ModelDistance = distance
        self.name, self.text = name, text
        self.trained_on: TrainedOn | None = None
        self.runtime = native_runtime(network)
        self.runner: nn.Module | None = None
        self.runtime_choice: RuntimeChoice | None = None
        self.base: SimilarityModel | None = None
        self.projection: Projection | None = None
        self.prefix_sizes: tuple[int, ...] | None = None
        self._identity, self._weights = identity, WeightsDigest()

    def __repr__(self) -> str:
        return f"SimilarityModel({self.name!r}, dim={self.dim}, distance={self.distance!r}, on {self.device})"

    @property
    def preprocessing(self) -> Preprocessing:
        """Size, crop and numbers of the input. Sizes may be assigned (no other runtime is used then), numbers not."""
        return self._preprocessing

    @preprocessing.setter
    def preprocessing(self, changed: Preprocessing) -> None:
        """Assign other sizes."""
        require_assignable(self.name, self._preprocessing, changed, projected=self.base is not None)
        self._preprocessing = changed
        self.runtime, self.runner, self.runtime_choice = native_runtime(self.network), None, None

    @property
    def device(self) -> torch.device:
        """Device of the network."""
        return device_of(self.network)

    @property
    def differentiable(self) -> bool:
        """Whether gradients reach the pixels; False for ONNX files."""
        return bool(getattr(self.network, "differentiable", True))

    @property
    def embeds_images(self) -> bool:
        """Whether there is a network that embeds images; False for stored vectors."""
        return bool(getattr(self.network, "embeds_images", True))

    @property
    def fingerprint(self) -> str:
        """A digest of weights, spec and preprocessing; equal on every device and after save and load.

        Embeddings of models with different fingerprints must not be mixed.
        """
        if self.base is not None and self.projection is not None:
            return digest(self.base.fingerprint, self.projection.digest())
        weights = self._identity or self._weights.of(self.network)
        spec = foreign_identity(self.network) if self.spec is None else self.spec.identity()
        return model_fingerprint(weights, spec, self.preprocessing)

    def to(self, device: str | torch.device | None) -> "SimilarityModel":
        """Move the network, in place; None is the first GPU or else the CPU. Returns the model."""
        self.network.to(pick_device(device))
        self.runtime, self.runner, self.runtime_choice = native_runtime(self.network), None, None
        return self

    def embed(
        self,
        images: Images,
        batch_size: Count = 64,
        num_workers: Workers | None = None,
        progress: bool = False,
        *,
        precision: Precision = "float32",
        on_done: Callable[[int], None] | None = None,
    ) -> Embeddings:
        """Embeddings of images, in their order; images that cannot be read are left out and listed.

        Args:
            images: A Catalog; a list of paths, PIL images, bytes of image files, uint8 arrays ``(H, W, 3)`` or
                tensors ``(3, H, W)``, RGB; or a uint8 batch, a tensor ``(N, 3, H, W)`` or an array
                ``(N, H, W, 3)``. Everything is turned upright, resized and cropped as the model wants it, but a
                tensor of exactly the model's input size is taken as it is.
            batch_size: Images per forward pass.
            num_workers: Number of decoding processes. None: threads on the CPU, chosen automatically for a GPU.
            progress: Show a bar on stderr.
            precision: "bf16" runs CUDA networks in bfloat16 autocast: faster, about three digits.
            on_done: Called with the number of images after each batch.

        Raises:
            InputError: No images, or something that is none of these.
        """
        return embed_images(self, images, Options(batch_size, num_workers, progress, precision, on_done))

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors of texts in the space of the image embeddings, for models with a text tower (CLIP, SigLIP).

        Args:
            texts: Strings. What is longer than the tower reads (77 tokens for CLIP, 64 for SigLIP) is cut as the
                source does, with a warning.

        Returns:
            float32 ``(N, dim)``, rows of length 1.

        Raises:
            ModelError: The model has no text tower, or its tokenizer does not fit.
            InputError: No texts, or an empty one.
        """
        if self.base is not None and self.projection is not None:
            return projected_texts(self.base, self.projection, texts)
        if self.text is None:
            raise ModelError(
                f"'{self.name}' has no text tower: use an image, or a model that was trained with texts, such as "
                "open_clip:ViT-B-32/laion2b_s34b_b79k."
            )
        return self.text.embed(texts, self.device)

    def vectors(self, pixels: Tensor, batch_size: Count = 64) -> np.ndarray:
        """The embedding of every square, also where it is not usable (NaN, or zeros for the cosine distance).

        Args:
            pixels: uint8 ``(N, 3, S, S)`` RGB of the model's own input size.
            batch_size: Images per forward pass.

        Returns:
            float32 ``(N, dim)``, one row per image of ``pixels``. :meth:`embed` leaves unusable rows out.
        """
        return embed_squares(self, pixels, batch_size)

    def compare(self, vectors_a: Vectors, vectors_b: Vectors) -> np.ndarray:
        """Distances ``(N, M)`` float32 of rows ``(N, D)`` to rows ``(M, D)``, in the model's own distance.

        Smaller is more similar. For "snr", which is not symmetric, rows of ``vectors_a`` are the anchors.

        Raises:
            InputError: Rows of another length than the model's, or no numbers.
        """
        a, b = self._rows(vectors_a), self._rows(vectors_b)
        with torch.no_grad():
            if self.distance == "avsl":
                head: Any = self.network.embedder.head  # type: ignore[union-attr]  # an AVSLHead
                distances: Tensor = head.distance().compare(a, b)
            else:
                distances = pairwise(a, b, self.distance)
        return distances.float().cpu().numpy()

    def distance_between(self, a: Picture, b: Picture) -> float:
        """The distance of two images.

        Raises:
            InputError: One of them cannot be read.
        """
        vectors = embed_two(self, a, b)
        return float(self.compare(vectors[:1], vectors[1:])[0, 0])

    def explain(self, a: Picture, b: Picture, **options: Any) -> "PairExplanation":
        """Explain why two images are similar or not; see :func:`likewise.explain.explain_pair`."""
        from likewise.explain import explain_pair

        return explain_pair(self, a, b, **options)

    def projected(self, projection: Projection) -> "SimilarityModel":
        """A model that maps the embeddings of this one; both share their weights.

        Args:
            projection: For example that of :func:`likewise.models.fit_projection`. With principal components, any
                number of leading dimensions is an embedding, too.

        Raises:
            ModelError: An AVSL model, whose rows are not plain vectors; or a projection of another dimension.
        """
        check_projection(self, projection)
        network = projected_network(self.network, self.preprocessing, projection).to(self.device)
        made = SimilarityModel(
            network, self.preprocessing, dim=projection.dim, distance=self.distance, name=self.name,
            text=None if projection.centered else self.text,
        )  # fmt: skip
        made.base, made.projection, made.trained_on = self, projection, self.trained_on
        made.prefix_sizes = () if projection.centered else self.prefix_sizes
        return made

    def truncated(self, dim: Count, *, untrained: bool = False) -> "SimilarityModel":
        """A model with the first ``dim`` dimensions of the embeddings, of length 1 again.

        Args:
            dim: At least 1, at most those of this model (which then comes back itself).
            untrained: Also take the first dimensions of a model that was not trained so. They are no better than any
                others: measure the loss.

        Raises:
            ModelError: More dimensions than there are, fewer than the model was trained with, or a model whose first
                dimensions are not an embedding of their own.
        """
        return first_dimensions(self, dim, untrained=untrained)

    def save(self, folder: Path | str, *, overwrite: bool = False) -> Path:
        """Write ``model.safetensors`` and ``model.json``, whole or not at all, for :func:`likewise.load`.

        Args:
            folder: Made where it does not exist; a Run's own files in it stay.
            overwrite: Replace a model that is there.

        Raises:
            InputError: The folder contains a model already, or cannot be written.
            ModelError: The model cannot be rebuilt from a spec (foreign modules, ONNX).
        """
        from likewise.models.projected_folder import save_projected
        from likewise.models.saving import save_model

        return (save_model if self.base is None else save_projected)(self, Path(folder), overwrite=overwrite)

    @property
    def decomposable(self) -> bool:
        """Whether an embedding is a linear layer on a pooled feature map, or an AVSL head on several."""
        embedder = self.network.embedder
        return isinstance(embedder, Embedder) and (embedder.pool is not None or embedder.reads_levels)

    def _rows(self, vectors: Vectors) -> Tensor:
        rows = torch.from_numpy(np.ascontiguousarray(as_numbers(vectors, "The vectors"), np.float32))
        if rows.dim() != 2 or rows.shape[1] != self.dim:
            raise InputError(
                f"'{self.name}' compares rows of {self.dim} numbers but got an array {tuple(rows.shape)}: "
                "embed both sides with this model."
            )
        return rows.to(self.device)
