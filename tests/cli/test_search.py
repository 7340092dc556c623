"""`likewise index` and `likewise search`: success, bad input in one sentence, help."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from likewise.cli.app import app
from likewise.data import Catalog, Preprocessing
from likewise.errors import CatalogError, ConfigError, InputError
from likewise.models import ModelSpec, build
from likewise.retrieval import Index


def run(*arguments: object) -> dict:
    result = CliRunner().invoke(app, [*map(str, arguments), "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "run"
    build(
        ModelSpec(backbone="test_resnet", dim=8, preprocessing=Preprocessing(resize_px=40, crop_px=32))
    ).save(folder)
    return folder


def test_the_approximate_index_is_built_with_the_index_or_later(
    model: Path, stripes_catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("likewise.retrieval.index.approximate.FEWEST_IMAGES", 10)
    out, query = tmp_path / "x.index", stripes_catalog.parent / "7-0.png"
    build(ModelSpec(backbone="test_resnet", dim=6)).save(tmp_path / "odd")
    rest = [str(stripes_catalog), "--split", "val", "--out", str(out)]
    refused = CliRunner().invoke(app, ["index", "build", str(tmp_path / "odd"), *rest, "--vectors", "binary"])
    assert "multiple of 8 dimensions, but these have 6: use int8" in str(refused.exception)
    assert not out.exists()  # said before anything was embedded
    printed = run("index", "build", model, *rest, "--vectors", "int8", "--workers", 0)
    assert printed["approximate recall"] >= 0.95
    assert run("index", "info", out)["approximate"]["vectors"] == "int8"
    found = run("search", out, query, "-k", 3, "--approximate")
    assert not found["exact"] and found["hits"][0]["id"] == "7-0.png"
    later = run("index", "approximate", out, "--vectors", "binary", "--approximate-recall", 0.5)
    assert (later["vectors"], later["images"]) == ("binary", 24) and later["recall"] >= 0.5
    assert run("index", "approximate", out)["vectors"] == "float32"


@pytest.fixture
def built(tmp_path: Path, model: Path, stripes_catalog: Path) -> Path:
    out = tmp_path / "stripes.index"
    printed = run("index", "build", model, stripes_catalog, "--split", "val", "--out", out, "--workers", 0)
    assert (printed["images"], printed["added"], printed["failures"]) == (24, 24, [])
    return out


def test_a_search_without_hits_says_why(built: Path, stripes_catalog: Path) -> None:
    query = stripes_catalog.parent / "7-0.png"
    result = CliRunner().invoke(app, ["search", str(built), str(query), "--where", "label = 'none'"])
    assert result.exit_code == 0
    printed = result.stdout + result.stderr
    assert f"{query}: no image, none fulfils the condition \"label = 'none'\"." in printed
    assert "rank" not in printed and "calibrate" not in printed


def test_build_search_add_remove_info(
    built: Path, model: Path, stripes_catalog: Path, tmp_path: Path
) -> None:
    query = stripes_catalog.parent / "7-0.png"
    sheet = tmp_path / "hits.png"
    found = run("search", built, query, "-k", 3, "--sheet", sheet)
    assert [hit["rank"] for hit in found["hits"]] == [1, 2, 3]
    assert (found["hits"][0]["id"], found["searched"], found["threshold"]) == ("7-0.png", 24, None)
    assert sheet.read_bytes().startswith(b"\x89PNG")
    other = run("search", built, query, "-k", 3, "--skip-self", "--where", "label = 'class 7'")
    assert other["searched"] == 8
    assert all(hit["label"] == "class 7" and hit["id"] != "7-0.png" for hit in other["hits"])
    assert len(run("search", built, query, stripes_catalog.parent / "8-0.png")) == 2
    assert run("index", "add", built, stripes_catalog, "--split", "train", "--workers", 0)["added"] == 48
    assert run("index", "add", built, stripes_catalog, "--split", "val", "--workers", 0)["replaced"] == 24
    assert run("index", "remove", built, "7-0.png", "7-1.png") == {"removed": 2, "images": 70}
    assert run("index", "remove", built, "--where", "split = 'train'")["images"] == 22
    info = run("index", "info", built)
    assert (info["images"], info["labels"], info["dim"], info["model"]) == (22, 3, 8, str(model))


def test_command_line_and_python_give_the_same_hits(built: Path, stripes_catalog: Path) -> None:
    query = stripes_catalog.parent / "8-3.png"
    printed = run("search", built, query, "-k", 5)
    assert printed.pop("query") == str(query)
    assert printed == Index.open(built).search(query, 5).to_dict()


def test_tables_for_people(built: Path, model: Path, stripes_catalog: Path) -> None:
    query = stripes_catalog.parent / "7-0.png"
    shown = CliRunner().invoke(app, ["search", str(built), str(query), "-k", "2"])
    assert shown.exit_code == 0
    for word in ("rank", "distance", "7-0.png", "class 7", "24 images searched"):
        assert word in shown.stdout
    assert "same" not in shown.stdout  # it is not known
    assert "calibrate" in shown.stderr and f"likewise explain {model} {query} " in shown.stderr
    assert (
        f"likewise explain {model} {query} {query}" not in shown.stderr
    )  # the query itself is no explanation
    info = CliRunner().invoke(app, ["index", "info", str(built)])
    assert "fingerprint" in info.stdout


def test_nothing_like_this_here(built: Path, model: Path, stripes_catalog: Path, tmp_path: Path) -> None:
    file = tmp_path / "t.json"
    calibrated = run("calibrate", model, stripes_catalog, "--split", "val", "--false-match-rate", 0.2, "--out", file,
                     "--workers", 0)  # fmt: skip
    assert calibrated["file"] == str(file)
    threshold = json.loads(file.read_text())
    file.write_text(json.dumps({**threshold, "distance": 0.0}))
    query = stripes_catalog.parent / "0-0.png"
    assert run("search", built, query, "--threshold", file)["nothing_same"] is True
    shown = CliRunner().invoke(app, ["search", str(built), str(query), "--threshold", str(file)])
    assert "Nothing like this here" in shown.stderr
    file.write_text(json.dumps({**threshold, "distance": 2.0}))
    found = run("search", built, query, "--threshold", file)
    assert found["nothing_same"] is False
    assert all(hit["same"] for hit in found["hits"])


def test_unreadable_images_are_listed_with_exit_code_3(
    tmp_path: Path, model: Path, stripes_catalog: Path
) -> None:
    folder = stripes_catalog.parent
    (tmp_path / "good.png").write_bytes((folder / "0-0.png").read_bytes())
    (tmp_path / "bad.png").write_bytes((folder / "0-1.png").read_bytes()[:60])
    catalog = tmp_path / "some.csv"
    Catalog.from_table(pd.DataFrame({"path": ["good.png", "bad.png"], "label": ["a", "a"]}), tmp_path).write(
        catalog
    )
    arguments = [
        "index",
        "build",
        str(model),
        str(catalog),
        "--out",
        str(tmp_path / "x.index"),
        "--workers",
        "0",
    ]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 3
    assert "bad.png" in result.stderr and "bad.png" not in result.stdout
    assert len(Index.open(tmp_path / "x.index")) == 1


@pytest.mark.parametrize("as_json", [True, False])
def test_one_bad_query_of_several_does_not_hide_the_others(
    built: Path, stripes_catalog: Path, tmp_path: Path, as_json: bool
) -> None:
    good = stripes_catalog.parent / "7-0.png"
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    command = ["search", str(built), str(good), str(bad), str(tmp_path / "gone.png"), str(good), "-k", "1"]
    sheet = tmp_path / "hits.html"
    result = CliRunner().invoke(app, [*command, "--sheet", str(sheet), *(["--json"] if as_json else [])])
    assert result.exit_code == 3
    assert "bad.png" in result.stderr and "gone.png" in result.stderr
    if as_json:
        assert [found["query"] for found in json.loads(result.stdout)] == [str(good)] * 2
    else:
        assert result.stdout.count("24 images searched") == 2
    assert sheet.read_text().lower().startswith("<!doctype html")


def test_a_folder_is_indexed_searched_and_kept_up_to_date(
    tmp_path: Path, model: Path, stripes_catalog: Path
) -> None:
    photos, out = tmp_path / "photos", tmp_path / "photos.index"
    photos.mkdir()
    for number in range(4):
        shutil.copy(stripes_catalog.parent / f"7-{number}.png", photos)
    shown = CliRunner().invoke(
        app, ["index", "build", str(model), str(photos), "--out", str(out), "--workers", "0"]
    )
    assert shown.exit_code == 0 and f"likewise search {out} IMAGE" in shown.stderr
    shutil.copy(stripes_catalog.parent / "8-0.png", photos)
    (photos / "7-0.png").unlink()
    (photos / "7-1.png").rename(photos / "one.png")
    dry = run("index", "sync", out, photos, "--dry-run", "--workers", 0)
    counts = {"new": 1, "changed": 0, "renamed": 1, "updated": 0, "deleted": 1, "unchanged": 2, "embedded": 1}
    assert {name: dry[name] for name in counts} == counts and dry["images"] == 4
    kept = run("index", "sync", out, photos, "--keep-deleted", "--workers", 0)
    assert kept["deleted"] == 0 and kept["images"] == 5 and kept["elsewhere"] == 1
    assert run("index", "sync", out, photos)["images"] == 4
    shown = CliRunner().invoke(app, ["search", str(out), str(photos / "one.png"), "-k", "1"])
    assert "one.png" in shown.stdout and "label" not in shown.stdout  # there are none


@pytest.mark.parametrize("spelling", ["absolute", "relative", "link", "copy", "dots"])
def test_skip_self_knows_the_query_in_any_spelling(
    built: Path, stripes_catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelling: str
) -> None:
    query = stripes_catalog.parent / "7-0.png"
    (tmp_path / "link").symlink_to(stripes_catalog.parent)
    shutil.copy(query, tmp_path / "other.png")
    monkeypatch.chdir(stripes_catalog.parent)
    given = {
        "absolute": query,
        "relative": "7-0.png",
        "link": tmp_path / "link" / "7-0.png",
        "copy": tmp_path / "other.png",
        "dots": f"../{stripes_catalog.parent.name}/7-0.png",
    }[spelling]
    assert run("search", built, given, "-k", 1)["hits"][0]["id"] == "7-0.png"
    assert run("search", built, given, "-k", 1, "--skip-self")["hits"][0]["id"] != "7-0.png"


@pytest.mark.parametrize(
    ("error", "arguments", "sentence"),
    [
        (InputError, ["search", "nowhere.index", "a.png"], "There is no index at nowhere.index"),
        (InputError, ["search", "{near}", "a.png"], "stripes.index'?"),
        (InputError, ["search", "{index}", "nowhere.png"], "There is no image 'nowhere.png'"),
        (InputError, ["search", "{index}", "{folder}/7-0.pgn"], "7-0.png'?"),
        (
            InputError,
            ["search", "{index}", "https://example.com/a.png"],
            "https://example.com/a.png is an address",
        ),
        (
            ConfigError,
            ["search", "{index}", *["{image}"] * 300, "--sheet", "hits.jpg"],
            "write --sheet as .png",
        ),
        (CatalogError, ["search", "{index}", "{image}", "--where", "lable = 'a'"], "did you mean 'label'?"),
        (ConfigError, ["search", "{index}", "{image}", "--sheet", "hits.gif"], "change the ending"),
        (ConfigError, ["search", "{index}", "{image}", "--weights", "{image}"], "belong to --model"),
        (InputError, ["search", "{index}", "{image}", "--approximate"], "has no approximate index"),
        (InputError, ["index", "remove", "{index}", "nobody.png"], "nothing was removed"),
        (InputError, ["index", "remove", "{index}"], "Say what to remove"),
        (InputError, ["index", "build", "{model}", "{catalog}", "--out", "{index}"], "likewise index add"),
        (InputError, ["index", "info", "nowhere.index"], "There is no index at nowhere.index"),
    ],
)
def test_bad_input_gives_one_sentence(
    built: Path,
    model: Path,
    stripes_catalog: Path,
    error: type[Exception],
    arguments: list[str],
    sentence: str,
) -> None:
    names = {
        "index": built,
        "near": built.with_name("stripe.index"),
        "model": model,
        "catalog": stripes_catalog,
        "image": stripes_catalog.parent / "7-0.png",
        "folder": stripes_catalog.parent,
    }
    result = CliRunner().invoke(app, [argument.format(**names) for argument in arguments])
    assert isinstance(result.exception, error), result.output
    assert sentence in str(result.exception)


@pytest.mark.parametrize(
    "command", ["search", "index", "index build", "index add", "index sync", "index remove", "index info"]
)
def test_help_ends_with_an_example(command: str) -> None:
    result = CliRunner().invoke(app, [*command.split(), "--help"])
    assert result.exit_code == 0
    assert command == "index" or "Example" in result.stdout


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (
            "photos.index",
            "--sheet writes .jpg, .jpeg, .png, .webp, .bmp, .tif, .tiff or .html, not 'hits.gif'",
        ),
        ("photo.index", "There is no index at photo.index: did you mean 'photos.index'?"),
    ],
)
def test_exit_code_2_on_wrong_input(index: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "photos.index").mkdir()
    command = [sys.executable, "-m", "likewise", "search", index, "a.png", "--sheet", "hits.gif"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2 and done.stderr.startswith(f"likewise: {words}"), done.stderr


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/embed", "https://shop.example/v1"])
def test_a_server_is_no_index(address: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"{address} is a server, .* likewise\.Client"):
        CliRunner().invoke(app, ["search", address, str(tmp_path)], catch_exceptions=False)


@pytest.mark.parametrize(
    "words",
    [
        ["explain", "hf:some/large-model", "{image}", "missing.jpg"],
        ["explain", "hf:some/large-model", "missing.jpg", "{image}"],
        ["explain", "hf:some/large-model", "missing.jpg", "--text", "a mug"],
        ["search", "{index}", "missing.jpg"],
        ["search", "{index}", "{image}", "--unlike", "missing.jpg"],
    ],
)
def test_a_missing_image_is_refused_before_the_model_is_loaded(
    words: list[str], built: Path, stripes_catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("likewise.models.load", lambda *_, **__: pytest.fail("loaded"))
    monkeypatch.setattr("likewise.retrieval.index.model_binding.load", lambda *_, **__: pytest.fail("loaded"))
    names = {"index": built, "image": stripes_catalog.parent / "7-0.png"}
    refused = CliRunner().invoke(app, [word.format(**names) for word in words])
    assert isinstance(refused.exception, InputError)
    assert "There is no image 'missing.jpg'" in str(refused.exception)
