"""What a repository says of the sizes that its model was trained with."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from likewise.models.external.matryoshka import prefix_sizes


def sizes(tmp_path: Path, config: dict[str, Any] | None, card: str | None) -> tuple[int, ...] | None:
    file = tmp_path / "README.md"
    if card is not None:
        file.write_text(card)
    repository: Any = SimpleNamespace(
        json=lambda name: config, file=lambda name: file if card is not None else None
    )
    return prefix_sizes(repository)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"matryoshka_dimensions": [512, 64, 128]}, (64, 128, 512)),
        ({"matryoshka_dims": [8]}, (8,)),
        ({"matryoshka_dimensions": [], "matryoshka_dims": [4, 2]}, (2, 4)),
        ({"matryoshka_dimensions": [64, "x"]}, None),
        ({"matryoshka_dimensions": [0, 64]}, None),
        ({"matryoshka_dimensions": [True]}, None),
        ({"matryoshka_dimensions": 64}, None),
        ({}, None),
        (None, None),
    ],
)
def test_the_configuration_lists_them(
    tmp_path: Path, config: dict[str, Any] | None, expected: tuple[int, ...] | None
) -> None:
    assert sizes(tmp_path, config, None) == expected


@pytest.mark.parametrize(
    ("card", "is_trained"),
    [
        ("---\ntags:\n- clip\n- loss:MatryoshkaLoss\n---\n# A model\n", True),
        ("---\ntags:\n- clip\n---\n# Matryoshka\n", False),
        ("# Matryoshka\n", False),
        ("---\ntags: Matryoshka\n---\n", False),
        ("---\n- Matryoshka\n---\n", False),
        ("---\ntags: [Matryoshka\n---\n", False),
    ],
)
def test_the_tags_of_the_card_say_that_there_are_some(tmp_path: Path, card: str, is_trained: bool) -> None:
    assert sizes(tmp_path, None, card) == (() if is_trained else None)
    assert sizes(tmp_path, {"matryoshka_dims": [4]}, card) == (4,)
