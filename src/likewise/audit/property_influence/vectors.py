"""The embeddings of the property audit, stored so that an interrupted audit can be resumed.

Source of the released form: Kobs et al. 2021, released code: the networks' outputs went into a Euclidean search as
they were, although losses and evaluation normalise them.
"""

from pathlib import Path

from torch import Tensor, nn

from likewise.data import Catalog
from likewise.errors import InputError
from likewise.files import content_digest, digest
from likewise.models import Embeddings, SimilarityModel, embed_to_file
from likewise.models.embedder import Embedder, SimilarityNetwork


def embedded(
    model: SimilarityModel,
    catalog: Catalog,
    *,
    published: bool,
    batch_size: int,
    progress: bool,
    parts: Path | None,
) -> Embeddings:
    """Embed ``catalog``, or read the embeddings that an earlier call has stored.

    Args:
        model: Any model.
        catalog: Images.
        published: Take the vectors before they are normalised.
        batch_size: Images per forward pass.
        progress: Show a bar on stderr.
        parts: Folder of finished embeddings, one file per model. None: none is kept.

    Raises:
        InterruptedWork: Ctrl-C, if ``parts`` is given.
    """
    chosen = as_released(model) if published else model
    if parts is None:
        return chosen.embed(catalog, batch_size, progress=progress)
    images = [*catalog.ids, *_contents(catalog), *map(str, catalog.labels)]
    about = digest(model.fingerprint, str(catalog.root), *images, str(published))
    vectors_file = parts / f"{about}.npz"
    if vectors_file.is_file():
        return Embeddings.load(vectors_file)
    parts.mkdir(parents=True, exist_ok=True)
    return embed_to_file(chosen, catalog, vectors_file, batch_size=batch_size, progress=progress)


def _contents(catalog: Catalog) -> list[str]:
    """Digests of the image files; "" for each that cannot be read."""
    digests = []
    for path in catalog.paths:
        try:
            digests.append(content_digest(path))
        except InputError:
            digests.append("")
    return digests


class _Unnormalised(nn.Module):
    def __init__(self, network: SimilarityNetwork, embedder: Embedder) -> None:
        super().__init__()
        self.normalization = network.normalization
        self.embedder = embedder

    def forward(self, images: Tensor) -> Tensor:
        vectors: Tensor = self.embedder.before_length(self.embedder.features(self.normalization(images)))
        return vectors.float()


def as_released(model: SimilarityModel) -> SimilarityModel:
    """``model`` without the final normalisation if it is a plain embedder; otherwise ``model`` (rows of length 1)."""
    network = model.network
    if not isinstance(network, SimilarityNetwork):
        return model
    embedder = network.embedder
    if not isinstance(embedder, Embedder) or embedder.reads_levels:
        return model
    return SimilarityModel(
        _Unnormalised(network, embedder), model.preprocessing, dim=model.dim, name=model.name
    )
