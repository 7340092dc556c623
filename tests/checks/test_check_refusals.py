"""``likewise check``: damaged references, profiles that judge nothing, outputs that collide, files of equal content."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import likewise
from likewise.checks import Profile, read_profile, read_reference
from likewise.cli.app import app
from likewise.errors import ConfigError, InputError, LikewiseError, WorkError

Change = Callable[[dict[str, Any]], Any]


def first(run: dict[str, Any]) -> dict[str, Any]:
    """The stored recall@1 of a run of ``retrieval.scores``."""
    return run["checks"][0]["measures"]["recall@1"]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda run: run.pop("checks"), "'checks' is missing"),
        (lambda run: first(run).update(value="high"), "value"),
        (lambda run: first(run).pop("low"), "low' is missing"),
        (lambda run: run["checks"][0]["measures"].update({"recall@1": [1, 2]}), "recall@1"),
        (lambda run: run.update(images="many"), "'images'"),
        (lambda run: run.update(model=None), "'model'"),
    ],
)
def test_a_damaged_reference_is_named_with_its_wrong_value(
    vectors: Any, tmp_path: Path, change: Change, words: str
) -> None:
    stored = likewise.check(*vectors(), only=["retrieval.scores"]).to_dict()
    change(stored)
    file = tmp_path / "run.json"
    file.write_text(json.dumps(stored))
    with pytest.raises(InputError, match="is not the result of a check") as error:
        read_reference(file)
    assert words in str(error.value)


def test_a_reference_nested_without_end_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_text("[" * 100_000)
    with pytest.raises(InputError, match="is not the result of a check"):
        read_reference(file)


def test_a_stored_value_that_was_no_number_is_not_compared(vectors: Any, tmp_path: Path) -> None:
    embeddings, catalog = vectors()
    stored = likewise.check(embeddings, catalog, only=["retrieval.scores"]).to_dict()
    first(stored).update(value=None, low=None, high=None)
    file = tmp_path / "run.json"
    file.write_text(json.dumps(stored))
    run = likewise.check(embeddings, catalog, only=["change.scores"], reference=read_reference(file))
    assert list(run["change.scores"].measures) == ["map@r"] and run["change.scores"].status == "pass"


def test_a_limit_of_a_measure_without_a_bad_side_is_said(vectors: Any) -> None:
    profile = Profile(limits={"geometry.rank": {"effective_rank": {"fail": 3}}})
    result = likewise.check(*vectors(), only=["geometry.rank"], profile=profile)["geometry.rank"]
    assert result.status == "warn"
    assert (
        "limit of 'effective_rank' judges nothing: neither side of it is bad; choose one of: share"
        in result.sentence
    )
    assert "Correct the profile" in result.advice  # not how to raise a rank that is high enough


@pytest.mark.parametrize("text", ["- a\n- b\n", "hello", ""])
def test_a_profile_without_keys_is_refused_with_its_form(tmp_path: Path, text: str) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"contains no mapping.*name a profile") as error:
        read_profile(file)
    assert "presets" not in str(error.value)


def test_few_classes_are_the_reason_of_the_warning(vectors: Any) -> None:
    result = likewise.check(*vectors(noise=0.1, classes=4), only=["retrieval.scores"])["retrieval.scores"]
    assert result.status == "warn" and "with 4 classes, the difference may be chance" in result.sentence
    assert "more classes, at least 6" in result.advice and "likewise train" not in result.advice


def test_more_false_matches_are_advised_than_were_measured(vectors: Any) -> None:
    result = likewise.check(*vectors(noise=3.0), only=["threshold.held_out"], false_match_rate=0.05)
    assert (
        "`likewise calibrate MODEL CATALOG --false-match-rate 0.25 --out"
        in result["threshold.held_out"].advice
    )


def test_a_check_of_milliseconds_is_left_out_in_words(vectors: Any) -> None:
    run = likewise.check(*vectors(), only=["geometry.rank"], budget_s=1e-9)
    assert "it takes less than 1 s, and 0 s of the budget were left" in run["geometry.rank"].sentence


def test_two_outputs_of_one_name_are_refused(vectors: Any, tmp_path: Path, monkeypatch: Any) -> None:
    embeddings, catalog = vectors()
    monkeypatch.chdir(tmp_path)
    catalog.write(tmp_path / "catalog.csv")
    embeddings.save(tmp_path / "vectors.npz")
    words = ["check", "vectors.npz", "catalog.csv", "--out", "a.md", "--summary", str(tmp_path / "a.md")]
    result = CliRunner().invoke(app, words)
    assert isinstance(result.exception, LikewiseError) and result.exception.exit_code == 2
    assert "--out and --summary both write" in str(result.exception)
    assert not (tmp_path / "a.md").exists()


def test_infinite_vectors_are_listed_without_a_warning_of_numpy(vectors: Any, tmp_path: Path) -> None:
    embeddings, catalog = vectors()
    rows = embeddings.vectors.copy()
    rows[3] = np.inf
    np.save(tmp_path / "rows.npy", rows)
    (tmp_path / "rows.txt").write_text("\n".join(embeddings.ids))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = likewise.check(likewise.load(str(tmp_path / "rows.npy")), catalog, only=["data.files"])
    assert [failure.id for failure in run.failures] == ["3.jpg"]


def test_broken_files_of_equal_content_are_named_themselves(tmp_path: Path) -> None:
    for name in ("a/0.jpg", "b/1.jpg"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"no image")
    catalog = likewise.Catalog.read(tmp_path)
    with pytest.raises(WorkError, match=r"the first \(a/0.jpg\) because: .*a.0\.jpg is not an image"):
        likewise.check(likewise.load("likewise:small", device="cpu"), catalog)
