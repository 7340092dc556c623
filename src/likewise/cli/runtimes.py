"""``--runtime``: what embeds the images of a command."""

from typing import TYPE_CHECKING, Any, cast

from likewise.cli.console import say

if TYPE_CHECKING:
    from likewise.data import Catalog
    from likewise.models import SimilarityModel


def apply_runtime(model: "SimilarityModel", runtime: str, images: "Catalog") -> None:
    """Let ``model`` embed with the chosen runtime; print which, unless it is PyTorch without a comparison."""
    if runtime == "torch":
        return
    from likewise.models import use_runtime

    choice = use_runtime(model, cast("Any", runtime), images, say=say)
    if choice.runtime != "torch" or choice.refused or len(choice.seconds) > 1:
        say(choice.words)
