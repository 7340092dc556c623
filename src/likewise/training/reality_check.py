"""The losses of the Reality Check study, by the names of their presets, and what a table says of any other loss.

Source: Kobs et al. 2021, released code; the published models are in ``likewise.models.published.REALITY_CHECK_MODELS``.
"""

import re
import zlib
from typing import Literal, NamedTuple

from likewise.arguments import checked
from likewise.losses import describe
from likewise.models.published import REALITY_CHECK_MODELS, StudyModel

UNTRAINED = "untrained"
"""The reference: a pretrained backbone with a random head."""

_PRESET_OF_STEM = {
    "margin_no_weight_decay": "margin",
    "margin_param_per_class_no_weight_decay": "margin_class",
    "fastap": "fast_ap",
    "multi_similarity_with_ms_miner": "multi_similarity_miner",
}

REALITY_CHECK_LOSSES: dict[str, StudyModel] = {
    _PRESET_OF_STEM.get(model.stem, model.stem): model for model in REALITY_CHECK_MODELS
}
"""Name of the loss in presets to what the study says of it; the untrained reference is last."""

_FIRST_OTHER, _LAST_OTHER = 20, 99


class SweepLoss(NamedTuple):
    """Description of a loss in tables.

    Attributes:
        name: As printed.
        year: Year of the loss; None if not known.
        kind: Kind of the loss; "none" for the untrained reference.
    """

    name: str
    year: int | None
    kind: Literal["ranking", "classification", "none"]


@checked
def sweep_loss(loss: str) -> SweepLoss:
    """Description of a loss in tables, for losses of the study and others.

    Raises:
        ConfigError: There is no such loss.
    """
    studied = REALITY_CHECK_LOSSES.get(loss)
    if studied is not None:
        name = "Untrained" if loss == UNTRAINED else studied.name
        return SweepLoss(name, studied.year, studied.kind)
    described = describe(loss)
    years = re.findall(r"\b(?:19|20)\d\d\b", described.source)
    return SweepLoss(loss.rpartition(":")[2], int(years[-1]) if years else None, described.kind)


def sweep_number(loss: str) -> int:
    """A number below 100 of its own for each loss, which its seeds are made from; losses of the study come first."""
    if loss in REALITY_CHECK_LOSSES:
        return list(REALITY_CHECK_LOSSES).index(loss)
    return _FIRST_OTHER + zlib.crc32(loss.encode()) % (_LAST_OTHER - _FIRST_OTHER + 1)
