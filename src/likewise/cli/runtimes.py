"""``--runtime``: what embeds the images of a command."""

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, cast

from likewise.cli.console import say
from likewise.cli.option_checks import known_word
from likewise.errors import MissingExtraError

if TYPE_CHECKING:
    from likewise.data import Catalog
    from likewise.models import SimilarityModel

Packages = Mapping[str, Mapping[str, str]]
# Per engine, its packages and the extra that installs each. PyTorch models are exported to ONNX for both.
_MODEL_PACKAGES: Packages = {
    "onnx": {"onnxruntime": "onnx", "onnxscript": "onnx"},
    "openvino": {"openvino": "openvino", "onnxscript": "onnx"},
}
MASK_PACKAGES: Packages = {"openvino": {"openvino": "openvino"}}


def installed_runtime(*words: str, packages: Packages = _MODEL_PACKAGES) -> Callable[[str], str]:
    """A callback of ``--runtime`` that refuses other words, and an engine that is not installed, before the work."""

    def check(word: str) -> str:
        known_word("--runtime", word, words)
        for package, extra in packages.get(word, {}).items():
            if find_spec(package) is None:
                raise MissingExtraError(f"The runtime {word}", extra)
        return word

    return check


def apply_runtime(model: "SimilarityModel", runtime: str, images: "Catalog") -> None:
    """Let ``model`` embed with the chosen runtime; print which, unless it is PyTorch without a comparison."""
    if runtime == "torch":
        return
    from likewise.models import use_runtime

    choice = use_runtime(model, cast("Any", runtime), images, say=say)
    if choice.runtime != "torch" or choice.refused or len(choice.seconds) > 1:
        say(choice.words)
