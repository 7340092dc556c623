"""The losses of the study, by the names of their presets.

Source: Kobs et al. 2021, released code; the published models are in ``likewise.models.published.STUDY``.
"""

from likewise.models.published import STUDY, StudyModel

UNTRAINED = "none"
"""The reference: a pretrained backbone with a random head."""

_PRESET_OF_STEM = {
    "margin_no_weight_decay": "margin",
    "margin_param_per_class_no_weight_decay": "margin_class",
    "fastap": "fast_ap",
    "multi_similarity_with_ms_miner": "multi_similarity_miner",
}

STUDIED: dict[str, StudyModel] = {_PRESET_OF_STEM.get(model.stem, model.stem): model for model in STUDY}
"""Name of the loss in presets to what the study says of it; the untrained reference is last."""
