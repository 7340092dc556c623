"""Pages of reports in a browser: nothing leaves its box or the screen of a phone, and commands stand on lines."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from likewise.report import Report, Section
from likewise.results import Verdict

LEAVING = """() => [...document.querySelectorAll('main *')].filter(element => {
    const box = element.getBoundingClientRect(), around = element.parentElement.getBoundingClientRect()
    const scrolls = element.closest('.scroll, pre')
    return box.width && !scrolls && (box.right > around.right + 1 || box.right > innerWidth)
}).map(element => `${element.tagName}.${element.className}: ${element.textContent.trim().slice(0, 40)}`)"""
NUMBERS = (
    "96 %",
    "2.7 × its area",
    "98.4 % → 97.3 %",
    "",
    "1,234,567 of 9,876,543 pairs",
    "0.123 to 0.456 above chance",
)


@pytest.fixture
def report(tmp_path: Path) -> Path:
    verdicts = [
        Verdict(f"The answer number {place} is here.", level, sentence="A sentence.", number=number)
        for place, (number, level) in enumerate(
            zip(NUMBERS, ("good", "good", "bad", "warning", "unsure", "info"), strict=True)
        )
    ]
    commands = Section(
        "Next steps", "    likewise index build MODEL PHOTOS --out x.index\n    likewise eval MODEL"
    )
    Report("A report", "A lead.", [commands], verdicts).save(tmp_path / "page.html")
    return tmp_path / "page.html"


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_leaves_its_box(browser: Browser, report: Path, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(LEAVING) == []
    assert page.locator("pre").inner_text().splitlines() == [
        "likewise index build MODEL PHOTOS --out x.index",
        "likewise eval MODEL",
    ]
    context.close()
