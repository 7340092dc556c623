"""The page, read by an HTML parser: whole, self-contained, safe, accessible."""

import base64
import hashlib
import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markupsafe import Markup
from PIL import Image

from html_page import HtmlPage
from likewise.errors import ImageError, InputError
from likewise.report import Column, HasSections, Measured, Picture, Report, Section, Table, Verdict
from likewise.report.charts import bars, heat_map
from likewise.report.inlined import LIMIT_BYTES, inlined
from likewise.report.page import contents
from likewise.report.words import html_line, html_words


@pytest.fixture(scope="module")
def html(report: Report) -> str:
    return report.to_html()


@pytest.fixture(scope="module")
def page(html: str) -> HtmlPage:
    return HtmlPage(html)


def test_every_part_is_there_verdicts_first(page: HtmlPage) -> None:
    text = " | ".join(page.text)
    order = [
        "It does.",
        "What to do:",
        "70 % fell to 50 %.",
        "Fine.",
        "First",
        "70.0 ± 1.0",
        "Second",
        "Folded",
    ]
    places = [
        text.rindex(words)
        if words in ("First", "Second", "Folded", "Fine.", "It does.")
        else text.index(words)
        for words in order
    ]
    assert places == sorted(places)
    assert "Title <script>alert('x')</script>" in page.text


def test_nothing_in_it_can_run(html: str, page: HtmlPage) -> None:
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"iframe", "object", "embed", "form", "link", "base", "foreignobject"}
    assert len(page.all("script")) == 1 and not page.all("script")[0]
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert "style" not in {name for _, attributes in page.elements for name in attributes}
    assert page.all("a") and all(link["href"].startswith("#") for link in page.all("a"))


def test_nothing_is_loaded_from_elsewhere(html: str, page: HtmlPage) -> None:
    sources = [attributes["src"] for _, attributes in page.elements if "src" in attributes]
    assert len(sources) == 2 and all(source.startswith("data:image/") for source in sources)
    style = re.search("<style>(.*?)</style>", html, re.S)
    assert style is not None and not re.search(r"url\(|@import", style[1])


def test_security_policy_allows_this_style_this_script_and_inlined_pictures_only(
    html: str, page: HtmlPage
) -> None:
    (policy,) = [
        tag["content"] for tag in page.all("meta") if tag.get("http-equiv") == "Content-Security-Policy"
    ]
    digests = []
    for tag in ("style", "script"):
        found = re.findall(f"<{tag}>(.*?)</{tag}>", html, re.S)
        assert len(found) == 1
        digests.append(base64.b64encode(hashlib.sha256(found[0].encode()).digest()).decode())
    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digests[0]}'; script-src 'sha256-{digests[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert "unsafe" not in policy


def test_it_can_be_read_on_a_phone_and_by_a_screen_reader(html: str, page: HtmlPage) -> None:
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.all("meta")
    assert page.all("html") == [{"lang": "en"}]
    assert [image["alt"] for image in page.all("img")] == ['An "alt" <text>', "wide"]
    assert all(header["scope"] in ("col", "row") for header in page.all("th"))
    scrolled = [a for _, a in page.elements if "scroll" in a.get("class", "").split()]
    assert len(scrolled) == 1 and all(a["tabindex"] == "0" and a["aria-label"] for a in scrolled)
    marks = [mark["aria-label"] for mark in page.all("span") if "mark" in mark.get("class", "")]
    assert marks == ["Bad", "Good", "Bad", "Good"]  # the strip, and the verdicts
    identifiers = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers)) == 7
    assert {link["href"] for link in page.all("a")} <= {f"#{name}" for name in identifiers}
    assert "prefers-color-scheme: dark" in html


def test_pictures_are_the_pictures(page: HtmlPage, noise: Image.Image) -> None:
    shown = [_opened(image["src"]) for image in page.all("img")]
    assert shown[0].size == noise.size and shown[0].format == "JPEG"
    assert shown[1].format == "PNG" and shown[1].convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    assert [image["width"] for image in page.all("img")] == ["400", "900"]


def _opened(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def test_large_pictures_are_made_small_enough(noise: Image.Image) -> None:
    large = noise.resize((3000, 2250), Image.Resampling.NEAREST)
    result = inlined(Picture(large))
    assert len(base64.b64decode(result.uri.partition(",")[2])) <= LIMIT_BYTES
    assert (result.width, result.height) == (3000, 2250) and result.wide


def test_what_a_camera_wrote_does_not_reach_the_page(noise: Image.Image, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "SECRET CAMERA"
    exif[0x0112] = 6  # lies on its side
    noise.save(tmp_path / "photo.jpg", exif=exif)
    for source in (tmp_path / "photo.jpg", (tmp_path / "photo.jpg").read_bytes()):
        result = inlined(Picture(source))
        data = base64.b64decode(result.uri.partition(",")[2])
        assert b"SECRET" not in data and b"Exif" not in data
        assert (result.width, result.height) == (300, 400)  # upright


def test_drawings_stay_sharp_and_finished_files_unchanged(noise: Image.Image) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (50, 40), "red").save(stream, "PNG")
    result = inlined(Picture(stream.getvalue(), density=2))
    assert base64.b64decode(result.uri.partition(",")[2]) == stream.getvalue()
    assert (result.width, result.height, result.wide) == (25, 20, False)


def test_a_picture_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ImageError):
        Report("x", sections=[Section("y", pictures=[Picture(b"no picture")])]).to_html()
    with pytest.raises(ImageError, match=r"gone\.png"):
        inlined(Picture(tmp_path / "gone.png"))


@pytest.mark.parametrize(
    "words",
    ["plain", "two\n\nparagraphs", "**bold** *it* `x < y`", "- a\n- b\n  - c\n\nafter", "1. one\n2. two",
     "[x](#s1)", "5 < 6 & 7 > 2", "a\\*b"],
)  # fmt: skip
def test_words_are_common_markdown(words: str) -> None:
    assert str(html_words(words)) == MarkdownIt("commonmark").render(words)


@pytest.mark.parametrize(
    "words",
    ["<b>x</b>", "<img src=x onerror=y>", "[x](javascript:alert(1))", "[x](data:text/html,y)", "![x](http://a/b.png)",
     "# no heading", "[x](file:///etc/passwd)", "<https://a.b>", "[x](JaVaScRiPt:y)", "[x](https://a.b/c)"],
)  # fmt: skip
def test_words_cannot_do_more(words: str) -> None:
    page = HtmlPage(str(html_words(words)))
    assert {tag for tag, _ in page.elements} <= {"p", "a"}
    assert not page.all("a")


class Result:
    """What an audit gives."""

    def sections(self) -> list[Section]:
        return [Section("Numbers", table=Table(["a"], [[1]]))]

    def verdict(self) -> Verdict:
        return Verdict("Yes.", "good")


def test_results_become_reports_and_reports_chapters() -> None:
    assert isinstance(Result(), HasSections)
    single = Report.of("One", Result(), Result(), facts={"seed": "0", "model": "a"})
    assert [verdict.words for verdict in single.verdicts] == ["Yes.", "Yes."] and len(single.sections) == 2
    other = Report("Two", "lead", facts={"seed": "0", "model": "b"})
    joined = Report.joined("Both", [single, other])
    assert [(section.title, section.chapter) for section in joined.sections] == [
        ("One", True), ("Numbers", False), ("Numbers", False), ("Two", True),
    ]  # fmt: skip
    own = {"seed": "0", "model": "a", **single.made, "model (Two)": "b"}
    assert joined.all_facts == own and len(joined.verdicts) == 2


def test_results_of_several_models_are_chapters() -> None:
    named = [Result(), Result(), Result()]
    named[0].model, named[2].model = "runs/a", "runs/b"  # type: ignore[attr-defined]
    both = Report.of("Both", *named).sections
    assert [(section.title, section.chapter) for section in both] == [
        ("runs/a", True), ("Numbers", False), ("Numbers", False), ("runs/b", True), ("Numbers", False),
    ]  # fmt: skip
    assert [section.title for section in Report.of("One", named[0], named[1]).sections] == ["Numbers"] * 2


def test_small_charts_are_not_enlarged() -> None:
    small = heat_map([[0.1, 0.2]], ["a"], ["x", "y"], label="share")
    large = bars(["a", "b"], {"": [0.1, 0.2]}, value_label="share")
    assert small.width < 340 <= large.width
    page = HtmlPage(Report("Charts", sections=[Section("Both", charts=[small, large])]).to_html())
    assert [names for tag, names in page.elements if "plot" in names.get("class", "")] == [
        {"class": "plot small"}, {"class": "plot"},
    ]  # fmt: skip


def test_text_and_markdown_say_the_same(report: Report, tmp_path: Path) -> None:
    text, markdown = report.to_text(), report.to_markdown()
    for words in ("BAD: It does.", "- 70 % fell to 50 %.", "Do `this`.", "seed: 0"):
        assert words in text and words in markdown
    assert "Chapter\n=======" in text and "\n## Chapter\n" in markdown
    assert "Last" not in text  # it has nothing to say without pictures
    for name, expected in (("a.html", report.to_html()), ("a.md", markdown), ("a.txt", text)):
        report.save(tmp_path / name)
        assert (tmp_path / name).read_text(encoding="utf-8") == expected
    with pytest.raises(InputError, match=r"end it in \.html, \.md, \.txt"):
        report.save(tmp_path / "a.pdf")


def test_unknown_levels_are_refused() -> None:
    with pytest.raises(
        InputError, match=r"level must be a known name, but is 'god' \(str\): did you mean 'good'"
    ):
        Verdict("x", "god")  # type: ignore[arg-type]


def _light(color: str) -> float:
    """Relative luminance, WCAG 2.2."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_every_text_can_be_read(html: str, scheme: int) -> None:
    colors = dict(
        re.findall(r"--([\w-]+): (#[0-9a-f]{6})", html.split(":root {")[scheme + 1].partition("}")[0])
    )
    levels = ("good", "warning", "bad", "info")
    pairs = [
        ("ink", "paper"),
        ("ink", "card"),
        ("faint", "paper"),
        ("faint", "card"),
        ("link", "card"),
        ("ink", "head"),
    ]
    pairs += [("ink", f"{level}-wash") for level in levels] + [("card", level) for level in levels]
    for text, ground in pairs:
        brighter, darker = sorted((_light(colors[text]), _light(colors[ground])), reverse=True)
        assert (brighter + 0.05) / (darker + 0.05) >= 4.5, f"{text} on {ground}"


def test_numbers_carry_their_value_for_sorting(report: Report) -> None:
    table = Table(["model", Column("x", "percent")], [["a", Measured(0.123456, 0.01)], ["b", None], ["c", 1]])
    page = HtmlPage(Report("x", sections=[Section("y", table=table)]).to_html())
    assert page.all("table", "sortable")
    assert [cell.get("data-value") for cell in page.all("td", "number")] == ["0.123456", None, "1.0"]
    few = HtmlPage(report.to_html())
    assert few.all("table") and not few.all("table", "sortable")  # two rows need no sorting


def test_print_shows_what_is_closed_and_is_never_dark(html: str) -> None:
    style = html.partition("<style>")[2].partition("</style>")[0]
    assert "details::details-content" in style.partition("@media print")[2]
    assert "prefers-color-scheme" not in style.replace("@media screen and (prefers-color-scheme: dark)", "")


def test_contents_name_each_title_once_and_help_long_pages_only() -> None:
    open_sections = [Section(f"s{number}") for number in range(4)]
    folded = Section("Every metric", folded=True)
    listed = contents([*open_sections, Section("s0"), folded, folded])
    assert [section.title for _, section in listed] == ["s0", "s1", "s2", "s3"]
    assert [number for number, _ in listed] == [1, 2, 3, 4]
    assert contents(open_sections[:3]) == []
    chapters = [Section("One", chapter=True), *open_sections, Section("Two", chapter=True), folded]
    assert [section.title for _, section in contents(chapters)] == ["One", "Two"]
    assert contents([Section("Only", chapter=True), *open_sections[:2]]) == []


@pytest.mark.parametrize("form", [html_words, html_line])
def test_options_are_not_broken_at_their_hyphens(form: Callable[[str], Markup]) -> None:
    page = HtmlPage(str(form("Add `--exact-masks a-b` and `-o a=1` -- or `a<b --x-y`.")))
    assert page.inside("option") == ["--exact-masks", "-o", "--x-y"]
    assert [" ".join(page.text)] == ["Add --exact-masks a-b and -o a=1 -- or a<b --x-y ."]
