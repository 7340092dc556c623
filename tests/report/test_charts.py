"""Charts, measured in their shapes: what stands where, and that every word is text."""

import re
import subprocess
import sys
from itertools import pairwise
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist

from likewise.errors import InputError
from likewise.report import Chart, Measured
from likewise.report.charts import Line, bars, heat_map, histogram, lines
from likewise.report.charts.canvas import LINE_PX, log_ticks, shortened, text_width, tick_text, ticks
from likewise.report.charts.matrix import _short, _tree
from likewise.report.page import chart_style
from likewise.report.svg import Shape, stacked


def shapes(chart: Chart, tag: str, kind: str = "") -> list[dict[str, float]]:
    """Attributes of the shapes of one tag, and of one class."""
    return [
        {name: float(value) for name, value in shape.values.items() if isinstance(value, int | float)}
        for shape in chart.shapes
        if shape.tag == tag and set(kind.split()) <= set(str(shape.values.get("class", "")).split())
    ]


def points(chart: Chart, kind: str) -> list[list[tuple[float, float]]]:
    """The runs of the paths of one class."""
    wanted = set(kind.split())
    runs = [
        run
        for shape in chart.shapes
        if shape.tag == "path" and wanted <= set(str(shape.values["class"]).split())
        for run in str(shape.values["d"]).rstrip("Z").split("M")[1:]
    ]
    return [[(float(x), float(y)) for x, y in (point.split() for point in run.split("L"))] for run in runs]


def test_bars_are_as_long_as_their_values() -> None:
    chart = bars(["first", "second", "third"], {"": [1.0, 2.0, 4.0]}, value_label="x")
    widths = [bar["width"] for bar in shapes(chart, "rect", "fill c0")]
    assert np.array(widths) / max(widths) == pytest.approx([0.25, 0.5, 1.0], abs=0.01)
    assert {"first", "second", "third", "1.00", "2.00", "4.00", "x"} <= set(chart.texts)


def test_negative_bars_point_the_other_way() -> None:
    chart = bars(["up", "down"], {"": [1.0, -0.5]}, value_label="x")
    up, down = shapes(chart, "rect", "fill c0")
    assert down["x"] + down["width"] == pytest.approx(up["x"], abs=0.1)
    assert up["width"] == pytest.approx(2 * down["width"], rel=0.01)


@pytest.mark.parametrize("values", [[1.0, 4.0], [-0.5, -2.0], [3.0, -3.0], [0.0, 0.0]])
def test_bars_fill_their_chart_and_stay_inside(values: list[float]) -> None:
    chart = bars(["a name", "another"], {"": values}, value_label="x")
    rectangles = shapes(chart, "rect", "fill c0")
    ends = [end for bar in rectangles for end in (bar["x"], bar["x"] + bar["width"])]
    assert min(ends) >= text_width("another") and max(ends) <= chart.width
    if any(values):
        assert max(ends) - min(ends) > 0.6 * chart.width
    for shape in chart.shapes:
        if shape.tag == "text" and shape.values.get("anchor") == "start":
            assert float(shape.values["x"]) + text_width(shape.text) <= chart.width + 1, shape.text
        if shape.tag == "line":
            assert 0 <= float(shape.values["x1"]) <= float(shape.values["x2"]) <= chart.width


def test_histograms_and_heat_maps_stay_inside_their_chart() -> None:
    (outline,) = points(histogram({"": [5.0, 6.0, 6.5, 9.0]}, value_label="d"), "stroke c0")
    chart = histogram({"": [5.0, 6.0, 6.5, 9.0]}, value_label="d")
    x, y = np.array(outline).T
    assert 0 <= x.min() < 0.3 * chart.width and 0.9 * chart.width < x.max() <= chart.width
    assert 0 <= y.min() < y.max() <= chart.height and np.ptp(y) > 0.5 * chart.height
    cells = heat_map([[1.0, 0.2], [0.4, 1.0]], ["a", "b"], ["c", "d"], label="x")
    for cell in shapes(cells, "rect"):
        assert 0 <= cell["x"] < cell["x"] + cell["width"] <= cells.width
        assert 0 <= cell["y"] < cell["y"] + cell["height"] <= cells.height


def overlaps(chart: Chart) -> list[tuple[str, str]]:
    """Pairs of texts that cover each other."""
    boxes = []
    for shape in chart.shapes:
        if shape.tag == "text" and not shape.values.get("turned"):
            width, x, y = text_width(shape.text), float(shape.values["x"]), float(shape.values["y"])
            left = x - width * {"start": 0, "middle": 0.5, "end": 1}[str(shape.values["anchor"])]
            boxes.append((shape.text, left, left + width, y))
    return [
        (one[0], other[0])
        for number, one in enumerate(boxes) for other in boxes[number + 1 :]
        if one[1] < other[2] - 1 and other[1] < one[2] - 1 and abs(one[3] - other[3]) < LINE_PX * 0.7
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["hue", "a name that just fits", "a name that is far too long to stand beside bars"]
)
@pytest.mark.parametrize("values", [(0.4, -0.3), (-0.9, -0.01), (0.0, -0.0001), (-1200.0, 0.5), (1.0, 0.5)])
@pytest.mark.parametrize("spread", [0.0, 0.2])
@pytest.mark.parametrize("percent", [False, True])
def test_values_and_names_of_bars_never_cover_each_other(
    name: str, values: tuple[float, float], spread: float, percent: bool
) -> None:
    cells = [Measured(value, spread) if spread else value for value in values]
    for groups in ({"": cells}, {"first": cells, "second": cells[::-1]}):
        chart = bars([name, "sun"], groups, value_label="x", percent=percent)
        assert not overlaps(chart)
        assert not [text for text in chart.texts if re.fullmatch(r"-0\.?0*", text)]


def test_groups_stand_below_each_other_and_are_named() -> None:
    chart = bars(["a", "b"], {"one": [0.2, 0.4], "two": [0.8, 0.1]}, value_label="share", percent=True)
    first, second = ([bar["width"] for bar in shapes(chart, "rect", f"fill {c}")] for c in ("c0", "c1"))
    assert first[1] / first[0] == pytest.approx(2, abs=0.05)
    assert second[0] / first[0] == pytest.approx(4, abs=0.05)
    assert {"one", "two", "20.0", "80.0", "share (%)"} <= set(chart.texts)


def test_intervals_and_deviations_are_drawn() -> None:
    plain = bars(["a", "b"], {"": [1.0, 2.0]}, value_label="x")
    deviation = bars(["a", "b"], {"": [Measured(1.0, 0.5), Measured(2.0, 0.25)]}, value_label="x")
    interval = bars(["a", "b"], {"": [Measured(1.0, low=0.5, high=1.1), 2.0]}, value_label="x")
    assert [len(shapes(chart, "line", "whisker")) for chart in (plain, deviation, interval)] == [0, 2, 1]
    long, short = (line["x2"] - line["x1"] for line in shapes(deviation, "line", "whisker"))
    assert long == pytest.approx(2 * short, rel=0.01)


def test_nothing_is_cut_off_however_long_the_names() -> None:
    name = "a property with a very long name that no chart has room for beside its bars and not above them either"
    chart = bars([name, "b"], {"a group " * 12: [0.123, 99.5]}, value_label="x")
    for shape in chart.shapes:
        if shape.tag == "text" and shape.values.get("anchor") == "start":
            assert float(shape.values["x"]) + text_width(shape.text) <= chart.width + 1, shape.text
    assert shortened(name, 100).startswith("a prop") and shortened(name, 100).endswith("either")


def test_a_gap_in_a_line_stays_a_gap() -> None:
    x = np.arange(100)
    y = np.linspace(0, 1, 100)
    (whole,) = points(lines([Line("", x, y)], x_label="x", y_label="y"), "stroke c0")
    y[40:60] = np.nan
    before, after = points(lines([Line("", x, y)], x_label="x", y_label="y"), "stroke c0")
    assert before == whole[:40] and after == whole[60:]


def test_curves_go_through_their_points() -> None:
    (run,) = points(lines([Line("", [0, 1, 2], [0.0, 2.0, 1.0])], x_label="x", y_label="y"), "stroke c0")
    x, y = np.array(run).T
    assert x[1] - x[0] == pytest.approx(x[2] - x[1], abs=0.2)
    assert y[0] - y[1] == pytest.approx(2 * (y[0] - y[2]), abs=0.3) and y[1] < y[0]  # up is up
    chart = lines([Line("", [1, 10, 100], [1, 2, 3])], x_label="x", y_label="y", log_x=True)
    (run,) = points(chart, "stroke c0")
    assert run[1][0] - run[0][0] == pytest.approx(run[2][0] - run[1][0], abs=0.2)


@pytest.mark.parametrize("low", [0.0, 5.0, -3.0, 1e6])
def test_a_curve_fills_its_chart_wherever_its_range_begins(low: float) -> None:
    chart = lines([Line("", [low, low + 1, low + 2], [low, low + 2, low + 1])], x_label="x", y_label="y")
    x, y = np.array(points(chart, "stroke c0")[0]).T
    assert 0 <= x.min() < 0.3 * chart.width and 0.9 * chart.width < x.max() <= chart.width
    assert 0 <= y.min() < y.max() <= chart.height and np.ptp(y) > 0.5 * chart.height


def test_bands_marks_and_many_lines() -> None:
    x = np.arange(1, 6)
    curves = [Line(f"model {i}", x, x / (i + 1), x / (i + 1) - 0.1, x / (i + 1) + 0.1) for i in range(14)]
    chart = lines(
        curves, x_label="epoch", y_label="MAP@R", percent=True, marks={"best": 3.0}, log_x=True, log_y=True
    )
    assert chart.width <= 440  # a phone shows it at nearly full size
    assert {f"model {i}" for i in range(14)} | {"best", "epoch", "MAP@R (%)"} <= set(chart.texts)
    assert len(points(chart, "stroke dashed")) == 6  # beyond eight colours
    hints = [shape.hint for shape in chart.shapes if shape.tag == "circle"]
    assert "model 1: 50.0 % at 1" in hints and len(hints) == 14 * 5


def test_histogram_shares_add_up_whatever_the_size_of_the_set() -> None:
    few, many = np.repeat([0.1, 0.9], 5), np.repeat([0.1, 0.9], 5000)
    same = [histogram({"x": values}, value_label="d", bins=9).to_svg() for values in (few, many)]
    assert same[0] == same[1]
    with_gap = histogram({"x": [*few, np.nan]}, value_label="d")
    assert with_gap.to_svg() == histogram({"x": few}, value_label="d").to_svg()
    (outline,) = points(histogram({"": [0.0, 0.0, 0.0, 1.0]}, value_label="d", bins=2), "stroke c0")
    floor = outline[0][1]
    assert floor - outline[1][1] == pytest.approx(3 * (floor - outline[3][1]), abs=0.3)


def test_heat_map_shades_follow_the_values() -> None:
    chart = heat_map([[0.0, 1.0], [0.5, np.nan]], ["a", "b"], ["c", "d"], label="x")
    depths = [cell["opacity"] for cell in shapes(chart, "rect", "more")]
    assert depths[0] < depths[2] < depths[1] and len(shapes(chart, "rect", "none")) == 1
    signed = heat_map([[-1.0, 0.0, 1.0]], ["a"], ["b", "c", "d"], label="x", signed=True)
    assert len(shapes(signed, "rect", "less")) == 1
    assert {"-1.00", ".00", "1.00", "a", "d"} <= set(signed.texts)


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
    assert chart.wide and {"a", "b", "T", *names} <= set(chart.texts)
    assert len(shapes(chart, "text", "fill c0")) == len(shapes(chart, "text", "fill c1")) == 7
    assert len(points(chart, "branch")) == 13
    random = np.random.default_rng(0).random((4, 40))
    large = heat_map(random, list("abcd"), [f"{i}" for i in range(40)], label="x")
    assert large.width > large.height and len(shapes(large, "rect")) == 160


def test_every_chart_is_svg_with_text_that_is_text() -> None:
    charts = [
        bars(["<b>&", "\x1b[31m"], {"": [1, 2]}, value_label="x"),
        lines([Line("a", [1, 2], [1, 2], [0, 1], [2, 3])], x_label="x", y_label="y", marks={"m": 1.5}),
        histogram({"h": [1, 2, 3]}, value_label="v"),
        heat_map([[1, 0.5], [0.5, 1]], ["a", "b"], label="l", cluster="similarity"),
    ]
    for chart in [*charts, stacked(charts)]:
        root = ET.fromstring(chart.to_svg(chart_style()))
        assert root.tag.endswith("svg") and root.attrib["aria-label"]
        written = [element.text for element in root.iter() if element.tag.endswith("text")]
        assert len(written) == len(chart.texts) > 1
        assert not re.search("[\x00-\x08\x1b]", "".join(map(str, written)))
        assert "style" not in {name for element in root.iter() for name in element.attrib}
        assert Chart.from_dict(chart.to_dict()).to_svg() == chart.to_svg()
    assert "<b>&" in [element.text for element in ET.fromstring(charts[0].to_svg("a")).iter()]


@pytest.mark.parametrize(
    ("tag", "values"),
    [("script", {}), ("a", {}), ("foreignObject", {}), ("rect", {"onclick": 1}), ("rect", {"href": 1}),
     ("rect", {"class": 'x" onload="y'}), ("path", {"d": "url(http://a)"}), ("text", {"anchor": '"><script>'}),
     ("rect", {"x": "1;"}), ("rect", {"width": float("inf")}), ("rect", {"x": True})],
)  # fmt: skip
def test_a_drawing_holds_known_shapes_only(tag: str, values: dict[str, object]) -> None:
    with pytest.raises(InputError, match="drawing"):
        Shape(tag, values)  # type: ignore[arg-type]


def test_charts_below_each_other() -> None:
    chart = bars(["a"], {"": [1]}, value_label="x")
    curve = lines([Line("", [1, 2], [1, 2])], x_label="x", y_label="y")
    both = stacked([chart, curve])
    assert both.height == chart.height + curve.height
    assert len(both.shapes) == len(chart.shapes) + len(curve.shapes)
    (before,), (after,) = points(curve, "stroke c0"), points(both, "stroke c0")
    lower = np.array([[0, chart.height]] * 2)
    assert np.array(after) - np.array(before) == pytest.approx(lower, abs=0.11)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0, 0.7, [0, 0.2, 0.4, 0.6]), (3, 47, [10, 20, 30, 40]),
     (-1, 1, [-1, -0.5, 0, 0.5, 1]), (5, 5, [5]), (0, 1e-7, [0, 2e-8, 4e-8, 6e-8, 8e-8, 1e-7])],
)  # fmt: skip
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)


def test_ticks_of_any_range_are_few_and_inside() -> None:
    generator = np.random.default_rng(0)
    for low, width in zip(generator.normal(0, 100, 300), 10 ** generator.uniform(-6, 8, 300), strict=True):
        found = ticks(low, low + width)
        assert 2 <= len(found) <= 7
        assert min(found) >= low - 1e-5 * width and max(found) <= low + width * (1 + 1e-5)
    assert log_ticks(0.5, 200) == pytest.approx([0.5, 1, 2, 5, 10, 20, 50, 100, 200][1::3])
    assert log_ticks(1, 20) == pytest.approx([1, 2, 5, 10, 20])
    assert tick_text(1e-5) == "1e-5" and tick_text(0.2, percent=True) == "20"


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


def colors(scheme: int) -> list[str]:
    """Colours of the series, light or dark."""
    return re.findall(r"--series: (#[0-9a-f]{6})", chart_style())[8 * scheme : 8 * scheme + 8]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colors_differ_for_colour_blind_readers(scheme: int) -> None:
    # Deuteranopia, Machado, Oliveira and Fernandes 2009.
    view = np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]])
    seen = [view @ [int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in colors(scheme)[:6]]
    assert min(np.linalg.norm(a - b) for i, a in enumerate(seen) for b in seen[:i]) > 25


@pytest.mark.parametrize(("scheme", "ground"), [(0, "#ffffff"), (1, "#1d2026")], ids=["light", "dark"])
def test_series_stand_out_from_the_page(scheme: int, ground: str) -> None:
    assert min(contrast(color, ground) for color in colors(scheme)) >= 3  # WCAG 2.2, graphical objects


def contrast(one: str, other: str) -> float:
    lights = []
    for color in (one, other):
        channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        lights.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(lights) + 0.05) / (min(lights) + 0.05)


def test_drawing_needs_no_matplotlib() -> None:
    code = """
import sys
from likewise.report.charts import Line, bars, heat_map, histogram, lines
bars(["a"], {"": [1]}, value_label="x"); histogram({"a": [1, 2]}, value_label="x")
lines([Line("", [1, 2], [1, 2])], x_label="x", y_label="y"); heat_map([[1, 0], [0, 1]], ["a", "b"], label="x")
assert "matplotlib" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
