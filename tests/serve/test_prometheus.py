"""The numbers for Prometheus after requests that were counted by hand."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from served import IMAGES, Serve, encoded, picture

from likewise.serve.searching import Searcher


def samples(client: TestClient) -> dict[tuple[str, ...], float]:
    """Values by name and sorted labels."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, *(str(value) for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_requests_errors_batches_and_sizes_are_counted(
    serve: Serve, world: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "likewise.access")
    client = serve(world / "p.index")
    files = {"image": encoded(picture(1))}
    for _ in range(3):
        assert client.post("/v1/search", files=files).status_code == 200
    assert client.get("/v1/images/gone").status_code == 404
    assert client.get("/nowhere").status_code == 404
    before = samples(client)
    assert before["likewise_requests_total", "POST", "/v1/search", "200"] == 3
    assert before["likewise_request_seconds_count", "/v1/search"] == 3
    assert before["likewise_request_seconds_sum", "/v1/search"] > 0
    assert before["likewise_requests_total", "GET", "other", "404"] == 1
    assert before["likewise_batch_images_sum",] == 3
    assert before["likewise_index_images", "p"] == IMAGES
    assert before["likewise_queue",] == 0
    assert not [name for name, *_ in before if name.startswith("likewise_errors_total")]

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(Searcher, "_answer", broken)
    answer = client.post("/v1/search", files=files)
    assert answer.status_code == 500 and answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert caplog.records[-1].entry["status"] == 500  # type: ignore[attr-defined]
    after = samples(client)
    assert after["likewise_errors_total", "/v1/search"] == 1
    assert after["likewise_requests_total", "POST", "/v1/search", "500"] == 1
