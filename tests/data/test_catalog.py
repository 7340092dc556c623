"""The Catalog: what it accepts, what it refuses and in which words, and that files keep everything."""

import re
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from likewise.data import Catalog
from likewise.errors import CatalogError, InputError, WorkError


def table(**columns: list[object]) -> pd.DataFrame:
    return pd.DataFrame({"path": ["a.jpg", "b/c.jpg", "d.jpg"], **columns})


@pytest.fixture
def full(tmp_path: Path) -> Catalog:
    frame = table(
        label=["007", "1.0", "NA"],
        split=["train", "test", "iconic"],
        mask=["a.png", "", "d.png"],
        super_label=["x", "", "y"],
        count=[1, 2, 3],
        share=[0.1, np.nan, 1e-17],
        code=["01", "2", "3"],
        digits=["1", "2", "3"],
        sure=[True, False, True],
        words=['say "hi"', "comma, here", "line\nbreak"],
        nothing=["", "", ""],
    )
    frame["maybe"] = pd.array([1, None, 3], dtype="Int64")
    frame["perhaps"] = pd.array([True, None, False], dtype="boolean")
    frame["big"] = [2**62, -(2**62), 0]
    return Catalog.from_table(frame, tmp_path)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_files_keep_every_value_and_type(full: Catalog, suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"all{suffix}"
    full.write(file)
    again = Catalog.read(file)
    pd.testing.assert_frame_equal(again.table, full.table)
    assert again.fingerprint == full.fingerprint
    assert again.labels.tolist() == ["007", "1.0", "NA"]
    assert again.mask_paths == [tmp_path / "a.png", None, tmp_path / "d.png"]


def test_csv_of_other_programs(tmp_path: Path) -> None:
    file = tmp_path / "other.csv"
    file.write_bytes(
        "\ufeffpath,label,brand,height,weight,zip\r\n"
        "./a.jpg,1,é,0,1e-3,007\r\n"
        'x//y.jpg,"2","nan",3,,12345\r\n'.encode()
    )
    catalog = Catalog.read(file)
    assert catalog.ids == ["a.jpg", "x/y.jpg"]
    assert catalog.labels.tolist() == ["1", "2"]
    read = catalog.table
    assert read["brand"].tolist() == ["é", "nan"]
    assert read["height"].tolist() == [0, 3] and read["height"].dtype == np.int64
    assert read["weight"].iloc[0] == 1e-3 and np.isnan(read["weight"].iloc[1])
    assert read["zip"].tolist() == ["007", "12345"]


def test_columns_that_are_not_there_are_empty(tmp_path: Path) -> None:
    catalog = Catalog.from_table(pd.DataFrame({"path": ["a.jpg"], "source": ["here"]}), tmp_path)
    assert (catalog.labels.tolist(), catalog.splits, catalog.mask_paths) == ([""], [""], [None])
    assert catalog.properties == ["source"]
    assert catalog.label_codes[1] == [""]


def test_labels_are_text_whatever_they_were(tmp_path: Path) -> None:
    for values, expected in (
        ([7, 8, 9], ["7", "8", "9"]),
        ([12.0, None, 7.0], ["12", "", "7"]),
        ([1.0, None, 2.5], ["1", "", "2.5"]),
        ([True, False, True], ["True", "False", "True"]),
        ([True, None, False], ["True", "", "False"]),
        (np.array([True, False, True], dtype=object), ["True", "False", "True"]),
        ([b"caf\xc3\xa9", b"\xff", "7.0"], ["caf\u00e9", "\\xff", "7.0"]),
        ([Decimal("7.00"), Decimal("7.5"), Fraction(1, 2)], ["7", "7.5", "1/2"]),
        ([float("inf"), 1e3, -2.0], ["inf", "1000", "-2"]),
    ):
        assert Catalog.from_table(table(label=values), tmp_path).labels.tolist() == expected
    categories = table(label=pd.Categorical(["b", "a", "b"]))
    assert Catalog.from_table(categories, tmp_path).labels.tolist() == ["b", "a", "b"]


def test_label_codes_are_sorted_names(tmp_path: Path) -> None:
    codes, names = Catalog.from_table(table(label=["b", "10", "9"]), tmp_path).label_codes
    assert names == ["10", "9", "b"]
    assert codes.tolist() == [2, 0, 1] and codes.dtype == np.int64


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pd.DataFrame({"label": ["a"]}), "no column 'path', only label"),
        (pd.DataFrame({"paths": ["a"]}), "no column 'path' but 'paths': rename"),
        (pd.DataFrame({"path": ["a"], "Label": ["x"]}), "no column 'label' but 'Label'"),
        (pd.DataFrame({"path": ["a"], "lable": ["x"]}), "no column 'label' but 'lable'"),
        (pd.DataFrame({"path": ["a"], "Split": ["x"]}), "no column 'split' but 'Split'"),
        (pd.DataFrame({"path": []}), "contains no images"),
        (pd.DataFrame({"path": ["a", ""]}), "row 2 has no path"),
        (pd.DataFrame({"path": ["a", None]}), "row 2 has no path"),
        (pd.DataFrame({"path": ["a.jpg", "./a.jpg"]}), r"'a\.jpg' occurs more than once \(1 repeated"),
        (pd.DataFrame({"path": ["C:\\x.jpg"]}), r"Row 1: path 'C:.*x\.jpg' lies on a Windows drive.*--root"),
        (pd.DataFrame({"path": ["a", "\\\\nas\\x.jpg"]}), r"Row 2: path .* lies on a Windows drive"),
        (
            pd.DataFrame({"path": ["https://a.b/c.jpg"]}),
            "Row 1: path 'https://a.b/c.jpg' is an address: download",
        ),
        (pd.DataFrame({"path": ["a", "s3://b/c.jpg"]}), "Row 2: path 's3://b/c.jpg' is an address"),
        (pd.DataFrame({"path": ["file:///a/b.jpg"]}), "an address of this machine: write the path alone"),
        (pd.DataFrame({"path": ["a\x00.jpg"]}), "contains a zero byte"),
        (pd.DataFrame([["a", "b"]], columns=["path", "path"]), "column 'path' must have a name of its own"),
    ],
)
def test_bad_tables(frame: pd.DataFrame, words: str, tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=words):
        Catalog.from_table(frame, tmp_path)


def test_bad_files(tmp_path: Path) -> None:
    def file(name: str, data: bytes) -> Path:
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    with pytest.raises(CatalogError, match=r"There is no catalog .*gone\.csv"):
        Catalog.read(tmp_path / "gone.csv")
    with pytest.raises(
        CatalogError, match=r"a\.xls is not a catalog: .* ends in .*\.csv.* Save it as \.xlsx"
    ):
        Catalog.read(file("a.xls", b"path\na"))
    with pytest.raises(
        CatalogError, match=r"a\.docx is not a catalog: it must be a folder of images, or a file"
    ):
        Catalog.read(file("a.docx", b"path\na"))
    for name, way in (("a.ods", "Save it as .xlsx"), ("a.zip", "Unpack it first"), ("a.csv.gz", "Unpack it first"),
                      ("a.feather", "Save it as .parquet"), ("a.jpg", "Give the folder that holds")):  # fmt: skip
        with pytest.raises(CatalogError, match=way):
            Catalog.read(file(name, b"x"))
    (tmp_path / "photos").mkdir()
    with pytest.raises(CatalogError, match=r"There is no catalog .*photo: did you mean '.*photos'\?"):
        Catalog.read(tmp_path / "photo")
    with pytest.raises(CatalogError, match="is empty: it needs a header row"):
        Catalog.read(file("a.csv", b" \n"))
    with pytest.raises(CatalogError, match="contains no images"):
        Catalog.read(file("b.csv", b"path,label\n"))
    with pytest.raises(
        CatalogError, match=r"c\.csv cannot be read as a CSV file .*has 2 columns, and the line 'c,d,e' has 3"
    ):
        Catalog.read(file("c.csv", b"path,label\na,b\nc,d,e\n"))
    with pytest.raises(CatalogError, match=r"cannot be read as a CSV file .*it contains zero bytes"):
        Catalog.read(file("d.csv", b"path,label\n\x00\x01,x"))
    with pytest.raises(CatalogError, match="cannot be read as a Parquet file"):
        Catalog.read(file("e.parquet", b"PAR1 nonsense"))
    with pytest.raises(CatalogError, match="there is no folder"):
        Catalog.from_table(table(), tmp_path / "gone")


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pd.DataFrame({"path": ["/etc/passwd"]}), "Row 1: path '/etc/passwd' leaves"),
        (pd.DataFrame({"path": ["a", "x/../../b"]}), "Row 2: path 'x/../../b' leaves"),
        (pd.DataFrame({"path": [".."]}), "leaves"),
        (pd.DataFrame({"path": ["a"], "mask": ["../m.png"]}), "Row 1: mask '../m.png' leaves"),
    ],
)
def test_a_contained_catalog_stays_in_its_root(frame: pd.DataFrame, words: str, tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=words):
        Catalog.from_table(frame, tmp_path, contained=True)
    frame.to_csv(tmp_path / "c.csv", index=False)
    with pytest.raises(CatalogError, match=words):
        Catalog.read(tmp_path / "c.csv", contained=True)
    assert len(Catalog.read(tmp_path / "c.csv")) == len(frame)  # whoever names a catalog is trusted


def test_one_file_has_one_spelling(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "in")
    spellings = [
        f"{tmp_path}/in/a.jpg",
        "./b//c.jpg",
        "x/../d.jpg",
        "../out/e.jpg",
        f"{tmp_path}/out/../out/f.jpg",
        "~/g",
    ]
    expected = [
        "a.jpg",
        "b/c.jpg",
        "d.jpg",
        f"{tmp_path}/out/e.jpg",
        f"{tmp_path}/out/f.jpg",
        str(Path.home() / "g"),
    ]
    for root in ("in", "link"):
        assert Catalog.from_table(pd.DataFrame({"path": spellings}), tmp_path / root).ids == expected
    with pytest.raises(CatalogError, match=r"'a\.jpg' occurs more than once"):
        Catalog.from_table(pd.DataFrame({"path": ["a.jpg", f"{tmp_path}/in/a.jpg"]}), tmp_path / "in")


def test_backslashes_of_windows_lists(tmp_path: Path) -> None:
    (tmp_path / "odd\\name.jpg").touch()
    catalog = Catalog.from_table(pd.DataFrame({"path": ["lynx\\0.jpg", "odd\\name.jpg"]}), tmp_path)
    assert catalog.ids == ["lynx/0.jpg", "odd\\name.jpg"]
    assert catalog.notes == ("\\ was read as / in 1 of 2 rows of path.",)


@pytest.mark.parametrize("listed", ["NFC", "NFD"])
def test_names_are_found_in_the_other_unicode_form(tmp_path: Path, listed: str) -> None:
    import unicodedata

    composed, decomposed = (unicodedata.normalize(form, "Bär") for form in ("NFC", "NFD"))
    for folder, file in ((composed, decomposed), (decomposed, composed)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{file}.jpg").touch()
    name = unicodedata.normalize(listed, "Bär/Bär.jpg")
    (path,) = Catalog.from_table(pd.DataFrame({"path": [name]}), tmp_path).paths
    assert path.is_file()


def test_a_link_may_not_lead_out_of_a_contained_catalog(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / "a.jpg").touch()
    (inside / "good.jpg").symlink_to(inside / "a.jpg")
    (inside / "bad.jpg").symlink_to(outside / "a.jpg")
    (inside / "folder").symlink_to(outside)

    def paths(*names: str, contained: bool = True) -> list[Path]:
        return Catalog.from_table(pd.DataFrame({"path": list(names)}), inside, contained=contained).paths

    assert paths("a.jpg", "good.jpg") == [inside / "a.jpg", inside / "good.jpg"]
    for name in ("bad.jpg", "folder/a.jpg"):
        with pytest.raises(CatalogError, match=f"'{name}' is a link that leads out of"):
            paths(name)
        assert paths(name, contained=False) == [inside / name]
    masked = Catalog.from_table(
        pd.DataFrame({"path": ["a.jpg"], "mask": ["bad.jpg"]}), inside, contained=True
    )
    for derived in (masked, masked.select(), masked.take([0])):
        with pytest.raises(CatalogError, match="leads out"):
            _ = derived.mask_paths


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.jpg").touch()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert Catalog.from_table(pd.DataFrame({"path": ["a.jpg"]}), tmp_path / "link").paths[0].is_file()


def test_select(full: Catalog) -> None:
    assert full.select(split="train").ids == ["a.jpg"]
    assert full.select(split=["train", "iconic"]).ids == ["a.jpg", "d.jpg"]
    assert full.select(where="count >= 2 and label == '1.0'").ids == ["b/c.jpg"]
    assert full.select(labels=["007", "NA"], split="iconic").ids == ["d.jpg"]
    assert full.select(where="sure").ids == ["a.jpg", "d.jpg"]
    assert full.select().ids == full.ids
    assert full.select(split="test").table.index.tolist() == [0]


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ({"split": "tset"}, "no split 'tset': did you mean 'test'"),
        ({"labels": ["7"]}, "no label '7'"),
        ({"where": "cuont > 2"}, "'cuont > 2' names 'cuont', which is not a column: did you mean 'count'"),
        ({"where": "count >"}, r"'count >' cannot be read: write it like  brand = 'acme' and height > 3\."),
        ({"where": "count"}, "does not say yes or no"),
        ({"where": "1 = 2"}, "No row fits"),
        ({"where": 'label = "x"'}, "'x', which is not a column: text is written in 'single quotes'"),
        ({"where": "count > 99"}, "No row fits split=None, where='count > 99'"),
        ({"where": "label > 3"}, r"compares 'label' \(text\) with '3' \(number\)"),
    ],
)
def test_bad_selections(full: Catalog, conditions: dict[str, object], words: str) -> None:
    with pytest.raises(CatalogError, match=words):
        full.select(**conditions)  # type: ignore[arg-type]


def test_take_keeps_the_order_given_and_every_value(full: Catalog) -> None:
    assert full.take([2, 0]).ids == [full.ids[2], full.ids[0]]
    assert full.take(np.array([2, 0])).table.index.tolist() == [0, 1]
    assert full.take(full.table["count"] >= 2).ids == full.select(where="count >= 2").ids
    assert full.take(range(len(full))).fingerprint == full.fingerprint
    assert full.take(range(len(full))).table.dtypes.equals(full.table.dtypes)


@pytest.mark.parametrize(
    "rows", [[], [0.0], [[0]], 0, [True], [False] * 3, [0, 3], [-1], [1, 1], ["a.jpg"]], ids=str
)
def test_bad_rows(full: Catalog, rows: object) -> None:
    words = f"Cannot take rows {rows!r}: give some of 0 to 2, each once"
    with pytest.raises(
        InputError, match=re.escape(words) if rows != 0 else "rows must be a list or an array"
    ):
        full.take(rows)  # type: ignore[arg-type]


def test_writing_elsewhere_rebases_the_paths(tmp_path: Path) -> None:
    root = tmp_path / "set" / "photos"
    (root / "b").mkdir(parents=True)
    catalog = Catalog.from_table(table(mask=["m/a.png", "", "m/d.png"]), root)
    catalog.write(tmp_path / "above.csv")
    above = Catalog.read(tmp_path / "above.csv")
    assert above.ids == ["set/photos/a.jpg", "set/photos/b/c.jpg", "set/photos/d.jpg"]
    assert above.paths == catalog.paths and above.mask_paths == catalog.mask_paths
    inner = above.select(where="path == 'set/photos/b/c.jpg'")
    inner.write(root / "b" / "inner.parquet")
    assert Catalog.read(root / "b" / "inner.parquet").ids == ["c.jpg"]
    for name in ("set/photos/b/sub.csv", "other/other.parquet"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        catalog.write(file)
        elsewhere = Catalog.read(file)
        assert elsewhere.paths == catalog.paths and elsewhere.mask_paths == catalog.mask_paths
        elsewhere.write(tmp_path / "back.csv")  # and absolute paths become relative again
        assert Catalog.read(tmp_path / "back.csv").ids == above.ids
    assert Catalog.read(root / "b" / "sub.csv").ids[1:] == ["c.jpg", f"{root}/d.jpg"]


def test_a_root_of_ones_own_allows_a_catalog_anywhere(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "work").mkdir()
    catalog = Catalog.from_table(table(), tmp_path / "photos")
    catalog.write(tmp_path / "work" / "c.csv", root=tmp_path / "photos")
    assert Catalog.read(tmp_path / "work" / "c.csv", root=tmp_path / "photos").paths == catalog.paths


def test_written_whole_or_not_at_all(full: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.parquet

    for suffix in (".csv", ".parquet"):
        (tmp_path / f"old{suffix}").write_text("old")

    def full_disk(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full_disk)
    monkeypatch.setattr(pyarrow.parquet, "write_table", full_disk)
    before = sorted(tmp_path.iterdir())
    for suffix in (".csv", ".parquet"):
        with pytest.raises(WorkError, match="No space left on device"):
            full.write(tmp_path / f"old{suffix}")
        assert (tmp_path / f"old{suffix}").read_text() == "old"
    assert sorted(tmp_path.iterdir()) == before


def test_csv_refuses_what_it_cannot_hold(tmp_path: Path) -> None:
    frame = table(when=pd.to_datetime(["2020-01-01"] * 3))
    catalog = Catalog.from_table(frame, tmp_path)
    with pytest.raises(CatalogError, match=r"CSV cannot hold column 'when' \(datetime64.*\); use \.parquet"):
        catalog.write(tmp_path / "a.csv")
    catalog.write(tmp_path / "a.parquet")
    assert Catalog.read(tmp_path / "a.parquet").table["when"].tolist() == frame["when"].tolist()
    with pytest.raises(CatalogError, match=r"must end in \.parquet or \.csv"):
        catalog.write(tmp_path / "a.xlsx")


def test_the_table_is_a_copy(full: Catalog) -> None:
    changed = full.table
    changed["label"] = "changed"
    changed.loc[0, "path"] = "changed"
    assert full.labels.tolist() == ["007", "1.0", "NA"] and full.ids[0] == "a.jpg"


def test_fingerprint_tells_rows_apart_and_not_folders(full: Catalog, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    same = Catalog.from_table(full.table, tmp_path / "x")
    assert same.fingerprint == full.fingerprint
    assert Catalog.from_table(full.table.iloc[::-1], tmp_path).fingerprint != full.fingerprint
    assert Catalog.from_table(full.table.assign(count=[1, 2, 4]), tmp_path).fingerprint != full.fingerprint
    one = Catalog.from_table(table(label=["ab", "c", ""]), tmp_path).fingerprint
    assert one != Catalog.from_table(table(label=["a", "bc", ""]), tmp_path).fingerprint


def test_from_images(tmp_path: Path) -> None:
    files = [tmp_path / "x" / "1.jpg", tmp_path / "x" / "y" / "2.jpg"]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    catalog = Catalog.from_images(files[::-1], ["b", "a"])
    assert (catalog.root, catalog.ids) == (tmp_path / "x", ["y/2.jpg", "1.jpg"])
    assert catalog.labels.tolist() == ["b", "a"] and catalog.paths == files[::-1]
    assert Catalog.from_images([str(files[0])]).labels.tolist() == [""]
    with pytest.raises(CatalogError, match="at least one image"):
        Catalog.from_images([])
    with pytest.raises(CatalogError, match="1 labels for 2 images"):
        Catalog.from_images(files, ["a"])
    with pytest.raises(CatalogError, match="more than once"):
        Catalog.from_images([files[0], files[0]])


@pytest.mark.photos
def test_real_catalog(photos: Path) -> None:
    catalog = Catalog.read(photos / "sample" / "catalog.csv")
    assert all(path.is_file() for path in catalog.paths)
    assert len(catalog) == len(set(catalog.ids)) > 50


def test_rows_are_numbered_from_zero(tmp_path: Path) -> None:
    picked = table(label=["x", "y", "z"]).iloc[[2, 0]]
    catalog = Catalog.from_table(picked, tmp_path)
    assert catalog.table.index.tolist() == [0, 1]
    assert catalog.table["split"].tolist() == ["", ""] and catalog.labels.tolist() == ["z", "x"]
