"""Importers of the checkpoints that the papers' authors released. They read weights, and run no code."""

from likewise.models.published.avsl import import_avsl
from likewise.models.published.background_bias import import_background_bias
from likewise.models.published.reality_check import (
    REALITY_CHECK_MODELS,
    StudyModel,
    import_reality_check,
    untrained_reference,
)

__all__ = [
    "REALITY_CHECK_MODELS",
    "StudyModel",
    "import_avsl",
    "import_background_bias",
    "import_reality_check",
    "untrained_reference",
]
