"""The page on the real server: a person asks, reads why, filters, marks, and looks at the map, reports and health."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip(
    "likewise.serve.app", reason="The extra serve is not installed: pip install 'likewise[serve]'."
)

import numpy as np
import uvicorn
from PIL import Image
from playwright.sync_api import Browser, Page, expect

import likewise
import tiny_models
from likewise.retrieval import calibrate
from likewise.retrieval.index import ModelReference
from likewise.serve.app import create_app
from likewise.serve.keys import KeyRing
from likewise.serve.server_state import ServerState
from likewise.serve.settings import Settings

SAMPLES = Path(likewise.__file__).parent / "scenes" / "samples"
IMAGES = 57  # of 36 classes, one with a hostile name
HOSTILE = "images/<img src=x onerror=window.harmed=1>#1 & 100%?.png"
REPORT = "<!doctype html><title>Audit of the mugs</title><h1>The background decides</h1>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A calibrated model, and two indexes of rendered scenes, of which one image has a hostile name."""
    folder = tmp_path_factory.mktemp("served")
    catalog = likewise.Catalog.read(SAMPLES / "catalog.parquet")
    chosen = catalog.table.iloc[: IMAGES - 1].drop(columns=["mask", "mask_status"])
    chosen = chosen.assign(
        path=[str(catalog.root / path) for path in chosen["path"]], wide=chosen["rotation_z"] > 180
    )
    (folder / "images").mkdir()
    Image.open(chosen["path"].iloc[0]).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / HOSTILE)
    chosen.loc[len(chosen)] = chosen.iloc[0].to_dict() | {"path": HOSTILE, "label": "<b>mug</b>"}
    model = likewise.load("likewise:small")
    model.save(folder / "model")
    reference = ModelReference.to(str(folder / "model"), str(folder / "scenes.index"))
    table = likewise.Catalog(chosen, root=folder)
    index = likewise.Index.create(folder / "scenes.index", model, table, reference=reference)
    vectors = np.stack([index.stored_vector(name) for name in table.ids])
    calibrate(
        vectors,
        list(chosen["label"]),
        false_match_rate=0.05,
        distance=model.distance,
        fingerprint=model.fingerprint,
    ).save(folder / "model")
    assert len(index) == IMAGES
    shutil.copytree(folder / "scenes.index", folder / "again.index")
    (folder / "reports").mkdir()
    (folder / "reports" / "mugs.html").write_text(REPORT, encoding="utf-8")
    return folder


def served(folder: Path) -> list[str]:
    return [str(folder / "scenes.index"), str(folder / "again.index")]


def run(paths: list[str], models: dict[str, Any] | None = None, **settings: Any) -> Iterator[str]:
    """Runs a server in a thread; gives its address."""
    state = ServerState(paths, Settings(**settings), models)
    config = uvicorn.Config(create_app(state), host="127.0.0.1", port=0, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    for _ in range(600):
        if server.started and state.ready.is_set():
            break
        time.sleep(0.05)
    assert server.started, "the server did not start within 30 seconds"
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(30)


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    yield from run(served(folder), reports=folder / "reports")


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Callable[..., Page]]:
    """Opens the page; errors on its console and requests to other servers fail the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True)
    errors: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: message.type == "error" and errors.append(message.text))
    page.on("request", lambda request: errors.append(request.url) if foreign(request.url, address) else None)

    def open_page(path: str = "/") -> Page:
        page.goto(address + path)
        return page

    open_page.errors = errors  # type: ignore[attr-defined]
    yield open_page
    context.close()
    assert errors == []


def foreign(url: str, address: str) -> bool:
    return not url.startswith((address, "data:", "blob:"))


def hits(page: Page) -> None:
    expect(page.locator(".grid .tile").first).to_be_visible()


def test_a_person_searches_reads_why_and_filters(visit, folder: Path) -> None:
    page = visit()
    page.set_input_files("#file", SAMPLES / "images" / "000003.jpg")
    hits(page)
    first = page.locator(".tile").first
    expect(first).to_contain_text("0.000")
    expect(first).to_contain_text("Same")
    expect(page.locator("h1")).to_contain_text("as the same")
    expect(page.locator(".rates .now dd")).not_to_be_empty()
    page.locator(".tile-open").nth(1).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("explanation", exact=False).first).to_be_visible()
    expect(dialog.locator(".evidence-picture")).to_have_count(2)
    assert dialog.locator(".place").count() >= 2
    sizes = dialog.locator(".evidence-picture, .overlay").evaluate_all(
        "all => all.map((each) => each.naturalWidth)"
    )
    assert len(sizes) == 4 and min(sizes) > 0
    page.keyboard.press("Escape")
    page.locator(".facet summary", has_text="light").first.click()
    page.locator(".facet[open] input[type=checkbox]").first.check()
    hits(page)
    expect(page.locator(".tile").first).not_to_have_attribute("aria-setsize", str(IMAGES))
    assert 0 < int(page.locator(".tile").first.get_attribute("aria-setsize") or 0) < IMAGES


def test_marks_are_shown_at_the_next_search_and_exported(visit) -> None:
    page = visit()
    page.set_input_files("#file", SAMPLES / "images" / "000003.jpg")
    hits(page)
    page.locator(".tile").nth(1).hover()
    page.locator(".tile").nth(1).get_by_role("button", name="Mark as wrong").click()
    expect(page.locator(".marked-wrong")).to_have_count(1)
    page.get_by_role("button", name="New query").click()
    page.set_input_files("#file", SAMPLES / "images" / "000003.jpg")
    expect(page.locator(".marked-wrong")).to_have_count(1)
    page.get_by_role("link", name="Marks").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    export = page.get_by_role("link", name="Export pairs").get_attribute("href")
    assert page.evaluate("async (address) => (await fetch(address)).status", export) == 200
    page.locator("tbody button").last.click()
    expect(page.get_by_text("Nothing is marked yet")).to_be_visible()


def test_parts_examples_groups_and_conditions(visit) -> None:
    page = visit()
    page.locator(".examples button").nth(2).click()
    hits(page)
    page.get_by_role("button", name="Draw a box").click()
    expect(page.locator(".region:not([hidden])")).to_be_visible()
    page.wait_for_timeout(300)
    hits(page)
    page.get_by_role("button", name="Remove the box").click()
    hits(page)
    page.locator(".tile").nth(4).hover()
    page.locator(".tile").nth(4).get_by_role("button", name="More like this").click()
    hits(page)
    page.locator(".tile").nth(9).hover()
    page.locator(".tile").nth(9).get_by_role("button", name="Less like this").click()
    hits(page)
    page.get_by_label("Group").select_option("label")
    expect(page.locator(".tile", has_text="2 images").first).to_be_visible()
    page.get_by_label("Condition").fill("rotation_z > 90 and wide = true")
    page.keyboard.press("Enter")
    hits(page)
    expect(page.locator(".notice.bad")).to_have_count(0)


def test_the_map_finds_near_duplicates(visit) -> None:
    page = visit("/?view=map")
    expect(page.get_by_text("of the variance")).to_be_visible()
    page.get_by_role("button", name="Select what is in view").click()
    expect(page.get_by_role("heading", name=f"{IMAGES} selected")).to_be_visible()
    page.get_by_role("button", name="Find near-duplicates").click()
    expect(page.locator(".pair-list li").first).to_be_visible()
    page.get_by_role("combobox", name="Colour").select_option("rotation_z")
    expect(page.locator(".ramp")).to_be_visible()
    page.get_by_label("Condition").fill("rotation_z > 90")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Select what is in view").click()
    expect(page.locator(".selection h2")).not_to_have_text(f"{IMAGES} selected")


def test_two_indexes_side_by_side(visit) -> None:
    page = visit()
    page.locator(".examples button").first.click()
    hits(page)
    page.get_by_label("Compare with").select_option("again")
    expect(page.get_by_role("heading", name="24 of 24 hits are found by both")).to_be_visible()


def test_reports_and_health(visit) -> None:
    page = visit("/?view=reports")
    page.locator(".report").first.click()
    expect(page.frame_locator("iframe").get_by_role("heading", name="The background decides")).to_be_visible()
    page.get_by_role("link", name="Health").click()
    expect(page.locator(".fact-grid")).to_contain_text(str(IMAGES))
    expect(page.get_by_text("Every search of this index is exact.")).to_be_visible()


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server whose index has a model that reads texts."""
    folder = tmp_path_factory.mktemp("words")
    catalog = likewise.Catalog.read(SAMPLES / "catalog.parquet")
    table = catalog.table.iloc[:8][["path", "label"]].assign(
        path=[str(path) for path in catalog.paths[:8]], label=list("aabbccdd")
    )
    name = f"hf:{tiny_models.clip(folder / 'clip')}"
    uri = str(folder / "words.index")
    model = likewise.load(name)
    likewise.Index.create(
        uri, model, likewise.Catalog.from_table(table, folder), reference=ModelReference.to(name, uri)
    )
    yield from run([uri], models={uri: model})


def test_words_are_searched_and_mixed_with_an_image(words: str, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(words)
    asked: list[dict[str, Any]] = []
    page.on(
        "request",
        lambda request: asked.append(request.post_data_json) if request.url.endswith("/v1/search") else None,
    )
    page.get_by_label("Words", exact=True).fill("red mug")
    page.keyboard.press("Enter")
    expect(page.locator(".grid .tile")).to_have_count(8)
    page.get_by_label("Without").fill("handle")
    page.keyboard.press("Enter")
    expect(page.locator(".grid .tile")).to_have_count(8)
    page.locator(".tile").first.hover()
    page.locator(".tile").first.get_by_role("button", name="More like this").click()
    expect(page.locator(".things .like")).to_have_count(1)
    expect(page.locator(".grid .tile")).to_have_count(8)
    page.close()
    assert [(each["text"], each.get("without"), len(each.get("like", []))) for each in asked] == [
        ("red mug", None, 0), ("red mug", "handle", 0), ("red mug", "handle", 1),
    ]  # fmt: skip


def test_hostile_names_are_shown_as_they_are(visit) -> None:
    page = visit("/?where=label+%3D+%27%3Cb%3Emug%3C%2Fb%3E%27")
    page.locator(".examples button").first.click()
    expect(page.locator(".tile", has_text="<b>mug</b>").first).to_be_visible()
    page.locator(".tile-open").first.click()
    expect(page.locator(".evidence-picture")).to_have_count(2)
    page.locator(".facts summary").click()
    expect(page.locator(".facts")).to_contain_text("onerror=window.harmed=1")
    widths = page.locator(".tile img").evaluate_all("all => all.map((each) => each.naturalWidth)")
    assert widths and min(widths) > 0
    assert page.evaluate("window.harmed") is None


def test_a_server_with_keys_asks_for_one(browser: Browser, folder: Path) -> None:
    file = folder / "keys.json"
    ring = KeyRing(file)
    key = ring.new("ann", "read")
    for address in run(served(folder), reports=folder / "reports", keys=file):
        context = browser.new_context()
        page = context.new_page()
        page.goto(address)
        page.get_by_role("textbox", name="Key").fill("wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).not_to_be_empty()
        page.get_by_role("textbox", name="Key").fill(key)
        page.keyboard.press("Enter")
        page.locator(".examples button").first.click()
        hits(page)
        expect(page.get_by_role("button", name="Mark as wrong")).to_have_count(0)
        assert page.evaluate("document.cookie") == ""
        page.reload()
        hits(page)
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("textbox", name="Key")).to_be_visible()
        context.close()
