"""Backbones by name: BN-Inception, those of timm, and those of users."""

from likewise.arguments import checked
from likewise.bounds import Count
from likewise.data.preprocessing import PUBLISHED_BN_INCEPTION, Preprocessing
from likewise.models.backbone import Backbone
from likewise.models.bn_inception import BNInceptionBackbone
from likewise.models.custom_backbone import create_custom, is_custom
from likewise.models.random_state import random_state_kept
from likewise.models.shipped_networks import is_shipped, shipped_spec
from likewise.models.timm_backbone import TimmBackbone, named_preprocessing


@checked
def create_backbone(name: str, *, size_px: Count | None = None) -> Backbone:
    """A backbone with random weights.

    Args:
        name: "bn_inception", "likewise:small", a timm name with or without its tag, or one of your own (see
            :func:`likewise.models.register_backbone`).
        size_px: Side of the input images, for architectures that are built for one size (most vision
            transformers); None is the architecture's own size.

    Raises:
        ModelError: There is no such backbone.
    """
    if name == "bn_inception":
        return BNInceptionBackbone()
    if is_custom(name):
        return create_custom(name, size_px=size_px)
    if is_shipped(name):
        backbone = TimmBackbone(shipped_spec(name).backbone, size_px=size_px)
        backbone.name, backbone.preprocessing = name, native_preprocessing(name)
        return backbone
    return TimmBackbone(name, size_px=size_px)


def native_preprocessing(name: str) -> Preprocessing:
    """Preprocessing of a backbone, without building it unless it is the user's own.

    Raises:
        ModelError: There is no such backbone.
    """
    if name == "bn_inception":
        return PUBLISHED_BN_INCEPTION
    if is_shipped(name) and (preprocessing := shipped_spec(name).preprocessing) is not None:
        return preprocessing
    with random_state_kept():
        return create_custom(name).preprocessing if is_custom(name) else named_preprocessing(name)
