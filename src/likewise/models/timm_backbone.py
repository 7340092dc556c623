"""Any network of timm as a Backbone: CNNs, transformers (tokens become a map), Swin (channels last)."""

import math
from collections.abc import Sequence
from typing import Any, cast, get_args

import torch
from torch import Tensor

from likewise.data.preprocessing import Interpolation, Preprocessing
from likewise.errors import ModelError, choices
from likewise.models.backbone import Backbone, Level, LevelInfo
from likewise.models.spec import PoolingName

_CROP_PCT = 0.875  # what timm takes where a configuration does not say


class TimmBackbone(Backbone):
    """A timm network without its classifier.

    Args:
        name: timm name, with or without the tag of its weights.
        size_px: Input side, for architectures built for one size.

    Raises:
        ModelError: timm has no such network, or it takes no RGB images.
    """

    def __init__(self, name: str, *, size_px: int | None = None) -> None:
        super().__init__()
        self.name = name
        self.network = _create(name, size_px)
        config = self.network.pretrained_cfg
        if config["input_size"][0] != 3:
            raise ModelError(
                f"The backbone '{name}' takes {config['input_size'][0]} channels: choose one for RGB."
            )
        self.preprocessing = timm_preprocessing(config, size_px)
        self.num_features = int(self.network.num_features)
        self.native_dim = int(getattr(self.network, "head_hidden_size", None) or self.num_features)
        self.levels = _levels(self.network)

    @property
    def final_level(self) -> int:
        """A number of its own: timm's last level may be followed by a convolution or a normalisation."""
        return len(self.levels)

    @property
    def native_pooling(self) -> PoolingName:
        """Found out by one forward pass of noise."""
        return "avg" if _pools_by_the_mean(self.network) else "native"

    def forward(self, inputs: Tensor) -> Tensor:
        """The last feature map, ``(B, num_features, h, w)``."""
        self._hold_statistics()
        return self._as_map(self.network.forward_features(inputs), inputs)

    def level_maps(self, inputs: Tensor, levels: Sequence[Level]) -> list[Tensor]:
        """The maps of some levels, in the requested order."""
        self._hold_statistics()
        numbers = self.level_numbers(levels)
        inner = sorted(set(numbers) - {self.final_level})
        if not inner:
            return [self(inputs) for _ in numbers]
        if self.final_level not in numbers:
            maps = self.network.forward_intermediates(
                inputs, indices=inner, intermediates_only=True, stop_early=True, output_fmt="NCHW"
            )
            maps_of = dict(zip(inner, maps, strict=True))
        else:
            final, maps = self.network.forward_intermediates(inputs, indices=inner, output_fmt="NCHW")
            maps_of = {**dict(zip(inner, maps, strict=True)), self.final_level: self._as_map(final, inputs)}
        return [maps_of[number] for number in numbers]

    def native_features(self, inputs: Tensor) -> Tensor:
        """Output of timm with ``num_classes=0``."""
        self._hold_statistics()
        features = self.network.forward_features(inputs)
        vectors: Tensor = self.network.forward_head(features, pre_logits=True)
        return vectors

    def _as_map(self, features: Any, inputs: Tensor) -> Tensor:
        if not isinstance(features, Tensor) or features.dim() not in {3, 4}:
            raise ModelError(
                f"The features of '{self.name}' are not a map: use pooling 'native' or another backbone."
            )
        if features.dim() == 3:
            return _tokens_to_map(features, self.network, inputs)
        channels_last = features.shape[1] != self.num_features and features.shape[-1] == self.num_features
        if channels_last or getattr(self.network, "output_fmt", "NCHW") == "NHWC":
            return features.permute(0, 3, 1, 2)
        return features


def timm_preprocessing(config: dict[str, Any], size_px: int | None = None) -> Preprocessing:
    """The preprocessing in a timm ``pretrained_cfg``, for images of ``size_px`` (None: its own size).

    timm's margin around the crop stays the same share of the image.

    Raises:
        ModelError: The network takes images that are not square, or pads them with a border.
    """
    height, width = config["input_size"][1:]
    if height != width:
        raise ModelError(
            f"The network takes images of {width} x {height} px, and likewise prepares squares: choose another."
        )
    share = float(config.get("crop_pct") or _CROP_PCT)
    if config.get("crop_mode") == "border" or config.get("crop_border_pixels") or share > 1:
        raise ModelError(
            "The network was trained on images with a border around them or cut off, which likewise does not make: "
            "choose another."
        )
    crop = size_px or int(width)
    named = str(config.get("interpolation"))
    return Preprocessing(
        resize_px=math.floor(crop / share),
        crop_px=crop,
        # "random" chooses between two in training; timm has no rule for evaluation.
        interpolation=cast("Interpolation", named if named in get_args(Interpolation) else "bicubic"),
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        resize_mode="squash" if config.get("crop_mode") == "squash" else "shorter",
    )


def named_preprocessing(name: str) -> Preprocessing:
    """The preprocessing of a timm network by its name, without building it.

    Raises:
        ModelError: timm has no such network.
    """
    import timm

    check_timm_name(name)
    config: Any = timm.get_pretrained_cfg(name)
    # An architecture without released weights has to be built to know.
    return timm_preprocessing(_create(name, None).pretrained_cfg if config is None else config.to_dict())


def check_timm_name(name: str) -> None:
    """Raise a sentence with the nearest valid name where timm has no network ``name``.

    Raises:
        ModelError: There is no such network.
    """
    if name.startswith(("hf-hub:", "hf_hub:")):
        raise ModelError(
            f"The backbone '{name}' lives on a hub: load the model with  hf:{name.split(':')[1]}"
        )
    import timm  # takes two seconds to load: only where a network of it is wanted

    # timm takes 'local-dir:' as well, which may run code of that folder: not offered.
    if ":" in name or not timm.is_model(name):
        raise ModelError(f"There is no backbone '{name}': {_near(name, timm.list_models())}")


def _near(name: str, names: list[str]) -> str:
    # timm knows over a thousand names: never list them all.
    hint = choices(name.split(".", maxsplit=1)[0], [*names, "bn_inception"])
    if hint.startswith("did you mean"):
        return hint
    return "give 'bn_inception' or a name that timm.list_models() shows, such as 'resnet50'."


def _create(name: str, size_px: int | None) -> Any:
    import timm

    check_timm_name(name)
    options: dict[str, Any] = {"num_classes": 0, "pretrained": False}
    try:
        network: Any = timm.create_model(name, **options)
        config = network.pretrained_cfg
        if size_px and size_px != config["input_size"][-1] and config.get("fixed_input_size", False):
            network = timm.create_model(name, img_size=size_px, **options)
    except (RuntimeError, ValueError, TypeError, AssertionError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise ModelError(
            f"timm cannot build '{name}'{f' for {size_px} px' if size_px else ''} ({reason}): "
            "check its tag and size."
        ) from error
    return network


def _levels(network: Any) -> tuple[LevelInfo, ...]:
    info = getattr(network, "feature_info", None)
    if info is None or not hasattr(network, "forward_intermediates"):
        return ()
    rows: list[dict[str, Any]] = info if isinstance(info, list) else info.info
    return tuple(LevelInfo(row["module"], int(row["num_chs"]), int(row["reduction"])) for row in rows)


def _pools_by_the_mean(network: Any) -> bool:
    """Whether the vector of timm is exactly the mean of the last map."""
    if getattr(network, "num_prefix_tokens", 0):
        return False
    size = getattr(getattr(network, "patch_embed", None), "img_size", None)
    side = tuple(size) if size else tuple(network.pretrained_cfg["input_size"][1:])
    # Noise, not zeros: an untrained network turns zeros into zeros, whatever it does with them.
    images = torch.rand(1, 3, *side, generator=torch.Generator().manual_seed(0))
    was_training = network.training
    try:
        with torch.no_grad():
            features = network.eval().forward_features(images)
            if not isinstance(features, Tensor) or features.dim() != 4:
                return False
            pooled = network.forward_head(features, pre_logits=True)
            axes = (2, 3) if features.shape[1] == pooled.shape[1] else (1, 2)
            mean = features.mean(axes)
            return mean.shape == pooled.shape and torch.allclose(mean, pooled, rtol=1e-4, atol=1e-6)
    finally:
        network.train(was_training)


def _tokens_to_map(tokens: Tensor, network: Any, inputs: Tensor) -> Tensor:
    """``(B, N, C)`` tokens, class and register tokens first, to ``(B, C, h, w)``."""
    height, width = _grid(network, inputs)
    prefix = int(getattr(network, "num_prefix_tokens", tokens.shape[1] - height * width))
    patches = tokens[:, prefix:]
    if patches.shape[1] != height * width:
        side = math.isqrt(patches.shape[1])
        # One token for a whole grid is a class token: the positions are gone.
        if side * side != patches.shape[1] or side == 1:
            raise ModelError(
                f"The {patches.shape[1]} tokens of this network are no {height} x {width} map: "
                "use pooling 'native'."
            )
        height = width = side
    return patches.transpose(1, 2).reshape(tokens.shape[0], tokens.shape[2], height, width)


def _grid(network: Any, inputs: Tensor) -> tuple[int, int]:
    embed = getattr(network, "patch_embed", None)
    if embed is not None and hasattr(embed, "dynamic_feat_size"):
        height, width = embed.dynamic_feat_size(inputs.shape[-2:])
        return int(height), int(width)
    patch = getattr(embed, "patch_size", (16, 16))
    patch = (patch, patch) if isinstance(patch, int) else tuple(patch)
    return inputs.shape[-2] // patch[0], inputs.shape[-1] // patch[1]
