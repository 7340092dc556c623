"""``torch:package.module:function``: any torch module a Python function returns."""

from pathlib import Path
from typing import Any

from torch import nn

from likewise.data.preprocessing import Preprocessing
from likewise.errors import LikewiseError, ModelError
from likewise.extensions import imported, what_happened
from likewise.models.embedder import ExternalEmbedder, SimilarityNetwork, output_dim
from likewise.models.external.preprocessing_choice import module_preprocessing, require_preprocessing
from likewise.models.similarity_model import SimilarityModel
from likewise.models.weights import load_into, read_state_dict


def load_torch(name: str, weights: Path | None, preprocessing: Preprocessing | None) -> SimilarityModel:
    """The module that ``package.module:function`` returns, as a SimilarityModel.

    It maps normalised images ``(B, 3, H, W)`` to vectors ``(B, D)``. Its attribute ``preprocessing`` (a
    Preprocessing, or a dictionary of its values) describes the input; the argument wins. The function
    may return a SimilarityModel as well.

    Raises:
        ModelError: The function cannot be found or does not return a module; the input is not described.
    """
    full = f"torch:{name}"
    module = _made(full, _function(name))
    if isinstance(module, SimilarityModel):
        if weights is not None or preprocessing is not None:
            raise ModelError(
                f"'{full}' returns a whole SimilarityModel: leave weights and preprocessing out."
            )
        return module
    if not isinstance(module, nn.Module):
        raise ModelError(f"'{full}' returns a {type(module).__name__}: it must return a torch.nn.Module.")
    if weights is not None:
        load_into(module, read_state_dict(weights), str(weights))
    prepared = require_preprocessing(full, preprocessing, module_preprocessing(module, full))
    network = SimilarityNetwork(prepared, ExternalEmbedder(module, f"'{full}'")).eval()
    return SimilarityModel(network, prepared, dim=output_dim(network, prepared.crop_px), name=full)


def _made(name: str, function: Any) -> Any:
    """The return value of the function, called without arguments."""
    try:
        return function()
    except LikewiseError:
        raise
    except Exception as error:  # foreign code may raise anything
        raise ModelError(
            f"'{name}' cannot be called without arguments, or failed: {what_happened(error)} It must be a function "
            "that takes none and returns a torch.nn.Module."
        ) from error


def _function(name: str) -> Any:
    if not name.partition(":")[2]:
        raise ModelError(f"'torch:{name}' names no function: write torch:package.module:function.")
    function = imported(name, f"'torch:{name}'", ModelError)
    if not callable(function):
        raise ModelError(f"'torch:{name}' is a {type(function).__name__}: it must be a function.")
    return function
