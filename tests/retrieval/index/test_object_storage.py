"""An index on object storage (S3 as moto plays it): every call, two writers, and a build that was stopped."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likewise.data import Catalog
from likewise.errors import InputError
from likewise.models import SimilarityModel
from likewise.retrieval import Index
from likewise.retrieval.index.store import Store

moto_server = pytest.importorskip("moto.server", reason="moto plays the object storage")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The address of the storage."""
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def uri(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A place for an index in a new bucket."""
    import boto3

    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT": address, "AWS_ENDPOINT_URL": address,
        "AWS_ALLOW_HTTP": "true", "TMPDIR": str(tmp_path),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    bucket = f"bucket-{tmp_path.name}".replace("_", "-").lower()[:60].rstrip("-")
    boto3.client("s3", endpoint_url=address).create_bucket(Bucket=bucket)
    return f"s3://{bucket}/photos.index"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in range(6):
        file = tmp_path / "photos" / "ab"[number % 2] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((80, 70), Image.Resampling.BICUBIC).save(file)
    return tmp_path / "photos"


def test_every_call(uri: str, photos: Path, tiny: SimilarityModel) -> None:
    catalog = Catalog.read(photos)
    index = Index.create(uri, tiny, catalog)
    assert (len(index), index.added.added) == (6, 6)
    with pytest.raises(InputError, match="exists already"):
        Index.create(uri, tiny, catalog)
    index = Index.open(uri, tiny)
    first = photos / "a" / "0.png"
    assert index.search(first, 3).hits[0].id == "a/0.png"
    found = index.search(first, 6, where="label = 'b'")
    assert {hit.label for hit in found.hits} == {"b"} and len(found.hits) == 3
    assert index.remove(["a/0.png"]) == 1 and len(Index.open(uri)) == 5
    assert index.add(catalog).added == 1 and len(index) == 6
    (photos / "a" / "2.png").rename(photos / "b" / "moved.png")
    (photos / "b" / "1.png").unlink()
    done = index.sync(Catalog.read(photos))
    assert (done.renamed, done.deleted, done.embedded) == (1, 1, 0)
    assert len(Index.open(uri, tiny)) == 5
    with pytest.raises(InputError):
        Index.open(uri.replace("photos", "gone"))


def test_two_writers_lose_nothing(uri: str, photos: Path, tiny: SimilarityModel) -> None:
    embeddings = tiny.embed(Catalog.read(photos), num_workers=0)
    Index.create(uri, tiny)
    errors: list[BaseException] = []

    def write(rows: list[int]) -> None:
        try:
            for row in rows:
                Index.open(uri, tiny).add_embeddings(embeddings.take([row]))
        except BaseException as error:
            errors.append(error)

    writers = [threading.Thread(target=write, args=(rows,)) for rows in ([0, 1, 2], [3, 4, 5])]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert errors == [] and len(Index.open(uri)) == 6


@pytest.mark.parametrize("stopped_at", ["upsert", "write_metadata", "verify"])
def test_a_stopped_build_goes_on(
    stopped_at: str, uri: str, photos: Path, tiny: SimilarityModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(Store, stopped_at, stop)
        with pytest.raises(SystemExit):
            Index.create(uri, tiny, Catalog.read(photos))
    assert len(Index.create(uri, tiny, Catalog.read(photos))) == 6
    index = Index.open(uri, tiny)
    assert index.add(Catalog.read(photos)).replaced == 6 and len(index) == 6
