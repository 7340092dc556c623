import numpy as np
import pytest

from likewise.errors import InputError
from likewise.explain.attention import attention_score

DISTANCES = ["lp1", "lp2", "cosine", "dot", "snr"]


@pytest.mark.parametrize("distance", DISTANCES)
def test_scores_of_the_published_code(golden, distance):
    values = golden("saliency.npz")
    ours = attention_score(values[f"bb_map_{distance}"], values["masks"][:, 0])
    np.testing.assert_allclose(ours.values, values[f"bb_attention_score_{distance}"], atol=1e-4)
    assert ours.reasons == [""] * len(ours.values)


def test_binary_and_soft_mask(golden):
    values = golden("saliency.npz")
    for mask, score in (("score_mask", "score_value"), ("score_mask_soft", "score_value_soft")):
        ours = attention_score(values["score_attention"], values[mask]).values
        np.testing.assert_allclose(ours, values[score], atol=1e-4)


def test_ends_of_the_scale():
    mask = np.zeros((4, 4))
    mask[:2, :2] = 1
    assert attention_score(mask, mask).values[0] == pytest.approx(1)
    assert attention_score(np.ones((4, 4)), mask).values[0] == pytest.approx(0)
    assert attention_score(1 - mask, mask).values[0] == pytest.approx(-0.25 / 0.75)


def test_scale_of_the_map_and_type_of_the_mask_do_not_matter():
    generator = np.random.default_rng(3)
    maps, masks = generator.random((5, 8, 9)), generator.integers(0, 256, (5, 8, 9)).astype(np.uint8)
    expected = attention_score(maps, masks / 255).values
    np.testing.assert_allclose(attention_score(maps * 7, masks).values, expected)


def test_pixels_that_do_not_count_are_as_if_cut_off():
    generator = np.random.default_rng(4)
    maps, masks = generator.random((3, 6, 8)), generator.random((3, 6, 8))
    scored = np.ones_like(maps)
    scored[:, :, 5:] = 0
    expected = attention_score(maps[:, :, :5], masks[:, :, :5]).values
    np.testing.assert_allclose(attention_score(maps, masks, scored).values, expected)


def test_scores_that_do_not_exist_say_why():
    maps = np.array([[[1.0, 2.0]], [[1.0, 2.0]], [[0.0, 0.0]], [[1.0, 3.0]], [[1.0, 0.0]]])
    masks = np.array([[[1.0, 1.0]], [[0.0, 0.0]], [[1.0, 0.0]], [[0.0, 1.0]], [[1.0, 0.0]]])
    scored = np.array([[[1, 1]], [[1, 1]], [[1, 1]], [[1, 1]], [[0, 0]]])
    scores = attention_score(maps, masks, scored)
    assert scores.reasons == ["full mask", "empty mask", "empty map", "", "nothing scored"]
    assert np.isnan(scores.values).tolist() == [True, True, True, False, True]
    assert scores.mean() == pytest.approx(0.5) and scores.std() == 0
    assert np.isnan(attention_score(maps[:1], masks[:1]).mean())


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_arrays_that_do_not_fit_are_named(wrong):
    arrays = [np.ones((2, 3, 3)) for _ in range(3)]
    name = ("maps", "masks", "scored")[wrong]
    for bad, words in ((np.ones((1, 2, 3, 3)), r"float64 \(1, 2, 3, 3\)"), (np.full((2, 3, 3), "x"), "<U1")):
        with pytest.raises(InputError, match=f"^{name} must be numbers .* but are {words}"):
            attention_score(*[bad if row == wrong else array for row, array in enumerate(arrays)])
    if wrong:
        with pytest.raises(InputError, match=rf"The {name} have the shape \(2, 3, 4\), the maps \(2, 3, 3\)"):
            attention_score(
                *[np.ones((2, 3, 4)) if row == wrong else array for row, array in enumerate(arrays)]
            )


def test_bad_input():
    with pytest.raises(InputError, match="shape"):
        attention_score(np.ones((2, 3, 3)), np.ones((2, 3, 4)))
    with pytest.raises(InputError, match="negative"):
        attention_score(-np.ones((1, 3, 3)), np.ones((1, 3, 3)))
    with pytest.raises(InputError, match=r"0\.\.255"):
        attention_score(np.ones((1, 3, 3)), 255 * np.ones((1, 3, 3)))
    for wrong in (np.nan, np.inf, -0.1, 1.001):
        mask = np.full((1, 3, 3), 0.5)
        mask[0, 1, 1] = wrong
        with pytest.raises(InputError, match=r"A mask has values outside 0\.\.1"):
            attention_score(np.ones((1, 3, 3)), mask)
    for wrong in (np.nan, np.inf, -0.1):
        maps = np.ones((1, 3, 3))
        maps[0, 1, 1] = wrong
        with pytest.raises(InputError, match="negative or infinite"):
            attention_score(maps, np.full((1, 3, 3), 0.5))
