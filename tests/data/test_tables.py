"""CSV text: any table of text and numbers comes back as it was."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from likewise.data import Catalog
from likewise.data.tables import read_table, write_table
from likewise.errors import CatalogError

# Surrogates cannot be written as UTF-8, and NUL not as CSV.
TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00\r"), max_size=8)
NUMBERS_AS_TEXT = st.sampled_from(
    ["1", "007", "1.0", "1e5", "-0", "nan", "NaN", "True", "", " 1", "+1", "1_000", "inf"]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), rows=st.integers(1, 5))
def test_any_table_survives_csv(tmp_path: Path, data: st.DataObject, rows: int) -> None:
    def column(values: st.SearchStrategy[object]) -> list[object]:
        return data.draw(st.lists(values, min_size=rows, max_size=rows))

    table = pd.DataFrame({"path": [f"{row}.jpg" for row in range(rows)]}, dtype="str")
    table["label"] = pd.Series(column(NUMBERS_AS_TEXT | TEXT), dtype="str")
    table["words"] = pd.Series(column(TEXT | NUMBERS_AS_TEXT), dtype="str")
    table["digits"] = pd.Series(column(NUMBERS_AS_TEXT), dtype="str")
    table["count"] = np.array(column(st.integers(-(2**63), 2**63 - 1)), dtype=np.int64)
    table["share"] = np.array(column(st.floats(allow_nan=False)), dtype=np.float64)
    table["sure"] = np.array(column(st.booleans()), dtype=bool)
    file = tmp_path / "t.csv"
    write_table(table, file)
    pd.testing.assert_frame_equal(read_table(file), table)


def test_quotes_only_where_they_are_needed(tmp_path: Path) -> None:
    plain = pd.DataFrame({"path": ["a.jpg"], "brand": ["acme"], "n": [1]})
    write_table(plain, tmp_path / "plain.csv")
    assert (tmp_path / "plain.csv").read_text() == "path,brand,n\na.jpg,acme,1\n"
    write_table(plain.assign(brand="12"), tmp_path / "quoted.csv")
    assert (tmp_path / "quoted.csv").read_text() == '"path","brand","n"\n"a.jpg","12",1\n'


def test_parquet_of_another_program_with_an_index(tmp_path: Path) -> None:
    pd.DataFrame({"label": ["x"]}, index=pd.Index(["a.jpg"], name="path")).to_parquet(tmp_path / "i.parquet")
    assert read_table(tmp_path / "i.parquet").to_dict("list") == {"path": ["a.jpg"], "label": ["x"]}


def test_nullable_integers_survive_parquet(tmp_path: Path) -> None:
    table = pd.DataFrame({"path": ["a", "b"], "n": pd.array([1, None], dtype="Int64")})
    write_table(table, tmp_path / "n.parquet")
    assert read_table(tmp_path / "n.parquet")["n"].dtype == "Int64"


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["1", "x"], ["1", "x"]),
        (["01", "2"], ["01", "2"]),
        (["+1", "2"], ["+1", "2"]),
        (["12345678901234567890", "1"], ["12345678901234567890", "1"]),
        (["1.50", "2"], [1.5, 2.0]),
        (["1e-3", "-0.5"], [0.001, -0.5]),
        (["3", "-4"], [3, -4]),
        (["True", "False"], [True, False]),
        (["true", "False"], ["true", "False"]),
    ],
)
def test_which_columns_are_numbers(texts: list[str], values: list[object], tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("path,n\n" + "".join(f"{text}.jpg,{text}\n" for text in texts))
    found = read_table(tmp_path / "t.csv")["n"].tolist()
    assert found == values and [type(value) for value in found] == [type(value) for value in values]


@pytest.mark.parametrize(
    "data", [b"", b" \n\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n", b"path,label", b"path,label\n", b"path"]
)
def test_a_file_without_rows_is_empty(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "c.csv").write_bytes(data)
    with pytest.raises(CatalogError, match=r"is empty|needs at least one row"):
        Catalog.read(tmp_path / "c.csv")
