"""A verdict is plain data: the same answer on a page, in a terminal and in JSON."""

import json

import pytest

from likewise.errors import InputError
from likewise.report import Report, Verdict, load_report, save_report

FULL = Verdict(
    "Yes, it does.", "unsure", ["70 % fell to 50 %."], "Do `this`.", sentence="It falls a lot.", number="70 % -> 50 %"
)  # fmt: skip


def test_json_gives_back_the_same_verdict() -> None:
    assert Verdict.from_dict(json.loads(json.dumps(FULL.to_dict()))) == FULL


def test_words_are_headline_and_sentence() -> None:
    assert FULL.words == "Yes, it does. It falls a lot."
    assert Verdict("Fine.").words == "Fine."


def test_a_kept_report_keeps_all_of_it(tmp_path) -> None:  # type: ignore[no-untyped-def]
    save_report(Report("One", verdicts=[FULL]), tmp_path / "kept")
    assert load_report(tmp_path / "kept").verdicts == [FULL]


def test_what_0_1_kept_is_read(tmp_path) -> None:  # type: ignore[no-untyped-def]
    target = save_report(Report("One", verdicts=[FULL]), tmp_path / "kept")
    stored = json.loads(target.read_text(encoding="utf-8"))
    stored["verdicts"] = [{"words": "It does.", "level": "bad", "evidence": ["a"], "advice": "b"}]
    target.write_text(json.dumps(stored), encoding="utf-8")
    assert load_report(tmp_path / "kept").verdicts == [Verdict("It does.", "bad", ["a"], "b")]


def test_every_form_tells_what_cannot_be_told() -> None:
    report = Report("One", verdicts=[FULL])
    assert "CANNOT TELL: Yes, it does." in report.to_text() and "CANNOT TELL" in report.to_markdown()
    assert 'aria-label="Cannot tell"' in report.to_html()


def test_another_level_is_refused() -> None:
    with pytest.raises(InputError, match="did you mean 'unsure'"):
        Verdict("x", "unsur")  # type: ignore[arg-type]
