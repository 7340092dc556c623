"""Who may do what: every route and role, keys, foreign pages, and the limits."""

import asyncio
import json
import logging
import stat
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from served import Serve, encoded, picture

from likewise.errors import InputError
from likewise.serve.keys import KeyRing, _hashed
from likewise.serve.limits import RateLimiter
from likewise.serve.problems import TooManyError

OPEN = {"/livez", "/readyz", "/", "/login", "/logout", "/openapi.json"}
ROLE_OF = {
    ("POST", "/v1/images"): "write", ("DELETE", "/v1/images/{image_id}"): "write", ("POST", "/v1/feedback"): "write",
    ("DELETE", "/v1/jobs/{name}"): "write", ("POST", "/v1/recall"): "write", ("GET", "/v1/snapshots"): "admin",
    ("POST", "/v1/snapshots"): "admin", ("GET", "/v1/snapshots/{name}"): "admin",
    ("POST", "/v1/snapshots/{name}/restore"): "admin",
}  # fmt: skip
ROLES = ("read", "write", "admin")


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> tuple[KeyRing, dict[str, str]]:
    made = KeyRing(tmp_path_factory.mktemp("keys") / "keys.json")
    return made, {role: made.new(f"the-{role}", role) for role in ROLES}


@pytest.fixture
def keyed(serve: Serve, copy: Path, ring: tuple[KeyRing, dict[str, str]]) -> TestClient:
    client = serve(copy / "p.index", keys=ring[0].file)
    del client.headers["X-Likewise"]
    return client


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_every_route_asks_for_its_role(keyed: TestClient, ring: tuple[KeyRing, dict[str, str]]) -> None:
    """The walk goes over the OpenAPI file, so a new route without a key is noticed."""
    routes = keyed.get("/openapi.json").json()["paths"]
    walked = [(method.upper(), path) for path, methods in routes.items() for method in methods]
    assert set(ROLE_OF) <= set(walked) and len(walked) > 25
    for method, path in walked:
        if path in OPEN:
            continue
        address = path.replace("{image_id}", "photos/0.png").replace("{name}", "x")
        needed = ROLES.index(ROLE_OF.get((method, path), "read"))
        without = keyed.request(method, address)
        assert without.status_code == 401 and without.headers["www-authenticate"] == "Bearer", path
        assert keyed.request(method, address, headers=bearer("lw.the-admin.wrong")).status_code == 401
        for level, role in enumerate(ROLES):
            answer = keyed.request(method, address, headers=bearer(ring[1][role]))
            refused = answer.status_code == 403
            assert refused == (level < needed), (method, path, role, answer.text)


@pytest.mark.parametrize(
    "key", ["", "lw", "lw.", "lw..", "lw.the-admin.", "the-admin", "é", "lw.the-admin.x" * 50]
)
def test_wrong_keys_are_refused(key: str, ring: tuple[KeyRing, dict[str, str]]) -> None:
    assert ring[0].check(key) is None


def test_a_key_is_stored_as_a_hash_only_and_can_be_revoked(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path / "keys.json")
    key = ring.new("shop", "write")
    secret = key.rpartition(".")[2]
    text = ring.file.read_text()
    assert secret not in text and len(secret) >= 43 and stat.S_IMODE(ring.file.stat().st_mode) == 0o600
    assert len(json.loads(text)["keys"][0]["hash"]) == 64
    other = KeyRing(ring.file)
    stored = other.check(key)
    assert stored is not None and (stored.name, stored.role) == ("shop", "write")
    ring.revoke("shop")
    assert other.check(key) is None
    with pytest.raises(InputError, match="no key 'shop'"):
        ring.revoke("shop")
    with pytest.raises(InputError, match="already"):
        ring.new("a") and ring.new("a")


def test_a_key_is_hashed_once_and_never_where_all_requests_wait(
    keyed: TestClient, ring: tuple[KeyRing, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    on_the_loop: list[bool] = []

    def hashed(secret: str, salt: bytes) -> bytes:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            on_the_loop.append(False)
        else:
            on_the_loop.append(True)
        return _hashed(secret, salt)

    monkeypatch.setattr("likewise.serve.keys._hashed", hashed)
    for _ in range(3):
        assert keyed.get("/v1/info", headers=bearer(ring[1]["read"])).status_code == 200
    assert keyed.get("/v1/info", headers=bearer("wrong")).status_code == 401
    assert on_the_loop == [False, False]  # once for each key


def test_the_cookie_of_the_page_needs_the_header_for_changes(
    keyed: TestClient, ring: tuple[KeyRing, dict[str, str]]
) -> None:
    assert (
        keyed.post("/login", json={"key": ring[1]["write"]}).status_code == 403
    )  # another site could send it
    page = {"X-Likewise": "1"}
    assert keyed.post("/login", json={"key": "wrong"}, headers=page).status_code == 401
    answer = keyed.post("/login", json={"key": ring[1]["write"]}, headers=page)
    cookie = answer.headers["set-cookie"].lower()
    assert answer.status_code == 204 and "httponly" in cookie and "samesite=strict" in cookie
    assert keyed.get("/v1/info").json()["role"] == "write"
    body = {"query": {"id": "photos/0.png"}, "hit": "photos/4.png", "mark": "wrong"}
    assert keyed.post("/v1/feedback", json=body).status_code == 403
    assert keyed.post("/v1/feedback", json=body, headers=page).status_code == 201
    foreign = {**page, "Sec-Fetch-Site": "cross-site"}
    assert keyed.post("/v1/feedback", json=body, headers=foreign).status_code == 403
    assert keyed.get("/v1/info", headers={"Sec-Fetch-Site": "same-site"}).status_code == 403
    keyed.post("/logout")
    assert keyed.get("/v1/info").status_code == 401


def test_without_keys_only_this_machine_is_served(readonly: TestClient) -> None:
    assert readonly.get("/v1/info").json()["role"] is None
    assert readonly.get("/v1/info", headers={"Host": "attacker.example"}).status_code == 403
    assert readonly.get("/v1/info", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert readonly.delete("/v1/images/photos/0.png").status_code == 403
    assert readonly.post("/v1/images", files={"image": encoded(picture(1))}).status_code == 403


@pytest.mark.parametrize("lost", ["revoked", "removed"])
def test_a_server_whose_last_key_is_gone_stays_closed(
    lost: str, serve: Serve, world: Path, tmp_path: Path
) -> None:
    keys = KeyRing(tmp_path / "keys.json")
    key = keys.new("only", "admin")
    client = serve(world / "p.index", keys=keys.file)
    assert client.get("/v1/info", headers=bearer(key)).status_code == 200
    if lost == "revoked":
        keys.revoke("only")
    else:
        keys.file.unlink()
    assert client.get("/v1/info").status_code == 401
    assert client.get("/v1/info", headers=bearer(key)).status_code == 401


def test_a_first_key_closes_a_server_that_was_open(serve: Serve, world: Path, tmp_path: Path) -> None:
    keys = KeyRing(tmp_path / "keys.json")
    client = serve(world / "p.index", keys=keys.file)
    assert client.get("/v1/info").status_code == 200
    key = keys.new("first")
    assert client.get("/v1/info").status_code == 401
    assert client.get("/v1/info", headers=bearer(key)).status_code == 200
    keys.revoke("first")
    assert client.get("/v1/info").status_code == 401


def test_headers_close_the_page(readonly: TestClient) -> None:
    headers = readonly.get("/v1/info").headers
    policy = headers["content-security-policy"]
    assert "script-src 'self'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store" and "access-control-allow-origin" not in headers
    assert "server" not in headers


def test_no_key_is_in_the_logs(
    keyed: TestClient, ring: tuple[KeyRing, dict[str, str]], caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("likewise", "likewise.access", "likewise.audit"):
        logging.getLogger(name).propagate = True
    with caplog.at_level(logging.DEBUG):
        body = {"query": {"id": "photos/0.png"}, "hit": "photos/4.png", "mark": "wrong"}
        keyed.post("/v1/feedback", json=body, headers=bearer(ring[1]["write"]))
        keyed.post("/v1/search?key=geheim", json={"id": "photos/0.png"}, headers=bearer(ring[1]["read"]))
    written = " ".join(
        f"{record.getMessage()} {getattr(record, 'entry', '')}"
        for record in caplog.records
        if record.name.startswith("likewise")
    )
    assert "the-write" in written and "mark" in written
    assert not any(key.rpartition(".")[2] in written for key in ring[1].values()) and "geheim" not in written


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_body_is_refused(chunked: bool, serve: Serve, world: Path) -> None:
    client = serve(world / "p.index", body_bytes=10_000, upload_bytes=20_000)

    def body() -> Any:
        yield from (b"x" * 1000 for _ in range(30))

    content = body() if chunked else b"x" * 30_000
    # A body in pieces is counted where it is read, which a form is not without its content type.
    for path in ("/v1/search", "/v1/explain", "/v1/feedback", *(() if chunked else ("/v1/images",))):
        answer = client.post(
            path, content=body() if chunked else content, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 413 and "limit of this server" in answer.json()["detail"], path
        assert answer.json()["title"] == "Content Too Large"


def test_too_many_requests_wait_a_while(serve: Serve, world: Path) -> None:
    client = serve(world / "p.index", per_minute=5)
    statuses = [client.get("/v1/calibration").status_code for _ in range(7)]
    assert statuses == [200] * 5 + [429] * 2
    answer = client.get("/v1/calibration")
    assert 1 <= int(answer.headers["retry-after"]) <= 60 and "seconds" in answer.json()["detail"]
    assert client.get("/livez").status_code == 200


def test_a_screen_of_thumbnails_does_not_use_up_the_requests(serve: Serve, world: Path) -> None:
    client = serve(world / "p.index", per_minute=2)
    statuses = [client.get("/v1/images/photos/0.png/file").status_code for _ in range(80)]
    assert statuses[:40] == [200] * 40 and 429 in statuses  # some are given back while they run
    assert client.get("/v1/calibration").status_code == 200


def test_the_rate_is_refilled_evenly() -> None:
    now = [0.0]
    limiter = RateLimiter(60, lambda: now[0])
    for _ in range(60):
        limiter.count("a")
    with pytest.raises(TooManyError):
        limiter.count("a")
    limiter.count("b")
    now[0] = 2.1
    limiter.count("a")
    limiter.count("a")
    with pytest.raises(TooManyError):
        limiter.count("a")


def test_an_image_with_too_many_pixels_is_refused(serve: Serve, world: Path) -> None:
    client = serve(world / "p.index", pixels=1000)
    answer = client.post("/v1/search", files={"image": ("large.png", encoded(picture(1)))})
    assert answer.status_code == 422 and "80 x 70 pixels" in answer.json()["detail"]


def test_slow_work_and_a_full_queue_are_answered_with_retry(
    serve: Serve, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading
    from concurrent.futures import ThreadPoolExecutor

    from likewise.serve import index_routes

    gate = threading.Event()
    monkeypatch.setattr(index_routes, "facets", lambda *_: gate.wait(20) and {})
    client = serve(world / "p.index", queue=2, seconds=1)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: client.get("/v1/facets"), range(4)))
    gate.set()
    assert [each.status_code for each in answers] == [503] * 4
    assert all("retry-after" in each.headers for each in answers)
    assert {each.json()["detail"].split()[2] for each in answers} == {"works", "did"}
