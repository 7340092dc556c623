"""Tables in four forms, read back by other programs: csv, markdown-it, an HTML parser."""

import csv
import io
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from likewise.errors import InputError
from likewise.inert import visible
from likewise.report import Cell, Column, Measured, Table

SCORES = Table(
    ["model", Column("R@1", "percent", best="max"), Column("p", "p"), "images", Column("loss", best="min")],
    [
        ["base", Measured(0.7034, 0.0041), 0.0002, 5924, 0.5],
        ["bgaugment", Measured(0.7126, low=0.7011, high=0.7198), 0.0412, 12345, 0.25],
        ["untrained", None, float("nan"), 7, 1.25],
    ],
    "Three seeds: 100 % of them",
)


def test_text_by_hand() -> None:
    assert SCORES.to("text") == (
        "Three seeds: 100 % of them\n"
        "\n"
        "model                R@1 (%)        p  images   loss\n"
        "-----------------------------------------------------\n"
        "base              70.3 ± 0.4   <0.001   5,924  0.500\n"
        "bgaugment  71.3 [70.1, 72.0]*   0.041  12,345  0.250*\n"
        "untrained                  –        –       7  1.250\n"
    )


class _Cells(HTMLParser):
    """The texts of the cells of the tables in an HTML document."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag not in {"td", "th"}

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.rows[-1][-1] += data


def markdown_cells(markdown: str) -> list[list[str]]:
    """What another program shows for a Markdown table."""
    parser = _Cells()
    parser.feed(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown))
    return parser.rows


def test_markdown_as_another_program_reads_it() -> None:
    assert markdown_cells(SCORES.to("markdown")) == [
        ["model", "R@1 (%)", "p", "images", "loss"],
        ["base", "70.3 ± 0.4", "<0.001", "5,924", "0.500"],
        ["bgaugment", "71.3 [70.1, 72.0]", "0.041", "12,345", "0.250"],
        ["untrained", "–", "–", "7", "1.250"],
    ]
    assert "**71.3" in SCORES.to("markdown") and "**0.250**" in SCORES.to("markdown")


words = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=12).map(
    lambda text: " ".join(text.split())
)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(words, words), min_size=1, max_size=4))
def test_any_label_survives_markdown(rows: list[tuple[str, str]]) -> None:
    table = Table(["name", "other"], [("x" + a, "y" + b) for a, b in rows])
    assert markdown_cells(table.to("markdown"))[1:] == [["x" + a, "y" + b] for a, b in rows]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0")), st.floats()),
                max_size=4))  # fmt: skip
def test_csv_keeps_everything(rows: list[tuple[str, float]]) -> None:
    read = list(csv.reader(io.StringIO(Table(["a", "b"], rows).to("csv"))))
    assert read[0] == ["a", "b"]
    for (text, number), (text_read, number_read) in zip(rows, read[1:], strict=True):
        assert text_read.removeprefix("'") == visible(text).removeprefix("'")
        assert not text_read.lstrip().startswith(("=", "+", "-", "@")) or _is_number(text_read)
        assert math.isnan(number) if number_read == "" else float(number_read) == number


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def test_csv_gives_deviation_and_interval_their_own_columns() -> None:
    read = pd.read_csv(io.StringIO(SCORES.to("csv")))
    assert list(read.columns) == ["model", "R@1", "R@1_std", "R@1_low", "R@1_high", "p", "images", "loss"]
    assert read["R@1"].tolist()[:2] == [0.7034, 0.7126] and np.isnan(read["R@1"][2])
    assert read["R@1_std"][0] == 0.0041 and read["R@1_low"][1] == 0.7011
    assert read["images"].tolist() == [5924, 12345, 7]


def test_latex_by_hand() -> None:
    lines = SCORES.to("latex").splitlines()
    assert r"\caption{Three seeds: 100 \% of them}" in lines
    assert r"\begin{tabular}{lrrrr}" in lines
    assert r"model & R@1 (\%) & p & images & loss \\" in lines
    assert r"base & $70.3 \pm 0.4$ & $<0.001$ & $5{,}924$ & $0.500$ \\" in lines
    assert r"bgaugment & $\mathbf{71.3 [70.1, 72.0]}$ & $0.041$ & $12{,}345$ & $\mathbf{0.250}$ \\" in lines
    assert r"untrained & -- & -- & $7$ & $1.250$ \\" in lines
    tiny = Table(["x"], [[3.2e-5], [-1e-6], [0.0]]).to("latex")
    assert r"$3.20 \times 10^{-5}$" in tiny and r"$-1.00 \times 10^{-6}$" in tiny and "$0$" in tiny


@settings(deadline=None, max_examples=60)
@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1))
def test_latex_leaves_no_special_character_bare(text: str) -> None:
    line = Table(["a", "b"], [[text, "end"]]).to("latex").splitlines()[6]
    body = line.removesuffix(r" & end \\")
    for word in ("textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater", "textbar"):
        body = body.replace(rf"\{word}{{}}", "")
    body = re.sub(r"\\[{}$&%#_]", "", body).replace("{[}", "").replace("{]}", "")
    assert not set(body) & set("\\{}$&%#_~^<>|[]")


def test_best_are_all_that_read_the_same() -> None:
    table = Table(
        [Column("x", "percent", best="max"), Column("y", best="min")], [[0.50049, 2], [0.5004, 1], [0.4, 1]]
    )
    assert [[cell.best for cell in row] for row in table.shown()] == [
        [True, False],
        [True, True],
        [False, True],
    ]
    assert not any(
        cell.best for row in Table([Column("x", best="max")], [[None], ["a"]]).shown() for cell in row
    )


@pytest.mark.parametrize(
    ("cell", "column", "text"),
    [
        (0.12345, Column("x"), "0.123"),
        (12.345, Column("x"), "12.35"),
        (1234.5, Column("x"), "1,234.5"),
        (123456.7, Column("x"), "123,457"),
        (0.5, Column("x", digits=1), "0.5"),
        (-0.0001, Column("x", digits=2), "0.00"),
        (0.0005, Column("x"), "5.00e-04"),
        (True, Column("x"), "yes"),
        (np.float32(0.5), Column("x"), "0.500"),
        (np.int64(3), Column("x"), "3"),
        (np.bool_(False), Column("x"), "no"),
        (pd.NA, Column("x"), "–"),
        (1, Column("x", "percent"), "100.0"),
        (Measured(0.5, float("nan")), Column("x"), "0.500"),
        (float("inf"), Column("x"), "inf"),
        (0.04, Column("x", "p"), "0.040"),
        (0.0009, Column("x", "p"), "<0.001"),
        (0.001, Column("x", "p"), "0.001"),
        (Measured(1234.5, 1000.25), Column("x", digits=1), "1,234.5 ± 1,000.2"),
    ],
)
def test_numbers_as_readers_see_them(cell: Cell, column: Column, text: str) -> None:
    assert Table([column], [[cell]]).shown()[0][0].text == text


def test_measured_over_values_is_numpys_sample_deviation() -> None:
    values = [0.1, 0.4, 0.35, 0.8]
    measured = Measured.over(values)
    assert measured.mean == pytest.approx(np.mean(values)) and measured.std == pytest.approx(
        np.std(values, ddof=1)
    )
    assert Measured.over([0.5]) == Measured(0.5)
    with pytest.raises(InputError, match="at least one value"):
        Measured.over([])
    with pytest.raises(InputError, match="both ends"):
        Measured(0.5, low=0.1)


def test_frames_become_tables() -> None:
    frame = pd.DataFrame({"label": ["a", "b"], "share": [0.25, np.nan], "count": [1, 2]})
    assert Table.from_frame(frame).to("csv") == "label,share,count\na,0.25,1\nb,,2\n"


@pytest.mark.parametrize(
    ("suffix", "start"), [(".txt", "Three"), (".md", "Three"), (".csv", "model,"), (".tex", "\\beg")]
)
def test_saving_takes_the_form_from_the_ending(tmp_path: Path, suffix: str, start: str) -> None:
    SCORES.save(tmp_path / f"table{suffix}")
    assert (tmp_path / f"table{suffix}").read_text().startswith(start)


def test_bad_tables_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Row 1 of the table has 1 cells for 2 columns"):
        Table(["a", "b"], [[1, 2], [1]])
    with pytest.raises(InputError, match="at least one column"):
        Table([], [])
    with pytest.raises(InputError, match="cannot show \\[1\\]"):
        Table(["a"], [[[1]]])  # type: ignore[list-item]
    with pytest.raises(InputError, match=r"form must be a known name, but is 'latx' .*did you mean 'latex'"):
        SCORES.to("latx")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"end it in .txt, .md, .csv, .tex"):
        SCORES.save(tmp_path / "table.xlsx")


def test_wide_letters_keep_the_columns_straight() -> None:
    lines = Table(["name", "n"], [["日本", 1], ["ab", 22]]).to("text").splitlines()
    assert lines[2:] == ["日本    1", "ab     22"]
    assert Table(["only"], []).to("text") == "only\n----\n"


@pytest.mark.parametrize("best", ["max", "min"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_missing_value_is_never_the_best_nor_hides_it(best: str, place: int) -> None:
    values: list[Cell] = [0.25, 0.5]
    for missing in (float("nan"), Measured(float("nan")), None, "none"):
        cells = [*values[:place], missing, *values[place:]]
        table = Table([Column("loss", best=best)], [[cell] for cell in cells])  # type: ignore[arg-type]
        lines = table.to("text").splitlines()[-3:]
        assert [line.strip() for line in lines if "*" in line] == ["0.500*" if best == "max" else "0.250*"], (
            missing
        )
