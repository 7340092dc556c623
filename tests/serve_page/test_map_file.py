"""The page of `likewise data map` in a browser: lasso, legend, selection as a catalog, and the page without scripts."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from likewise.data import Catalog
from likewise.models import Embeddings
from likewise.report import map_page

HOSTILE = "</script><img src=x onerror=\"document.title='owned'\">"


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """Two distant groups of images: ten with a hostile label, and five with a comma and a quote in theirs."""
    folder = tmp_path_factory.mktemp("map")
    for number in range(15):
        Image.new("RGB", (32, 32), (16 * number, 40, 90)).save(folder / f"{number:02d}.png")
    labels = [HOSTILE] * 10 + ['say "b", c'] * 5
    table = pd.DataFrame(
        {"path": [f"{number:02d}.png" for number in range(15)], "label": labels, "size": range(15)}
    )
    return Catalog.from_table(table, folder)


@pytest.fixture(scope="module")
def page_file(catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(15, 4)) * 0.1 + np.repeat([[9, 0, 0, 0], [0, 0, 0, 9]], [10, 5], axis=0)
    embedded = Embeddings(vectors.astype(np.float32), catalog.ids, None, "m", distance="euclidean")
    file = tmp_path_factory.mktemp("page") / "map.html"
    map_page(catalog, embedded).save(file)
    return file


@pytest.mark.parametrize("width", [390, 1280])
def test_a_lasso_becomes_a_catalog(
    browser: Browser, page_file: Path, catalog: Catalog, width: int, tmp_path: Path
) -> None:
    with browser.new_context(viewport={"width": width, "height": 900}, accept_downloads=True) as context:
        page, errors = context.new_page(), []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: message.type == "error" and errors.append(message.text))
        page.goto(page_file.as_uri())
        box = page.locator(".points").bounding_box()
        assert box is not None
        page.get_by_role("button", name="Select with a lasso").click()
        left = box["x"] + box["width"] / 2
        corners = [(left, box["y"] + 2), (left, box["y"] + box["height"] - 2),
                   (box["x"] + 1, box["y"] + box["height"] - 2), (box["x"] + 1, box["y"] + 2)]  # fmt: skip
        page.mouse.move(*corners[0])
        page.mouse.down()
        for corner in corners[1:]:
            page.mouse.move(*corner, steps=3)
        page.mouse.up()
        chosen = page.get_by_label("Paths of the selected images").input_value().split("\n")
        assert chosen in (catalog.ids[:10], catalog.ids[10:])
        with page.expect_download() as saved:
            page.get_by_role("button", name="Save as CSV").click()
        saved.value.save_as(tmp_path / "selection.csv")
        selection = Catalog.read(tmp_path / "selection.csv", root=catalog.root)
        expected = catalog.take([catalog.ids.index(name) for name in chosen])
        assert selection.ids == expected.ids and selection.labels.tolist() == expected.labels.tolist()
        assert page.title() != "owned" and errors == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_legend_column_and_keys(browser: Browser, page_file: Path) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(page_file.as_uri())
        page.get_by_role("button", name='say "b", c').click()
        expect(page.get_by_role("heading", name="5 images selected")).to_be_visible()
        red = "(canvas) => canvas.getContext('2d').getImageData(9, 9, 1, 1).data[0]"
        shades = page.evaluate(f"[...document.querySelectorAll('.selection canvas')].map({red})")
        np.testing.assert_allclose(shades, [16 * number for number in range(10, 15)], atol=8)
        page.get_by_role("combobox", name="Colour").select_option("size")
        expect(page.locator(".ramp-row")).to_contain_text("14")
        page.locator(".points").focus()
        for _ in range(12):
            page.keyboard.press("+")
        page.get_by_role("button", name="Select what is in view").click()
        expect(page.get_by_role("heading", name="Nothing selected")).to_be_visible()


def test_without_scripts_there_is_a_picture_and_a_table(browser: Browser, page_file: Path) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(page_file.as_uri())
        assert page.locator("#still img").bounding_box()["width"] > 300  # type: ignore[index]
        assert page.get_by_role("row", name=f"{HOSTILE} 10").count() == 1
