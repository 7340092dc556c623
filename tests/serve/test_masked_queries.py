"""Searching with the object or the background alone: by the masks of the catalog, or by a mask model."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from fastapi.testclient import TestClient
from PIL import Image
from served import IMAGES, Serve, encoded, mask_of, picture
from torchvision.transforms.v2.functional import pil_to_tensor, to_pil_image

from likewise.data.compositing import fill_object, paint_background

PARTS = ("object", "background")


class RightHalf:
    """A mask model that takes the right half of every image for its object."""

    def predict(self, images: list[Image.Image]) -> list[Any]:
        masks = [Image.new("L", image.size) for image in images]
        for mask in masks:
            mask.paste(255, (mask.width // 2, 0, mask.width, mask.height))
        return [SimpleNamespace(mask=mask) for mask in masks]


def part_of(image: Image.Image, mask: Image.Image, part: str) -> bytes:
    """What a search with a part of an image sends, made by hand."""
    pixels, edge = pil_to_tensor(image), pil_to_tensor(mask)
    shown: torch.Tensor = paint_background(pixels, edge) if part == "object" else fill_object(pixels, edge)
    return encoded(to_pil_image(shown))


def search(client: TestClient, file: bytes | None = None, **query: Any) -> Any:
    if file is None:
        return client.post("/v1/search", json=query)
    return client.post("/v1/search", data={"query": json.dumps(query)}, files={"image": ("q.png", file)})


def distances(answer: Any) -> dict[str, float]:
    assert answer.status_code == 200, answer.text
    return {hit["id"]: hit["distance"] for hit in answer.json()["hits"]}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", ["id", "ids", "like"])
def test_an_image_of_the_index_is_cut_out_by_the_mask_of_the_catalog(
    part: str, name: str, readonly: TestClient
) -> None:
    value: Any = "photos/2.png" if name == "id" else ["photos/2.png"]
    answer = search(readonly, k=IMAGES, mask=part, **{name: value})
    by_hand = search(readonly, part_of(picture(2), mask_of(2), part), k=IMAGES)
    assert distances(answer) == pytest.approx(distances(by_hand), abs=1e-5)
    whole = distances(search(readonly, id="photos/2.png", k=IMAGES))
    assert distances(answer)["photos/7.png"] != pytest.approx(whole["photos/7.png"], abs=1e-3)
    assert answer.json()["query"]["mask"] == "catalog"
    explained = readonly.post("/v1/explain", json={name: value, "mask": part, "hit": "photos/7.png"})
    assert explained.json()["distance"] == pytest.approx(distances(answer)["photos/7.png"], abs=1e-4)


def test_the_mask_of_the_catalog_comes_before_that_of_the_model(
    readonly: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    state: Any = readonly.app
    monkeypatch.setattr(state.state.server.images, "_masks", RightHalf())
    right = Image.new("L", (80, 70))
    right.paste(255, (40, 0, 80, 70))
    for query, file, mask, source in (
        ({"id": "photos/2.png"}, None, mask_of(2), "catalog"),
        ({"id": "photos/3.png"}, None, right, "model"),
        ({}, encoded(picture(2)), right, "model"),
    ):
        answer = search(readonly, file, k=IMAGES, mask="object", **query)
        number = 3 if query == {"id": "photos/3.png"} else 2
        by_hand = search(readonly, part_of(picture(number), mask, "object"), k=IMAGES)
        assert distances(answer) == pytest.approx(distances(by_hand), abs=1e-5)
        assert answer.json()["query"]["mask"] == source


def test_an_image_without_a_mask_is_refused(readonly: TestClient) -> None:
    for answer in (
        search(readonly, id="photos/3.png", mask="object"),
        search(readonly, encoded(picture(2)), mask="background"),
        readonly.post("/v1/explain", json={"id": "photos/3.png", "mask": "object", "hit": "photos/2.png"}),
    ):
        assert answer.status_code == 422 and "--masks" in answer.json()["detail"]
    assert search(readonly, id="photos/3.png").json()["query"]["mask"] is None
    assert readonly.get("/v1/info").json()["indexes"][0]["masks"] == IMAGES // 2


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("gone", "photos/2.png"), ("size", "40 x 35 pixels"), ("empty", "marks no object"), ("text", "not an image"),
    ],
)  # fmt: skip
def test_a_mask_that_cannot_be_used_is_named(fault: str, words: str, copy: Path, serve: Serve) -> None:
    file = copy / "masks" / "2.png"
    if fault == "size":
        mask_of(2).resize((40, 35)).save(file)
    elif fault == "empty":
        Image.new("L", (80, 70)).save(file)
    elif fault == "text":
        file.write_text("not a mask")
    else:
        file.unlink()
        file.symlink_to("nowhere.png")
    answer = search(serve(copy / "p.index"), id="photos/2.png", mask="object")
    assert answer.status_code == 422, answer.text
    assert words in answer.json()["detail"] and str(copy) not in answer.json()["detail"]


def test_a_moved_project_uses_its_own_masks(copy: Path, serve: Serve) -> None:
    mask_of(0).save(copy / "masks" / "2.png")  # another one than in the project that it is a copy of
    client = serve(copy / "p.index")
    answer = search(client, id="photos/2.png", mask="object", k=IMAGES)
    by_hand = search(client, part_of(picture(2), mask_of(0), "object"), k=IMAGES)
    assert distances(answer) == pytest.approx(distances(by_hand), abs=1e-5)


def test_a_replaced_image_loses_the_mask_of_the_earlier_one(copy: Path, serve: Serve) -> None:
    client = serve(copy / "p.index")
    files = {"image": ("new.png", encoded(picture(99)))}
    assert (
        client.post("/v1/images", files=files, data={"id": "photos/2.png", "replace": "true"}).status_code
        == 201
    )
    assert search(client, id="photos/2.png", mask="object").status_code == 422
