"""What commands say at their end: counts that are right, and nothing where there is nothing to say."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from likewise.cli.app import app
from likewise.cli.console import say_repeated
from likewise.cli.evaluate_results import _print
from likewise.cli.index import _report, _say_renamed
from likewise.cli.index_approximate import add_approximate
from likewise.cli.output_checks import check_report
from likewise.cli.train import _show_sweep
from likewise.data import Catalog
from likewise.errors import InputError
from likewise.retrieval import Added, Index

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((3, 0, 0), ""),
        ((3, 2, 0), "3 new, 2 renewed (image changed since), 0 kept.\n"),
        ((3, 0, 4), "3 new, 0 renewed (image changed since), 4 kept.\n"),
        ((0, 0, 4), "0 new, 0 renewed (image changed since), 4 kept.\n"),
    ],
)
def test_results_of_an_earlier_run_are_named(
    counts: tuple[int, int, int], said: str, capsys: Capture
) -> None:
    stub: Any = SimpleNamespace(new=counts[0], renewed=counts[1], reused=counts[2])
    say_repeated(stub)
    assert capsys.readouterr().err == said


@pytest.mark.parametrize(
    ("ids", "removed", "said"),
    [
        (["a", "b"], 2, ""),
        (["a", "a"], 1, ""),  # named twice, removed once
        (["a", "b", "c", "c"], 1, "2 of the 3 ids were not in the index.\n"),
        ([], 5, ""),
    ],
)
def test_ids_that_were_not_in_the_index(
    ids: list[str], removed: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stub:
        def remove(self, ids: object, where: str | None) -> int:
            return removed

        def __len__(self) -> int:
            return 7

    monkeypatch.setattr(Index, "open", lambda *_: Stub())
    result = CliRunner().invoke(app, ["index", "remove", "x.index", *ids, "--where", "label = 'x'"])
    assert (result.exit_code, result.stderr) == (0, said) and result.stdout.split() == [
        "removed",
        str(removed),
        "images",
        "7",
    ]


@pytest.mark.parametrize(
    ("classes", "said"), [(3, ""), (30, ""), (31, "1 more classes: write all with --out classes.csv\n")]
)
def test_classes_that_a_table_leaves_out(classes: int, said: str, capsys: Capture) -> None:
    table = pd.DataFrame({"label": [f"class {number}" for number in range(classes)], "map@r": 0.5})
    evaluation: Any = SimpleNamespace(result=SimpleNamespace(per_class=table), unlabelled=0)
    summary = {"metrics": {"map@r": {"value": 0.5, "low": None, "high": None}}, "level": 0.95}
    _print(
        evaluation,
        {**summary, "gallery_size": 9, "queries": 9, "classes": classes, "lone": 0},
        per_class=True,
    )
    printed = capsys.readouterr()
    assert printed.err == said and printed.out.count("50.0 %") == 1 + min(30, classes)
    assert "left out" not in printed.out


def test_renamed_columns_of_the_images_are_named(capsys: Capture, tmp_path: Path) -> None:
    index: Any = SimpleNamespace(columns={"id": "id_2", "old": "old_2"})
    catalog = Catalog.from_table(pd.DataFrame({"path": ["a.png"], "id": ["x"]}), tmp_path)
    _say_renamed(index, catalog)
    assert (
        capsys.readouterr().err
        == "The column 'id' is called 'id_2' in the index, which cannot take its name.\n"
    )
    _say_renamed(index)
    assert capsys.readouterr().err.count("\n") == 2


@pytest.mark.parametrize(("recall", "said"), [(0.94, True), (0.95, False), (1.0, False)])
def test_an_approximate_index_below_its_target(recall: float, said: bool, capsys: Capture) -> None:
    built: list[Any] = []

    def build(target: float, vectors: str) -> Any:
        built.append((target, vectors))
        return SimpleNamespace(recall=recall, probes=4, partitions=8, vectors=vectors)

    index: Any = SimpleNamespace(build_approximate=build)
    add_approximate(index, None, None)
    assert built == []
    add_approximate(index, None, "int8")
    assert ("fewer than the target of 95.0 %" in capsys.readouterr().err) == said
    add_approximate(index, 0.5, None)
    assert capsys.readouterr().err == "" and built == [(0.95, "int8"), (0.5, "float32")]


@pytest.mark.parametrize(
    ("probes", "partitions", "vectors", "said"),
    [(8, 8, "float32", True), (4, 8, "float32", False), (8, 8, "int8", False), (1, 1, "float32", False)],
)
def test_an_approximate_search_of_all_partitions_is_no_faster(
    capsys: Capture, probes: int, partitions: int, vectors: str, said: bool
) -> None:
    measured = SimpleNamespace(recall=1.0, probes=probes, partitions=partitions, vectors=vectors)
    index: Any = SimpleNamespace(build_approximate=lambda *_, **__: measured)
    add_approximate(index, 0.95, vectors)
    assert ("no faster than the exact one" in capsys.readouterr().err) == said


def test_the_next_step_is_named_to_people_alone(capsys: Capture) -> None:
    class Stub:
        path, columns = "x.index", dict[str, str]()

        def info(self) -> Any:
            return SimpleNamespace(approximate=None)

        def __len__(self) -> int:
            return 3

    index: Any = Stub()
    _report(index, Added(3, 0, []), as_json=False, next_step="likewise search x.index IMAGE")
    assert capsys.readouterr().err == "Next:  likewise search x.index IMAGE\n"
    _report(index, Added(3, 0, []), as_json=True, next_step="likewise search x.index IMAGE")
    assert capsys.readouterr().err == ""


def test_a_report_may_have_an_empty_folder_or_an_older_report(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    check_report(tmp_path / "empty")
    (tmp_path / "older").mkdir()
    (tmp_path / "older" / "report.json").touch()
    (tmp_path / "older" / "pictures").mkdir()
    check_report(tmp_path / "older")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "photo.jpg").touch()
    with pytest.raises(InputError, match="exists and contains no report: choose a new folder"):
        check_report(tmp_path / "other")


@pytest.mark.parametrize(
    ("state", "code", "words"),
    [
        ({}, 0, ["Report: s/report.html; tables: s/results.*"]),
        ({"elsewhere": ["arcface, fold 0"]}, 0, ["Another process is working on: arcface, fold 0."]),
        ({"failed": {"arcface-0": "It failed."}}, 3, ["arcface-0: It failed.", "likewise train --resume s"]),
        ({"finished": []}, 0, []),
    ],
)
def test_the_end_of_a_sweep(state: dict[str, Any], code: int, words: list[str], capsys: Capture) -> None:
    results = SimpleNamespace(
        save=lambda _: [Path("s/results.txt"), Path("s/report.html")], to_dict=dict,
        table=lambda: SimpleNamespace(to=lambda _: "TABLE"),
    )  # fmt: skip
    plan = SimpleNamespace(folder="s")
    done: Any = SimpleNamespace(
        **{"plan": plan, "finished": ["a"], "results": lambda: results, "elsewhere": [], "failed": {}} | state
    )
    for as_json in (False, True):
        try:
            _show_sweep(done, as_json)
        except Exception as stop:
            assert getattr(stop, "exit_code", None) == code
        else:
            assert code == 0
        printed = capsys.readouterr()
        if not as_json:
            assert all(each in printed.err for each in words)
            assert ("TABLE" in printed.out) == bool(done.finished)
            assert bool(printed.err) == bool(words)
