"""The other views, and what holds for all: address, keyboard, screen reader, phone, dark, hostile text, keys, speed."""

import json
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from page_stub import Stub
from playwright.sync_api import Page, expect
from serving import FIRST_PAINT

VIEWS = {
    "start": ("/", ".examples li"),
    "hits": ("/?id=images/000199.jpg&like=images/000003.jpg", ".grid .tile"),
    "why": ("/?id=images/000199.jpg&hit=images/000001.jpg", ".sentence"),
    "compare": ("/?id=images/000199.jpg&with=second", ".compare-column"),
    "map": ("/?view=map", ".legend-list li"),
    "marks": ("/?view=marks", ".page .notice, tbody tr"),
    "reports": ("/?view=reports&report=audit.html", "iframe"),
    "health": ("/?view=health", ".fact"),
}
EVIL = '<img src=x onerror="window.harmed=1">\'"&</script><b>'
SIZES = [(390, 844), (768, 1024), (1440, 900)]


def shown(page: Page, view: str) -> Page:
    expect(page.locator(VIEWS[view][1]).first).to_be_visible()
    return page


@pytest.mark.parametrize("view", VIEWS)
def test_accessibility_and_width(opened, stub: Stub, view: str) -> None:
    """No violation of axe-core, light and dark, and nothing wider than the window at any size."""
    stub.images = 12  # a few tiles of each kind
    stub.feedback = [
        {
            "query": {"id": "images/000199.jpg"},
            "hit": "images/000002.jpg",
            "mark": "wrong",
            "who": "ann",
            "when": "2026-01-02T03:04:05Z",
        }
    ]
    page = shown(opened(VIEWS[view][0], bypass_csp=False), view)
    page.wait_for_timeout(250)
    for scheme, rules in (
        ("light", {}),
        ("dark", {"runOnly": ["color-contrast"]}),
    ):  # the rest is the same in the dark
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        result = Axe().run(page, options={"iframes": False, **rules})
        found = [
            (each["id"], [node["html"][:160] + node["failureSummary"][:200] for node in each["nodes"][:3]])
            for each in result.response["violations"]
        ]
        assert found == [], json.dumps(found, indent=1)
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(60)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width


def test_the_back_button_goes_through_views_and_queries(opened) -> None:
    page = shown(opened("/"), "start")
    page.locator(".examples button").nth(1).click()
    shown(page, "hits")
    page.locator(".tile-open").nth(3).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("link", name="Health").click()
    shown(page, "health")
    expect(page).to_have_title("Health · first · likewise")
    page.go_back()
    shown(page, "hits")
    page.go_back()
    shown(page, "start")
    page.go_forward()
    shown(page, "hits")


def test_a_walk_with_the_keyboard_alone(opened, stub: Stub) -> None:
    page = shown(opened("/"), "start")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('.examples') !== null"):
            break
    page.keyboard.press("Enter")
    shown(page, "hits")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('.grid .tile-open')"):
            break
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.closest('[data-position]').dataset.position") == "7"
    page.keyboard.press("Tab")
    expect(page.locator("[data-position='7']").get_by_role("button", name="Search with this")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Both show a handle.")).to_be_visible()
    for _ in range(40):
        if page.evaluate("document.activeElement.textContent") == "Mark as duplicate":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("button", name="Mark as duplicate")).to_have_attribute("aria-pressed", "true")
    expect(dialog.get_by_role("button", name="Mark as duplicate")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("[data-position='7'] .tile-open")).to_be_focused()
    assert [mark["mark"] for mark in stub.feedback] == ["duplicate"]


@pytest.mark.parametrize("view", ["start", "hits", "why", "map", "marks", "compare"])
def test_hostile_text_is_text(opened, stub: Stub, monkeypatch: pytest.MonkeyPatch, view: str) -> None:
    stub.labels = (EVIL, "a\u202eb", "'; DROP TABLE images; --")
    monkeypatch.setattr(stub, "id_of", lambda position: f"{position}/{EVIL}#?&.jpg")
    stub.feedback = [
        {
            "query": {"digest": EVIL},
            "hit": f"2/{EVIL}#?&.jpg",
            "mark": "wrong",
            "who": EVIL,
            "when": "x",
            "note": EVIL,
        }
    ]
    address = VIEWS[view][0].replace("hit=images/000001.jpg", "").replace("&like=images/000003.jpg", "")
    page = opened(address)
    expect(page.locator("main").get_by_text(EVIL).locator("visible=true").first).to_be_visible()
    if view == "why":
        page.locator(".tile-open").first.click()
        expect(page.get_by_role("dialog").get_by_role("heading", name=EVIL)).to_be_visible()
    page.wait_for_timeout(100)
    assert page.evaluate("window.harmed") is None
    assert page.locator("img[onerror], main b, [src=x]").count() == 0


def test_a_key_is_asked_for_and_never_kept(opened, stub: Stub) -> None:
    stub.locked = stub.locks = True
    page = opened("/?view=health")
    page.get_by_role("textbox", name="Key").fill("guess")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("This key is not known: ask for a new one.")
    page.keyboard.press("Escape")
    page.get_by_role("textbox", name="Key").fill("secret")
    page.keyboard.press("Enter")
    shown(page, "health")
    assert "secret" not in page.url
    assert (
        page.evaluate(
            "JSON.stringify([localStorage, sessionStorage, document.cookie, document.documentElement.outerHTML])"
        ).count("secret")
        == 0
    )


def test_the_session_that_ends_in_the_middle(opened, stub: Stub) -> None:
    page = shown(opened("/"), "start")
    stub.locked = stub.locks = True
    page.locator(".examples button").first.click()
    page.get_by_role("textbox", name="Key").fill("secret")
    page.keyboard.press("Enter")
    shown(page, "hits")


def test_health_measures_the_recall(opened) -> None:
    page = shown(opened("/?view=health"), "health")
    for words in ("200", "likewise:small", "0123456789abcdef", "cosine", "0.250"):
        expect(page.locator(".fact-grid")).to_contain_text(words)
    expect(page.get_by_text("91 % of the 10 nearest")).to_be_visible()
    page.get_by_role("button", name="Measure now").click()
    expect(page.get_by_text("98.7 % of the 10 nearest, measured with 100 queries")).to_be_visible()


def test_an_exact_index_offers_no_measurement(opened, stub: Stub) -> None:
    stub.recall = None
    page = shown(opened("/?view=health"), "health")
    expect(page.get_by_text("Every search of this index is exact.")).to_be_visible()
    expect(page.get_by_role("button", name="Measure now")).to_have_count(0)


def test_reports_are_listed_and_shown_in_a_sandbox(opened) -> None:
    page = opened("/?view=reports")
    page.get_by_role("button", name="Background audit").click()
    frame = page.locator("iframe")
    expect(frame).to_have_attribute("sandbox", "allow-scripts")
    expect(frame).to_have_attribute("src", "/v1/reports/audit.html")
    expect(page.frame_locator("iframe").get_by_role("heading", name="A report")).to_be_visible()


def test_dark_follows_the_system_and_the_button(opened) -> None:
    page = shown(opened("/", color_scheme="dark"), "start")
    lightness = (
        "getComputedStyle(document.body).backgroundColor.match(/\\\\d+/g).map(Number).reduce((a, b) => a + b)"
    )
    lightness = lightness.replace("\\\\", "\\")
    assert page.evaluate(lightness) < 150
    page.get_by_role("button", name="Light colours").click()
    assert page.evaluate(lightness) > 600
    page.reload()
    shown(page, "start")
    assert page.evaluate(lightness) > 600


def test_first_paint(opened) -> None:
    page = shown(opened("/"), "start")
    paint = page.evaluate(FIRST_PAINT)
    print(f"first contentful paint: {paint:.0f} ms")
    assert paint < 3000  # on an idle machine about a tenth


LATEST = """async ([first, second]) => {
  const { loading } = await import("/static/dom.js");
  const element = document.createElement("div");
  const settle = {};
  const work = (name) => new Promise((done, fail) => {
    settle[name] = (end) => (end === "fails" ? fail(new Error(name)) : done(name));
  });
  const answers = ["old", "new"].map((name) => loading(element, `waits for ${name}`, work(name), "failed"));
  settle.new(second);
  const newer = await answers[1];
  element.append("drawn");
  settle.old(first);
  await new Promise((done) => setTimeout(done, 250)); // longer than a spinner waits
  return [await answers[0], newer, element.textContent, element.hasAttribute("aria-busy")];
}"""


@pytest.mark.parametrize("first", ["works", "fails"])
def test_only_the_latest_answer_is_drawn(opened, first: str) -> None:
    """An answer that comes late neither takes the place of a newer one nor covers it with an error or a spinner."""
    page = opened("/?view=health")
    assert page.evaluate(LATEST, [first, "works"]) == [None, "new", "drawn", False]
    old, newer, shown_text, busy = page.evaluate(LATEST, [first, "fails"])
    assert (old, newer, busy) == (None, None, False)
    assert "failed" in shown_text and "new" in shown_text and "old" not in shown_text


def test_a_server_that_is_gone_is_named(opened) -> None:
    page = shown(opened("/"), "start")
    page.evaluate("() => { window.fetch = () => Promise.reject(new TypeError('failed')); }")
    page.locator(".examples button").first.click()
    expect(page.get_by_text(re.compile("The server does not answer"))).not_to_have_count(0)
