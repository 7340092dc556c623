"""Tables as people have them: any divider, encoding and program; read right, or refused with a sentence."""

import io
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from likewise.data import Catalog, prepare_table
from likewise.errors import CatalogError, LikewiseError

ROWS = [
    ("a/Bär 1.jpg", "Bär", "3.5", "x, y"),
    ("b.jpg", "007", "-2", "zwei\nZeilen"),
    ("c.jpg", "", "", 'sagt "ja"'),
]


def written(divider: str, decimal: str = ".", line: str = "\n", prefix: str = "") -> str:
    def cell(text: str) -> str:
        return (
            '"' + text.replace('"', '""') + '"'
            if any(sign in text for sign in (divider, '"', "\n"))
            else text
        )

    rows = [("path", "label", "price", "note"), *ROWS]
    lines = [
        divider.join(
            cell(value.replace(".", decimal) if place == 2 else value) for place, value in enumerate(row)
        )
        for row in rows
    ]
    return prefix + line.join(lines) + line


def check_rows(catalog: Catalog) -> None:
    assert catalog.ids == [row[0] for row in ROWS]
    assert catalog.labels.tolist() == ["Bär", "007", ""]
    assert catalog.table["price"].tolist()[:2] == [3.5, -2.0] and catalog.table["price"].isna()[2]
    assert [str(note).replace("\r\n", "\n") for note in catalog.table["note"]] == [row[3] for row in ROWS]


@pytest.mark.parametrize("line", ["\n", "\r\n", "\r"], ids=["unix", "windows", "mac"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("divider", [",", ";", "\t", "|"], ids=["comma", "semicolon", "tab", "bar"])
def test_every_divider_and_encoding(divider: str, encoding: str, line: str, tmp_path: Path) -> None:
    decimal = "." if divider == "," else ","
    file = tmp_path / "list.csv"
    file.write_bytes(written(divider, decimal, line).encode(encoding))
    catalog = Catalog.read(file)
    check_rows(catalog)
    said = " ".join(catalog.notes)
    assert ("Windows-1252" in said) == (encoding == "cp1252")
    assert ("decimal commas in 'price' were read as numbers" in said) == (divider != ",")
    catalog.write(tmp_path / "again.csv")
    check_rows(Catalog.read(tmp_path / "again.csv"))


@pytest.mark.parametrize("name", ["a.tsv", "a.txt", "a.tab", "A.CSV"])
def test_every_ending(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(written("\t"))
    check_rows(Catalog.read(tmp_path / name))


def test_what_excel_adds(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('sep=;\n path ;label;;\na.jpg;x;;\n;;;\n"b;c.jpg";y;;\n')
    catalog = Catalog.read(tmp_path / "a.csv")
    assert catalog.ids == ["a.jpg", "b;c.jpg"] and catalog.properties == []
    (tmp_path / "b.csv").write_text("path;n\na.jpg;1.234,50\nb.jpg;12\n")
    assert Catalog.read(tmp_path / "b.csv").table["n"].tolist() == [1234.5, 12.0]
    (tmp_path / "c.csv").write_text("path;size\na.jpg;3,5 cm\nb.jpg;1,2\n")
    assert Catalog.read(tmp_path / "c.csv").table["size"].tolist() == ["3,5 cm", "1,2"]


def test_lists_without_header(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x/a.jpg\nx/b c.png\n")
    catalog = Catalog.read(tmp_path / "a.txt")
    assert catalog.ids == ["x/a.jpg", "x/b c.png"]
    assert catalog.notes == ("a.txt: it has no header, so it was read as a list of paths.",)
    (tmp_path / "b.txt").write_text("x/a.jpg\t7\nx/b.jpg\t12\n")
    assert Catalog.read(tmp_path / "b.txt").labels.tolist() == ["7", "12"]


def test_commas_in_the_names_of_one_column(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('path\n"a,b.jpg"\n"c;d.jpg"\n')
    assert Catalog.read(tmp_path / "a.csv").ids == ["a,b.jpg", "c;d.jpg"]


def excel(path: Path, rows: list[tuple[Any, ...]], *more: str) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for name in more:
        book.create_sheet(name)
    book.save(path)
    return path


def test_excel(tmp_path: Path) -> None:
    when = pd.Timestamp("2024-05-01 12:30:00").to_pydatetime()
    rows = [
        ("path", "label", "price", "count", "sure", "bought", "mixed", None),
        ("a.jpg", 7, 3.5, 1, True, when, "x", None),
        (None,) * 8,
        ("b.jpg", "007", 2, None, False, None, 3, None),
    ]
    catalog = Catalog.read(excel(tmp_path / "a.xlsx", rows, "other"))
    assert catalog.ids == ["a.jpg", "b.jpg"] and catalog.labels.tolist() == ["7", "007"]
    table = catalog.table
    assert table["price"].tolist() == [3.5, 2.0] and str(table["count"].dtype) == "Int64"
    assert table["sure"].tolist() == [True, False] and table["bought"][0] == pd.Timestamp(when)
    assert table["mixed"].tolist() == ["x", "3"]
    assert catalog.notes == ("a.xlsx: of 2 sheets the first, 'Sheet', was read.",)


def test_a_refusal_says_how_the_file_was_read(tmp_path: Path) -> None:
    file = excel(tmp_path / "a.xlsx", [("note",), ("hello",)], "Images")
    with pytest.raises(
        CatalogError, match=r"no column 'path', only note: .* of 2 sheets the first, 'Sheet', was read"
    ):
        Catalog.read(file)
    (tmp_path / "a.csv").write_bytes("path;bild\nä.jpg;x\nä.jpg;y\n".encode("cp1252"))
    with pytest.raises(CatalogError, match=r"more than once \(1 repeated row\): .*read as Windows-1252"):
        Catalog.read(tmp_path / "a.csv")


def test_json(tmp_path: Path) -> None:
    records = [
        {"path": "a.jpg", "label": 7, "price": 3.5, "box": [1, 2]},
        {"path": "b.jpg", "label": "007", "sure": True},
        {"path": "c.jpg", "label": None, "price": 2},
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, records)) + "\n\n")
    (tmp_path / "a.json").write_text("\ufeff" + json.dumps(records), encoding="utf-8")
    for name in ("a.jsonl", "a.json"):
        catalog = Catalog.read(tmp_path / name)
        assert catalog.labels.tolist() == ["7", "007", ""] and catalog.ids == ["a.jpg", "b.jpg", "c.jpg"]
        assert catalog.table["price"].tolist()[::2] == [3.5, 2.0]
        assert (catalog.table["box"][0] == "[1, 2]" and catalog.table["sure"][1] is True) or catalog.table[
            "sure"
        ][1]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.jsonl", b'{"path": "a"}\n[1]\n', r"line 2: expected objects such as"),
        ("a.jsonl", b'{"path": "a"}\n{"path"\n', "line 2: "),
        ("a.json", b'{"path": "a"}', "expected objects such as"),
        ("a.json", b"[" * 100_000, "nested|maximum recursion"),
        ("a.json", b'[{"path": ' + b"9" * 5000 + b"}]", "cannot be read as a JSON file"),
        ("a.json", b"[]", "contains no images"),
        ("a.xlsx", b"PK\x03\x04 nonsense", "cannot be read as an Excel file"),
        ("a.xlsx", b"nonsense", "cannot be read as an Excel file"),
        ("a.parquet", b"PAR1 nonsense", "cannot be read as a Parquet file"),
        ("a.csv", b"path,label\na,b,c\n", "first line has 2 columns, and the line .a,b,c. has 3: delete"),
        ("a.csv", b"Table 1\npath,label\na,b\n", "first line has 1 column, and the line .path,label. has 2: delete"),
        ("a.csv", b"name;label\na;b\n", "no column 'path', only name, label"),
        ("a.csv", b"\xff\xfe\x00", "cannot be read as a CSV file|truncated"),
    ],
)  # fmt: skip
def test_damaged_tables_are_one_sentence(name: str, content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CatalogError, match=words) as caught:
        Catalog.read(tmp_path / name)
    assert name in str(caught.value) and str(caught.value).count("\n") == 0


def _excel_bytes() -> bytes:
    stream = io.BytesIO()
    book = openpyxl.Workbook()
    book.active.append(("path", "label"))
    book.active.append(("a.jpg", 7))
    book.save(stream)
    return stream.getvalue()


def _parquet_bytes() -> bytes:
    stream = io.BytesIO()
    pd.DataFrame({"path": ["a.jpg", "b.jpg"], "label": [1, 2]}).to_parquet(stream)
    return stream.getvalue()


WHOLE: dict[str, bytes] = {
    "a.csv": written(",").encode(),
    "b.csv": written(";", ",").encode("utf-16"),
    "a.xlsx": _excel_bytes(),
    "a.jsonl": b'{"path": "a.jpg", "label": 7}\n{"path": "b.jpg"}\n',
    "a.json": b'[{"path": "a.jpg", "label": 7}]',
    "a.parquet": _parquet_bytes(),
}


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_mutated_tables_are_read_or_refused(data: st.DataObject, tmp_path: Path) -> None:
    name = data.draw(st.sampled_from(sorted(WHOLE)))
    content = bytearray(WHOLE[name])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        kind = data.draw(st.sampled_from(["change", "cut", "insert"]))
        if kind == "change":
            content[at] = data.draw(st.integers(0, 255))
        elif kind == "insert":
            content[at:at] = data.draw(
                st.binary(max_size=8) | st.sampled_from([b",", b";", b"\n", b'"', b"\x00"])
            )
        else:
            del content[at : at + data.draw(st.integers(1, 20))]
        assume(content)
    (tmp_path / name).write_bytes(bytes(content))
    try:
        catalog = Catalog.read(tmp_path / name)
    except CatalogError as error:
        assert "\n" not in str(error) or "repeated rows" in str(error)
        return
    assert len(catalog.paths) == len(catalog.labels) == len(catalog) > 0


CELLS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12) | st.sampled_from(
    [
        "a.jpg",
        "../a.jpg",
        "/a/b.jpg",
        "C:\\x",
        "https://x/y.jpg",
        "lynx\\0.jpg",
        "x" * 300,
        "7.0",
        "NaN",
        "\x00",
        "~/a",
    ]
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=4))
def test_any_rows_become_a_catalog_that_survives_or_are_refused(
    rows: list[tuple[str, ...]], tmp_path: Path
) -> None:
    from likewise.data import check

    table = pd.DataFrame(rows, columns=["path", "label", "brand"])
    try:
        catalog = Catalog.from_table(table, tmp_path)
    except CatalogError:
        return
    check(catalog)
    for name in ("again.parquet", "again.csv"):
        if name == "again.csv" and any("\x00" in cell for row in rows for cell in row):
            with pytest.raises(CatalogError, match="CSV cannot hold the zero bytes in column"):
                catalog.write(tmp_path / name)
            continue
        catalog.write(tmp_path / name)
        again = Catalog.read(tmp_path / name)
        assert again.paths == catalog.paths
        if name == "again.parquet":
            assert again.labels.tolist() == catalog.labels.tolist()


LABELS: list[Callable[[], Any]] = [
    lambda: [12, 7, None],
    lambda: [12.0, 7.0, None],
    lambda: pd.array([12, 7, None], dtype="Int64"),
    lambda: pd.array([12, 7, None], dtype="Float32"),
    lambda: pd.Categorical([12, 7, None]),
    lambda: pd.Categorical(["12", "7", None]),
    lambda: ["12", "7", ""],
    lambda: [b"12", b"7", None],
    lambda: [12, "7", None],
    lambda: pd.array([12, 7, None], dtype="int8[pyarrow]"),
]


@pytest.mark.parametrize("labels", LABELS, ids=range(len(LABELS)))
def test_a_number_is_one_label_whatever_its_type(labels: Callable[[], Any], tmp_path: Path) -> None:
    table = pd.DataFrame({"path": ["a", "b", "c"], "label": labels()})
    assert Catalog.from_table(table, tmp_path).labels.tolist() == ["12", "7", ""]
    if (
        not any(isinstance(label, bytes) for label in table["label"])
        and len(set(map(type, table["label"]))) < 3
    ):
        table.to_parquet(tmp_path / "t.parquet")
        assert Catalog.read(tmp_path / "t.parquet").labels.tolist() == ["12", "7", ""]
    table.to_csv(tmp_path / "t.csv", index=False)
    if not any(isinstance(label, bytes) for label in table["label"]):
        assert prepare_table(tmp_path / "t.csv", "none").catalog.labels.tolist() == ["12", "7", ""]


def test_tables_without_labels(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("file,label\na.jpg,x\nb.jpg,y\n")
    prepared = prepare_table(tmp_path / "a.csv", path_column="file", label_column="")
    assert prepared.catalog.labels.tolist() == ["", ""]
    assert prepared.notes == ["The table has no labels: the rows have no label and no split."]
    alone = prepare_table(tmp_path / "a.csv", path_column="file")
    assert alone.notes == [
        "Every class has one image: search works without training, but training needs at least two."
    ]


def test_walking_over_bad_arguments(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("path,label\na.jpg,x\nb.jpg,y\n")
    catalog = Catalog.read(tmp_path / "a.csv")
    bad: list[Callable[[], object]] = [
        lambda: Catalog.read(tmp_path / "gone"),
        lambda: Catalog.read(tmp_path / "a.csv", root=tmp_path / "gone"),
        lambda: Catalog.from_images([]),
        lambda: Catalog.from_images(["a.jpg"], ["x", "y"]),
        lambda: Catalog.from_table(pd.DataFrame(), tmp_path),
        lambda: catalog.select(split="gone"),
        lambda: catalog.select(where="gone = 1"),
        lambda: catalog.select(labels=["gone"]),
        lambda: catalog.take([9]),
        lambda: catalog.write(tmp_path / "a.docx"),
        lambda: catalog.write(tmp_path / "a.csv" / "b.csv"),
    ]
    for call in bad:
        with pytest.raises(LikewiseError) as caught:
            call()
        assert str(caught.value).endswith((".", "?"))


@pytest.mark.parametrize(
    ("values", "kind", "csv", "parquet"),
    [
        ([1, "a", None], "int, str", False, False),
        ([1j, 2j, 0j], "complex128", False, False),
        ([2**70, 1, 2], "int", False, False),
        ([b"a", b"b", None], "bytes", False, True),
        ([[1], [2, 3], None], "list", False, True),
        ([Decimal("1.5"), None, Decimal(2)], "Decimal", False, True),
        ([Path("a"), Path("b"), None], "PosixPath", False, False),
        (pd.cut([1, 2, 3], 2), "category", False, False),
    ],
)
def test_values_that_a_file_cannot_hold_are_named(
    values: Any, kind: str, csv: bool, parquet: bool, tmp_path: Path
) -> None:
    catalog = Catalog.from_table(
        pd.DataFrame({"path": ["a.png", "b.png", "c.png"], "odd one": values}), tmp_path
    )
    for suffix, fits in ((".csv", csv), (".parquet", parquet)):
        if fits:
            catalog.write(tmp_path / f"c{suffix}")
            continue
        with pytest.raises(
            CatalogError, match=rf"cannot hold column 'odd one' \({kind}.*make its values text"
        ):
            catalog.write(tmp_path / f"c{suffix}")
        assert not list(tmp_path.glob(f"*{suffix}"))


def test_objects_that_are_plain_values_stay_so_in_csv(tmp_path: Path) -> None:
    frame = pd.DataFrame({"path": ["a.png", "b.png", "c.png"]})
    for name, values in {"sure": [True, None, False], "count": [1, None, 3], "none": [None] * 3}.items():
        frame[name] = pd.Series(values, dtype=object)
    Catalog.from_table(frame, tmp_path).write(tmp_path / "c.csv")
    assert (tmp_path / "c.csv").read_text().splitlines()[1:] == [
        "a.png,,,True,1,", "b.png,,,,,", "c.png,,,False,3,"
    ]  # fmt: skip
    table = Catalog.read(tmp_path / "c.csv").table
    assert table["sure"].tolist() == [True, pd.NA, False] and table["count"].tolist()[::2] == [1, 3]
