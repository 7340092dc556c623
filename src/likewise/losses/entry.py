"""Base of the losses in the registry: a pydantic model of the parameters that builds the loss.

Class attributes give the kind of the loss and its distance; fields are the parameters
with their published defaults. To add a loss to likewise, write one such class and name it in ``registry.py``; a loss of
your own needs no file of likewise, see :func:`likewise.losses.register_loss`.
"""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from likewise.distances import ModelDistance
from likewise.validation_errors import Spec

if TYPE_CHECKING:
    from likewise.avsl.head import AVSLHead

Kind = Literal["ranking", "classification"]
Distance = ModelDistance


class LossParams(Spec):
    """Base of the parameters of one loss; the docstring of each subclass is its description for users."""

    kind: ClassVar[Kind] = "ranking"
    distance: ClassVar[Distance] = "euclidean"
    source: ClassVar[str] = ""
    learns: ClassVar[str] = ""  # the weights the loss itself learns, in words
    indexes_classes: ClassVar[bool] = False  # labels must be 0 to num_classes - 1
    takes_memory: ClassVar[bool] = True  # can compare a batch with remembered embeddings
    takes_miner: ClassVar[bool] = True
    needs_head: ClassVar[bool] = False  # compares through an AVSL head, not plain vectors
    images_per_class: ClassVar[int] = 4  # in a batch, as the Reality Check protocol samples
    random: ClassVar[bool] = False  # draws whatever its parameters are
    every_class_needs_two: ClassVar[bool] = False  # images, to learn at all

    @property
    def draws(self) -> bool:
        """Whether the loss uses random numbers."""
        return self.random or getattr(self, "triplets_per_anchor", "all") != "all"

    def build(self, num_classes: int, dim: int) -> Any:  # noqa: ARG002 - the subclasses use them
        """The loss itself: a module of (embeddings, labels, indices_tuple, ref_emb, ref_labels)."""
        raise TypeError(f"{type(self).__name__} compares through an AVSL head; use build_with_head.")

    def build_with_head(self, num_classes: int, head: "AVSLHead", seed: int) -> Any:  # noqa: ARG002
        """The loss of a model with an AVSL head: a module ``(flat vectors, labels)``."""
        raise TypeError(f"{type(self).__name__} compares plain vectors; use build.")
