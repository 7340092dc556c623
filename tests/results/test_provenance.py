"""Where a report comes from: date, versions, command without secrets, images by split."""

import pandas as pd
import pytest

from likewise.data import Catalog
from likewise.report import Report, image_counts, load_report, provenance, save_report
from likewise.results.provenance import command_line


@pytest.fixture
def catalog(tmp_path) -> Catalog:  # type: ignore[no-untyped-def]
    table = pd.DataFrame(
        {
            "path": [f"{n}.jpg" for n in range(5)],
            "label": ["a", "a", "b", "b", ""],
            "split": ["train"] * 2 + ["test"] * 3,
        }
    )
    return Catalog.from_table(table, tmp_path)


def test_everything_is_there_in_a_fixed_order(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/usr/bin/likewise", "audit", "background", "runs/a b", "c.csv"])
    facts = provenance(models=[("birds", "0123")], catalog=catalog, seed=3, device="cpu")
    assert list(facts) == [
        "model",
        "images",
        "catalog fingerprint",
        "seed",
        "device",
        "date",
        "software",
        "command",
    ]
    assert (
        facts["model"] == "birds (fingerprint 0123)" and facts["catalog fingerprint"] == catalog.fingerprint
    )
    assert facts["images"] == image_counts(catalog) == "5 images of 2 classes (test 3, train 2)"
    assert facts["date"] == "2026-01-01 00:00 UTC"  # SOURCE_DATE_EPOCH of the tests
    assert facts["command"] == "likewise audit background 'runs/a b' c.csv"
    for name in ("likewise", "torch", "Python"):
        assert name in facts["software"]
    two = provenance(models=[("a", "1"), ("b", "2")])
    assert list(two)[:2] == ["model 1", "model 2"]


def test_the_date_is_today_where_none_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    assert provenance()["date"] != "2026-01-01 00:00 UTC"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "no number")
    assert provenance()["date"].endswith("UTC")


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["likewise", "eval", "m", "--api-key", "S3CRET"], "likewise eval m --api-key '***'"),
        (["likewise", "eval", "--token=S3CRET"], "likewise eval '--token=***'"),
        (["likewise", "train", "-o", "storage.access_key=S3CRET"], "likewise train -o 'storage.access_key=***'"),
        (["likewise", "index", "build", "--out", "s3://me:S3CRET@host/x"], "likewise index build --out 's3://***@host/x'"),
        (["likewise", "train", "--author", "x", "-o", "seed=1"], "likewise train --author x -o seed=1"),
        (["likewise", "search", "--where", "label = 'a; rm -rf'"],
         "likewise search --where 'label = '\"'\"'a; rm -rf'\"'\"''"),
        (["/venv/likewise/__main__.py", "demo"], "python -m likewise demo"),
        (["-c"], "Python"), ([""], "Python"), (["/home/me/study.py", "1"], "study.py 1"),
    ],
)  # fmt: skip
def test_the_command_is_quoted_and_has_no_secrets(words: list[str], shown: str) -> None:
    assert command_line(words) == shown and "S3CRET" not in command_line(words)


def test_a_kept_report_keeps_when_and_how_it_was_made(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    report = Report("One", facts={"seed": "1"})
    save_report(report, tmp_path / "kept")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    assert load_report(tmp_path / "kept").all_facts == report.all_facts
    joined = Report.joined("Both", [load_report(tmp_path / "kept"), Report("Two")])
    assert (
        joined.all_facts["date"] == "2026-01-01 00:00 UTC"
        and joined.all_facts["date (Two)"] == "1970-01-01 00:00 UTC"
    )
    for text in (report.to_text(), report.to_markdown(), report.to_html()):
        assert "2026-01-01 00:00 UTC" in text
