"""One browser for all tests of the page; an error on the console, or a request to another server, fails a test."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install playwright.")

from page_stub import ORIGIN, Stub
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
Opened = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("The tests of the page were skipped: no chromium was found on the PATH.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def stub() -> Stub:
    return Stub()


@pytest.fixture
def opened(browser: Browser, stub: Stub) -> Iterator[Opened]:
    """Opens the page of the stub at an address; errors of the page fail the test at its end."""
    contexts: list[Any] = []
    errors: list[str] = []

    def open_page(address: str = "/", **options: Any) -> Page:
        script = options.pop("script", "")
        context = browser.new_context(viewport=options.pop("viewport", WIDE), **options)
        context.set_default_timeout(8000)
        contexts.append(context)
        stub.install(context)
        context.add_init_script(script)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: message.type == "error" and errors.append(message.text))
        page.goto(ORIGIN + address)
        return page

    open_page.errors = errors  # type: ignore[attr-defined]
    yield open_page
    for context in contexts:
        context.close()
    assert stub.foreign == [], "the page asked another server"
    assert [error for error in errors if not (stub.locks and "401" in error)] == []
