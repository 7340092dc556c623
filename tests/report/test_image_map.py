"""The page of a map: everything about the images arrives as data, and nothing in it becomes markup."""

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from likewise.data import Catalog
from likewise.drawing.sprites import PER_SHEET, sprites
from likewise.errors import InputError, LikewiseError
from likewise.images import open_image
from likewise.models import Embeddings
from likewise.report import MapPage, map_page
from likewise.report.map_picture import OTHERS, PALETTE, map_column, map_picture

HOSTILE = '</script><img src=x onerror="alert(1)">{{7*7}}\u2028'


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """Eight images of one colour each, with a hostile label, numbers and missing values."""
    folder = tmp_path_factory.mktemp("map")
    for number in range(8):
        Image.new("RGB", (40, 20), (30 * number, 100, 200)).save(folder / f"{number} &amp; <b>.png")
    table = pd.DataFrame({
        "path": [f"{number} &amp; <b>.png" for number in range(8)],
        "label": [HOSTILE, "a", "a", "a", "b", "b", "", "b"],
        "price": [1.5, np.nan, 3, 4, 5, 6, 7, np.inf],
        "empty": [None] * 8,
        "on sale": [True, False] * 4,
    })  # fmt: skip
    return Catalog.from_table(table, folder)


def embedded(catalog: Catalog, vectors: Any = None, distance: str = "cosine") -> Embeddings:
    rows = np.random.default_rng(0).normal(size=(len(catalog), 5)) if vectors is None else np.asarray(vectors)
    return Embeddings(rows.astype(np.float32), catalog.ids, None, "m", distance=distance)


def data_of(page: MapPage) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.html, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_the_page_holds_every_image_with_its_values(catalog: Catalog) -> None:
    page = map_page(catalog, embedded(catalog))
    data = data_of(page)
    assert data["ids"] == page.ids == catalog.ids
    np.testing.assert_allclose(np.stack([data["x"], data["y"]], 1), page.points, atol=1e-4)
    columns = {column["name"]: column for column in data["columns"]}
    assert {"label", "price", "on sale"} <= set(columns) and not {"empty", "path", "mask"} & set(columns)
    label = columns["label"]
    assert [label["names"][code] for code in label["codes"]] == catalog.labels.tolist()
    assert columns["price"]["values"] == [1.5, None, 3, 4, 5, 6, 7, None]
    assert data["color"] == page.color == "label"
    assert page.to_dict()["points"][3]["id"] == catalog.ids[3]


@pytest.mark.parametrize(("most", "drawn"), [(8, True), (7, False)])
def test_a_map_of_too_many_images_has_no_thumbnails_and_says_so(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, most: int, drawn: bool
) -> None:
    monkeypatch.setattr("likewise.report.image_map.MOST_THUMBNAILS", most)
    html = map_page(catalog, embedded(catalog)).html
    assert ("data:image/jpeg" in html) == drawn
    assert ("Maps of more than 7 images have no thumbnails." in html) == (not drawn)


def test_names_never_become_markup_and_the_policy_names_what_runs(catalog: Catalog) -> None:
    html = map_page(catalog, embedded(catalog), title=HOSTILE).html
    assert "<img src=x" not in html and "<b>" not in html and html.count("<script") == 2
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy is not None and "default-src 'none'" in policy[1]
    for kind, tag in (("script-src", "script"), ("style-src", "style")):
        text = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text[-1].encode()).digest()).decode()
        assert len(text) == 1 and f"{kind} 'sha256-{digest}'" in policy[1]
    assert not re.search(r'(src|href)="(?!data:)', html), "nothing is loaded from elsewhere"
    assert not re.findall(r"^(?:import|export) .*", html, re.MULTILINE)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_few_images(catalog: Catalog, count: int, distance: str) -> None:
    few = catalog.take(list(range(count)))
    page = map_page(few, embedded(few, distance=distance), color="price")
    assert page.ids == few.ids and np.isfinite(page.points).all()


def test_unusable_vectors_and_unreadable_photos_are_listed(catalog: Catalog, tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(8, 5))
    vectors[2, 1] = np.nan
    Image.new("RGB", (9, 9)).save(tmp_path / "good.png")
    page = map_page(catalog, embedded(catalog, vectors))
    assert [failure.id for failure in page.failures] == [catalog.ids[2]] and len(page.ids) == 7
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    damaged = Catalog.from_images([tmp_path / "good.png", tmp_path / "broken.png"])
    page = map_page(damaged, embedded(damaged))
    assert page.ids == ["good.png", "broken.png"] and [failure.id for failure in page.failures] == [
        "broken.png"
    ]


@pytest.mark.parametrize(("change", "words"), [
    ({"color": "prize"}, "no column 'prize' to colour by.*price"),
    ({"color": "path"}, "no column 'path'"),
    ({"embeddings": Embeddings(np.full((8, 2), np.nan), list("abcdefgh"), None, "m")}, "None of the 8 images"),
    ({"embeddings": Embeddings(np.eye(2), ["gone.png", "b"], None, "m")}, "'gone.png', which is not in the catalog"),
    ({"method": "tsne"}, "method"),
])  # fmt: skip
def test_bad_input(catalog: Catalog, change: dict[str, Any], words: str) -> None:
    with pytest.raises(LikewiseError, match=words):
        map_page(catalog, **{"embeddings": embedded(catalog), **change})


def test_a_map_is_saved_as_a_page_only(catalog: Catalog, tmp_path: Path) -> None:
    page = map_page(catalog, embedded(catalog))
    with pytest.raises(InputError, match=r"'map.png': end it in .html"):
        page.save(tmp_path / "map.png")
    page.save(tmp_path / "map.html")
    assert (tmp_path / "map.html").read_text() == page.html


def test_thumbnails_stand_in_the_order_of_the_images(tmp_path: Path) -> None:
    """One sheet is full and a second one begins; images that are not square are centred."""
    shades = np.random.default_rng(0).integers(0, 256, (40, 3))
    for number, shade in enumerate(shades.tolist()):
        Image.new("RGB", (48, 24) if number % 2 else (24, 48), tuple(shade)).save(tmp_path / f"{number}.png")
    order = [number % 40 for number in range(PER_SHEET + 33)]
    made = sprites([tmp_path / f"{number}.png" for number in order], 16, quality=95)
    assert len(made.sheets) == 2 and made.failures == []
    sheets = [np.asarray(open_image(sheet)).astype(int) for sheet in made.sheets]
    for row in (0, 1, 33, PER_SHEET - 1, PER_SHEET, PER_SHEET + 32):
        sheet, place = sheets[row // PER_SHEET], row % PER_SHEET
        middle = sheet[place // 32 * 16 + 8, place % 32 * 16 + 8]
        assert np.abs(middle - shades[order[row]]).max() < 12, row


def test_columns_of_every_kind() -> None:
    numbers = map_column("n", pd.Series([1, None, 3], dtype="Int64"))
    assert numbers.range == (1.0, 3.0) and numbers.colors()[1].tolist() == list(OTHERS)
    flat = map_column("n", pd.Series([2.0, 2.0]))
    assert len(set(map(tuple, flat.colors().tolist()))) == 1
    texts = map_column("t", pd.Series(["b", None, "a", "b"], dtype="category"))
    assert (texts.names, texts.counts) == (["b", "", "a"], [2, 1, 1]) and texts.codes.tolist() == [0, 1, 2, 0]
    many = map_column("t", pd.Series([f"{number:02d}" for number in range(20)]))
    assert many.colors()[11].tolist() == list(PALETTE[11]) and many.colors()[12].tolist() == list(OTHERS)
    assert (
        not map_column("t", pd.Series([None, np.nan])).known
        and not map_column("t", pd.Series(["", None])).known
    )
    assert map_column("t", pd.Series([True, False])).numbers is None


def test_the_picture_draws_each_point_in_its_colour() -> None:
    picture = open_image(
        map_picture(np.array([[0, 0], [1, 1]], np.float32), map_column("t", pd.Series(["b", "a"])))
    )
    assert picture.size == (720, 720)
    for place, shade in (((16, 704), PALETTE[1]), ((704, 16), PALETTE[0])):
        assert np.abs(np.array(picture.getpixel(place)) - shade).max() < 8
