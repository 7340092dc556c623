"""Conditions: one language for catalogs and indexes, three-valued as SQL, and no way to run anything."""

from pathlib import Path
from typing import Any

import lancedb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from likewise.data import Catalog
from likewise.data.row_filter import RowFilter
from likewise.errors import CatalogError

ROWS = pa.table(
    {
        "path": [f"{row}.jpg" for row in range(6)],
        "label": ["wren", "crow", "Wren", "", "o'neill", "50%"],
        "brand": ["acme", None, "apex", "acme", None, "a_b"],
        "height": [1.0, 2.5, None, -3.0, 0.0, 1e6],
        "count": pa.array([1, 2, 3, None, 5, -7], pa.int64()),
        "sure": [True, False, None, True, False, True],
        "sale price": [1.0, 2.0, 3.0, None, 5.0, 6.0],
        "bought": pa.array([f"2024-0{month}-01T12:00:00" for month in range(1, 6)] + [None]).cast(
            pa.timestamp("us")
        ),
    }
)
TYPES = {field.name: field.type for field in ROWS.schema}


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        ("label = 'wren'", [0]), ("label == 'wren'", [0]), ("label != 'wren'", [1, 2, 3, 4, 5]),
        ("label <> 'wren'", [1, 2, 3, 4, 5]), ("label = 'o''neill'", [4]), ("label = ''", [3]),
        ("brand = 'acme'", [0, 3]), ("brand != 'acme'", [2, 5]), ("not brand = 'acme'", [2, 5]),
        ("not (brand = 'acme' or height > 2)", []), ("brand is null", [1, 4]), ("brand is not null", [0, 2, 3, 5]),
        ("brand in ('acme', 'apex')", [0, 2, 3]), ("brand not in ('acme')", [2, 5]), ("label in ['wren']", [0]),
        ("height > 0 and height <= 2.5", [0, 1]), ("height between 0 and 2.5", [0, 1, 4]),
        ("height not between 0 and 2.5", [3, 5]), ("height < -1.5", [3]), ("count >= 3", [2, 4]),
        ("count > 1.5", [1, 2, 4]), ("count in (1, 2.5)", [0]), ("count = 1e0", [0]),
        ("sure", [0, 3, 5]), ("not sure", [1, 4]), ("sure = false", [1, 4]), ("sure or height = 2.5", [0, 1, 3, 5]),
        ("`sale price` > 4", [4, 5]), ('"sale price" > 4', [4, 5]), ("label like 'w%'", [0]),
        ("label ilike 'w%'", [0, 2]), ("label not ilike 'w%'", [1, 3, 4, 5]),
        ("label not like '%n%'", [1, 3, 5]), ("path like '_.jpg'", [0, 1, 2, 3, 4, 5]),
        ("true", [0, 1, 2, 3, 4, 5]), ("false or sure", [0, 3, 5]),
        ("bought > '2024-03-31'", [3, 4]), ("bought = '2024-02-01 12:00:00'", [1]), ("'wren' = label", [0]),
        ("COUNT = 1 -- and nothing more".replace("COUNT", "count"), [0]),
    ],
)  # fmt: skip
def test_which_rows_a_condition_chooses(where: str, rows: list[int]) -> None:
    assert np.flatnonzero(RowFilter.parse(where, TYPES).rows(ROWS)).tolist() == rows


@pytest.mark.parametrize("where", ["when > 3", "sale price > 3", "label = 'x' and when = 2"])
def test_columns_that_need_quotes(where: str) -> None:
    types = TYPES | {"when": pa.int64(), "order": pa.int64()}
    with pytest.raises(CatalogError, match=r"write the column `(when|sale price)` in `backticks`"):
        RowFilter.parse(where, types)
    assert RowFilter.parse('`when` > 3 and "order" = 2', types).columns == ("when", "order")


OWNED = "touch owned"
HOSTILE = [
    f"path.values.ctypes._ctypes._os.system('{OWNED}') == path",
    f"@pd.compat.os.system('{OWNED}')",
    f"__import__('os').system('{OWNED}') = path",
    f"label = 'x'; import os; os.system('{OWNED}')",
    "path.__class__ = 'x'", "path[0] = 'x'", "(lambda: 1)() = 1", "open('owned', 'w') = path", "eval('1') = 1",
    "label = 'x'; drop table images", "label = (select path from images)", "exists (select 1)",
    "label in (select path from images)", "count = length(read_csv('/etc/passwd'))", "repeat(label, 100000000) = 'x'",
    "cast(label as int) = 1", "label::int = 1", "case when sure then sure end", "count + 1 = 2", "count = count / 0",
    "label || 'x' = 'x'", "label ~ '(a+)+$'", "regexp_like(label, '(a+)+$')", "label similar to 'x'", "count = ?",
    "count = :x", "count = $1", "interval '1 day' > bought", "* = 1", "images.label = 'x'", "label = null",
    "label = b'x'", "count = 0x10", "label like label", "label like 'x' escape '!'", "label like any ('x', 'y')",
    "count between symmetric 2 and 1", "count in ()", "count = 1e999999 and", "\x00", "", " ", "'",
    "count = 99999999999999999999999999", "(" * 5000 + "sure" + ")" * 5000, "not " * 2000 + "sure", "a" * 20_000,
    "sure" + " and sure" * 900, "label = '" + "x" * 9_999 + "'", "label = '\ud800'", "bought > 'yesterday'",
    "count = nan", "count = 'x'", "label = 1", "sure = 1", "sure = 'true'", "1 = 2",
    "false", "path = \"x\"", "x is true",
]  # fmt: skip


@pytest.mark.parametrize("where", HOSTILE, ids=range(len(HOSTILE)))
def test_no_condition_is_more_than_a_condition(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    catalog = Catalog.from_table(ROWS.to_pandas(), tmp_path)
    with pytest.raises(CatalogError, match=r"condition|No row fits"):
        catalog.select(where=where)
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=300, deadline=None)
@given(
    text=st.text(max_size=60)
    | st.text("abcount=<>'\"`()[]-+*/%.,;:@#$ \n01 andornotinlikeisnull", max_size=60)
)
def test_any_text_is_a_condition_or_refused(text: str) -> None:
    try:
        assert RowFilter.parse(text, TYPES).rows(ROWS).shape == (6,)
    except CatalogError as error:
        assert "condition" in str(error)


def _conditions() -> st.SearchStrategy[str]:
    words = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
    text = st.sampled_from(["'wren'", "'acme'", "''", "'o''neill'", "'a_b'", "'A'"])
    number = st.integers(-9, 9).map(str) | st.sampled_from(["2.5", "-0.5", "1e3"])
    compared = (
        st.tuples(st.sampled_from(["label", "brand"]), words, text)
        | st.tuples(st.sampled_from(["height", "count", '"sale price"']), words, number)
        | st.tuples(st.just("bought"), words, st.sampled_from(["'2024-03-01'", "'2024-02-01 12:00:00'"]))
    ).map(" ".join)
    others = st.sampled_from(
        ["sure", "brand is null", "height is not null", "brand in ('acme', 'a_b')", "count not in (1, 5)",
         "label like '%n%'", "brand like 'a_b'", "label ilike 'WR%'", "height between 0 and 3", "sure = false",
         "label not like '50%'", "count in (2)"]
    )  # fmt: skip
    return st.recursive(
        compared | others,
        lambda below: (
            st.tuples(below, st.sampled_from(["and", "or"]), below).map(lambda parts: f"({' '.join(parts)})")
            | below.map(lambda part: f"not ({part})")
        ),
        max_leaves=6,
    )


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return lancedb.connect(str(tmp_path_factory.mktemp("rows"))).create_table("rows", ROWS)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=_conditions())
def test_an_index_chooses_the_same_rows(where: str, stored: Any) -> None:
    condition = RowFilter.parse(where, TYPES)
    found = stored.search().where(condition.sql()).limit(10).to_arrow()["path"].to_pylist()
    assert sorted(found) == [f"{row}.jpg" for row in np.flatnonzero(condition.rows(ROWS))]


@pytest.mark.parametrize(
    "column",
    [
        pd.Categorical(["a", None, "b"]), pd.array(["a", None, "b"], dtype="string"),
        np.array(["a", None, "b"], object),
        pd.array(["a", None, "b"], dtype=pd.StringDtype(na_value=np.nan)),  # what "str" is in pandas 3
    ],
    ids=str,
)  # fmt: skip
def test_text_of_any_type(column: Any, tmp_path: Path) -> None:
    table = pd.DataFrame({"path": ["1", "2", "3"], "word": column, "mixed": [1, "x", None]})
    catalog = Catalog.from_table(table, tmp_path)
    assert catalog.select(where="word != 'a'").ids == ["3"] and catalog.select(where="word is null").ids == [
        "2"
    ]
    with pytest.raises(CatalogError, match="Column 'mixed' mixes types"):
        catalog.select(where="mixed = 'x'")


@pytest.mark.parametrize("dtype", ["int8", "uint64", "Int64", "float32", "Float64", "int64[pyarrow]"])
def test_numbers_of_any_type(dtype: str, tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"path": ["1", "2", "3"], "n": pd.Series([1, 2, 3]).astype(dtype), "none": [None] * 3}
    )
    catalog = Catalog.from_table(table, tmp_path)
    assert catalog.select(where="n >= 2").ids == ["2", "3"]
    assert catalog.select(where="n > 2 or none > 1").ids == ["3"]


@pytest.mark.parametrize(("length", "refused"), [(10_000, False), (10_001, True)])
def test_a_condition_has_a_longest_length(length: int, refused: bool) -> None:
    text = "label = '" + "x" * (length - 10) + "'"
    assert len(text) == length
    if not refused:
        RowFilter.parse(text, {"label": pa.string()})
        return
    with pytest.raises(
        CatalogError, match=r"^A condition has at most 10,000 characters, but this has 10,001\.$"
    ):
        RowFilter.parse(text, {"label": pa.string()})
