"""Charts, measured in their pixels, and without a trace in matplotlib's global state."""

import io
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist

from likewise.errors import InputError
from likewise.report import Measured, Picture
from likewise.report.charts import PALETTE, Line, bars, heat_map, histogram, lines
from likewise.report.charts.matrix import _short, _tree


def pixels(picture: Picture) -> np.ndarray:
    assert isinstance(picture.image, bytes)
    return np.asarray(Image.open(io.BytesIO(picture.image)).convert("RGB"))


def of_color(picture: Picture, color: str) -> np.ndarray:
    """Rows and columns of the pixels of one colour."""
    wanted = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    return np.argwhere((np.abs(pixels(picture).astype(int) - wanted) <= 2).all(-1))


def test_bars_are_as_long_as_their_values() -> None:
    chart = bars(
        ["first", "second", "a long name that lays them down"], {"": [1.0, 2.0, 4.0]}, value_label="x"
    )
    places = of_color(chart, PALETTE[0])
    lengths = {int(row): int((places[:, 0] == row).sum()) for row in np.unique(places[:, 0])}
    found = sorted({round(length / max(lengths.values()), 2) for length in lengths.values()})
    assert found == pytest.approx([0.25, 0.5, 1.0], abs=0.01)


def test_standing_bars_too() -> None:
    chart = bars(["a", "b"], {"one": [0.2, 0.4], "two": [0.8, 0.1]}, value_label="share", percent=True)
    heights = []
    for color in PALETTE[:2]:
        places = of_color(chart, color)
        places = places[places[:, 0] < places[:, 0].max() - 60]  # without the legend
        columns, counts = np.unique(places[:, 1], return_counts=True)
        heights.append((counts[columns < 500].max(), counts[columns >= 500].max()))
    assert heights[0][1] / heights[0][0] == pytest.approx(2, abs=0.05)
    assert heights[1][0] / heights[0][1] == pytest.approx(2, abs=0.05)


def test_intervals_and_deviations_are_drawn() -> None:
    plain = bars(["a", "b"], {"": [1.0, 2.0]}, value_label="x")
    deviation = bars(["a", "b"], {"": [Measured(1.0, 0.3), Measured(2.0, 0.2)]}, value_label="x")
    interval = bars(["a", "b"], {"": [Measured(1.0, low=0.5, high=1.1), 2.0]}, value_label="x")
    assert len({chart.image for chart in (plain, deviation, interval)}) == 3


def test_a_gap_in_a_line_stays_a_gap() -> None:
    x = np.arange(100)
    y = np.ones(100)
    whole = of_color(lines([Line("", x, y)], x_label="x", y_label="y"), PALETTE[0])
    y[40:60] = np.nan
    broken = of_color(lines([Line("", x, y)], x_label="x", y_label="y"), PALETTE[0])
    missing = 1 - len(np.unique(broken[:, 1])) / len(np.unique(whole[:, 1]))
    assert missing == pytest.approx(0.21, abs=0.03)


def test_bands_marks_and_many_lines() -> None:
    x = np.arange(1, 6)
    curves = [Line(f"model {i}", x, x / (i + 1), x / (i + 1) - 0.1, x / (i + 1) + 0.1) for i in range(14)]
    chart = lines(
        curves, x_label="epoch", y_label="MAP@R", percent=True, marks={"best": 3.0}, log_x=True, log_y=True
    )
    assert pixels(chart).shape[1] == 940  # 470 pixels of the page: a phone shows it at nearly full size
    for color in PALETTE:
        assert len(of_color(chart, color)) > 50


def test_histogram_shares_add_up_whatever_the_size_of_the_set() -> None:
    few, many = np.repeat([0.1, 0.9], 5), np.repeat([0.1, 0.9], 5000)
    assert histogram({"x": few}, value_label="d").image == histogram({"x": many}, value_label="d").image
    assert (
        histogram({"x": [*few, np.nan]}, value_label="d").image
        == histogram({"x": few}, value_label="d").image
    )


def test_heat_map_paints_matplotlibs_colors() -> None:
    from matplotlib import colormaps

    chart = heat_map([[0.0, 1.0], [0.5, np.nan]], ["a", "b"], ["c", "d"], label="x")
    for share in (0.0, 0.5, 1.0):
        color = "#" + "".join(f"{round(channel * 255):02x}" for channel in colormaps["Blues"](share)[:3])
        assert len(of_color(chart, color)) > 1000
    assert len(of_color(chart, "#e4e7eb")) > 1000  # the missing one


def test_clustering_puts_like_beside_like() -> None:
    generator = np.random.default_rng(0)
    vectors = np.concatenate([generator.normal(center, 0.1, (5, 3)) for center in (0, 5, 10)])
    shuffled = generator.permutation(15)
    group = (shuffled // 5).tolist()
    vectors = vectors[shuffled]
    distances = np.linalg.norm(vectors[:, None] - vectors[None], axis=-1)
    for tree in (_tree(distances, "distance"), _tree(-distances, "similarity"), _tree(vectors, "rows")):
        ordered = [group[leaf] for leaf in tree.leaves]
        assert sorted(tree.leaves) == list(range(15))
        assert sum(a != b for a, b in pairwise(ordered)) == 2
        assert max(height for stroke in tree.strokes for height, _ in stroke) == pytest.approx(
            linkage(pdist(vectors), "average")[-1, 2]
        )
    assert len(set(fcluster(linkage(pdist(vectors), "average"), 3, "maxclust"))) == 3


def test_cells_are_short_and_nothing_is_less_than_zero_by_rounding() -> None:
    shown = [_short(value, 2) for value in (0.5, -0.5, -0.001, 1.0, float("nan"))]
    assert shown == [".50", "-.50", ".00", "1.00", "–"]


def test_clustered_matrix_with_groups_is_drawn() -> None:
    names = [f"loss {i}" for i in range(14)]
    matrix = np.corrcoef(np.random.default_rng(0).random((14, 9)))
    chart = heat_map(
        matrix, names, label="r", cluster="similarity", signed=True, groups=["a", "b"] * 7, title="T"
    )
    assert chart.wide and len(of_color(chart, PALETTE[0])) > 100 and len(of_color(chart, PALETTE[1])) > 100
    large = heat_map(
        np.random.default_rng(0).random((4, 40)), list("abcd"), [str(i) for i in range(40)], label="x"
    )
    assert pixels(large).shape[1] > pixels(large).shape[0]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: lines([], x_label="x", y_label="y"), "at least one curve"),
        (lambda: lines([Line("a", [1, 2], [1])], x_label="x", y_label="y"), r"'a' has x of shape \(2,\)"),
        (lambda: bars([], {}, value_label="x"), "at least one name"),
        (lambda: bars(["a"], {"g": [1, 2]}, value_label="x"), "'g' has 2 values for 1 names"),
        (lambda: histogram({"a": [float("nan")]}, value_label="x"), "a has none"),
        (lambda: histogram({}, value_label="x"), "at least one number"),
        (lambda: heat_map([[1, 2]], ["a", "b"], label="x"), r"shape \(1, 2\) for 2 row and 2 column"),
        (
            lambda: heat_map([[1, 2], [3, 1]], ["a", "b"], label="x", cluster="distance"),
            "needs a symmetric matrix",
        ),
        (lambda: heat_map([[1, np.nan]] * 2, ["a", "b"], label="x", cluster="rows"), "missing values"),
        (lambda: heat_map([[1.0]], ["a"], label="x", groups=[]), "groups has 0 entries"),
    ],
)
def test_bad_calls_say_what_is_wrong(call, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=words):
        call()


def test_the_same_numbers_give_the_same_bytes() -> None:
    assert bars(["a"], {"": [1]}, value_label="x").image == bars(["a"], {"": [1]}, value_label="x").image


def test_colors_differ_for_colour_blind_readers() -> None:
    # Deuteranopia, Machado, Oliveira and Fernandes 2009.
    view = np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]])
    seen = [view @ [int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in PALETTE[:6]]
    assert min(np.linalg.norm(a - b) for i, a in enumerate(seen) for b in seen[:i]) > 25


def test_matplotlibs_global_state_is_not_touched() -> None:
    code = """
import sys, matplotlib
state = lambda: {name: str(matplotlib.rcParams[name]) for name in matplotlib.rcParams if name != "backend"}
before = state()
from likewise.report.charts import Line, bars, heat_map, histogram, lines
bars(["a"], {"": [1]}, value_label="x"); histogram({"a": [1, 2]}, value_label="x")
lines([Line("", [1, 2], [1, 2])], x_label="x", y_label="y"); heat_map([[1, 0], [0, 1]], "ab", label="x")
assert state() == before
assert "matplotlib.pyplot" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
