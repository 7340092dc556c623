"""The state of a search for copies: a later search reads and compares only what is new, and finds the same pairs."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from likewise.cli.app import app
from likewise.curation import duplicates, prints
from likewise.curation.copies import Duplicates
from likewise.data import Catalog
from likewise.errors import InputError, LikewiseError
from likewise.models import Embeddings


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three photos; 1 is a mirrored copy of 0."""
    for name, seed in [("0", 0), ("2", 2)]:
        coarse = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((120, 90), Image.Resampling.BICUBIC).save(tmp_path / f"{name}.png")
    with Image.open(tmp_path / "0.png") as photo:
        photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "1.png")
    return tmp_path


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the images that were decoded for their small copies."""
    names: list[str] = []
    squeezed = prints.squeezed
    monkeypatch.setattr(
        prints, "squeezed", lambda source, side: names.append(Path(source).name) or squeezed(source, side)
    )
    return names


def catalog_of(folder: Path, *names: str) -> Catalog:
    return Catalog.from_table(pd.DataFrame({"path": [f"{name}.png" for name in names]}), folder)


def pairs_of(copies: Duplicates) -> list[tuple[str, str, str, bool]]:
    return [(copies.ids[pair.a], copies.ids[pair.b], pair.kind, pair.mirrored) for pair in copies.pairs]


MIRRORED = ("0.png", "1.png", "re-encoded", True)


def test_only_new_images_are_decoded_and_all_pairs_are_returned(photos: Path, decoded: list[str]) -> None:
    state = photos / "copies.npz"
    first = duplicates(catalog_of(photos, "0", "1", "2"), state=state)
    assert pairs_of(first) == [MIRRORED] and first.new == ["0.png", "1.png", "2.png"] == sorted(decoded)
    shutil.copy(photos / "2.png", photos / "3.png")
    decoded.clear()
    # The order of the catalog has changed, too.
    later_catalog = catalog_of(photos, "3", "2", "1", "0")
    later = duplicates(later_catalog, state=state)
    assert later.new == ["3.png"] == decoded
    assert pairs_of(later) == pairs_of(duplicates(later_catalog))
    assert {pair[:2] for pair in pairs_of(later)} == {("3.png", "2.png"), ("1.png", "0.png")}
    assert [pair[:2] for pair in pairs_of(later.with_new())] == [("3.png", "2.png")]
    decoded.clear()
    again = duplicates(later_catalog, state=state)
    assert (again.new, decoded, pairs_of(again), pairs_of(again.with_new())) == ([], [], pairs_of(later), [])


def test_changed_and_removed_images_lose_their_pairs(photos: Path, decoded: list[str]) -> None:
    state = photos / "copies.npz"
    duplicates(catalog_of(photos, "0", "1", "2"), state=state)
    assert duplicates(catalog_of(photos, "0", "2"), state=state).pairs == []
    duplicates(catalog_of(photos, "0", "1", "2"), state=state)
    shutil.copy(photos / "2.png", photos / "1.png")
    decoded.clear()
    changed = duplicates(catalog_of(photos, "0", "1", "2"), state=state)
    assert (changed.new, decoded) == (["1.png"], ["1.png"])
    assert pairs_of(changed) == [("1.png", "2.png", "exact", False)]


@pytest.mark.parametrize("change", ["cutoff", "neighbors", "model"])
def test_other_settings_compare_all_images_again_without_decoding(
    photos: Path, decoded: list[str], change: str
) -> None:
    state, catalog = photos / "copies.npz", catalog_of(photos, "0", "1", "2")
    duplicates(catalog, state=state)
    model = Embeddings(np.eye(3, dtype=np.float32), catalog.ids, None, "model")
    settings: Any = {"cutoff": {"cutoff": 1.0}, "neighbors": {"neighbors": 1}, "model": {"model": model}}
    decoded.clear()
    again = duplicates(catalog, state=state, **settings[change])
    assert again.new == catalog.ids and decoded == []
    assert pairs_of(again) == ([] if change == "cutoff" else [MIRRORED])


def test_an_unreadable_image_is_tried_again(photos: Path) -> None:
    state, catalog = photos / "copies.npz", catalog_of(photos, "0", "1", "2")
    whole = (photos / "1.png").read_bytes()
    (photos / "1.png").write_bytes(whole[:60])
    broken = duplicates(catalog, state=state)
    assert broken.pairs == [] and [failure.id for failure in broken.failures] == ["1.png"]
    (photos / "1.png").write_bytes(whole)
    mended = duplicates(catalog, state=state)
    assert mended.new == ["1.png"] and pairs_of(mended) == [MIRRORED] and not mended.failures


def write_damaged(state: Path, kind: str) -> None:
    if kind == "no archive":
        state.write_bytes(b"no archive")
    elif kind == "cut":
        state.write_bytes(state.read_bytes()[:-900])
    elif kind == "array":
        with state.open("wb") as stream:
            np.save(stream, np.eye(3))
    elif kind == "embeddings":
        Embeddings(np.eye(3, dtype=np.float32), ["a", "b", "c"], None, "model").save(state)
    else:
        with np.load(state) as stored:
            arrays = dict(stored)
        about = json.loads(str(arrays["about"]))
        about["pairs"][0][1] = 7
        np.savez(state, **{**arrays, "about": np.array(json.dumps(about))})


@pytest.mark.parametrize("kind", ["no archive", "cut", "array", "embeddings", "row"])
def test_another_file_is_refused_and_stays(photos: Path, kind: str) -> None:
    state, catalog = photos / "copies.npz", catalog_of(photos, "0", "1", "2")
    duplicates(catalog, state=state)
    write_damaged(state, kind)
    content = state.read_bytes()
    with pytest.raises(InputError, match=r"copies\.npz is not the state of a search for copies"):
        duplicates(catalog, state=state)
    assert state.read_bytes() == content


def test_a_state_needs_a_catalog_and_finds_new_images_itself(photos: Path) -> None:
    catalog = catalog_of(photos, "0", "1", "2")
    with pytest.raises(InputError, match="leave state or new out"):
        duplicates(catalog, state=photos / "copies.npz", new=["0.png"])
    embeddings = Embeddings(np.eye(3, dtype=np.float32), catalog.ids, None, "model")
    with pytest.raises(InputError, match="state is for a catalog"):
        duplicates(embeddings, state=photos / "copies.npz")


def call(*words: str) -> Any:
    return CliRunner().invoke(app, ["data", "duplicates", *words])


def test_the_command_lists_new_pairs(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos)
    catalog_of(photos, "0", "1", "2").write(photos / "catalog.csv")
    first = call("catalog.csv", "--state", "copies.npz")
    assert first.exit_code == 0 and "3 of 3 images are new" in first.stderr and "1.png" in first.stdout
    shutil.copy(photos / "2.png", photos / "3.png")
    catalog_of(photos, "0", "1", "2", "3").write(photos / "catalog.csv")
    options = ["--state", "copies.npz", "--out", "clean.csv", "--json"]
    later = call("catalog.csv", "--new", *options)
    assert later.exit_code == 0, later.output
    assert [(pair["image"], pair["copy"]) for pair in json.loads(later.stdout)["pairs"]] == [
        ("2.png", "3.png")
    ]
    assert Catalog.read("clean.csv").ids == ["0.png", "1.png", "2.png"], "only the listed copies are left out"
    everything = json.loads(call("catalog.csv", *options).stdout)
    assert len(everything["pairs"]) == 2 and everything["new"] == []
    assert Catalog.read("clean.csv").ids == ["0.png", "2.png"]


def test_the_advised_command_repeats_the_options(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos)
    catalog_of(photos, "0", "1", "2").write(photos / "catalog.csv")
    done = call("catalog.csv", "--root", str(photos))
    assert f"likewise data duplicates catalog.csv --root {photos} --out FILE" in " ".join(done.stderr.split())


def test_a_page_without_pictures_is_not_written_and_said(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos)
    (photos / "1.png").unlink()
    result = call(".", "--sheet", "copies.html")
    assert result.exit_code == 0 and "copies.html is not written" in result.stderr
    assert not Path("copies.html").exists()


def test_new_without_a_state_is_refused(photos: Path) -> None:
    result = call(str(photos), "--new")
    assert isinstance(result.exception, LikewiseError) and "--state" in str(result.exception)
