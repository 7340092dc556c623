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
    """Embed ``catalog``, or read what an earlier call has left of it.

    Args:
        model: Embeds.
        catalog: Its images.
        published: Take the vectors before they are given length 1.
        batch_size: Images in one forward pass.
        progress: Show a bar on stderr.
        parts: Folder in which finished embeddings are kept, each model's in a file of its own; None keeps nothing.

    Raises:
        InterruptedWork: Ctrl-C, where there are ``parts``.
    """
    chosen = as_released(model) if published else model
    if parts is None:
        return chosen.embed(catalog, batch_size, progress=progress)
    images = [*catalog.ids, *_contents(catalog), *map(str, catalog.labels)]
    about = digest(model.fingerprint, str(catalog.root), *images, str(published))
    kept = parts / f"{about}.npz"
    if kept.is_file():
        return Embeddings.load(kept)
    parts.mkdir(parents=True, exist_ok=True)
    return embed_to_file(chosen, catalog, kept, batch_size=batch_size, progress=progress)


def _contents(catalog: Catalog) -> list[str]:
    """Digests of the image files; "" for one that cannot be read."""
    found = []
    for path in catalog.paths:
        try:
            found.append(content_digest(path))
        except InputError:
            found.append("")
    return found


class _Unnormalised(nn.Module):
    def __init__(self, network: SimilarityNetwork, embedder: Embedder) -> None:
        super().__init__()
        self.normalization = network.normalization
        self.embedder = embedder

    def forward(self, images: Tensor) -> Tensor:
        vectors: Tensor = self.embedder.before_length(self.embedder.features(self.normalization(images)))
        return vectors.float()


def as_released(model: SimilarityModel) -> SimilarityModel:
    """``model`` without the last step, for a plain embedding; any other model as it is (its rows have length 1)."""
    network = model.network
    if not isinstance(network, SimilarityNetwork):
        return model
    embedder = network.embedder
    if not isinstance(embedder, Embedder) or embedder.reads_levels:
        return model
    return SimilarityModel(
        _Unnormalised(network, embedder), model.preprocessing, dim=model.dim, name=model.name
    )
