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
    """The projection on the principal components of embeddings; labels are not used.

    Args:
        embeddings: More than ``dim`` embeddings of one model. AVSL rows are refused.
        dim: Number of components to keep, the largest variance first. None: all.
        whiten: Also divide each component by its standard deviation.
        shrinkage: Value added to each variance before whitening, in units of the mean variance; 0 is plain whitening.

    Returns:
        The projection for :meth:`SimilarityModel.projected`.

    Raises:
        InputError: Too few embeddings, or equal ones.
        ConfigError: ``dim`` is larger than the dimension of the embeddings.
    """
    count, width = embeddings.vectors.shape
    kept_dim = components(count, width, dim, embeddings.distance)
    weight, center, variances = principal_components(torch.from_numpy(embeddings.vectors), kept_dim)
    if not float(variances[0]) > 1e-12:
        raise InputError("All embeddings are equal: there is nothing to project, so give other images.")
    if whiten:
        shrunk = variances[:kept_dim].clamp_min(0) + shrinkage * variances.mean()
        weight = weight / shrunk.clamp_min(1e-12).sqrt()[:, None]
    return Projection(weight, center)


def components(images: int, width: int, dim: int | None, distance: str) -> int:
    """The number of components to keep, checked before images are embedded.

    Args:
        images: Number of images to fit to.
        width: Dimensions of the embeddings.
        dim: Requested number. None: all.
        distance: Distance of the model.

    Raises:
        InputError: Too few images, or AVSL embeddings.
        ConfigError: More components than dimensions.
    """
    if distance == "avsl":
        raise InputError(
            "The embeddings of an AVSL head are not plain vectors, so there is nothing to project: use a model with a "
            "linear head."
        )
    if dim is not None and dim > width:
        raise ConfigError(f"dim is {dim}, but the embeddings have {width} dimensions: choose 1 to {width}.")
    count = width if dim is None else dim
    if count >= images:
        fewer = f"keep at most {images - 1} dimensions (--dim {images - 1}), or " if images > 1 else ""
        raise InputError(
            f"{images} {'image is' if images == 1 else 'images are'} too few for {count} principal components: "
            f"{fewer}give more images."
        )
    return count
