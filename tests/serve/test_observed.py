"""What every answer of the server gets, also one that fails while it is sent."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from served import in_a_thread

from likewise.serve.metrics import Metrics
from likewise.serve.observed import Observed


def call(
    app: Callable[..., Any], path: str = "/v1/x", kind: str = "http"
) -> tuple[list[dict[str, Any]], str]:
    """The messages of an answer, and the metrics after it."""
    counts, messages = Metrics(), list[dict[str, Any]]()
    scope = {"type": kind, "method": "GET", "path": path, "client": ("1.2.3.4", 5), "headers": []}

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    async def run() -> None:
        await Observed(app, counts)(scope, None, send)

    try:
        in_a_thread(run())
    finally:
        call.messages, call.metrics = messages, counts.text(0, []).decode()  # type: ignore[attr-defined]
    return messages, counts.text(0, []).decode()


def answering(
    status: int, headers: list[tuple[bytes, bytes]], then: Exception | None = None
) -> Callable[..., Any]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        if then is not None:
            raise then
        await send({"type": "http.response.body", "body": b""})

    return app


def names(messages: list[dict[str, Any]]) -> dict[bytes, bytes]:
    return dict(messages[0]["headers"])


def test_headers_are_added_and_none_is_replaced() -> None:
    messages, _ = call(answering(200, [(b"content-security-policy", b"sandbox")]))
    headers = names(messages)
    assert headers[b"content-security-policy"] == b"sandbox" and headers[b"cache-control"] == b"no-store"
    assert headers[b"x-content-type-options"] == b"nosniff"
    messages, _ = call(answering(200, []), "/static/page.js")
    assert b"cache-control" not in names(messages)
    assert b"default-src 'none'" in names(messages)[b"content-security-policy"]


def test_answers_are_counted_once() -> None:
    _, metrics = call(answering(503, []))
    assert 'likewise_requests_total{method="GET",route="other",status="503"} 1.0' in metrics
    assert 'likewise_errors_total{route="other"} 1.0' in metrics
    _, metrics = call(answering(404, []))
    assert "likewise_errors_total{" not in metrics


def test_a_fault_before_the_answer_is_a_counted_problem(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise ZeroDivisionError("secret")

    with caplog.at_level(logging.ERROR, "likewise.serve"):
        messages, metrics = call(app)
    assert messages[0]["status"] == 500 and b"secret" not in messages[1]["body"]
    assert b"x-content-type-options" in names(messages)
    assert 'status="500"} 1.0' in metrics and caplog.records[0].exc_info


def test_a_fault_within_the_answer_breaks_it_off(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "likewise.serve"), pytest.raises(ZeroDivisionError):
        call(answering(200, [], ZeroDivisionError()))
    messages: list[Any] = call.messages  # type: ignore[attr-defined]
    assert len(messages) == 1 and caplog.records
    assert 'status="200"} 1.0' in call.metrics  # type: ignore[attr-defined]


def test_other_connections_pass() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "lifespan.startup.complete"})

    assert call(app, kind="lifespan")[0] == [{"type": "lifespan.startup.complete"}]
