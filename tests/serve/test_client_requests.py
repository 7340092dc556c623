"""What each method of the client sends, without a server."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from likewise import Client
from likewise.errors import InputError
from likewise.serve.client import ServerError

HITS = {"hits": [], "threshold": None, "searched": 3, "exact": False}
CALLS: list[tuple[Callable[[Client], Any], str, str, Any]] = [
    (lambda c: c.info(), "GET", "/v1/info?index=cups", None),
    (
        lambda c: c.facets(["label", "split"], "price > 3"),
        "GET",
        "/v1/facets?columns=label&columns=split&where=price+%3E+3&index=cups",
        None,
    ),
    (lambda c: c.job("a/b"), "GET", "/v1/jobs/a%2Fb?index=cups", None),
    (lambda c: c.remove("a/b 1.png"), "DELETE", "/v1/images/a%2Fb%201.png?index=cups", None),
    (
        lambda c: c.mark("q", "h", "wrong", "a note"),
        "POST",
        "/v1/feedback",
        {"query": {"id": "q"}, "hit": "h", "mark": "wrong", "note": "a note", "index": "cups"},
    ),
    (
        lambda c: c.search(
            image_id="a", k=7, where="price > 3", approximate=True, exclude_self=True, group_by="label"
        ),
        "POST",
        "/v1/search",
        {
            "index": "cups",
            "k": 7,
            "where": "price > 3",
            "id": "a",
            "approximate": True,
            "skip_self": True,
            "group_by": "label",
        },
    ),
    (
        lambda c: c.search(text="red", without=["handle", "lid"]),
        "POST",
        "/v1/search",
        {"index": "cups", "k": 10, "text": ["red"], "without": ["handle", "lid"]},
    ),
    (
        lambda c: c.search(text=["red", "mug"], threshold=0.0),
        "POST",
        "/v1/search",
        {"index": "cups", "k": 10, "text": ["red", "mug"], "threshold": 0.0},
    ),
    (
        lambda c: c.explain(None, "h", image_id="a"),
        "POST",
        "/v1/explain",
        {"index": "cups", "hit": "h", "id": "a"},
    ),
]


def client_of(
    answer: Callable[[httpx.Request], httpx.Response], **options: Any
) -> tuple[Client, list[httpx.Request]]:
    sent: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        request.read()
        sent.append(request)
        return answer(request)

    client = Client("http://server", **options)
    headers, timeout = client._http.headers, client._http.timeout
    client._http = httpx.Client(
        base_url="http://server", headers=headers, timeout=timeout, transport=httpx.MockTransport(handle)
    )
    return client, sent


@pytest.mark.parametrize(("call", "method", "path", "body"), CALLS)
def test_what_is_sent(call: Callable[[Client], Any], method: str, path: str, body: Any) -> None:
    client, sent = client_of(lambda _: httpx.Response(200, json=HITS), key="secret", index="cups", seconds=7)
    call(client)
    (request,) = sent
    assert (request.method, request.url.raw_path.decode()) == (method, path)
    assert (json.loads(request.content) if request.content else None) == body
    assert request.headers["authorization"] == "Bearer secret" and request.headers["x-likewise"] == "1"
    assert request.extensions["timeout"]["read"] == 7


@pytest.mark.parametrize("replace", [True, False])
def test_images_are_added_with_their_fields(replace: bool) -> None:
    client, (sent) = client_of(lambda _: httpx.Response(201, json={"added": ["a", "b"]}))
    assert client.add([b"one", b"two"], replace=replace, id=["a", "b"], label="n", price=3.5) == {
        "added": ["a", "b"]
    }
    (request,) = sent
    assert request.url.raw_path == b"/v1/images"
    parts = [part.split(b"\r\n\r\n", 1) for part in request.content.split(b"\r\n--")[:-1]]
    fields = [(head.split(b'name="')[1].split(b'"')[0].decode(), value.decode()) for head, value in parts]
    assert sorted(fields) == sorted([
        ("id", "a"), ("id", "b"), ("label", "n"), ("price", "3.5"), ("replace", str(replace).lower()),
        ("image", "one"), ("image", "two"),
    ])  # fmt: skip


def test_an_image_is_sent_beside_its_query() -> None:
    client, sent = client_of(lambda _: httpx.Response(200, json=HITS))
    result = client.search(b"the image", 3)
    assert (result.searched, result.exact, result.threshold) == (3, False, None)
    assert b'{"k": 3}' in sent[0].content and b"the image" in sent[0].content


def test_the_key_of_the_environment_counts_where_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKEWISE_KEY", "of-the-environment")
    for options, key in (({}, "of-the-environment"), ({"key": "mine"}, "mine")):
        client, sent = client_of(lambda _: httpx.Response(200, json={}), **options)
        client.info()
        assert sent[0].headers["authorization"] == f"Bearer {key}"
    monkeypatch.delenv("LIKEWISE_KEY")
    client, sent = client_of(lambda _: httpx.Response(200, json={}))
    client.info()
    assert "authorization" not in sent[0].headers


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InputError),
        (401, InputError),
        (404, InputError),
        (422, InputError),
        (429, ServerError),
        (500, ServerError),
        (503, ServerError),
    ],
)
def test_refusals_are_the_callers_and_failures_the_servers(status: int, kind: type[Exception]) -> None:
    client, _ = client_of(lambda _: httpx.Response(status, json={"detail": "The sentence."}))
    with pytest.raises(kind, match=r"^The sentence\.$"):
        client.info()
    other, _ = client_of(lambda _: httpx.Response(status, text="<html>"))
    with pytest.raises(kind, match=f"answered with {status}: is it likewise serve"):
        other.info()


def test_removed_images_are_those_that_were_there() -> None:
    client, sent = client_of(lambda request: httpx.Response(404 if b"gone" in request.url.raw_path else 204))
    assert client.remove(["a", "gone", "b"]) == 2 and len(sent) == 3
    with pytest.raises(ServerError):
        client_of(lambda _: httpx.Response(503))[0].remove(["a"])
