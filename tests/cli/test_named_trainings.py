"""Models that are trainings of the same, and their groups, from the options of ``audit agreement``."""

import pytest

from likewise.audit import Training
from likewise.cli.audit_agreement import _groups, _trainings
from likewise.errors import ConfigError


def test_trainings_of_one_model_are_numbered_from_one() -> None:
    assert _trainings(["a", "b", "c", "d"], ["arcface", "triplet", "arcface", "arcface"]) == {
        "a": Training("arcface", "training 1"),
        "b": Training("triplet", "training 1"),
        "c": Training("arcface", "training 2"),
        "d": Training("arcface", "training 3"),
    }
    assert _trainings(["a", "b"], None) is None and _trainings(["a", "b"], []) is None
    with pytest.raises(ConfigError, match=r"There are 1 names \(--trained-as\) for 2 models"):
        _trainings(["a", "b"], ["arcface"])


def test_groups_belong_to_models_in_their_order() -> None:
    assert _groups(["a", "b", "c"], ["ranking", "other", "ranking"]) == {
        "a": "ranking",
        "b": "other",
        "c": "ranking",
    }
    assert _groups(["a", "b"], None) is None
    with pytest.raises(ConfigError, match="There are 1 groups for 2 models"):
        _groups(["a", "b"], ["x"])
