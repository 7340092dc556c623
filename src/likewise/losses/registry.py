"""The losses by name: ``names("*proxy*")``, ``describe("arcface")``."""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from likewise.arguments import checked
from likewise.extensions import Registry
from likewise.losses import avsl, classification, ranking
from likewise.losses.custom import adapted_loss, adapted_miner
from likewise.losses.entry import Distance, Kind, LossParams
from likewise.losses.miners import MINERS, MinerParams

LOSSES: dict[str, type[LossParams]] = {
    "arcface": classification.ArcFace,
    "avsl_margin": avsl.AVSLMargin,
    "avsl_proxy_anchor": avsl.AVSLProxyAnchor,
    "contrastive": ranking.Contrastive,
    "cosface": classification.CosFace,
    "fast_ap": ranking.FastAP,
    "lifted_structure": ranking.LiftedStructure,
    "margin": ranking.Margin,
    "margin_class": ranking.MarginClass,
    "multi_similarity": ranking.MultiSimilarity,
    "n_pair": ranking.NPair,
    "normalized_softmax": classification.NormalizedSoftmax,
    "ntxent": ranking.NTXent,
    "proxy_anchor": classification.ProxyAnchor,
    "proxy_nca": classification.ProxyNCA,
    "snr_contrastive": ranking.SNRContrastive,
    "soft_triple": classification.SoftTriple,
    "triplet": ranking.Triplet,
}

_losses = Registry("loss", "loss.name=", LOSSES, adapted_loss)
_miners = Registry("miner", "loss.miner.name=", MINERS, adapted_miner)


@dataclass(frozen=True)
class LossDescription:
    """Description of a loss for tables and help texts."""

    name: str
    words: str
    kind: Kind
    distance: Distance
    source: str
    learns: str
    defaults: dict[str, Any]
    meanings: dict[str, str]  # of each parameter
    images_per_class: int  # in a batch, as usual for this loss
    takes_memory: bool


@checked
def names(pattern: str = "*") -> list[str]:
    """The losses whose name fits a wildcard pattern, sorted; registered and installed ones included.

    >>> names("*face")
    ['arcface', 'cosface']
    """
    return [name for name in _losses if fnmatchcase(name, pattern)]


@checked
def miner_names(pattern: str = "*") -> list[str]:
    """The miners whose name fits a wildcard pattern, sorted; registered and installed ones included."""
    return [name for name in _miners if fnmatchcase(name, pattern)]


@checked
def register_loss(name: str, loss: Any) -> None:
    """Make a loss of your own known by a name, in this process.

    Args:
        name: For presets and ``loss.name``.
        loss: A class derived from ``torch.nn.Module``, see :class:`CustomLoss`; or from :class:`LossParams`.

    Raises:
        ConfigError: The name is taken, or ``loss`` is not such a class.
    """
    _losses.register(name, loss)


@checked
def register_miner(name: str, miner: Any) -> None:
    """Make a miner of your own known by a name, in this process.

    Args:
        name: For ``loss.miner.name``.
        miner: A class whose objects are called like the miners of pytorch-metric-learning.

    Raises:
        ConfigError: The name is taken, or ``miner`` is not a class.
    """
    _miners.register(name, miner)


@checked
def is_known_loss(name: str) -> bool:
    """Whether :func:`loss_params` may be called: False for a reference to untrusted code."""
    return _losses.knows(name)


def is_known_miner(name: str) -> bool:
    """Whether :func:`miner_params` may be called: False for a reference to untrusted code."""
    return _miners.knows(name)


def loss_params(name: str) -> type[LossParams]:
    """The parameters' model of a loss.

    Raises:
        ConfigError: There is no such loss (names the nearest), or it is a reference to code that is not trusted.
    """
    return _losses.get(name)


def miner_params(name: str) -> type[MinerParams]:
    """The parameters' model of a miner.

    Raises:
        ConfigError: There is no such miner (names the nearest), or it is a reference to code that is not trusted.
    """
    return _miners.get(name)


@checked
def describe(name: str) -> LossDescription:
    """Description of a loss: kind, distance, source, parameters with defaults and meanings.

    Raises:
        ConfigError: there is no such loss; names the nearest.
    """
    params = loss_params(name)
    return LossDescription(
        name=name,
        words=" ".join((params.__doc__ or "").split()),
        kind=params.kind,
        distance=params.distance,
        source=params.source,
        learns=params.learns,
        defaults=dict(_defaults(params)),
        meanings={key: field.description or "" for key, field in params.model_fields.items()},
        images_per_class=params.images_per_class,
        takes_memory=params.takes_memory,
    )


def _defaults(params: type[LossParams]) -> Iterator[tuple[str, Any]]:
    for key, field in params.model_fields.items():
        yield key, field.get_default(call_default_factory=True)
