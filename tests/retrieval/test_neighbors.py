"""Exact neighbours: against scikit-learn, the golden numbers and brute force; ties; every precision; bad input."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from pytorch_metric_learning.distances import SNRDistance
from sklearn.neighbors import NearestNeighbors

from likewise.errors import ConfigError, InputError
from likewise.retrieval import nearest
from likewise.retrieval._filter import BLOCK, Filter
from likewise.retrieval._search import Searcher


def brute(
    queries: torch.Tensor, gallery: torch.Tensor, k: int, own: torch.Tensor
) -> tuple[np.ndarray, np.ndarray]:
    """Squared distances in float64, equal ones by lower index."""
    squared = torch.cat([(row.double() - gallery.double()).square().sum(1)[None] for row in queries]).numpy()
    squared[np.arange(len(queries)), own] = np.inf
    index = np.broadcast_to(np.arange(len(gallery)), squared.shape)
    order = np.lexsort((index, squared), axis=1)[:, :k]
    return order, np.take_along_axis(squared, order, 1)


def test_nearest_agrees_with_the_golden_numbers(golden) -> None:
    numbers = golden("retrieval.npz")
    wanted = numbers["nearest_10"]
    found = nearest(numbers["embeddings"], k=wanted.shape[1], distance="euclidean")
    np.testing.assert_array_equal(found.indices, wanted)


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_nearest_agrees_with_scikit_learn(distance: str) -> None:
    random = np.random.default_rng(0)
    gallery, queries = random.standard_normal((300, 12)), random.standard_normal((40, 12))
    reference = NearestNeighbors(n_neighbors=7, metric=distance, algorithm="brute").fit(
        gallery.astype(np.float32)
    )
    distances, indices = reference.kneighbors(queries.astype(np.float32))
    found = nearest(queries, gallery, k=7, distance=distance)
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-5, atol=1e-6)


def test_snr_agrees_with_pytorch_metric_learning() -> None:
    random = np.random.default_rng(1)
    gallery, queries = random.standard_normal((2, 50, 8)).astype(np.float32)
    reference = SNRDistance(normalize_embeddings=False)(
        torch.from_numpy(queries), torch.from_numpy(gallery)
    ).numpy()
    found = nearest(queries, gallery, k=50, distance="snr")
    np.testing.assert_allclose(found.distances, np.sort(reference, axis=1), rtol=1e-5)
    np.testing.assert_array_equal(found.indices, np.argsort(reference, axis=1))


def test_snr_is_the_variance_of_the_difference_over_that_of_the_query() -> None:
    # var((1, 3) - (2, 0)) = var(-1, 3) = 4 and var(1, 3) = 1
    assert nearest(np.array([[1.0, 3.0]]), np.array([[2.0, 0.0]]), k=1, distance="snr").distances[0, 0] == 4


CASES = {
    "gauss": lambda x, random: x,
    "far from the origin": lambda x, random: x + 100,
    "duplicates": lambda x, random: x[random.integers(0, len(x) // 20, len(x))],
    "nearly equal": lambda x, random: x[random.integers(0, len(x) // 20, len(x))] + 1e-4 * x,
    "collapsed": lambda x, random: 1 + 1e-5 * x,
    "all the same": lambda x, random: np.ones_like(x),
    "binary": lambda x, random: (x > 0).astype(np.float32),
    "outlier": lambda x, random: np.where(np.arange(len(x))[:, None] == 7, 1000 * x, x),
    "sorted": lambda x, random: x[np.argsort(x[:, 0])],
}


@pytest.mark.parametrize("bf16", [False, True], ids=["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("size", "streams"),
    [(60, True), (4500, True), (4500, False)],
    ids=["one block", "streamed", "in large steps, as on a GPU"],
)
@pytest.mark.parametrize("case", CASES)
def test_search_is_exact_in_every_precision_and_for_hard_data(
    case: str, size: int, bf16: bool, streams: bool
) -> None:
    random = np.random.default_rng(3)
    rows = CASES[case](random.standard_normal((size, 16)).astype(np.float32), random).astype(np.float32)
    gallery, own = torch.from_numpy(rows), torch.from_numpy(random.integers(0, size, 12))
    for k in (1, 17):
        indices, squared = brute(gallery[own], gallery, k, own)
        for all_exact in (True, False):
            found = Searcher(gallery, bf16, streams).search(gallery[own], k, own, all_exact)
            np.testing.assert_array_equal(found.indices, indices)
            if all_exact:
                np.testing.assert_allclose(found.squared, squared, rtol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_coarse_scores_are_as_near_as_they_say(dtype: torch.dtype) -> None:
    """Also where vectors are exact in bfloat16, so that only the score itself is rounded."""
    random = np.random.default_rng(8)
    gallery = torch.from_numpy(random.integers(-255, 256, (2048, 1)).astype(np.float32))
    queries = torch.arange(-255.0, 256.0)[:, None]
    filtered = Filter(gallery, torch.arange(len(gallery)), torch.zeros(1), dtype)
    encoded = filtered.encode(queries)
    scores = encoded.product(filtered.rows).double()
    exact = -((queries.double() - gallery.double().T) ** 2) / 2
    assert ((scores - exact).abs() <= encoded.error[:, None] + encoded.relative * scores.abs()).all()


def test_neighbours_whose_scores_round_in_opposite_directions_are_told_apart() -> None:
    """Half the squared distances are 16449 and 16448, between the numbers 16384 and 16512 of bfloat16."""
    query = torch.tensor([[194.0, 189, 183, 160, 163, 179, 177, 153]])
    near = torch.tensor([
        [188.0, 169, 112, 51, 246, 242, 146, 214], [186.0, 232, 170, 156, 251, 52, 222, 83],
    ])  # fmt: skip
    random = torch.Generator().manual_seed(1)
    far = torch.tensor([-250.0, 250] * 4) * torch.randint(20, 250, (2300, 8), generator=random) / 250
    gallery = torch.cat([near, -near, far.round(), -far.round()])
    found = Searcher(gallery, bf16=True, streams=True).search(query, 1)
    assert found.indices.tolist() == [[1]] and found.squared.tolist() == [[2 * 16448.0]]


@pytest.mark.parametrize("bf16", [False, True], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("block", [0, 1, 3])
def test_neighbours_that_all_lie_in_one_block_are_found(block: int, bf16: bool) -> None:
    """The search expects them spread over the blocks; what it drops by mistake must be noticed."""
    size, near = 4 * BLOCK, 60
    order = Searcher(torch.zeros(size, 2), streams=True)._order
    angles = torch.rand(size, generator=torch.Generator().manual_seed(2)) * 2 * torch.pi
    lengths = torch.linspace(50, 100, size)
    places = order[block * BLOCK : block * BLOCK + near]
    lengths[places] = torch.linspace(5, 15, near)
    gallery = lengths[:, None] * torch.stack([angles.cos(), angles.sin()], dim=1)
    found = Searcher(gallery, bf16, streams=True).search(torch.zeros(1, 2), near)
    assert found.indices[0].tolist() == places.tolist()


def test_more_ties_in_one_block_than_there_is_room_for_are_not_forgotten() -> None:
    size, ties = 4 * BLOCK, 500
    order = Searcher(torch.zeros(size, 2), streams=True)._order
    gallery = torch.stack([torch.linspace(50, 100, size), torch.zeros(size)], dim=1)
    places = torch.cat([order[:ties], order[BLOCK : BLOCK + 20]])
    gallery[places] = torch.tensor([3.0, 4.0])
    found = Searcher(gallery, streams=True).search(torch.zeros(1, 2), 17)
    assert found.indices[0].tolist() == sorted(places.tolist())[:17]


def test_many_neighbours_of_many_rows_are_exact() -> None:
    random = np.random.default_rng(4)
    gallery = torch.from_numpy(random.standard_normal((4500, 8)).astype(np.float32))
    own = torch.arange(5)
    indices, _ = brute(gallery[own], gallery, 3000, own)
    found = Searcher(gallery).search(gallery[own], 3000, own, all_exact=False)
    np.testing.assert_array_equal(found.indices, indices)


def test_own_row_is_left_out_by_index_and_not_by_rank() -> None:
    rows = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    found = nearest(rows, k=3, distance="euclidean")
    assert found.indices.tolist() == [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]]
    assert found.distances[0].tolist() == [0, 0, np.float32(np.sqrt(2))]
    assert nearest(rows, k=2, distance="euclidean", exclude_self=False).indices.tolist()[2] == [0, 1]


def test_own_rows_of_a_gallery_are_left_out() -> None:
    gallery = np.array([[0.0], [1.0], [2.0]])
    found = nearest(gallery[[2, 0]], gallery, k=2, distance="euclidean", self_index=np.array([2, -1]))
    assert found.indices.tolist() == [[1, 0], [0, 1]]


def test_tiny_distances_are_right() -> None:
    direction = np.random.default_rng(5).standard_normal(64)
    step = np.zeros(64)
    step[0] = 1e-6
    rows = np.stack([direction + 1000 * step * number for number in range(4)]).astype(np.float32)
    exact = np.linalg.norm(rows.astype(np.float64) - rows[0].astype(np.float64), axis=1)
    np.testing.assert_allclose(
        nearest(rows[:1], rows, k=4, distance="euclidean").distances[0], exact, rtol=1e-6
    )
    unit = rows.astype(np.float64) / np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    cosine = np.square(unit - unit[0]).sum(1) / 2
    np.testing.assert_allclose(nearest(rows[:1], rows, k=4).distances[0], cosine, rtol=1e-2, atol=1e-15)


def test_answer_does_not_depend_on_blocks_threads_scale_or_order() -> None:
    random = np.random.default_rng(6)
    rows = random.standard_normal((200, 8)).astype(np.float32)
    found = nearest(rows, k=5)
    np.testing.assert_array_equal(nearest(rows, k=5, block_rows=7).indices, found.indices)
    np.testing.assert_array_equal(nearest(4 * rows, k=5).indices, found.indices)
    order = random.permutation(200)
    np.testing.assert_array_equal(order[nearest(rows[order], k=5).indices], found.indices[order])


def test_settings_of_the_caller_neither_matter_nor_change() -> None:
    rows = np.random.default_rng(7).standard_normal((300, 32)).astype(np.float32)
    found = nearest(rows, k=5)
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            again = nearest(rows, k=5)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")
    np.testing.assert_array_equal(again.indices, found.indices)
    np.testing.assert_array_equal(again.distances, found.distances)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_cuda_agrees_with_cpu() -> None:
    rows = np.random.default_rng(8).standard_normal((6000, 64)).astype(np.float32)
    here, there = nearest(rows, k=20), nearest(rows, k=20, device="cuda")
    np.testing.assert_array_equal(here.indices, there.indices)
    np.testing.assert_allclose(here.distances, there.distances, rtol=1e-6)


def test_memory_is_bounded() -> None:
    """14,000 rows: all distances would take 780 MB."""
    code = """
import resource, numpy as np, torch
from likewise.retrieval import nearest
rows = np.random.default_rng(0).standard_normal((14_000, 32)).astype(np.float32)
nearest(rows[:100], k=3)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
nearest(rows, k=20, distance="euclidean")
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 250


ROWS = np.eye(4, dtype=np.float32)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: nearest(ROWS, k=4), "k must be between 1 and 3"),
        (lambda: nearest(ROWS, ROWS, k=5), "k must be between 1 and 4"),
        (lambda: nearest(ROWS, k=0), "k must be a whole number of at least 1"),
        (lambda: nearest(np.ones(3), k=1), "must be (N, D)"),
        (lambda: nearest(np.empty((0, 3)), k=1), "must be (N, D)"),
        (
            lambda: nearest(np.where(ROWS == 1, np.nan, ROWS), k=1),
            "Row 0 of the gallery contains a value that is not",
        ),
        (lambda: nearest(np.where(np.arange(4)[:, None] == 2, 1e20, ROWS), k=1), "Row 2"),
        (lambda: nearest(ROWS[:, :3], ROWS, k=1), "3 dimensions and the gallery 4"),
        (lambda: nearest(0 * ROWS, k=1), "all zeros"),
        (
            lambda: nearest(
                ROWS + 1, np.ones((2, 4)), k=1, distance="snr", self_index=np.array([1, 2, 3, 0])
            ),
            "'self_index' must be",
        ),
        (lambda: nearest(np.ones((2, 4)), ROWS, k=1, distance="snr"), "SNR distance"),
        (
            lambda: nearest(ROWS, ROWS, k=1, self_index=np.array([0.5])),
            "'self_index' must hold one gallery row",
        ),
        (lambda: nearest(ROWS, k=1, self_index=np.arange(4)), "no gallery is given"),
        (lambda: nearest(ROWS, k=1, block_rows=0), "block_rows"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(call, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        call()
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("distance", "sentence"),
    [
        ("cosin", "did you mean 'cosine'?"),
        ("avsl", "give likewise.retrieval.search_distance(model)"),
        (3, "but is 3 (int)"),
    ],
)
def test_unknown_distance_is_refused(distance, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        nearest(ROWS, k=1, distance=distance)
    assert sentence in str(caught.value)
