"""Kept reports come back as they were, and damaged ones say so."""

import json
from pathlib import Path

import pytest

from likewise.errors import InputError, WorkError
from likewise.report import Picture, Report, Section, Table, load_report, save_report


def test_a_kept_report_draws_the_same_page(report: Report, tmp_path: Path) -> None:
    save_report(report, tmp_path / "kept")
    for path in (tmp_path / "kept", tmp_path / "kept" / "report.json"):
        read = load_report(path)
        assert read.to_html() == report.to_html()
        assert read.sections[0].table == report.sections[0].table
    assert load_report(tmp_path / "kept").to_text() == report.to_text()
    json.loads(
        (tmp_path / "kept" / "report.json").read_text(), parse_constant=pytest.fail
    )  # no Infinity or NaN


def test_keeping_twice_changes_nothing_and_leaves_no_old_pictures(report: Report, tmp_path: Path) -> None:
    save_report(report, tmp_path / "kept")
    save_report(load_report(tmp_path / "kept"), tmp_path / "again")
    first, second = ({p.name: p.read_bytes() for p in (tmp_path / name).rglob("*") if p.is_file()}
                     for name in ("kept", "again"))  # fmt: skip
    assert first == second and len(first) == 3
    save_report(Report("empty"), tmp_path / "again")
    assert [path.name for path in (tmp_path / "again").rglob("*") if path.is_file()] == ["report.json"]


def test_a_report_that_could_not_be_written_does_not_stand_in_the_way(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "empty").mkdir()
    for name in ("new", "empty"):
        with monkeypatch.context() as patched:
            patched.setattr("likewise.report.storage.write_json", full)
            with pytest.raises(WorkError, match="No space left"):
                save_report(report, tmp_path / name)
        assert not any(path.is_file() for path in (tmp_path / name).rglob("*"))
        save_report(report, tmp_path / name)
        assert load_report(tmp_path / name).to_html() == report.to_html()


def test_other_folders_are_left_alone(report: Report, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("dear")
    with pytest.raises(InputError, match="contains no report: choose a new folder"):
        save_report(report, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda kept: kept.pop("sections"), "is not a report of likewise"),
        (lambda kept: kept.update(format=99), "form 99, this version of likewise reads 2: update it"),
        (lambda kept: kept["sections"][0].pop("words"), "is damaged"),
        (lambda kept: kept["verdicts"].append({"word": "x"}), "is damaged"),
        (lambda kept: kept["sections"][0]["table"]["rows"].append([[1], 2, 3]), "is damaged"),
        (lambda kept: kept["sections"][0]["pictures"][0].update(file="../../secret.png"), "leaves"),
        (
            lambda kept: kept["sections"][0]["pictures"][0].update(file="pictures/gone.png"),
            "lacks its image",
        ),
    ],
)
def test_damaged_reports_say_so(report: Report, tmp_path: Path, change, words: str) -> None:  # type: ignore[no-untyped-def]
    path = save_report(report, tmp_path / "kept")
    kept = json.loads(path.read_text())
    change(kept)
    path.write_text(json.dumps(kept))
    with pytest.raises(InputError, match=words):
        load_report(path)


def test_missing_and_broken_files_say_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"give a folder that contains report\.json"):
        load_report(tmp_path)
    (tmp_path / "report.json").write_text('{"title": ')
    with pytest.raises(InputError, match="is damaged"):
        load_report(tmp_path)


def test_numbers_keep_their_precision(tmp_path: Path) -> None:
    table = Table(["a", "b"], [[0.1 + 0.2, float("inf")], [10**18, True]])
    save_report(Report("x", sections=[Section("y", table=table)]), tmp_path / "kept")
    assert load_report(tmp_path / "kept").sections[0].table == table


def test_a_sheet_keeps_its_size_on_the_page(tmp_path: Path, noise) -> None:  # type: ignore[no-untyped-def]
    save_report(Report("x", sections=[Section("y", pictures=[Picture(noise, density=2)])]), tmp_path / "kept")
    assert 'width="200" height="150"' in load_report(tmp_path / "kept").to_html()
