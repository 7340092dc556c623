"""Copies and suspects made by hand: groups, what stays, and every field of their tables and dictionaries."""
# ruff: noqa: E501 - one line per row of a table

import numpy as np

from likewise.curation.copies import DuplicatePair, Duplicates
from likewise.curation.groups import group_numbers
from likewise.curation.suspects import Recognized, Suspect, Suspects
from likewise.data import Failure
from likewise.retrieval import Interval


def test_groups_are_numbered_by_their_first_member_whatever_the_order_of_a_pair() -> None:
    assert group_numbers([(5, 1), (3, 0), (1, 2), (3, 6)], 8).tolist() == [0, 1, 1, 0, -1, 1, 0, -1]
    assert group_numbers([], 2).tolist() == [-1, -1]


def copies() -> Duplicates:
    pairs = [
        DuplicatePair(0, 2, "exact", mirrored=False, score=1.0),
        DuplicatePair(1, 3, "cropped", mirrored=True, score=0.98764),
        DuplicatePair(2, 4, "resized", mirrored=False, score=0.99),
    ]
    labels, splits = (
        np.array(["x", "y", "x", "z", "x"], object),
        np.array(["train", "test", "test", "test", "test"], object),
    )
    return Duplicates(list("abcde"), labels, splits, pairs, 0.97, [Failure("f", "broken")], ["d"])


def test_one_image_of_each_group_stays_and_test_images_first() -> None:
    found = copies()
    assert found.groups == [[0, 2, 4], [1, 3]] and found.redundant == [0, 4, 3]
    assert found.with_new().pairs == found.pairs[1:2]
    assert found.across_splits == found.pairs[:1] and found.other_label == found.pairs[1:2]
    assert found.table.caption == "3 pairs of copies in 2 groups."
    assert found.table.rows[1] == ("b", "d", "cropped", "yes", 0.9876, "test", "test", "y", "z")
    assert [column.name for column in found.table.columns] == [
        "image", "copy", "kind", "mirrored", "score", "split", "split of copy", "label", "label of copy"
    ]  # fmt: skip
    stored = found.to_dict()
    assert stored["pairs"][1] == {
        "image": "b", "copy": "d", "kind": "cropped", "mirrored": True, "score": 0.98764, "across_splits": False, "other_label": True
    }  # fmt: skip
    assert {name: stored[name] for name in ("images", "cutoff", "groups", "across_splits", "other_label", "redundant", "new")} == {
        "images": 5, "cutoff": 0.97, "groups": [["a", "c", "e"], ["b", "d"]], "across_splits": 1, "other_label": 1,
        "redundant": ["a", "e", "d"], "new": ["d"],
    }  # fmt: skip
    assert stored["failures"] == [{"id": "f", "reason": "broken"}]


def test_every_field_of_a_suspect() -> None:
    found = Suspects(
        list("ab"), [Suspect(1, "cat", "dog", 0.0312, 2, (0,))], np.array([0.9, 0.0312]), 0.5, Interval(0.1, 0.8), 15, ["owl"], 3,
        Recognized(1, 2, 1, Interval(0.2, 0.7)), ["fox"], [Failure("f", "broken")],
    )  # fmt: skip
    assert found.to_dict()["suspects"] == [
        {"image": "b", "label": "cat", "suggested": "dog", "score": 0.0312, "agreeing": 2}
    ]
    expected = {
        "images": 2,
        "rate": 0.5,
        "neighbors": 15,
        "single": ["owl"],
        "unlabelled": 3,
        "confused": ["fox"],
    }
    assert {name: found.to_dict()[name] for name in expected} == expected
    assert found.to_dict()["interval"] == {"low": 0.1, "high": 0.8}
    assert found.table.rows[0] == ("b", "cat", "dog", 0.031, "2 of 15")
    assert found.recognized is not None and found.recognized.rate == 0.5
