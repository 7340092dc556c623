"""The preprocessing of a transformers model: read from its image processor, then checked against it."""

from collections.abc import Mapping
from typing import Any, cast, get_args

from PIL import Image

from likewise.data.preprocessing import Interpolation, Preprocessing, Triple
from likewise.errors import InputError, ModelError
from likewise.extensions import what_happened
from likewise.models.external.repository import Repository
from likewise.models.external.verified import verify

_FILES = ("preprocessor_config.json", "processor_config.json")
_RESAMPLING = {int(Image.Resampling[name.upper()]): name for name in get_args(Interpolation)}


def processor_preprocessing(repository: Repository) -> Preprocessing | None:
    """The preprocessing of a repository's image processor; None if it has none.

    Raises:
        ModelError: It is code, does not say its size, or does what a Preprocessing cannot express.
    """
    described = _described(repository)
    if described is None:
        return None
    if "AutoImageProcessor" in described.get("auto_map", {}):
        raise ModelError(
            f"The image processor of {repository.title} is Python code in its repository, which likewise never runs "
            "(trust_remote_code is not set): give preprocessing=."
        )
    if described.get("do_resize", True) and not described.get("size"):
        raise ModelError(
            f"The image processor of {repository.title} does not say its size: write 'size' into its "
            "preprocessor_config.json, or give preprocessing=."
        )
    from transformers import AutoImageProcessor

    try:
        processor: Any = AutoImageProcessor.from_pretrained(repository.source, **repository.options)
    except Exception as error:  # the file may contain anything
        raise ModelError(
            f"The image processor of {repository.title} cannot be loaded: {what_happened(error)}"
        ) from error
    try:
        prepared = _read(processor, repository.title)
    except ModelError:
        raise
    except (InputError, ArithmeticError, TypeError, ValueError) as error:
        raise ModelError(
            f"The image processor of {repository.title} is not usable ({str(error).rstrip('.')}): correct its "
            "preprocessor_config.json, or give preprocessing=."
        ) from error
    return verify(
        prepared,
        lambda image: processor(images=[image], return_tensors="pt")["pixel_values"],
        repository.title,
    )


def _described(repository: Repository) -> dict[str, Any] | None:
    for name in _FILES:
        values = repository.json(name)
        if values is None:
            continue
        inner = values.get("image_processor", values)
        if isinstance(inner, dict) and ("image_processor_type" in inner or "feature_extractor_type" in inner):
            return inner
        if "image_mean" in values or "size" in values:  # files of early versions name no class
            return values
    return None


def _read(processor: Any, title: str) -> Preprocessing:
    size, crop = _plain(processor, "size"), _plain(processor, "crop_size")
    if not getattr(processor, "do_resize", False):
        raise _inexpressible(title, "does not resize")
    geometry = _geometry(processor, size, title)
    if getattr(processor, "do_center_crop", False):
        if not crop or crop.get("height") != crop.get("width"):
            raise _inexpressible(title, f"crops to {crop}, which is not a square")
        geometry["crop_px"] = crop["height"]
    if "crop_px" not in geometry:
        raise _inexpressible(title, "keeps the proportions of each image and crops nothing")
    if geometry["crop_px"] > geometry["resize_px"]:
        raise _inexpressible(title, f"crops {geometry['crop_px']} px from {geometry['resize_px']} px")
    resampling = _RESAMPLING.get(int(getattr(processor, "resample", None) or 0), "bilinear")
    mean, std = _numbers(processor)
    return Preprocessing(
        **geometry,
        interpolation=cast("Interpolation", resampling),
        mean=mean,
        std=std,
        channel_order="bgr" if getattr(processor, "do_flip_channel_order", False) else "rgb",
        crop_rounding="floor",
    )


def _geometry(processor: Any, size: Mapping[str, int], title: str) -> dict[str, Any]:
    """Sizes before the crop of ``do_center_crop``."""
    if size.get("height") and size.get("width"):
        side = size["height"]
        if side != size["width"]:
            raise _inexpressible(title, f"resizes to {size['width']} x {side} px, which is not a square")
        return {"resize_mode": "squash", "resize_px": side, "crop_px": side}
    side = size.get("shortest_edge", 0)
    if not side or len(size) > 1:
        raise _inexpressible(title, f"resizes to {dict(size)}, whose result depends on each image")
    share = getattr(processor, "crop_pct", None)
    if share is None:
        return {"resize_px": side}
    # ConvNeXT's rule: a margin around the crop below 384 px, the whole image squashed from there on.
    if side >= 384:
        return {"resize_mode": "squash", "resize_px": side, "crop_px": side}
    return {"resize_px": int(side / share), "crop_px": side}


def _numbers(processor: Any) -> tuple[Triple, Triple]:
    """Mean and standard deviation for pixels of 0..1, for any scaling of the processor."""
    scale = float(processor.rescale_factor) if getattr(processor, "do_rescale", False) else 1.0
    normalized = getattr(processor, "do_normalize", False)
    mean = _three(processor.image_mean) if normalized else (0.0, 0.0, 0.0)
    std = _three(processor.image_std) if normalized else (1.0, 1.0, 1.0)
    if getattr(processor, "rescale_offset", False):  # to -1..1 instead of 0..1
        mean = cast("Triple", tuple(value + 1 for value in mean))
    range_ = scale * 255
    if abs(range_ - 1) < 1e-9:
        return mean, std
    return cast("Triple", tuple(m / range_ for m in mean)), cast("Triple", tuple(s / range_ for s in std))


def _three(values: Any) -> Triple:
    numbers = [float(values)] * 3 if isinstance(values, int | float) else [float(value) for value in values]
    return cast("Triple", tuple(numbers))


def _plain(processor: Any, name: str) -> dict[str, int]:
    """A size of a processor: a mapping, a SizeDict, or one number; without what is not set."""
    value = getattr(processor, name, None)
    if value is None:
        return {}
    if isinstance(value, int):
        return {"height": value, "width": value}
    items = value.items() if hasattr(value, "items") else vars(value).items()
    return {key: number for key, number in items if number}


def _inexpressible(title: str, what: str) -> ModelError:
    return ModelError(
        f"The image processor of {title} {what}, which likewise cannot express: give preprocessing=, or put your own "
        "function around the model (torch:package.module:function)."
    )
