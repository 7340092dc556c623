"""An index at a glance: counts of values, pages of images in the order of their ids, and what it is said to hold."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from fastapi.testclient import TestClient
from served import IMAGES

from likewise.serve import overview
from likewise.serve.overview import _counts, column_kind


def images(client: TestClient, **params: Any) -> dict[str, Any]:
    answer = client.get("/v1/images", params=params)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.parametrize(
    ("limit", "where"), [(1, "price < 3"), (5, None), (7, "price >= 4"), (IMAGES, None), (IMAGES + 1, None)]
)
def test_pages_list_every_image_once(limit: int, where: str | None, readonly: TestClient) -> None:
    condition = {} if where is None else {"where": where}
    whole = images(readonly, limit=1000, **condition)
    ids = [each["id"] for each in whole["images"]]
    assert ids == sorted(ids) and whole["next_cursor"] is None and whole["total"] == len(ids)
    pages, page = list[str](), images(readonly, limit=limit, **condition)
    while True:
        assert page["total"] == len(ids) and 0 < len(page["images"]) <= limit
        pages += [each["id"] for each in page["images"]]
        assert len(pages) <= len(ids)
        if page["next_cursor"] is None:
            break
        page = images(readonly, limit=limit, cursor=page["next_cursor"], **condition)
    assert pages == ids


def test_a_cursor_of_an_image_that_is_gone_goes_on_behind_it(readonly: TestClient) -> None:
    ids = [each["id"] for each in images(readonly, limit=1000)["images"]]
    assert images(readonly, limit=1, cursor=f"{ids[4]}.was-here")["images"][0]["id"] == ids[5]
    assert images(readonly, limit=1, cursor="zzz")["images"] == []


def test_values_are_counted_most_frequent_first(readonly: TestClient) -> None:
    answer = readonly.get("/v1/facets").json()
    assert answer["images"] == IMAGES and answer["more"] == {}
    facets = answer["facets"]
    assert facets["label"] == [{"value": name, "count": IMAGES // 4} for name in "abcd"]
    assert facets["split"] == [{"value": "test", "count": 16}, {"value": "train", "count": 16}]
    acme = len(range(0, IMAGES, 3))
    assert facets["brand"] == [
        {"value": "acme", "count": acme},
        {"value": "Ölm & Söhne", "count": len(range(1, IMAGES, 3))},
    ]
    fresh = len(range(0, IMAGES, 5))
    assert facets["new"] == [{"value": False, "count": IMAGES - fresh}, {"value": True, "count": fresh}]
    some = readonly.get("/v1/facets", params={"columns": ["label"], "where": "price < 5"}).json()
    assert (list(some["facets"]), some["images"]) == (["label"], 5)
    assert some["facets"]["label"][0] == {"value": "a", "count": 2}
    refused = readonly.get("/v1/facets", params={"columns": ["gone"]})
    assert (
        refused.status_code == 422
        and "no column 'gone': choose among label, split, " in refused.json()["detail"]
    )


def test_rare_values_of_a_column_are_counted_together(
    readonly: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "_MOST_VALUES", 3)
    answer = readonly.get("/v1/facets", params={"columns": ["label", "new"]}).json()
    assert (len(answer["facets"]["label"]), answer["more"]) == (3, {"label": 1})


@pytest.mark.parametrize(
    ("values", "counts"),
    [
        (["b", "a", "", None, "b", ""], [("b", 2), ("a", 1)]),
        (["b", "a"], [("a", 1), ("b", 1)]),  # equal counts by name
        ([2.0, float("nan"), None, float("inf"), 2.0, 1.0], [(2.0, 2), (1.0, 1)]),
        ([True, None, False, True], [(True, 2), (False, 1)]),
        ([3, None, 3, 1], [(3, 2), (1, 1)]),
    ],
)
def test_missing_values_are_not_counted(values: list[Any], counts: list[tuple[Any, int]]) -> None:
    column = pa.chunked_array([pa.array(values)])
    assert [(each["value"], each["count"]) for each in _counts(column)] == counts


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (pa.bool_(), "flag"),
        (pa.int64(), "number"),
        (pa.float32(), "number"),
        (pa.string(), "text"),
        (pa.date32(), "text"),
    ],
)
def test_kinds_of_columns(kind: pa.DataType, name: str) -> None:
    assert column_kind(kind) == name


def test_an_index_says_what_it_holds(readonly: TestClient, world: Path) -> None:
    (about,) = readonly.get("/v1/info").json()["indexes"]
    assert (about["name"], about["images"], about["masks"], about["text"]) == (
        "p",
        IMAGES,
        IMAGES // 2,
        False,
    )
    assert (about["dimension"], about["metric"], about["problem"], about["recall"]) == (
        8,
        "cosine",
        None,
        None,
    )
    columns = {each["name"]: (each["kind"], each["values"]) for each in about["columns"]}
    assert columns == {
        "label": ("text", 4), "split": ("text", 2), "price": ("number", IMAGES), "brand": ("text", 2),
        "new": ("flag", 2),
    }  # fmt: skip
    assert np.isfinite(about["threshold"]) and about["created"] <= about["changed"]
    assert about["model"]["name"] == "run" and str(world) not in readonly.get("/v1/info").text
