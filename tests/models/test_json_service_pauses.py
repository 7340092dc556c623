"""How long a service of embeddings is waited for before it is asked again."""

import http.client
import json
import pickle
import threading

import pytest

from likewise.errors import ModelError, WorkError
from likewise.models.external import json_service
from likewise.models.external.connections import Answer
from likewise.models.external.json_service import JsonService, TooLargeError, _asked_pause


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


class Service:
    """Stands for the connections: answers by a script and remembers what was sent."""

    def __init__(self, *script: object) -> None:
        self.script, self.sent = list(script), []

    def send(self, data: bytes | None, most: int, timeout_s: float) -> Answer:
        assert timeout_s == 60
        self.sent.append(data)
        step = self.script.pop(0)
        if isinstance(step, bytes):
            return Answer(200, step[:most])
        if isinstance(step, int | tuple):
            status, pause = step if isinstance(step, tuple) else (step, None)
            return Answer(status, b"busy\n now", pause)
        assert isinstance(step, BaseException)
        raise step


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []
    monkeypatch.setattr(threading.Event, "wait", lambda _, pause: pauses.append(pause))
    return pauses


def service(*script: object) -> JsonService:
    made = JsonService("http://host/embed")
    made._connections = Service(*script)  # type: ignore[assignment]
    return made


def test_what_is_sent(waited: list[float]) -> None:
    asked = service(b'{"a": 1}', b'{"b": 2}')
    assert asked.post({"images": ["x"]}) == {"a": 1} and asked.describe() == {"b": 2} and not waited
    post, get = asked._connections.sent  # type: ignore[attr-defined]
    assert json.loads(post) == {"images": ["x"]} and get is None


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_failure_that_passes_is_waited_for(status: int, waited: list[float]) -> None:
    asked = service(status, (status, "7"), ConnectionRefusedError(), ConnectionResetError(), b"{}")
    assert asked.post({}) == {} and waited == [0.5, 7.0, 2.0, 4.0]


@pytest.mark.parametrize("status", [400, 401, 404, 413, 501])
def test_a_refusal_is_not_asked_again(status: int, waited: list[float]) -> None:
    with pytest.raises(ModelError, match=rf"refused with status {status} \('busy now'\)"):
        service(status, b"{}").post({})
    assert not waited


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (503, r"it answers with status 503 \('busy now'\)"),
        (OSError("no route"), "no route"),
        (http.client.IncompleteRead(b""), "IncompleteRead"),
        (ConnectionResetError(), "ConnectionResetError"),
    ],
)
def test_after_the_last_try_the_reason_is_named(step: object, reason: str, waited: list[float]) -> None:
    with pytest.raises(WorkError, match=f"cannot be used after 5 tries: {reason}"):
        service(*[step] * 5).post({})
    assert waited == [0.5, 1, 2, 4]


def test_silence_is_not_waited_for_again(waited: list[float]) -> None:
    with pytest.raises(WorkError, match="cannot be used: no answer within 60 s"):
        service(TimeoutError()).post({})
    with pytest.raises(WorkError, match="cannot be used after 2 tries: no answer within 60 s"):
        service(503, TimeoutError()).post({})
    with pytest.raises(ModelError, match="no answer within 60 s"):
        service(TimeoutError()).describe()
    assert waited == [0.5]


@pytest.mark.parametrize(("step", "share"), [(413, 1 / 2), (TimeoutError(), 1 / 8)])
def test_a_request_that_can_be_divided_is_not_repeated(
    step: object, share: float, waited: list[float]
) -> None:
    with pytest.raises(TooLargeError) as caught:
        service(step).post({}, divisible=True)
    assert caught.value.share == share and not waited
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (str(copy), copy.share) == (str(caught.value), share)


def test_the_first_contact_is_given_up_sooner(waited: list[float]) -> None:
    asked = service(503, 503, 503, 503, b"{}")
    with pytest.raises(ModelError, match="after 3 tries"):
        asked.describe()
    assert waited == [0.5, 1] and asked._pauses == json_service._PAUSES_S
    assert asked.post({}) == {} and waited == [0.5, 1, 0.5]


@pytest.mark.parametrize("answer", [404, b"<html>", b"[1]", b"\xff"])
def test_a_service_need_not_describe_itself(answer: object, waited: list[float]) -> None:
    assert service(answer).describe() == {} and not waited


def test_an_endless_answer_is_not_read(waited: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_service, "_LARGEST_ANSWER", 10)
    assert service(b'{"a":  12}').post({}) == {"a": 12}
    with pytest.raises(ModelError, match="answered more than 0 MB"):
        service(b'{"a":  123}').post({})


def test_a_stopped_request_is_not_tried_again(waited: list[float]) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(WorkError, match="cannot be used: ConnectionResetError"):
        service(ConnectionResetError(), b"{}").post({}, stop=stop)
    assert not waited
