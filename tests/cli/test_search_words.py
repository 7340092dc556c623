"""What a search says beside its hits: the class of the query, its title, and the command that explains a hit."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from likewise.cli import search
from likewise.cli.app import app
from likewise.errors import InputError
from likewise.retrieval import Hit, Index, Searched, SearchResult


def hit(name: str, path: str | None = "/p/x.png") -> Hit:
    return Hit(1, name, "a", 0.5, None, path, "", {})


@pytest.mark.parametrize(
    ("words", "copies", "label"),
    [
        ([], [], None),
        ([], [("its copy", "wren")], "wren"),
        ([], [("its copy", "")], None),
        (["--label", "crow"], [], "crow"),
        (["--label", "crow"], [("its copy", "wren")], "crow"),  # what the user says counts more
        (["--text", "red"], [("its copy", "wren")], None),  # the hits of a mixture are not to be of its class
        (["--text", "red", "--label", "crow"], [("its copy", "wren")], "crow"),
    ],
)
def test_the_class_of_the_query_on_the_sheet(
    words: list[str],
    copies: list[tuple[str, str]],
    label: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[Searched] = []
    index = SimpleNamespace(
        model=SimpleNamespace(to=lambda _: None), vector=lambda image: image, find_copies=lambda _: copies,
        search=lambda *_, **__: SearchResult([], 3, None, exact=True),
    )  # fmt: skip
    monkeypatch.setattr(Index, "open", lambda *_: index)
    monkeypatch.setattr("likewise.retrieval.mixed_query", lambda *_, **__: "mixture")
    monkeypatch.setattr(search, "_write_sheet", lambda searches, *_: drawn.extend(searches))
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (8, 8)).save("q.png")
    sheet = ["--sheet", "s.png", "--json"]
    assert CliRunner().invoke(app, ["search", "x.index", "q.png", *words, *sheet]).exit_code == 0
    assert [each.label for each in drawn] == [label]


@pytest.mark.parametrize(
    ("hits", "said"),
    [
        ([hit("q"), hit("b", "/p/b c.png")], "likewise explain M q.png '/p/b c.png' --weights w"),
        (
            [hit("q"), hit("copy"), hit("b", None), hit("c", "/p/c.png")],
            "likewise explain M q.png /p/c.png --weights w",
        ),
        ([hit("q"), hit("copy")], None),
        ([hit("b", None)], None),
        ([], None),
    ],
)
def test_the_best_hit_that_is_another_image_is_explained(
    hits: list[Hit], said: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    index: Any = SimpleNamespace(
        model=SimpleNamespace(embeds_images=True), find_copies=lambda _: [("q", ""), ("copy", "")],
        reference=SimpleNamespace(arguments=["M", "--weights", "w"]),
    )  # fmt: skip
    query = Searched(Path("q.png"), SearchResult(hits, 3, None, exact=True), None, "")
    search._say_next(index, query)
    assert capsys.readouterr().err == ("" if said is None else f"Why they are similar:  {said}\n")
    index.reference = None  # not known, or of vectors
    search._say_next(index, query)
    index.reference, index.model.embeds_images = SimpleNamespace(arguments=["M"]), False
    search._say_next(index, query)
    assert capsys.readouterr().err == ""


def test_the_advised_calibration_names_the_model(tmp_path: Path) -> None:
    folder = tmp_path / "my runs"
    folder.mkdir()
    index = SimpleNamespace(reference=SimpleNamespace(arguments=[str(folder)]))
    assert search._calibration(index) == f"likewise calibrate '{folder}' CATALOG"
    index.reference = SimpleNamespace(arguments=["timm:resnet18", "--weights", "my w.pt"])
    assert search._calibration(index) == (
        "likewise calibrate timm:resnet18 CATALOG --weights 'my w.pt' --out threshold.json, and search with  "
        "--threshold threshold.json"
    )
    index.reference = None
    assert search._calibration(index) == "likewise calibrate"


@pytest.mark.parametrize(
    ("words", "queries"),
    [
        (["q.png"], "q.png"),
        (["--id", "a"], "a"),
        (["--text", "red"], "red"),
        (["q.png", "q.png"], ["q.png", "q.png"]),
        (["--id", "a", "--id", "b"], ["a", "b"]),
        (["q.png", "--id", "a", "--without", "lid"], ["a; not lid", "q.png; not lid"]),
    ],
)
def test_json_has_one_answer_or_one_per_query(
    words: list[str], queries: str | list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = SimpleNamespace(
        model=SimpleNamespace(to=lambda _: None), vector=lambda image: image, find_copies=lambda _: [],
        stored_vector=lambda name: name, search=lambda *_, **__: SearchResult([], 3, None, exact=True),
    )  # fmt: skip
    monkeypatch.setattr(Index, "open", lambda *_: index)
    monkeypatch.setattr("likewise.retrieval.mixed_query", lambda *_, **__: "mixture")
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (8, 8)).save("q.png")
    result = CliRunner().invoke(app, ["search", "x.index", *words, "--json"])
    assert result.exit_code == 0, result.exception
    printed = json.loads(result.stdout)
    assert ([each["query"] for each in printed] if isinstance(printed, list) else printed["query"]) == queries


def test_an_unknown_id_ends_the_command_and_a_broken_image_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def vector(image: str) -> str:
        if image == "bad.png":
            raise InputError("It is no image.")
        return image

    def stored_vector(name: str) -> str:
        if name == "gone":
            raise InputError("There is no 'gone'.")
        return name

    index = SimpleNamespace(
        model=SimpleNamespace(to=lambda _: None), vector=vector, find_copies=lambda _: [],
        stored_vector=stored_vector, search=lambda *_, **__: SearchResult([], 3, None, exact=True),
    )  # fmt: skip
    monkeypatch.setattr(Index, "open", lambda *_: index)
    monkeypatch.chdir(tmp_path)
    for name in ("good.png", "bad.png"):
        Image.new("RGB", (8, 8)).save(name)
    result = CliRunner().invoke(app, ["search", "x.index", "good.png", "--id", "gone", "--id", "a", "--json"])
    assert isinstance(result.exception, InputError) and result.stdout == ""
    result = CliRunner().invoke(app, ["search", "x.index", "bad.png", "good.png", "--json"])
    assert result.exit_code == 3 and "bad.png" in result.stderr
    assert [each["query"] for each in json.loads(result.stdout)] == ["good.png"]
