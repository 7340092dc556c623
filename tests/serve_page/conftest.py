"""One browser for all tests of the page; an error on the console, or a request to another server, fails a test."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install playwright.")

from page_stub import HOST, ORIGIN, Stub, StubServer
from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
# As long as Playwright waits for everything else: what times out hangs, on a busy machine too.
expect.set_options(timeout=30_000)
Opened = Callable[..., Page]


@pytest.fixture(scope="session")
def stub_server() -> Iterator[StubServer]:
    server = StubServer()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def browser(stub_server: StubServer) -> Iterator[Browser]:
    """The browser; it reaches the server of the stub and this machine, and a request to any other fails."""
    if CHROMIUM is None:
        pytest.skip("The tests of the page were skipped: no chromium was found on the PATH.")
    with sync_playwright() as playwright:
        names = f"MAP {HOST}:80 127.0.0.1:{stub_server.server_port}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[f"--host-resolver-rules={names}"]
        )
        yield browser
        browser.close()


@pytest.fixture
def stub(stub_server: StubServer) -> Stub:
    stub_server.stub = Stub()
    return stub_server.stub


@pytest.fixture(scope="session")
def shared_page(browser: Browser) -> Page:
    """One page for all tests that need no options of their own: a new one takes half a second."""
    context = browser.new_context(viewport=WIDE)
    return context.new_page()


@pytest.fixture
def opened(browser: Browser, shared_page: Page, stub: Stub) -> Iterator[Opened]:
    """Opens the page of the stub at an address; errors of the page fail the test at its end."""
    contexts: list[Any] = []
    errors: list[str] = []
    shared: list[Page] = []

    def listen(page: Page) -> Page:
        page.on("pageerror", failed)
        page.on("console", logged)
        return page

    def failed(error: Any) -> None:
        errors.append(str(error))

    def logged(message: Any) -> None:
        if message.type == "error":
            errors.append(message.text)

    def new_page(script: str = "", **options: Any) -> Page:
        context = browser.new_context(viewport=options.pop("viewport", WIDE), **options)
        contexts.append(context)
        context.add_init_script(script)
        return context.new_page()

    def open_page(address: str = "/", **options: Any) -> Page:
        if options or shared:
            page = listen(new_page(**options))
        else:
            page = listen(shared_page)
            shared.append(page)
        page.goto(ORIGIN + address)
        return page

    open_page.errors = errors  # type: ignore[attr-defined]
    yield open_page
    for context in contexts:
        context.close()
    for page in shared:
        page.evaluate("localStorage.clear()")
        page.goto("about:blank")
        page.remove_listener("pageerror", failed)
        page.remove_listener("console", logged)
        page.emulate_media(color_scheme="null", reduced_motion="null")
        page.set_viewport_size(WIDE)
    assert [error for error in errors if not (stub.locks and "401" in error)] == []
