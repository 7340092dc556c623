"""Vectors that are there already: in every form of file, by every name of an image, and what they cannot do."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import likewise
from likewise.errors import InputError, ModelError
from likewise.explain import SaliencySettings, make_store
from likewise.retrieval import calibrate_model, evaluate_model


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A catalog, the model that embedded it, and its embeddings."""
    folder, generator = tmp_path_factory.mktemp("vectors"), np.random.default_rng(0)
    rows = []
    for number in range(12):
        name = f"photos/{number}.png"
        (folder / "photos").mkdir(exist_ok=True)
        pixels = generator.integers(0, 256, (40, 40, 3), dtype=np.uint8)
        pixels[: 10 * (number % 3 + 1)] //= 3
        Image.fromarray(pixels).save(folder / name)
        rows.append({"path": name, "label": "abc"[number % 3], "size": number})
    catalog = likewise.Catalog.from_table(pd.DataFrame(rows), folder)
    model = likewise.load("likewise:small", device="cpu")
    return folder, catalog, model, model.embed(catalog)


def as_npz(path: Path, found: Any) -> Path:
    found.save(path.with_suffix(".npz"))
    return path.with_suffix(".npz")


def as_parquet(path: Path, found: Any) -> Path:
    found.save(path.with_suffix(".parquet"))
    return path.with_suffix(".parquet")


def plain_npz(path: Path, found: Any) -> Path:
    np.savez(path.with_suffix(".npz"), vectors=found.vectors * 3, ids=np.array(found.ids))
    return path.with_suffix(".npz")


def plain_npy(path: Path, found: Any) -> Path:
    np.save(path.with_suffix(".npy"), found.vectors.astype(np.float64))
    path.with_suffix(".txt").write_text("\n".join(found.ids) + "\n")
    return path.with_suffix(".npy")


def plain_parquet(path: Path, found: Any) -> Path:
    table = pd.DataFrame({"id": found.ids, "embedding": list(found.vectors)})
    table.to_parquet(path.with_suffix(".parquet"))
    return path.with_suffix(".parquet")


FORMS: dict[str, Callable[[Path, Any], Path]] = {
    "npz": as_npz, "parquet": as_parquet, "plain npz": plain_npz, "npy": plain_npy, "plain parquet": plain_parquet,
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_evaluation_calibration_and_search_are_those_of_the_model(
    form: str, made: Any, tmp_path: Path
) -> None:
    _, catalog, model, found = made
    file = FORMS[form](tmp_path / "v", found)
    stored = likewise.load(f"vectors:{file}")
    ours = form in ("npz", "parquet")
    assert (stored.fingerprint == model.fingerprint) == ours and stored.dim == model.dim
    np.testing.assert_allclose(stored.embed(catalog).vectors, found.vectors, atol=1e-6)
    scores = [evaluate_model(each, catalog).result.scores() for each in (model, stored)]
    assert scores[0] == pytest.approx(scores[1])
    limits = [calibrate_model(each, catalog, false_match_rate=0.7)[0].distance for each in (model, stored)]
    assert limits[0] == pytest.approx(limits[1], abs=1e-5)
    index = likewise.Index.create(tmp_path / "v.index", stored, catalog)
    opened = likewise.Index.open(index.path)
    hits = opened.search(opened.stored_vector(found.ids[4]), k=2).hits
    assert hits[0].id == found.ids[4]
    with pytest.raises(InputError, match="holds no image with the id 'gone'"):
        opened.stored_vector("gone")


def test_images_are_known_by_id_and_by_place(
    made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, catalog, _, found = made
    file = as_npz(folder / "v", found)
    stored = likewise.load(f"vectors:{file}")
    names = [catalog.ids[3], catalog.paths[3], str(catalog.paths[3])]
    for name in names:
        np.testing.assert_array_equal(stored.embed([name]).vectors[0], found.vectors[3])
    monkeypatch.chdir(folder / "photos")
    np.testing.assert_array_equal(stored.embed(["3.png"]).vectors[0], found.vectors[3])
    some = stored.embed([names[0], "gone.png", names[0]])
    assert some.ids == [names[0]] * 2 and [failure.id for failure in some.failures] == ["gone.png"]
    assert "has no vector of it" in some.failures[0].reason
    with pytest.raises(
        InputError, match=r"has no vector of 'gone\.png', and no network to make one: take images it has"
    ):
        stored.embed(["gone.png"])


def test_what_cannot_be_done_says_so(made: Any, tmp_path: Path) -> None:
    _, catalog, _, found = made
    stored = likewise.load(f"vectors:{as_npz(tmp_path / 'v', found)}")
    picture = Image.new("RGB", (40, 40))
    for what in (
        lambda: stored.embed([picture]),
        lambda: stored.explain(catalog.paths[0], picture),
        lambda: stored.explain(catalog.paths[0], catalog.paths[1]),
        lambda: likewise.audit.background(stored, catalog, [tmp_path]),
        lambda: likewise.models.export(stored, tmp_path / "m.onnx"),
        lambda: stored.save(tmp_path / "saved"),
        lambda: stored.embed_text(["red"]),
    ):
        with pytest.raises(InputError) as caught:
            what()
        assert "\n" not in str(caught.value)
    # What only a network can do is refused for that reason, not with advice that does not help vectors.
    grad_cam = SaliencySettings(method="grad_cam")
    for what in (
        lambda: make_store(stored, catalog, tmp_path / "maps", settings=grad_cam),
        lambda: likewise.audit.agreement(
            [stored, likewise.load("likewise:small")], catalog, tmp_path / "a", settings=grad_cam
        ),
        lambda: likewise.audit.background(stored, catalog, tmp_path, attention_images=2),
        lambda: stored.explain(catalog.paths[0], catalog.paths[1]),
    ):
        with pytest.raises(
            ModelError, match="no network, so it cannot embed pixels: use the model that made them"
        ):
            what()


def test_properties_are_audited_from_vectors_alone(made: Any, tmp_path: Path) -> None:
    _, catalog, model, found = made
    stored = likewise.load(f"vectors:{as_npz(tmp_path / 'v', found)}")
    ours, theirs = (likewise.audit.properties(each, catalog, permutations=19) for each in (stored, model))
    assert ours.to_dict().keys() == theirs.to_dict().keys()


def damaged(path: Path, found: Any, how: str) -> Path:
    if how == "no ids":
        np.savez(path.with_suffix(".npz"), vectors=found.vectors)
    elif how == "pickle":
        np.savez(path.with_suffix(".npz"), vectors=np.array([object()], dtype=object), ids=np.array(["a"]))
    elif how == "twice":
        np.savez(path.with_suffix(".npz"), vectors=found.vectors, ids=np.array(["a"] * len(found)))
    elif how == "fewer ids":
        np.savez(path.with_suffix(".npz"), vectors=found.vectors, ids=np.array(["a", "b"]))
    elif how == "empty":
        np.savez(path.with_suffix(".npz"), vectors=found.vectors[:0], ids=np.array([], dtype=str))
    elif how == "text":
        path.with_suffix(".npz").write_text("no vectors")
    elif how == "three axes":
        np.savez(path.with_suffix(".npz"), vectors=found.vectors[:, :, None], ids=np.array(found.ids))
    return path.with_suffix(".npz")


@pytest.mark.parametrize(
    "how", ["no ids", "pickle", "twice", "fewer ids", "empty", "text", "three axes", "missing"]
)
def test_damaged_files(how: str, made: Any, tmp_path: Path) -> None:
    file = damaged(tmp_path / "v", made[3], how)
    with pytest.raises(ModelError) as caught:
        likewise.load(f"vectors:{file}")
    assert str(file) in str(caught.value) and "\n" not in str(caught.value)


def test_other_forms(made: Any, tmp_path: Path) -> None:
    file = plain_npy(tmp_path / "v", made[3])
    file.with_suffix(".txt").unlink()
    with pytest.raises(ModelError, match="rows without names: write one id per line into"):
        likewise.load(f"vectors:{file}")
    shutil.copy(file, tmp_path / "v.csv")
    with pytest.raises(ModelError, match=r"not from 'v.csv': change the ending"):
        likewise.load(f"vectors:{tmp_path / 'v.csv'}")
    pd.DataFrame({"name": ["a"], "x": [1]}).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(ModelError, match="must have the columns vector and id, but has name, x"):
        likewise.load(f"vectors:{tmp_path / 'x.parquet'}")
    with pytest.raises(ModelError, match="leave weights and preprocessing out"):
        likewise.load(f"vectors:{file}", preprocessing="imagenet")
