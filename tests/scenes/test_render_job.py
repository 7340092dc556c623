"""Rendering as a job: restartable, extendable, with failures listed. A stand-in takes the place of Blender."""

import os
import sys

import numpy as np
import pytest
from PIL import Image

from likewise.errors import FingerprintError, InputError, WorkError
from likewise.scenes import RenderPlan, render
from likewise.scenes.blender_process import BlenderProcess, MissingBlenderError, TaskError, find_interpreter

PLAN = RenderPlan(
    subject="products", classes=("mug-camper", "toy-duck"), size_px=16, image_format="png", split=True
)


def made(log):
    return [int(text) for text in log.read_text().split()] if log.exists() else []


def test_a_set_is_a_catalog(tmp_path, stand_in):
    program, log = stand_in()
    result = render(PLAN, 5, tmp_path / "set" / "catalog.csv", blender_python=program, progress=False)
    table = result.catalog.table
    assert made(log) == [0, 1, 2, 3, 4]
    assert table["label"].tolist() == ["mug-camper", "toy-duck", "mug-camper", "toy-duck", "mug-camper"]
    assert table["split"].tolist() == ["train", "test", "train", "test", "train"]
    assert result.catalog.properties == ["mask_status", *PLAN.columns]
    assert all(table[name].dtype == "float64" for name in ("rotation_z", "camera_distance", "light_rotation"))
    assert all(path.is_file() for path in [*result.catalog.paths, *result.catalog.mask_paths])
    assert result.failures == []


def test_more_images_later_keep_the_first(tmp_path, stand_in):
    program, log = stand_in()
    first = render(PLAN, 3, tmp_path / "a.parquet", blender_python=program, progress=False)
    before = [path.read_bytes() for path in first.catalog.paths]
    second = render(PLAN, 7, tmp_path / "a.parquet", blender_python=program, progress=False)
    assert made(log) == list(range(7))
    assert [path.read_bytes() for path in second.catalog.paths[:3]] == before
    assert second.catalog.table.head(3).equals(first.catalog.table)


def test_the_order_and_the_start_do_not_matter(tmp_path, stand_in):
    program, _ = stand_in()
    whole = render(PLAN, 6, tmp_path / "whole" / "a.parquet", blender_python=program, progress=False)
    render(PLAN, 2, tmp_path / "parts" / "a.parquet", blender_python=program, progress=False)
    parts = render(
        PLAN, 6, tmp_path / "parts" / "a.parquet", blender_python=program, progress=False, workers=1
    )
    for one, other in zip(whole.catalog.paths, parts.catalog.paths, strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(one)), np.asarray(Image.open(other)))


def test_killed_in_the_middle_and_started_again(tmp_path, stand_in):
    program, log = stand_in(dies=3)
    with pytest.raises(WorkError, match=r"The renderer stopped with exit code 9: out of memory"):
        render(PLAN, 6, tmp_path / "a.parquet", blender_python=program, progress=False)
    assert made(log) == [0, 1, 2]
    assert not (tmp_path / "a.parquet").exists()
    result = render(PLAN, 6, tmp_path / "a.parquet", blender_python=program, progress=False)
    # The first three are not made again.
    assert made(log) == [0, 1, 2, 3, 4, 5]
    assert len(result.catalog) == 6


def test_an_image_that_fails_is_listed_and_the_others_are_made(tmp_path, stand_in):
    program, _ = stand_in(bad=(1, 4))
    result = render(PLAN, 6, tmp_path / "a.parquet", blender_python=program, progress=False)
    assert [failure.id for failure in result.failures] == ["images/000001.png", "images/000004.png"]
    assert result.failures[0].reason == "this image is not possible"
    assert len(result.catalog) == 4


def test_another_set_in_the_same_folder_is_refused(tmp_path, stand_in):
    program, _ = stand_in()
    render(PLAN, 2, tmp_path / "a.parquet", blender_python=program, progress=False)
    with pytest.raises(FingerprintError):
        render(
            PLAN.model_copy(update={"seed": 1}),
            2,
            tmp_path / "a.parquet",
            blender_python=program,
            progress=False,
        )


@pytest.mark.parametrize("count", [0, -3])
def test_no_images(tmp_path, count):
    with pytest.raises(InputError, match=f"at least 1, but is {count} "):
        render(PLAN, count, tmp_path / "a.parquet")


def test_a_catalog_needs_its_suffix(tmp_path, stand_in):
    with pytest.raises(InputError, match=r"must end in .parquet or .csv"):
        render(PLAN, 1, tmp_path / "a.txt", blender_python=stand_in()[0])


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_without_permission(tmp_path, stand_in):
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(InputError, match="Cannot write"):
        render(PLAN, 1, tmp_path / "closed" / "a.parquet", blender_python=stand_in()[0])


def test_a_file_where_the_folder_should_be(tmp_path, stand_in):
    (tmp_path / "taken").write_text("")
    with pytest.raises(InputError, match=r"Cannot write .*taken.*choose a folder you may write to"):
        render(PLAN, 1, tmp_path / "taken" / "a.parquet", blender_python=stand_in()[0])


def test_without_blender_one_sentence_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.delenv("LIKEWISE_BPY_PYTHON", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("sys.prefix", str(tmp_path / ".venv"))
    with pytest.raises(MissingBlenderError, match=r"needs Python 3.11.*pip install bpy.*LIKEWISE_BPY_PYTHON"):
        find_interpreter()
    monkeypatch.setenv("LIKEWISE_BPY_PYTHON", str(tmp_path / "nothing"))
    with pytest.raises(MissingBlenderError, match="nothing is not a Python program"):
        find_interpreter()


def test_the_environment_of_make_scenes_is_found(monkeypatch, tmp_path):
    monkeypatch.delenv("LIKEWISE_BPY_PYTHON", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("sys.prefix", str(tmp_path / ".venv"))
    beside = tmp_path / ".venv-bpy" / "bin" / "python"
    beside.parent.mkdir(parents=True)
    beside.symlink_to(sys.executable)
    assert find_interpreter() == str(beside)


def test_a_python_without_bpy_is_told(tmp_path):
    with pytest.raises(MissingBlenderError, match="has no bpy"):
        BlenderProcess(_bare_python(tmp_path))


def _bare_python(folder):
    """This Python, where bpy cannot be imported even if it is installed."""
    program = folder / "bare"
    code = (
        "import sys, runpy; sys.modules['bpy'] = None; sys.argv = sys.argv[1:]; "
        "runpy.run_module('likewise.scenes.blender.worker', run_name='__main__')"
    )
    program.write_text(f'#!/bin/sh\nshift 2\nexec {sys.executable} -c "{code}" worker "$@"\n')
    program.chmod(0o755)
    return str(program)


def test_the_process_goes_on_after_a_bad_task_and_ends_when_closed(tmp_path, stand_in):
    program, _ = stand_in(bad=(0,))
    with BlenderProcess(program) as process:
        task = PLAN.task(0) | {"image": str(tmp_path / "0.png"), "mask": str(tmp_path / "m.png")}
        with pytest.raises(TaskError, match="not possible"):
            process.ask(task)
        assert process.ask(task | {"image": str(tmp_path / "1.png")}) == {"coverage": 0.5}
        number = process._process.pid
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)
