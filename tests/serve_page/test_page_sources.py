"""The files of the page: whole, small, free of inline code, and with all words in one file."""

import re
from pathlib import Path

import pytest

import likewise
from likewise.report import map_picture

PAGE = Path(likewise.__file__).parent / "serve" / "page"
SHARED = Path(likewise.__file__).parent / "report" / "scripts"
MODULES = sorted([*PAGE.glob("*.js"), *SHARED.glob("*.js")])
MARKUP = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\(\"style"
)


def path_of(module: str) -> Path:
    return next(path for path in MODULES if path.name == module)


def exports(path: Path) -> set[str]:
    return set(
        re.findall(
            r"^export (?:async )?(?:function|class|const|let) (\w+)", path.read_text("utf-8"), re.MULTILINE
        )
    )


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_modules_are_small_and_never_read_data_as_markup(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= 300
    assert MARKUP.search(text) is None
    assert "http:" not in text.replace("http://www.w3.org/2000/svg", "") and "https:" not in text.replace(
        '"https://"', ""
    )


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_imports_name_what_exists(path: Path) -> None:
    for names, module in re.findall(
        r'^import \{([^}]*)\} from "\./([^"]+)"', path.read_text("utf-8"), re.MULTILINE
    ):
        missing = {name.strip() for name in names.split(",") if name.strip()} - exports(path_of(module))
        assert not missing, f"{path.name} imports {missing} from {module}"


def used_words() -> set[str]:
    return {match for path in MODULES for match in re.findall(r"\btext((?:\.\w+)+)", path.read_text("utf-8"))}


def test_every_word_that_is_used_stands_in_the_file_of_strings() -> None:
    strings = (PAGE / "strings.js").read_text("utf-8")
    for path in used_words():
        for name in path.strip(".").split("."):
            assert re.search(rf"\b{name}:", strings) or name in {"status", "length"}, f"text{path}"


def test_no_string_is_unused() -> None:
    used = {name for path in used_words() for name in path.strip(".").split(".")}
    for path in MODULES:
        if path.name != "strings.js":
            used |= set(re.findall(r'"(\w+)"', path.read_text("utf-8")))
    body = (PAGE / "strings.js").read_text("utf-8").split("export const text")[1]
    defined = set(re.findall(r"^\s{2,4}(\w+): ", body, re.MULTILINE))
    assert defined - used - {"number", "flag"} == set()


def test_words_stand_nowhere_else() -> None:
    """Sentences in quotes, outside of imports, comments and the file of strings."""
    for path in MODULES:
        if path.name in {"strings.js", "points.js", "icons.js"}:
            continue
        code = re.sub(r"//.*|/\*.*?\*/|^import.*$", "", path.read_text("utf-8"), flags=re.MULTILINE)
        assert re.findall(r'"[A-Z][a-z]+ [a-z]+[^"]*"', code) == [], path.name


def test_the_document_has_no_inline_script_or_style() -> None:
    html = (PAGE / "index.html").read_text("utf-8")
    assert re.findall(r"<script(?![^>]*src=)", html) == []
    assert "<style" not in html and " style=" not in html and re.search(r"\son\w+=", html) is None
    for address in re.findall(r'(?:src|href)="/static/([^"]+)"', html):
        assert (PAGE / address).is_file()


def triples(text: str) -> list[tuple[int, ...]]:
    return [tuple(map(int, found)) for found in re.findall(r"(\d+),? (\d+),? (\d+)", text)]


def test_the_map_has_the_colours_of_the_map_in_reports() -> None:
    """The scripts, the style sheets and the picture without scripts draw one map."""
    script = path_of("colors.js").read_text("utf-8")
    palette, others, ramp = (
        triples(re.search(rf"const {name} = (\[.*?\]);", script, re.DOTALL)[1])  # type: ignore[index]
        for name in ("PALETTE", "OTHERS", "RAMP")
    )
    assert tuple(palette) == map_picture.PALETTE and others == [map_picture.OTHERS]
    assert tuple(ramp) == map_picture.RAMP
    for sheet in (PAGE / "page.css", Path(map_picture.__file__).parent / "image_map.css"):
        gradient = re.search(r"\.ramp \{[^}]*linear-gradient\(90deg, (.*?)\);", sheet.read_text("utf-8"))
        assert gradient is not None and tuple(triples(gradient[1])) == map_picture.RAMP, sheet.name
