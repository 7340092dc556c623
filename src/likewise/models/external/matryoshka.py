"""Whether a published model was trained so that its first dimensions are an embedding of their own.

Source: Kusupati et al., Matryoshka representation learning, 2022. There is no common form; read are
``matryoshka_dimensions`` in ``config.json`` (Jina, Nomic) and the tags of the model card, where sentence-transformers
names its ``MatryoshkaLoss``.
"""

import yaml

from likewise.models.external.repository import Repository

_KEYS = ("matryoshka_dimensions", "matryoshka_dims")


def prefix_sizes(repository: Repository) -> tuple[int, ...] | None:
    """Sizes the model was trained with; () if the card names none; None if it was not trained so."""
    config = repository.json("config.json") or {}
    for key in _KEYS:
        sizes = config.get(key)
        if isinstance(sizes, list) and sizes and all(type(size) is int and size > 0 for size in sizes):
            return tuple(sorted(sizes))
    return () if any("matryoshka" in tag.lower() for tag in _tags(repository)) else None


def _tags(repository: Repository) -> list[str]:
    """Tags of the model card, from the YAML block at its top."""
    card = repository.file("README.md")
    if card is None:
        return []
    _, mark, rest = card.read_text(encoding="utf-8", errors="replace").partition("---\n")
    if not mark:
        return []
    try:
        about = yaml.safe_load(rest.partition("\n---")[0])
    except yaml.YAMLError:
        return []
    tags = about.get("tags") if isinstance(about, dict) else None
    return [str(tag) for tag in tags] if isinstance(tags, list) else []
