import shutil

import numpy as np
import pytest

from likewise.data import Catalog
from likewise.errors import FingerprintError, InputError, InterruptedWork, WorkError
from likewise.models import Embeddings, embed_to_file
from likewise.models.embedding_job import embedding_job


def stopped_in_shard(number, model, monkeypatch):
    """Stop the embedding once, in this shard; returns the ids of each call."""
    real, calls = type(model).embed, []

    def stops(self, images, *args, **options):
        calls.append(images.ids)
        if len(calls) == number:
            raise KeyboardInterrupt
        return real(self, images, *args, **options)

    monkeypatch.setattr(type(model), "embed", stops)
    return calls


@pytest.mark.parametrize("ending", [".npz", ".parquet"])
def test_shards_are_put_together(tiny, catalog, tmp_path, ending):
    out = tmp_path / f"e{ending}"
    found = embed_to_file(tiny, catalog, out, shard_size=4, num_workers=0, progress=False)
    whole = tiny.embed(catalog, num_workers=0)
    np.testing.assert_allclose(found.vectors, whole.vectors, atol=1e-6)
    assert found.ids == whole.ids and found.labels.tolist() == whole.labels.tolist()
    assert Embeddings.load(out).ids == whole.ids
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_failures_are_listed_and_stored(tiny, broken_catalog, tmp_path):
    found = embed_to_file(
        tiny, broken_catalog, tmp_path / "e.npz", shard_size=1, num_workers=0, progress=False
    )
    assert found.ids == ["0.png", "1.png", "2.png"]
    stored = Embeddings.load(tmp_path / "e.npz")
    assert [failure.id for failure in stored.failures] == ["broken.png"]


def test_a_stopped_job_goes_on_where_it_was(make, catalog, tmp_path, monkeypatch):
    model, out = make(), tmp_path / "e.npz"
    calls = stopped_in_shard(3, model, monkeypatch)
    with pytest.raises(InterruptedWork, match="run the same command again"):
        embed_to_file(model, catalog, out, shard_size=2, num_workers=0, progress=False)
    assert not out.exists()
    found = embed_to_file(model, catalog, out, shard_size=2, num_workers=0, progress=False)
    assert found.ids == catalog.ids
    # shards 0 and 1 were not done again
    assert calls[3:] == [catalog.ids[4:6], catalog.ids[6:8], catalog.ids[8:]]


def test_the_name_is_checked_before_the_work(tiny, catalog, tmp_path):
    with pytest.raises(InputError, match="change the ending"):
        embed_to_file(tiny, catalog, tmp_path / "e.csv")
    assert not list(tmp_path.iterdir())


def test_another_models_shards_are_not_mixed_in(make, catalog, tmp_path, monkeypatch):
    out, model = tmp_path / "e.npz", make(seed=1)
    stopped_in_shard(2, model, monkeypatch)
    with pytest.raises(InterruptedWork):
        embed_to_file(model, catalog, out, shard_size=4, num_workers=0, progress=False)
    with pytest.raises(FingerprintError, match=r"remove .*e.npz.parts"):
        embed_to_file(make(seed=2), catalog, out, shard_size=4, num_workers=0, progress=False)


def test_what_changes_between_stop_and_repeat_is_noticed(make, picture_folder, tmp_path, monkeypatch):
    """Replaced, mended, inserted and relabelled images give what an undisturbed run gives in the end."""
    for number in range(6):
        shutil.copy(picture_folder / f"{number}.png", tmp_path / f"{number}.png")
    (tmp_path / "1.png").write_bytes(b"no image")
    model, out = make(), tmp_path / "e.npz"
    first = Catalog.from_images([tmp_path / f"{number}.png" for number in range(6)], list("aabbcc"))
    with monkeypatch.context() as patch:
        patch.setattr("likewise.models.embedding_job._merged", interrupted)
        with pytest.raises(KeyboardInterrupt):
            embed_to_file(model, first, out, shard_size=2, num_workers=0, progress=False)
    for source, name in [("8", "0"), ("1", "1"), ("7", "00")]:
        shutil.copy(picture_folder / f"{source}.png", tmp_path / f"{name}.png")
    names = ["0", "00", "1", "2", "3", "4", "5"]
    second = Catalog.from_images([tmp_path / f"{name}.png" for name in names], list("xyzuvwt"))
    seen, real = [], type(model).embed

    def watched(self, images, *args, **options):
        seen.extend(images.ids)
        return real(self, images, *args, **options)

    monkeypatch.setattr(type(model), "embed", watched)
    found = embed_to_file(model, second, out, shard_size=2, num_workers=0, progress=False)
    assert seen == ["0.png", "00.png", "1.png"]
    whole = real(model, second, num_workers=0)
    np.testing.assert_allclose(found.vectors, whole.vectors, atol=1e-6)
    assert found.ids == whole.ids and found.labels.tolist() == list("xyzuvwt") and found.failures == []
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*second.ids, "e.npz"])


def interrupted(*arguments):
    raise KeyboardInterrupt


def test_images_that_all_fail_are_told_and_leave_nothing(tiny, tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(WorkError, match=r"None of the 1 images .*a\.png"):
        embed_to_file(tiny, Catalog.from_images([tmp_path / "a.png"]), tmp_path / "e.npz", progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_shards_belong_to_a_model_and_a_precision(make, catalog, tmp_path):
    """Neither more images at once nor more processes make other vectors."""
    first = embedding_job(make(seed=1), catalog, tmp_path).fingerprint
    others = [(make(seed=2), {}), (make(seed=1), {"precision": "bf16"})]
    assert (
        len({first, *(embedding_job(model, catalog, tmp_path, **more).fingerprint for model, more in others)})
        == 3
    )
    alike = {"batch_size": 3, "num_workers": 2, "shard_size": 5}
    assert embedding_job(make(seed=1), catalog, tmp_path, **alike).fingerprint == first


def test_shards_of_another_precision_are_refused(make, catalog, tmp_path, monkeypatch):
    out, model = tmp_path / "e.npz", make()
    stopped_in_shard(2, model, monkeypatch)
    with pytest.raises(InterruptedWork):
        embed_to_file(model, catalog, out, shard_size=4, num_workers=0, progress=False)
    with pytest.raises(FingerprintError, match=r"To start over, remove .*e\.npz\.parts"):
        embed_to_file(model, catalog, out, shard_size=4, num_workers=0, progress=False, precision="bf16")
