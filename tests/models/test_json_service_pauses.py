"""How long a service of embeddings is waited for before it is asked again."""

import pytest

from likewise.models.external.json_service import _asked_pause


@pytest.mark.parametrize(
    ("header", "pause", "waited"),
    [
        (None, 2.0, 2.0),
        ("7", 2.0, 7.0),
        ("0", 2.0, 2.0),  # never sooner than without the header
        ("86400", 2.0, 30.0),  # nobody waits for a day
        ("Wed, 21 Oct 2026 07:28:00 GMT", 2.0, 2.0),
        ("-5", 2.0, 2.0),
        ("1e9", 2.0, 2.0),
        ("", 2.0, 2.0),
        ("7", None, None),  # it was the last try
    ],
)
def test_a_service_may_ask_for_a_pause(header: str | None, pause: float | None, waited: float | None) -> None:
    assert _asked_pause(header, pause) == waited
