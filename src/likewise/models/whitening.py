"""Principal components and whitening of embeddings, as a projection behind a model.

Source: Jégou & Chum, Negative evidences and co-occurrences in image retrieval: the benefit of PCA and whitening, 2012
(unit vectors are centred, projected, scaled and made length 1 again). The shrinkage is ours: without it, directions in
which a few images happen to vary little are scaled up most.
"""

import torch

from likewise.arguments import checked
from likewise.bounds import Count, PositiveOrZero
from likewise.errors import ConfigError, InputError
from likewise.models.embeddings import Embeddings
from likewise.models.principal_components import principal_components
from likewise.models.projection import Projection


@checked
def fit_projection(
    embeddings: Embeddings, dim: Count | None = None, *, whiten: bool = True, shrinkage: PositiveOrZero = 1.0
) -> Projection:
    """The projection on the principal components of some embeddings; labels are not used.

    Args:
        embeddings: Of one model, more than ``dim``. AVSL rows are refused.
        dim: Components to keep, those of largest variance first; None keeps all.
        whiten: Also divide each component by its standard deviation.
        shrinkage: What is added to each variance before whitening, in units of the mean variance; 0 is plain whitening.

    Returns:
        For :meth:`SimilarityModel.projected`.

    Raises:
        InputError: Too few embeddings, or equal ones.
        ConfigError: ``dim`` is larger than the dimension of the embeddings.
    """
    count, width = embeddings.vectors.shape
    wanted = components(count, width, dim, embeddings.distance)
    weight, center, variances = principal_components(torch.from_numpy(embeddings.vectors), wanted)
    if not float(variances[0]) > 1e-12:
        raise InputError("All embeddings are equal: there is nothing to project, so give other images.")
    if whiten:
        shrunk = variances[:wanted].clamp_min(0) + shrinkage * variances.mean()
        weight = weight / shrunk.clamp_min(1e-12).sqrt()[:, None]
    return Projection(weight, center)


def components(images: int, width: int, dim: int | None, distance: str) -> int:
    """The number of components to keep, checked before images are embedded.

    Args:
        images: To fit to.
        width: Dimensions of the embeddings.
        dim: As asked for; None is all.
        distance: Of the model.

    Raises:
        InputError: Too few images, or AVSL embeddings.
        ConfigError: More components than dimensions.
    """
    if distance == "avsl":
        raise InputError(
            "The embeddings of an AVSL head are no plain vectors, so there is nothing to project: use a model with a "
            "linear head."
        )
    if dim is not None and dim > width:
        raise ConfigError(f"dim is {dim}, but the embeddings have {width} dimensions: ask for 1 to {width}.")
    wanted = width if dim is None else dim
    if wanted >= images:
        fewer = f"keep at most {images - 1} dimensions (--dim {images - 1}), or " if images > 1 else ""
        raise InputError(
            f"{images} {'image is' if images == 1 else 'images are'} too few for {wanted} principal components: "
            f"{fewer}give more images."
        )
    return wanted
