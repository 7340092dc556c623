"""Worker processes: as many as the machine can hold, refused before any is started."""

import pytest

from likewise import arguments
from likewise.arguments import cores, worker_count
from likewise.errors import ConfigError


@pytest.mark.parametrize(("available", "most"), [(1, 8), (2, 8), (3, 12), (64, 256), (128, 256)])
def test_four_per_core_and_eight_always(monkeypatch: pytest.MonkeyPatch, available: int, most: int) -> None:
    monkeypatch.setattr(arguments, "cores", lambda: available)
    assert worker_count(most, "workers") == most
    with pytest.raises(ConfigError, match=r"^workers (is|must be)"):
        worker_count(most + 1, "workers")


@pytest.mark.parametrize("value", [-1, 1.5, "2", None, True, 10**9])
def test_what_is_no_number_of_workers(value: object) -> None:
    with pytest.raises(ConfigError, match="workers must be a whole number"):
        worker_count(value, "workers")


def test_this_machine_has_cores() -> None:
    assert cores() >= 1
    assert worker_count(0, "workers") == 0
