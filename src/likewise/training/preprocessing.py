"""A partially given preprocessing: the rest is that of the backbone.

Colour statistics and interpolation belong to the weights; a smaller image size does not change them.
"""

from typing import Any

from likewise.data import Preprocessing
from likewise.errors import LikewiseError
from likewise.models.backbone_registry import native_preprocessing


def with_own_preprocessing(values: dict[str, Any]) -> dict[str, Any]:
    """``values`` of an Experiment with ``model.preprocessing`` completed from the backbone.

    A ``crop_px`` given without ``resize_px`` scales the backbone's ``resize_px`` in proportion. Values that are
    complete, absent or not a mapping are returned unchanged; an unknown backbone is reported by the validation.
    """
    model = values.get("model")
    settings = model.get("preprocessing") if isinstance(model, dict) else None
    if (
        not isinstance(model, dict)
        or not isinstance(settings, dict)
        or settings.keys() >= Preprocessing.model_fields.keys()
    ):
        return values
    try:
        native = native_preprocessing(str(model.get("backbone")))
    except LikewiseError:
        return values
    completed = native.model_dump(mode="json") | scaled(settings, native) | settings
    return values | {"model": model | {"preprocessing": completed}}


def scaled(settings: dict[str, Any], native: Preprocessing) -> dict[str, int]:
    """``resize_px`` in proportion to a ``crop_px`` that is given alone; otherwise nothing.

    >>> scaled({"crop_px": 112}, Preprocessing(resize_px=256, crop_px=224))
    {'resize_px': 128}
    """
    crop = settings.get("crop_px")
    if "resize_px" in settings or not isinstance(crop, int) or isinstance(crop, bool) or crop < 1:
        return {}
    return {"resize_px": max(crop, round(native.resize_px * crop / native.crop_px))}
