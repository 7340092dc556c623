"""Marks belong to a query by its digest: another query has another one, the same query on another page the same."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from served import encoded, picture

ONE, TWO, THREE = (f"photos/{number}.png" for number in range(3))
MIXTURE = {"like": [ONE, TWO], "unlike": [THREE]}
SAME: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (MIXTURE, {**MIXTURE, "k": 3, "where": "price > 4"}),
    (MIXTURE, {"ids": [ONE, TWO], "unlike": [THREE], "group_by": "label"}),
    ({"id": ONE, "mask": "object"}, {"ids": [ONE], "mask": "object", "k": 2}),
]
OTHERS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (MIXTURE, {**MIXTURE, "weight": 0.5}),
    (MIXTURE, {**MIXTURE, "like": [ONE]}),
    (MIXTURE, {**MIXTURE, "unlike": []}),
    (MIXTURE, {"like": [ONE], "unlike": [TWO, THREE]}),
    ({"like": [ONE, TWO]}, {"like": [ONE], "unlike": [TWO]}),
    ({"id": ONE, "region": [0, 0, 0.5, 1]}, {"id": ONE, "region": [0, 0, 1, 0.5]}),
    ({"id": ONE, "mask": "object"}, {"id": ONE, "mask": "background"}),
    ({"id": ONE, "mask": "object"}, {"id": THREE, "mask": "object"}),
]


def digest(client: TestClient, query: dict[str, Any]) -> str:
    answer = client.post("/v1/search", json=query)
    assert answer.status_code == 200, answer.text
    assert answer.json()["query"]["id"] is None
    return str(answer.json()["query"]["digest"])


@pytest.mark.parametrize(("first", "second"), SAME, ids=str)
def test_the_same_query_has_the_same_digest(
    first: dict[str, Any], second: dict[str, Any], readonly: TestClient
) -> None:
    assert digest(readonly, first) == digest(readonly, second)


@pytest.mark.parametrize(("first", "second"), OTHERS, ids=str)
def test_another_query_has_another_digest(
    first: dict[str, Any], second: dict[str, Any], readonly: TestClient
) -> None:
    assert digest(readonly, first) != digest(readonly, second)


def test_every_image_of_a_query_is_left_out(readonly: TestClient) -> None:
    files = [("image", (f"{number}.png", encoded(picture(number)))) for number in (3, 7)]
    query = {"query": '{"k": 1000, "skip_self": true}'}
    hits = readonly.post("/v1/search", files=files, data=query).json()["hits"]
    assert {f"photos/{number}.png" for number in range(32)} - {hit["id"] for hit in hits} == {
        "photos/3.png", "photos/7.png",
    }  # fmt: skip
