"""Asking: files, drop, paste, hits, examples, words, addresses, and parts of a picture."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from page_stub import Stub, jpeg
from playwright.sync_api import Page, expect

FIRST = {"name": "cup.jpg", "mimeType": "image/jpeg", "buffer": jpeg((200, 30, 30), (400, 300))}
SECOND = {"name": "jar.jpg", "mimeType": "image/jpeg", "buffer": jpeg((30, 30, 200), (400, 300))}
TRANSFER = """([kind, name]) => {
  const data = Uint8Array.from(atob(name), (letter) => letter.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([data], "cup.jpg", { type: "image/jpeg" }));
  const event = kind === "paste"
    ? new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true })
    : new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true });
  document.body.dispatchEvent(event);
}"""


def hits(page: Page) -> None:
    expect(page.locator(".grid .tile").first).to_be_visible()


def body(stub: Stub) -> dict:
    """The last query; what follows its first page repeats it with a cursor."""
    return [each for each in stub.bodies("/v1/search") if "cursor" not in each][-1]


def sent(stub: Stub, expected: Callable[[dict], bool]) -> None:
    """Wait until the last query is the expected one: the hits of the one before are shown until its answer comes."""
    end = time.monotonic() + 8
    while not expected(body(stub)) and time.monotonic() < end:
        time.sleep(0.02)
    assert expected(body(stub)), body(stub)


def test_a_file_is_sent_as_it_is(opened, stub: Stub) -> None:
    page = opened()
    page.set_input_files("#file", FIRST)
    hits(page)
    assert stub.files == [FIRST["buffer"]]
    sent(stub, lambda query: query == {"index": "first", "k": 60})


def test_several_files_and_one_more(opened, stub: Stub) -> None:
    page = opened()
    page.set_input_files("#file", [FIRST, SECOND])
    hits(page)
    assert stub.files == [FIRST["buffer"], SECOND["buffer"]]
    page.get_by_label("Add to this query").check()
    page.set_input_files("#file", FIRST)
    expect(page.locator(".thing")).to_have_count(3)
    page.get_by_role("button", name="Remove jar.jpg from the query").click()
    expect(page.locator(".thing")).to_have_count(2)
    assert stub.files[-2:] == [FIRST["buffer"], FIRST["buffer"]]


@pytest.mark.parametrize("kind", ["paste", "drop"])
def test_pasting_and_dropping(opened, stub: Stub, kind: str) -> None:
    import base64

    page = opened()
    expect(page.locator(".examples li").first).to_be_visible()
    page.evaluate(TRANSFER, [kind, base64.b64encode(FIRST["buffer"]).decode()])
    hits(page)
    assert stub.files == [FIRST["buffer"]]


def test_what_is_no_image_is_refused_in_a_sentence(opened, stub: Stub) -> None:
    page = opened()
    expect(page.locator(".examples li").first).to_be_visible()
    page.evaluate(TRANSFER.replace("image/jpeg", "text/plain").replace("cup.jpg", "notes.txt"), ["drop", ""])
    expect(page.get_by_role("status")).to_contain_text("That is not an image")
    assert stub.bodies("/v1/search") == []


def test_a_hit_is_the_next_query_and_examples_push_and_pull(opened, stub: Stub) -> None:
    page = opened("/?id=images/000000.jpg")
    hits(page)
    page.locator(".tile").nth(2).hover()
    page.locator(".tile").nth(2).get_by_role("button", name="More like this").click()
    page.locator(".tile").nth(3).hover()
    page.locator(".tile").nth(3).get_by_role("button", name="Less like this").click()
    expect(page.locator(".thing.unlike")).to_have_count(1)
    hits(page)
    examples = (["images/000002.jpg"], ["images/000003.jpg"])
    sent(stub, lambda query: (query.get("like"), query.get("unlike")) == examples)
    page.locator(".tile").nth(5).hover()
    page.locator(".tile").nth(5).get_by_role("button", name="Search with this").click()
    expect(page.locator(".thing")).to_have_count(0)
    hits(page)
    sent(stub, lambda query: query == {"index": "first", "id": "images/000005.jpg", "k": 60})
    page.go_back()
    expect(page.locator(".thing.unlike")).to_have_count(1)
    page.reload()
    hits(page)
    sent(stub, lambda query: query.get("unlike") == ["images/000003.jpg"])


def test_words_and_addresses(opened, stub: Stub) -> None:
    page = opened()
    page.get_by_label("Words", exact=True).fill("red mug")
    page.keyboard.press("Enter")
    hits(page)
    page.get_by_label("Without").fill("handle")
    page.keyboard.press("Enter")
    expect(page).to_have_url("http://likewise.test/?index=first&q=red+mug&without=handle")
    hits(page)
    words = {"index": "first", "text": "red mug", "without": "handle", "k": 60}
    sent(stub, lambda query: query == words)
    page.get_by_label("Address of an image").fill("https://example.com/cup.jpg")
    page.keyboard.press("Enter")
    hits(page)
    page.wait_for_timeout(100)
    sent(stub, lambda query: query == {"index": "first", "url": "https://example.com/cup.jpg", "k": 60})


def test_what_the_server_does_not_offer_is_not_asked(opened, stub: Stub) -> None:
    stub.features = dict.fromkeys(stub.features, False)
    page = opened("/?id=images/000000.jpg")
    hits(page)
    expect(page.get_by_label("Words", exact=True)).to_have_count(0)
    expect(page.get_by_label("Address of an image")).to_have_count(0)
    expect(page.get_by_label("Background")).to_be_disabled()


@pytest.mark.parametrize("mask", ["Object", "Background"])
def test_parts_of_a_picture_by_mask(opened, stub: Stub, mask: str) -> None:
    page = opened("/?id=images/000000.jpg")
    hits(page)
    page.locator(".segments label", has_text=mask).click()
    expect(page.get_by_label(mask, exact=True)).to_be_checked()
    hits(page)
    sent(stub, lambda query: query.get("mask") == mask.lower())


def test_the_masks_of_the_index_are_for_its_images(opened, stub: Stub) -> None:
    stub.features["masks"], stub.masked = False, 5
    page = opened("/?id=images/000000.jpg")
    hits(page)
    page.locator(".segments label", has_text="Background").click()
    expect(page.get_by_text("mask of the catalog")).to_be_visible()
    sent(stub, lambda query: query.get("mask") == "background")
    page.get_by_role("button", name="New query").click()
    page.set_input_files("#file", FIRST)
    hits(page)
    expect(page.get_by_label("Background")).to_be_disabled()
    expect(page.get_by_text("start the server with --masks")).to_be_visible()


def test_a_box_is_drawn_and_moved_with_the_keyboard(opened, stub: Stub) -> None:
    page = opened()
    page.set_input_files("#file", FIRST)
    hits(page)
    frame = page.locator(".query-frame").bounding_box()
    page.mouse.move(frame["x"] + 0.2 * frame["width"], frame["y"] + 0.25 * frame["height"])
    page.mouse.down()
    page.mouse.move(frame["x"] + 0.7 * frame["width"], frame["y"] + 0.75 * frame["height"], steps=4)
    page.mouse.up()
    sent(stub, lambda query: query.get("region") == pytest.approx([0.2, 0.25, 0.5, 0.5], abs=0.01))
    page.locator(".region").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    sent(stub, lambda query: query.get("region") == pytest.approx([0.22, 0.25, 0.5, 0.52], abs=0.01))
    page.get_by_role("button", name="Remove the box").click()
    page.wait_for_timeout(200)
    assert "region" not in body(stub)


def test_a_reload_says_that_the_picture_is_gone(opened) -> None:
    page = opened()
    page.set_input_files("#file", FIRST)
    hits(page)
    page.reload()
    expect(page.get_by_text("The picture is gone")).to_be_visible()


def test_a_photo_is_taken_on_a_phone(opened) -> None:
    page = opened(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    camera = page.locator("input[capture]")
    expect(page.get_by_text("Take a photo")).to_be_visible()
    assert camera.get_attribute("accept").startswith("image/*")


def test_no_picture_is_kept_by_the_browser(opened, tmp_path: Path) -> None:
    page = opened()
    page.set_input_files("#file", FIRST)
    hits(page)
    kept = page.evaluate(
        "async () => [Object.keys(localStorage), Object.keys(sessionStorage), (await indexedDB.databases()).length]"
    )
    assert kept == [[], [], 0]


def test_a_query_during_the_start_is_not_lost(opened, stub: Stub) -> None:
    """The answers of the start arrive after those of the query."""
    page = opened("/?view=health")
    slow = """async () => {
        const send = window.fetch;
        window.fetch = async (address, options) => {
          const late = /calibration|images/.test(address);
          if (late) await new Promise((done) => setTimeout(done, 400));
          return send(address, options);
        };
    }"""
    page.evaluate(slow)
    page.get_by_role("link", name="Search").click()
    page.set_input_files("#file", FIRST)
    hits(page)
    page.wait_for_timeout(600)
    hits(page)
    expect(page.locator(".rates")).to_be_visible()
