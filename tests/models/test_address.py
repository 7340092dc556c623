"""A model that is only an address: a real server in this process that behaves well or badly."""

import base64
import gzip
import io
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import likewise
from likewise.cli.app import app
from likewise.errors import EmbeddingError, ModelError, WorkError
from likewise.models.external import json_service

SQUARE = {"resize_px": 16, "crop_px": 16}


class Service:
    """What the server does; counts requests."""

    def __init__(self) -> None:
        self.about: Any = {"preprocessing": SQUARE, "dim": 3, "fingerprint": "v1"}
        self.answer: Any = self.colors
        self.statuses: list[int] = []
        self.posts = 0
        self.seen: list[np.ndarray] = []

    def colors(self, images: list[np.ndarray]) -> Any:
        vectors = [(image.reshape(-1, 3).mean(0) + 1).tolist() for image in images]
        return {"vectors": vectors, "dim": 3, "fingerprint": "v1"}


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    what = Service()

    class Handler(BaseHTTPRequestHandler):
        def reply(self, status: int, content: Any, **headers: str) -> None:
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self.reply(404, {"detail": "Not Found"}) if what.about is None else self.reply(200, what.about)

        def do_POST(self) -> None:
            what.posts += 1
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            images = [np.array(Image.open(io.BytesIO(base64.b64decode(text)))) for text in body["images"]]
            what.seen += images
            status = what.statuses.pop(0) if what.statuses else 200
            if status != 200:
                return self.reply(status, b"no " + b"such thing " * 50, Location="http://127.0.0.1:1/")
            found = what.answer(images) if callable(what.answer) else what.answer
            return self.reply(*(found if isinstance(found, tuple) else (200, found)))

        def log_message(self, *_: Any) -> None:
            pass

    monkeypatch.setattr(json_service, "_PAUSES_S", (0.0, 0.0, 0.0))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    what.address = f"http://127.0.0.1:{server.server_port}/embed"  # type: ignore[attr-defined]
    yield what
    server.shutdown()


def photos(count: int = 5) -> list[Image.Image]:
    generator = np.random.default_rng(0)
    return [Image.fromarray(generator.integers(0, 256, (20, 30, 3), dtype=np.uint8)) for _ in range(count)]


def test_vectors_of_the_service(service: Any) -> None:
    model = likewise.load(service.address)
    assert (model.dim, model.preprocessing.crop_px, model.name) == (3, 16, service.address)
    found = model.embed(photos(70), 32)  # one request after the other
    assert found.vectors.shape == (70, 3)
    squares = np.stack(service.seen[1:])
    assert squares.shape == (70, 16, 16, 3), "every image once, as the model's own squares"
    wanted = squares.reshape(70, -1, 3).mean(1) + 1
    np.testing.assert_allclose(
        found.vectors, wanted / np.linalg.norm(wanted, axis=1, keepdims=True), atol=1e-5
    )
    assert not model.differentiable
    again = likewise.load(service.address)
    assert again.fingerprint == model.fingerprint
    service.about = {**service.about, "fingerprint": "v2"}
    service.answer = lambda images: {"vectors": [[1, 2, 3]] * len(images)}
    assert likewise.load(service.address).fingerprint != model.fingerprint


def test_a_service_that_does_not_describe_itself(service: Any) -> None:
    service.about = None
    with pytest.raises(ModelError, match="does not say how its images are prepared"):
        likewise.load(service.address)
    assert likewise.load(service.address, preprocessing="imagenet").preprocessing.crop_px == 224


@pytest.mark.parametrize("statuses", [[503], [429, 500], [502, 504, 503]])
def test_passing_failures_are_tried_again(service: Any, statuses: list[int]) -> None:
    model = likewise.load(service.address)
    service.statuses, before = list(statuses), service.posts
    assert len(model.embed(photos(2))) == 2
    assert service.posts == before + 1 + len(statuses)


ANSWERS = {
    "another dimension": (lambda images: {"vectors": [[1, 2]] * len(images)}, "of 2 numbers where 3 were expected"),
    "a false dimension": (lambda images: {"vectors": [[1, 2, 3]] * len(images), "dim": 4}, "and the 'dim' 4: both"),
    "a dimension in words": (lambda images: {"vectors": [[1, 2, 3]] * len(images), "dim": "3"}, "the 'dim' '3': "),
    "vectors in base64": (lambda images: {"vectors": ["AACAPwAAAEAAAEBA"] * len(images)}, "no list of rows of equal"),
    "compressed": (gzip.compress(b'{"vectors": [[1, 2, 3]]}'), "answered no JSON"),
    "too few": (lambda images: {"vectors": [[1, 2, 3]]}, r"vectors \(1, 3\) for 2 images"),
    "ragged": (lambda images: {"vectors": [[1, 2, 3], [1]]}, "no list of rows of equal length"),
    "text": (lambda images: {"vectors": [["a", "b", "c"]] * 2}, "no list of rows of equal length"),
    "one row": (lambda images: {"vectors": [1, 2, 3]}, r"vectors \(3,\) for 2 images"),
    "no vectors": ({"embeddings": []}, "no list of rows of equal length"),
    "a list": ([[1, 2, 3]], "answered a list, no JSON object"),
    "a page": (b"<html>Welcome</html>", r"answered no JSON \('<html>Welcome</html>'\): check the address"),
    "nothing": (b"", "answered no JSON"),
    "another model": (lambda images: {"vectors": [[1, 2, 3]] * 2, "fingerprint": "v9"}, "replaced during the work"),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
def test_wrong_answers(service: Any, name: str) -> None:
    model = likewise.load(service.address)
    service.answer, words = ANSWERS[name]
    with pytest.raises(ModelError, match=words) as caught:
        model.embed(photos(2))
    assert (
        service.address in str(caught.value)
        and "\n" not in str(caught.value)
        and len(str(caught.value)) < 400
    )


@pytest.mark.parametrize("described", [True, False])
def test_the_second_batch_may_not_have_another_dimension(service: Any, described: bool) -> None:
    if not described:
        service.about = None
    model = likewise.load(service.address, preprocessing=None if described else "imagenet")
    before = service.posts

    def answer(images: list[np.ndarray]) -> Any:
        return {"vectors": [[1, 2, 3] if service.posts == before + 1 else [1, 2]] * len(images)}

    service.answer = answer
    with pytest.raises(ModelError, match="of 2 numbers where 3 were expected"):
        model.embed(photos(4), batch_size=2)
    assert service.posts == before + 2


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), None, 1e300])
def test_an_image_without_a_vector_is_one_failure(service: Any, bad: Any) -> None:
    model = likewise.load(service.address)
    service.answer = lambda images: {"vectors": [[1, 2, 3], [bad, 2, 3], [3, 2, 1]]}
    found = model.embed(photos(3))
    assert found.ids == ["0", "2"] and [failure.id for failure in found.failures] == ["1"]


@pytest.mark.parametrize("status", [400, 401, 404, 302, 307])
def test_refusals_are_not_tried_again(service: Any, status: int) -> None:
    model = likewise.load(service.address)
    service.statuses, before = [status] * 9, service.posts
    with pytest.raises(ModelError, match=rf"refused with status {status} \('no such thing"):
        model.embed(photos(2))
    assert service.posts == before + 1


def test_a_request_that_is_too_large_is_sent_in_parts(service: Any) -> None:
    model = likewise.load(service.address)
    wanted, sizes = model.embed(photos(70), 32), []

    def answer(images: list[np.ndarray]) -> Any:
        sizes.append(len(images))
        return (413, b"too large") if len(images) > 10 else service.colors(images)

    service.answer = answer
    np.testing.assert_array_equal(model.embed(photos(70), 32).vectors, wanted.vectors)
    assert sizes == [32, 16, *[8] * 8, 6], "the limit is found once"
    service.answer = (413, b"too large")
    with pytest.raises(
        EmbeddingError, match=r"refused with status 413 \('too large'\): allow larger requests"
    ):
        model.embed(photos(1))


def test_a_service_that_needs_time_gets_fewer_images(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model, sizes = likewise.load(service.address), []
    post = json_service.JsonService.post

    def answer(self: Any, values: Any, *, divisible: bool = False, stop: Any = None) -> Any:
        sizes.append((len(values["images"]), divisible))
        if len(values["images"]) > 2:
            raise json_service.TooLargeError("no answer within 60 s", 1 / 4)
        return post(self, values, divisible=divisible, stop=stop)

    monkeypatch.setattr(json_service.JsonService, "post", answer)
    assert len(model.embed(photos(5))) == 5
    assert sizes == [(5, True), (1, False), *[(1, False)] * 4]


def test_a_service_that_is_down(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match=r"cannot be used after 3 tries: .*refused"):
        likewise.load("http://127.0.0.1:9/embed")
    model = likewise.load(service.address)
    service.statuses = [503] * 9
    with pytest.raises(WorkError, match="after 4 tries: it answers with status 503"):
        model.embed(photos(2))
    service.statuses = []
    monkeypatch.setattr(json_service, "_TIMEOUT_S", 0.2)

    def slow(images: Any) -> Any:
        time.sleep(0.6)
        return service.colors(images)

    service.answer = slow
    with pytest.raises(WorkError, match=r"no answer within 0.2 s|timed out"):
        model.embed(photos(1))


@pytest.mark.parametrize("name", ["http://", "http:///embed", "https:x", "http://[bad/"])
def test_names_that_are_no_address(name: str) -> None:
    with pytest.raises(
        ModelError, match=r"not an address|names no host|cannot be used|no kind|names nothing"
    ):
        likewise.load(name, preprocessing="imagenet")


def test_only_the_user_names_an_address(service: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="sends images to a server, and this name was not given by you"):
        likewise.load(service.address, trusted=False)
    for number, photo in enumerate(photos(3)):
        photo.save(tmp_path / f"{number}.png")
    model = likewise.load(service.address)
    index = likewise.Index.create(tmp_path / "a.index", model, likewise.Catalog.read(tmp_path))
    posts = service.posts
    with pytest.raises(
        ModelError, match="sends no images to an address by itself: if you trust it, add  --model http"
    ):
        likewise.Index.open(index.path).search(tmp_path / "1.png")
    assert service.posts == posts
    hits = likewise.Index.open(index.path, model).search(tmp_path / "1.png", k=1).hits
    assert hits[0].id.endswith("1.png")


def test_what_needs_a_network_says_so(service: Any, tmp_path: Path) -> None:
    model = likewise.load(service.address)
    with pytest.raises(ModelError, match="has no network here that could be exported"):
        likewise.models.export(model, tmp_path / "m.onnx")
    with pytest.raises(ModelError, match="could not be loaded again"):
        model.save(tmp_path / "saved")
    pair = model.explain(*photos(2), check=False)  # black-box methods need vectors alone
    assert torch.isfinite(torch.tensor(pair.distance))


@pytest.mark.parametrize("options", [[], ["--preprocessing", "imagenet"]], ids=["described", "prepared"])
def test_the_refusal_of_an_index_behind_an_address_names_the_options_to_add(
    service: Any, tmp_path: Path, options: list[str]
) -> None:
    if options:
        service.about = None
    (tmp_path / "photos").mkdir()
    for number, photo in enumerate(photos(3)):
        photo.save(tmp_path / "photos" / f"{number}.png")
    index, images = str(tmp_path / "i.index"), str(tmp_path / "photos")

    def run(*words: str) -> Any:
        return CliRunner().invoke(app, words)

    built = run("index", "build", service.address, images, "--out", index, *options)
    assert built.exit_code == 0, built.output
    assert f"search {index} IMAGE --model {service.address}{' '.join(['', *options])}\n" in built.stderr
    for command in (
        ["search", index, f"{images}/0.png"],
        ["index", "add", index, images],
        ["index", "sync", index, images],
    ):
        photos(4)[3].rotate(len(" ".join(command))).save(f"{images}/0.png")
        refused = run(*command).exception
        assert isinstance(refused, ModelError), command
        named = str(refused).partition("add  ")[2].partition("  to the command")[0].split()
        assert named == ["--model", service.address, *options]
        done = run(*command, *named)
        assert done.exit_code == 0, done.output
