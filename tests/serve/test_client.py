"""likewise.Client gives what Index gives, and errors with the sentences of the server."""

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import uvicorn
from served import IMAGES, picture

from likewise import Client, Index, SimilarityModel
from likewise.errors import InputError, LikewiseError
from likewise.images import open_image
from likewise.serve.app import create_app
from likewise.serve.server_state import ServerState
from likewise.serve.settings import Settings


@pytest.fixture(scope="module")
def address(world: Path, model: SimilarityModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server, in a thread."""
    import shutil

    folder = tmp_path_factory.mktemp("client") / "world"
    shutil.copytree(world, folder)
    path = str(folder / "p.index")
    listening = socket.create_server(("127.0.0.1", 0))
    state = ServerState([path], Settings(per_minute=100_000), {path: model})
    server = uvicorn.Server(uvicorn.Config(create_app(state), log_config=None))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    assert state.ready.wait(30)
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


def test_the_client_answers_as_the_index(address: str, world: Path, model: SimilarityModel) -> None:
    index, file = Index.open(world / "p.index", model), world / "photos" / "5.png"
    with Client(address) as client:
        for query in (str(file), file, file.read_bytes(), open_image(file)):
            ours = client.search(query, 6, "price > 3")
            own = index.search(str(file), 6, "price > 3")
            assert [replace(hit, path=None, distance=0) for hit in own.hits] == [
                replace(hit, distance=0) for hit in ours.hits
            ]
            assert [hit.distance for hit in ours.hits] == pytest.approx(
                [hit.distance for hit in own.hits], abs=1e-6
            )
            assert (ours.searched, ours.threshold, ours.exact, ours.nothing_same) == (
                own.searched, own.threshold, own.exact, own.nothing_same
            )  # fmt: skip


def test_the_client_adds_marks_and_removes(address: str) -> None:
    with Client(address) as client:
        before = len(client)
        assert client.add([picture(61), picture(62)], id=["a/1", "a/2"], label="n")["added"] == ["a/1", "a/2"]
        assert len(client) == before + 2 == IMAGES + 2
        assert client.search(image_id="a/1", k=1, exclude_self=True).hits[0].id != "a/1"
        assert client.mark("a/1", "a/2", "wrong")["mark"] == "wrong"
        assert client.facets(["label"])["facets"]["label"][-1] == {"value": "n", "count": 2}
        assert client.explain(None, "a/2", image_id="a/1")["matches"]
        assert client.remove(["a/1", "a/2", "gone"]) == 2 and len(client) == before
        assert client.info()["indexes"][0]["images"] == IMAGES


def test_wrong_input_is_the_sentence_of_the_server(address: str, tmp_path: Path) -> None:
    with Client(address) as client:
        with pytest.raises(InputError, match="lable"):
            client.search(image_id="photos/0.png", where="lable = 'a'")
        with pytest.raises(InputError, match="There is no file"):
            client.search(tmp_path / "gone.png")
        with pytest.raises(InputError, match="not an image"):
            client.search(b"x")
    with Client(address, index="gone") as client, pytest.raises(InputError, match="no index 'gone'"):
        client.search(image_id="photos/0.png")
    with Client("http://127.0.0.1:9") as client, pytest.raises(LikewiseError, match="cannot be reached"):
        client.info()


def test_a_client_is_shown_without_its_key() -> None:
    assert repr(Client("http://127.0.0.1:9", key="lw.secret", index="mugs")) == (
        "Client('http://127.0.0.1:9', index='mugs')"
    )
