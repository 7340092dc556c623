import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import pearsonr

from likewise.audit.saliency_agreement.statistics import correlation, fisher_mean, jensen_shannon
from likewise.errors import ConfigError, InputError

DISTANCES = ["lp1", "lp2", "cosine", "dot", "snr"]


def test_pairs_of_the_published_code(golden):
    values = golden("saliency.npz")
    for row, distance in enumerate(DISTANCES):
        a, b = values[f"map_a_{distance}"], values[f"map_b_{distance}"]
        np.testing.assert_allclose(correlation(a, b), values["pair_correlation"][row], atol=1e-4)
        np.testing.assert_allclose(jensen_shannon(a, b), values["pair_jsd"][row], rtol=1e-3)
    fisher = fisher_mean(values["pair_correlation"])
    assert fisher.mean == pytest.approx(float(values["fisher_mean"]), abs=1e-4)
    assert fisher.published_deviation == pytest.approx(float(values["fisher_std"]), abs=1e-4)
    assert (fisher.count, fisher.undefined, fisher.clipped) == (values["pair_correlation"].size, 0, 0)


def test_two_arbitrary_maps(golden):
    values = golden("saliency.npz")
    p, q = values["stat_map_p"][None], values["stat_map_q"][None]
    assert correlation(p, q)[0] == pytest.approx(float(values["stat_correlation"]), abs=1e-4)
    assert jensen_shannon(p, q)[0] == pytest.approx(float(values["stat_jsd"]), rel=1e-3)


def test_scipy_agrees_also_with_zeros():
    generator = np.random.default_rng(0)
    a = generator.random((20, 7, 5)) * (generator.random((20, 7, 5)) > 0.4)
    b = generator.random((20, 7, 5)) * (generator.random((20, 7, 5)) > 0.4)
    for row in range(20):
        assert correlation(a, b)[row] == pytest.approx(pearsonr(a[row].ravel(), b[row].ravel())[0])
        assert jensen_shannon(a, b)[row] == pytest.approx(jensenshannon(a[row].ravel(), b[row].ravel()) ** 2)


def test_constant_and_empty_maps_have_no_value():
    flat, other = np.ones((1, 4)), np.array([[1.0, 2.0, 3.0, 4.0]])
    assert np.isnan(correlation(flat, other)[0])
    assert np.isnan(jensen_shannon(0 * flat, other)[0])
    assert jensen_shannon(flat, flat)[0] == 0


def test_fisher_interval_covers_and_shrinks():
    generator = np.random.default_rng(1)
    hits = 0
    for _ in range(300):
        z = generator.normal(0.5, 0.3, size=40)
        fisher = fisher_mean(np.tanh(z))
        hits += fisher.low <= np.tanh(0.5) <= fisher.high
    assert 0.90 <= hits / 300 <= 0.99
    z = generator.normal(0.5, 0.3, size=4000)
    few, many = fisher_mean(np.tanh(z[:40])), fisher_mean(np.tanh(z))
    assert many.high - many.low < 0.2 * (few.high - few.low)
    # the published deviation does not shrink with more images: it is no error of the mean
    assert many.published_deviation == pytest.approx(few.published_deviation, rel=0.4)


def test_fisher_survives_what_breaks_the_published_code():
    fisher = fisher_mean([1.0, 0.5, np.nan, -1.0])
    assert np.isfinite([fisher.mean, fisher.low, fisher.high]).all()
    assert (fisher.count, fisher.undefined, fisher.clipped) == (3, 1, 2)
    assert np.isnan(fisher_mean([np.nan]).mean)
    assert (fisher_mean([0.3]).low, fisher_mean([0.3]).high) == (-1, 1)  # one image says nothing of others


def test_bad_input():
    with pytest.raises(InputError, match="one shape"):
        correlation(np.ones((1, 3)), np.ones((1, 4)))
    with pytest.raises(InputError, match="one shape"):
        correlation(np.ones(3), np.ones(3))
    with pytest.raises(InputError, match="negative"):
        jensen_shannon(-np.ones((1, 3)), np.ones((1, 3)))
    with pytest.raises(InputError, match=r"-1\.\.1"):
        fisher_mean([1.2])
    with pytest.raises(ConfigError, match="confidence"):
        fisher_mean([0.2], confidence=95)
