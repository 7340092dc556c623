"""Text from outside is inert, and JSON takes every type that a column may have."""

import json
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from likewise.data import Preprocessing
from likewise.json_text import json_text
from likewise.printable import counted, inert, one_line


class Shade(Enum):
    DARK = "dark"


@dataclass
class Box:
    left: np.float32
    when: date


@given(st.text(st.characters()))
def test_nothing_that_a_terminal_acts_upon_is_left(text: str) -> None:
    shown = inert(text)
    assert all(letter in "\n\t" or ord(letter) >= 32 for letter in shown)
    assert not any(0x7F <= ord(letter) <= 0x9F or 0xD800 <= ord(letter) <= 0xDFFF for letter in shown)
    shown.encode()
    assert len(one_line(text).splitlines()) <= 1 or "\x85" not in one_line(text)


@pytest.mark.parametrize(
    "text", ["wren", "猫", "Kärcher & Söhne", "[old] shoes", ":cat: food", "a\tb\nc", "🐈"]
)
def test_ordinary_text_stays(text: str) -> None:
    assert inert(text) == text


@pytest.mark.parametrize("noun", ["image", "class", "query image"])
@pytest.mark.parametrize(("number", "digits"), [(0, "0"), (1, "1"), (2, "2"), (1000, "1,000"), (21, "21")])
def test_a_noun_is_in_the_plural_but_for_one(number: int, digits: str, noun: str) -> None:
    ending = "" if number == 1 else "es" if noun == "class" else "s"
    assert counted(number, noun) == f"{digits} {noun}{ending}"


VALUES: list[tuple[Any, Any]] = [
    (float("nan"), None), (np.float64("nan"), None), (np.float32("inf"), None), (Decimal("NaN"), None),
    (pd.NaT, None), (pd.NA, None), (np.datetime64("NaT"), "NaT"),
    (np.float32(0.5), 0.5), (np.float16(0.5), 0.5), (np.int64(3), 3), (np.uint8(3), 3), (np.bool_(True), True),
    (np.str_("a"), "a"), (Decimal("1.5"), 1.5),
    (np.array([[1, 2]], ">i4"), [[1, 2]]), (np.array([0.5, np.nan]), [0.5, None]), (np.array(["a"], object), ["a"]),
    (np.array(["2024-01-02"], "datetime64[D]"), ["2024-01-02"]), (np.datetime64("2024-01-02"), "2024-01-02"),
    (torch.tensor([1.0, 2.0]), [1.0, 2.0]), (torch.tensor(2), 2),
    (datetime(2024, 1, 2, 3, 4), "2024-01-02T03:04:00"), (date(2024, 1, 2), "2024-01-02"), (time(3, 4), "03:04:00"),
    (pd.Timestamp("2024-01-02", tz="UTC"), "2024-01-02T00:00:00+00:00"), (timedelta(seconds=90), 90.0),
    (pd.Series([1, 2], index=[7, 8]), [1, 2]), (pd.Categorical(["a", "b"]), ["a", "b"]),
    (Path("a") / "b.jpg", "a/b.jpg"), (Shade.DARK, "dark"), ({"b", "a"}, ["a", "b"]), ((1, 2), [1, 2]),
    (b"a\xff", "a\\xff"), (Box(np.float32(1), date(2024, 1, 2)), {"left": 1.0, "when": "2024-01-02"}),
    ({1: "a", np.int64(2): "b"}, {"1": "a", "2": "b"}),
    (Preprocessing(resize_px=8, crop_px=8).interpolation, "bilinear"),
]  # fmt: skip


@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize(("value", "expected"), VALUES, ids=lambda value: type(value).__name__)
def test_every_type_of_a_column_is_written(value: Any, expected: Any, ascii_only: bool) -> None:
    text = json_text({"value": [value]}, ascii_only=ascii_only)
    assert json.loads(text, parse_constant=pytest.fail)["value"] == [expected]


@given(st.text(st.characters()))
def test_any_text_comes_back_from_json(text: str) -> None:
    for ascii_only in (False, True):
        written = json_text({text: text}, ascii_only=ascii_only)
        assert json.loads(written) == {text: text}
        written.encode()
        assert inert(written) == written


def test_an_object_without_json_form_is_refused() -> None:
    with pytest.raises(TypeError, match="object has no JSON form"):
        json_text(object())
