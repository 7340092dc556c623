"""A name that is no text is refused in a sentence."""

from typing import Any

import pytest
import torch

from likewise.errors import LikewiseError
from likewise.explain import embedding_distance
from likewise.models import create_pooling, pairwise

EYE = torch.eye(2)


@pytest.mark.parametrize(
    "value", [None, 3, 2.5, object(), b"x", True], ids=lambda value: type(value).__name__
)
@pytest.mark.parametrize(
    "function", [embedding_distance, create_pooling, lambda name: pairwise(EYE, EYE, name)]
)
def test_names_of_other_types(function: Any, value: Any) -> None:
    with pytest.raises(LikewiseError, match="must be text, but is"):
        function(value)
