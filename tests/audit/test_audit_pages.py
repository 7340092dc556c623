"""The pages of every audit: short headlines, one way to write a metric, text that is text; and users' text is inert."""

import csv
import io
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from html_page import HtmlPage
from likewise.audit import (
    BackgroundComparison,
    PropertyComparison,
    agreement,
    background,
    faithfulness,
    properties,
)
from likewise.data import Catalog
from likewise.explain import SaliencySettings
from likewise.json_text import json_text
from likewise.models import SimilarityModel
from likewise.report import Report, Result, Section, load_report, provenance, save_report
from likewise.results import HEADLINE_WORDS

HOSTILE = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "![i](http://evil/x.png)",
    "[l](javascript:alert(1))", "=cmd|' /C calc'!A0", "$\\input{/etc/passwd}$ & % _ ^ ~ #",
    "*bold* `code` | cell http://evil www.evil.com a@evil.com",
    "\x1b]0;title\x07\x9b31m\u202eright to left",
]  # fmt: skip
FEW = SaliencySettings(samples=2)


@pytest.fixture(scope="module")
def hostile(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """The world, its classes, splits and a property named by somebody who means harm."""
    root = tmp_path_factory.mktemp("hostile")
    for file in world.glob("*.png"):
        shutil.copy(file, root)
    table = Catalog.read(world / "catalog.csv").table
    number = table["label"].str[-1].astype(int)
    table["label"] = [HOSTILE[row] for row in number]
    table[HOSTILE[2]] = [HOSTILE[row % 4] for row in range(len(table))]
    return Catalog.from_table(table, root)


def named(model: SimilarityModel, name: str) -> SimilarityModel:
    return SimilarityModel(model.network, model.preprocessing, dim=model.dim, name=name)


@pytest.fixture(scope="module")
def results(
    hostile: Catalog, world: Path, object_model: SimilarityModel, background_model: SimilarityModel,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Result]:  # fmt: skip
    models = [
        named(object_model, f"one {HOSTILE[0]} {HOSTILE[2]}"),
        named(background_model, f"two {HOSTILE[6]}"),
    ]
    photos, options = world / "photos", {"attention_images": 8, "saliency": FEW, "num_workers": 0}
    audits = [background(model, hostile, photos, 2, **options) for model in models]
    found = [properties(model, hostile, permutations=19) for model in models]
    return {
        "background": audits[0],
        "comparison": BackgroundComparison(audits),
        "properties": found[0],
        "property comparison": PropertyComparison(found, HOSTILE[:2]),
        "agreement": agreement(models, hostile, tmp_path_factory.mktemp("maps"), settings=FEW),
        "faithfulness": faithfulness(models[1], hostile, 8, random_choices=1, samples=2),
    }


NAMES = ["background", "comparison", "properties", "property comparison", "agreement", "faithfulness"]


@pytest.fixture(scope="module")
def report_of(results: dict[str, Result], hostile: Catalog) -> Callable[[str], Report]:
    facts = provenance(models=[(HOSTILE[1], "0123")], catalog=hostile, seed=0, device="cpu")
    return lambda name: Report.of(f"Title {HOSTILE[0]}", results[name], lead="Lead.", facts=facts)


@pytest.fixture(params=NAMES)
def report(request: pytest.FixtureRequest, report_of: Callable[[str], Report]) -> Report:
    return report_of(request.param)


def test_headlines_are_short_and_carry_one_number(report: Report) -> None:
    page = HtmlPage(report.to_html())
    headlines = page.inside("headline")
    assert headlines and all(len(headline.split()) <= HEADLINE_WORDS for headline in headlines)
    assert len(page.inside("big-number")) == sum(bool(verdict.number) for verdict in report.verdicts)
    assert not [number for number in page.inside("big-number") if not re.search(r"\d", number)]


@pytest.mark.parametrize("name", NAMES)
def test_results_are_plain_data_with_one_verdict(results: dict[str, Result], name: str) -> None:
    result = results[name]
    assert isinstance(result, Result)
    stored = json.loads(json_text(result.to_dict()))
    verdict = stored["verdict"]
    assert verdict == json.loads(json_text(result.verdict().to_dict()))
    assert set(verdict) == {
        "headline", "level", "evidence", "advice", "sentence", "number", "measures", "thresholds"
    }  # fmt: skip
    assert verdict["measures"] and verdict["thresholds"]
    for key, value in entries(stored):
        assert key != "p", "a p-value is called p_value"
        assert key != "interval" or value is None or set(value) == {"low", "high"}


def entries(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key of nested dictionaries with its value."""
    for key, below in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(key, str):
            yield key, below
        if isinstance(below, dict | list):
            yield from entries(below)


def test_charts_are_text_and_pictures_have_words(report: Report) -> None:
    page = HtmlPage(report.to_html())
    charts = page.all("svg", "chart")
    assert len(charts) == sum(1 for section in report.sections for figure in section.charts)
    assert all(chart["aria-label"] for chart in charts) and (not charts or page.all("text"))
    images = page.all("img") + page.all("svg", "shared")
    assert all((image.get("alt") or image.get("aria-label", "")).strip() for image in images)


def test_metrics_are_written_one_way(report: Report) -> None:
    for text in (report.to_html(), report.to_text(), report.to_markdown().replace("\\", "")):
        assert not re.search(r"\b(map@r|r_precision|P@1|R@1|RP)\b(?!_)", re.sub(r"data:image\S+", "", text))
        assert not re.search(r"MAP@R (is |of )?0\.\d", text), "a share of 1 beside per cent"
    assert not [text for text in HtmlPage(report.to_html()).text if re.search(r"\d%", text)]


def test_every_page_says_how_it_was_made(report: Report) -> None:
    page = HtmlPage(report.to_html())
    names = [name for name, _ in page.elements].count("dt")
    assert names == len(report.all_facts)
    assert {"model", "images", "catalog fingerprint", "seed", "device", "date", "software", "command"} <= set(
        page.text
    )
    assert "32 images of 8 classes (test 32)" in page.text and "2026-01-01 00:00 UTC" in page.text


def test_html_obeys_no_user(report: Report) -> None:
    page = HtmlPage(report.to_html())
    assert {tag for tag, _ in page.elements} <= {
        "html", "head", "meta", "title", "style", "body", "main", "header", "p", "h1", "h2", "h3", "section", "article",
        "div", "span", "b", "ol", "ul", "li", "a", "strong", "em", "code", "nav", "details", "summary", "figure",
        "figcaption",
        "img", "svg", "defs", "image", "use", "rect", "line", "circle", "path", "text", "table", "thead", "tbody", "tr",
        "th", "td", "footer", "dl", "dt", "dd", "script",
    }  # fmt: skip
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        for name in ("href", "src"):
            assert attributes.get(name, "#").startswith(("#", "data:image/"))
    assert len(page.all("script")) == 1 and not page.all("script")[0]
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", report.to_html())
    assert f"Title {HOSTILE[0]}" in page.text  # shown as it is


def test_markdown_obeys_no_user(report: Report) -> None:
    text = report.to_markdown()
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
    tokens = [child for token in MarkdownIt("commonmark").enable("table").parse(text)
              for child in [token, *(token.children or [])]]  # fmt: skip
    kinds = {token.type for token in tokens}
    assert not kinds & {"html_block", "html_inline", "image", "link_open"}
    assert not re.search(r"(?<!\\)://evil|www\.evil", text)  # GitHub makes links of bare addresses
    shown = "".join(token.content for token in tokens if token.type in ("text", "text_special"))
    assert f"Title {HOSTILE[0]}" in shown


def tables(sections: list[Section]) -> list[Section]:
    return [section for section in sections if section.table is not None]


def test_tables_obey_no_user(report: Report) -> None:
    for section in tables(list(report.sections)):
        table = section.table
        assert table is not None
        for row in csv.reader(io.StringIO(table.to("csv"))):
            for cell in row:
                assert not cell.startswith(("=", "+", "@", "\t", "\r")), cell
                assert not cell.startswith("-") or float(cell) < 0
        for form in ("latex", "text", "csv", "markdown"):
            assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", table.to(form)), form
        latex = table.to("latex")
        assert "\\input" not in latex and not re.search(r"(?<!\\)[#^~]", latex)
        assert set(re.findall(r"\\([a-zA-Z]+)", latex)) <= {
            "begin", "end", "centering", "caption", "toprule", "midrule", "bottomrule", "textbf", "mathbf", "pm",
            "times",
            "textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater", "textbar", "to", "ldots",
        }  # fmt: skip


def test_a_kept_report_gives_the_same_page(report: Report, tmp_path: Path) -> None:
    save_report(report, tmp_path / "kept")
    assert load_report(tmp_path / "kept").to_html() == report.to_html()


def test_pages_stay_small(report_of: Callable[[str], Report]) -> None:
    whole = Report.joined("All", [report_of(name) for name in NAMES])
    assert len(whole.to_html()) < 2_000_000
    assert len(HtmlPage(whole.to_html()).all("ol", "strip")) == 1
