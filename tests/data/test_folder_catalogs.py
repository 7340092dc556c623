"""A folder as a catalog: labels and splits from folders, links followed, everything left out counted."""

import os
import shutil
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from likewise.data import Catalog, folder_scan
from likewise.data.folder_scan import scan_folder
from likewise.errors import CatalogError

Write = Callable[..., Path]


@pytest.fixture
def photo(tmp_path: Path) -> Write:
    """Writes an image below the folder; the content is of ``kind`` whatever the name says."""

    def write(name: str, kind: str = "JPEG") -> Path:
        file = tmp_path / "photos" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 6), "red").save(file, format=kind)
        return tmp_path / "photos"

    return write


def rows(catalog: Catalog) -> list[tuple[str, str, str]]:
    table = catalog.table
    return list(zip(table["path"], table["label"], table["split"], strict=True))


def test_a_folder_is_a_catalog_and_stays_as_it_was(photo: Write) -> None:
    photo("dog/a.jpg")
    root = photo("cat/deep/er/b.png", "PNG")
    before = sorted(root.rglob("*"))
    catalog = Catalog.read(root)
    assert rows(catalog) == [("cat/deep/er/b.png", "cat", ""), ("dog/a.jpg", "dog", "")]
    assert catalog.paths == [root / "cat/deep/er/b.png", root / "dog/a.jpg"]
    assert sorted(root.rglob("*")) == before
    assert catalog.notes == ("The label is the first folder: 'cat/deep/er' has the label 'cat'.",)


def test_images_without_class_folders_have_no_label(photo: Write) -> None:
    root = photo("a.jpg")
    assert rows(Catalog.read(root)) == [("a.jpg", "", "")] and Catalog.read(root).notes == ()
    photo("dog/b.jpg")
    catalog = Catalog.read(root)
    assert rows(catalog) == [("a.jpg", "", ""), ("dog/b.jpg", "dog", "")]
    assert catalog.notes == (
        "1 of 2 images are outside the class folders and have no label (for example 'a.jpg').",
    )
    with pytest.raises(
        CatalogError, match=r"Evaluation needs labels, and none of the 1 images has one: put each"
    ):
        catalog.take([0]).require_labels("Evaluation")


def test_a_folder_around_the_class_folders_is_passed_through(photo: Write) -> None:
    photo("archive/set/dog/a.jpg")
    catalog = Catalog.read(photo("archive/set/cat/b.jpg"))
    assert catalog.labels.tolist() == ["cat", "dog"]
    assert catalog.notes == ("All images are in archive/set: its subfolders are the classes.",)
    assert Catalog.read(catalog.root / "archive/set/dog").labels.tolist() == [""]


@pytest.mark.parametrize(
    ("folders", "splits"),
    [
        (["train", "test"], ["train", "test"]),
        (["Train", "TEST"], ["train", "test"]),
        (["TRAINING", "Validation"], ["train", "val"]),
        (["Valid", "dev"], ["val", "val"]),
        (["train", "Test", "unlabeled"], ["train", "test", "unlabeled"]),
        (["Test"], ["test"]),
    ],
)
def test_split_folders_of_any_spelling(photo: Write, folders: list[str], splits: list[str]) -> None:
    for folder in folders:
        root = photo(f"{folder}/cat/1.jpg")
    expected = sorted(
        (f"{folder}/cat/1.jpg", "cat", split) for folder, split in zip(folders, splits, strict=True)
    )
    assert rows(Catalog.read(root)) == expected


def test_a_class_may_be_called_train(photo: Write) -> None:
    for name in ("train", "car", "plane"):
        root = photo(f"{name}/1.jpg")
    assert rows(Catalog.read(root)) == [(f"{name}/1.jpg", name, "") for name in ("car", "plane", "train")]


@pytest.mark.parametrize("name", ["a.jfif", "a.pjpeg", "a", "a.jpg_large", "a.JPG", "a.dat", "a.jpe"])
def test_the_content_decides_and_not_the_ending(photo: Write, name: str) -> None:
    assert Catalog.read(photo(f"dog/{name}")).ids == [f"dog/{name}"]


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000"])
def test_images_of_every_kind_without_ending(photo: Write, kind: str) -> None:
    assert Catalog.read(photo("dog/a", kind)).ids == ["dog/a"]


def test_heic_is_read_with_its_extra_and_counted_without(
    photo: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    heif = pytest.importorskip("pillow_heif")
    root = photo("dog/a.jpg")
    heif.from_pillow(Image.new("RGB", (64, 48), "red")).save(root / "dog" / "b.HEIC")
    catalog = Catalog.read(root)
    assert catalog.ids == ["dog/a.jpg", "dog/b.HEIC"]

    from likewise.images import open_image

    picture = open_image(catalog.paths[1])
    assert picture.size == (64, 48) and picture.getpixel((9, 9))[0] > 240
    monkeypatch.setattr(folder_scan, "can_read_heif", lambda: False)
    without = Catalog.read(root)
    assert without.ids == ["dog/a.jpg"]
    assert without.notes == (
        "Left out: 1 file (HEIC 1).",
        "HEIC photos need an optional dependency: run  pip install 'likewise[heic]'.",
    )


def test_what_file_systems_add_is_passed_over_and_counted(photo: Write) -> None:
    root = photo("cat/0.jpg")
    for name in ("@eaDir/x/t.jpg", "cat/@eaDir/0.jpg/SYNOPHOTO_THUMB_M.jpg", "#recycle/b.jpg", "$RECYCLE.BIN/c.jpg",
                 ".thumbnails/d.jpg", "__MACOSX/cat/._0.jpg", "lost+found/e.jpg"):  # fmt: skip
        photo(name)
    for name in ("Thumbs.db", "cat/desktop.ini"):
        (root / name).touch()
    catalog = Catalog.read(root)
    assert rows(catalog) == [("cat/0.jpg", "cat", "")]
    assert catalog.notes[0] == "Left out: 9 files (of the system 9)."


def test_links_are_followed_once(photo: Write, tmp_path: Path) -> None:
    root = photo("cat/0.jpg")
    photo("../nas/dog/1.jpg")
    (root / "dog").symlink_to(tmp_path / "nas" / "dog")
    (root / "cat" / "up").symlink_to(root)
    (root / "again").symlink_to(root / "cat")
    (root / "cat" / "file.jpg").symlink_to(root / "cat" / "0.jpg")
    (root / "cat" / "gone.jpg").symlink_to(root / "nowhere")
    (root / "cat" / "loop").symlink_to(root / "cat" / "loop")
    catalog = Catalog.read(root)
    assert rows(catalog) == [("cat/0.jpg", "cat", ""), ("cat/file.jpg", "cat", ""), ("dog/1.jpg", "dog", "")]
    assert catalog.notes == ("Left out: 2 links to nothing, 2 links to a folder that is listed already.",)
    assert all(path.is_file() for path in catalog.paths)


def test_a_link_to_the_folder_above_lists_nothing_twice(photo: Write, tmp_path: Path) -> None:
    root = photo("cat/0.jpg")
    photo("../nas/dog/1.jpg")
    (root / "above").symlink_to(tmp_path)
    (tmp_path / "nas" / "back").symlink_to(root)
    catalog = Catalog.read(root)
    assert catalog.ids == ["above/nas/dog/1.jpg", "cat/0.jpg"]


def test_a_folder_that_cannot_be_read_is_named(photo: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    root = photo("cat/0.jpg")
    photo("dog/1.jpg")
    real = os.scandir

    def scandir(path: str) -> object:  # root may read everything, so the refusal is made here
        if str(path).endswith("dog"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    catalog = Catalog.read(root)
    assert catalog.notes == ("Left out: 1 folder that cannot be read ('dog': Permission denied).",)
    assert catalog.left_out is not None and list(catalog.left_out.folders) == ["dog"]
    monkeypatch.setattr(os, "scandir", lambda path: scandir("dog"))
    with pytest.raises(CatalogError, match=r"photos cannot be read \(Permission denied\)"):
        Catalog.read(root)


def test_pipes_and_sockets_are_never_opened(photo: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    root = photo("cat/0.jpg")
    os.mkfifo(root / "cat" / "pipe.jpg")
    os.mkfifo(root / "cat" / "pipe")
    (root / "cat" / "zero.jpg").symlink_to("/dev/zero")
    monkeypatch.chdir(root)  # addresses of sockets are at most about 100 characters
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s.jpg")
        assert Catalog.read(root).notes == ("Left out: 4 files (pipes, sockets or devices 4).",)


def test_names_that_are_no_text_are_counted(photo: Write) -> None:
    root = photo("cat/0.jpg")
    odd = Path(os.fsdecode(os.fsencode(root / "cat") + b"/caf\xe9"))
    odd.mkdir()
    for target in (odd / "a.jpg", odd.with_suffix(".jpg")):
        shutil.copy(root / "cat" / "0.jpg", target)
    catalog = Catalog.read(root)
    assert catalog.ids == ["cat/0.jpg"]
    assert catalog.notes == ("Left out: 2 files (names that are not UTF-8 2).",)
    with pytest.raises(
        CatalogError, match=r"The name of the file .*caf.*udce9.* is not UTF-8: rename the file"
    ):
        Catalog.from_images([odd / "a.jpg"])


# A tree is a dict: names to files (bytes), folders (dict), or links (a string).
JPEG = b"\xff\xd8\xff\xe0" + bytes(40)
NAMES = st.sampled_from(
    [
        "a",
        "b.jpg",
        "c.JPG",
        "d.txt",
        "e.heic",
        ".f",
        "Train",
        "test",
        "val",
        "@eaDir",
        "Thumbs.db",
        "g.part",
        "Bär",
        "x y",
    ]
) | st.text(
    st.characters(exclude_characters="/\x00", exclude_categories=("Cs",)), min_size=1, max_size=6
).filter(lambda name: name.strip(".") != "")
FILES = st.sampled_from([JPEG, b"", b"text", b"\x89PNG\r\n\x1a\n" + bytes(40)])
LINKS = st.sampled_from([".", "..", "a", "nowhere", "test", "../a"])
TREES = st.recursive(
    st.dictionaries(NAMES, FILES | LINKS, max_size=4),
    lambda below: st.dictionaries(NAMES, FILES | LINKS | below, max_size=4),
    max_leaves=12,
)


def grow(tree: dict[str, object], folder: Path, top: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name, what in tree.items():
        if isinstance(what, dict):
            grow(what, folder / name, top)
        elif isinstance(what, bytes):
            (folder / name).write_bytes(what)
        elif Path(os.path.realpath(folder / what)).is_relative_to(top.resolve()):
            (folder / name).symlink_to(what)


@settings(max_examples=300, deadline=None)
@given(tree=TREES)
def test_every_file_of_any_folder_is_listed_or_counted(tree: dict[str, object]) -> None:
    with tempfile.TemporaryDirectory() as home:
        root = Path(home, "photos")
        grow(tree, root, root)
        there = [
            Path(folder, name)
            for folder, folders, files in os.walk(root)
            for name in [*files, *[name for name in folders if Path(folder, name).is_symlink()]]
        ]
        scan = scan_folder(root)
        left = scan.left_out
        assert len(scan.images) + left.files.total() + left.links_nowhere + left.links_again == len(there)
        assert not left.folders and {root / name for name in scan.images} <= set(there)
        assert all((root / name).is_file() for name in scan.images)
        try:
            catalog = Catalog.read(root)
        except CatalogError as error:
            assert not scan.images and "contains no images" in str(error)
        else:
            assert catalog.ids == scan.images
            assert catalog.paths == [root / name for name in scan.images]
