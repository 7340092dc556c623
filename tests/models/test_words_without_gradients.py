"""What to use in place of a model without gradients is said for each kind of model."""

from types import SimpleNamespace
from typing import Any

import pytest
from torch import nn

from likewise.checks.change import _saliency
from likewise.checks.context import CheckContext
from likewise.data import Preprocessing
from likewise.errors import ModelError
from likewise.explain.targets import require_gradients
from likewise.models import SimilarityModel

KINDS = {
    "onnx": "the torch model it was exported from",
    "http": "the model itself in place of its address",
    "other": "a torch model",
}


def blind(runtime: str) -> SimilarityModel:
    network = nn.Identity()
    network.differentiable, network.runtime = False, runtime  # type: ignore[assignment]
    return SimilarityModel(network, Preprocessing(resize_px=8, crop_px=8), dim=4, name="blind")


@pytest.mark.parametrize("runtime", KINDS)
def test_the_sentences_fit_the_kind(runtime: str) -> None:
    model, words = blind(runtime), KINDS[runtime]
    with pytest.raises(ModelError, match=f"or use {words}"):
        require_gradients(model, "gradient")
    context: Any = SimpleNamespace(model=model, reference=model)
    assert CheckContext._lacks_gradients(context) == f"'blind' gives no gradients: use {words}."
    assert _saliency(context).sentence == f"'blind' gives no gradients: use {words}."
