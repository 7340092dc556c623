"""The approximate index with int8 and binary vectors against its float32 form, the exact search and faiss.

    python benchmarks/index_codes.py            # 60,000 x 512; needs  pip install faiss-cpu

Searches are one query at a time, the ten nearest. faiss searches all codes in memory: scalar quantization, and the
signs of the dimensions with Hamming distance; both take 20 candidates per hit, which numpy compares exactly. likewise
chooses its candidates and partitions by the recall it measures. Recall is measured with other queries than those of the
build. Memory is the peak of ``build_approximate`` in a fresh process, beyond the opened index.
"""

import argparse
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import get_args

import faiss
import numpy as np
from index import K, embeddings
from measuring import interleave, peak_above, print_table

from likewise.models import Embeddings
from likewise.retrieval import Approximate, Index
from likewise.retrieval.index.schema import VectorCodes

CANDIDATES = 20 * K
Search = Callable[[np.ndarray], np.ndarray]


def reranked(vectors: np.ndarray, query: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The ten of the candidates with the largest exact cosine."""
    return rows[np.argsort(-(vectors[rows] @ query))[:K]]


def faiss_sides(vectors: np.ndarray) -> dict[str, tuple[float, Search]]:
    """Name to MB of what is searched, and the search."""
    dim = vectors.shape[1]
    flat = faiss.IndexFlatIP(dim)
    flat.add(vectors)
    scalar = faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
    scalar.train(vectors)
    scalar.add(vectors)
    signs = faiss.IndexBinaryFlat(dim)
    signs.add(np.packbits(vectors > 0, axis=1))

    def by_signs(query: np.ndarray) -> np.ndarray:
        rows = signs.search(np.packbits(query[None] > 0, axis=1), CANDIDATES)[1][0]
        return reranked(vectors, query, rows)

    return {
        "faiss float32, exact": (vectors.nbytes / 1e6, lambda query: flat.search(query[None], K)[1][0]),
        "faiss int8, re-ranked": (
            vectors.nbytes / 4e6,
            lambda query: reranked(vectors, query, scalar.search(query[None], CANDIDATES)[1][0]),
        ),
        "faiss signs, re-ranked": (vectors.nbytes / 32e6, by_signs),
    }


def searched(index: Index, approximate: bool, query: np.ndarray) -> np.ndarray:
    """Numbers of the ten nearest rows."""
    return np.array([int(hit.id) for hit in index.search(query, K, approximate=approximate).hits])


def built(index: Index, codes: VectorCodes = "float32", recall: float = 0.95) -> Approximate:
    """Make the approximate index."""
    return index.build_approximate(recall, vectors=codes, recall_at=K)


def build_memory(folder: Path, packed: Embeddings, recall: float) -> None:
    """Print the peak memory of making each approximate index."""
    rows = []
    for codes in get_args(VectorCodes):
        path = folder / f"memory-{codes}.index"
        Index.from_embeddings(path, packed)
        peak = peak_above(Index.open, partial(built, codes=codes, recall=recall), path)
        rows.append([codes, f"{peak:.0f}", f"{packed.vectors.nbytes / 1e6:.0f}"])
    print_table(["vectors", "MB of memory to build", "MB of all vectors"], rows)


def likewise_sides(folder: Path, packed: Embeddings, recall: float) -> dict[str, tuple[float, Search]]:
    """The same for indexes of likewise: MB of the partitions on disk."""
    sides: dict[str, tuple[float, Search]] = {}
    for codes in get_args(VectorCodes):
        index = Index.from_embeddings(folder / f"{codes}.index", packed)
        if not sides:
            sides["likewise, exact"] = (packed.vectors.nbytes / 1e6, partial(searched, index, False))
        about = built(index, codes, recall)
        files = (folder / f"{codes}.index").rglob("_indices/**/*")
        size = sum(file.stat().st_size for file in files if file.is_file())
        name = (
            f"likewise, {codes}: {about.probes} of {about.partitions} partitions, shortlist {about.shortlist}"
        )
        sides[name] = (size / 1e6, partial(searched, index, True))
    return sides


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--queries", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--recall", type=float, default=0.95, help="wanted of the approximate search")
    parser.add_argument("--memory", action="store_true", help="measure only the memory of building")
    options = parser.parse_args()
    faiss.omp_set_num_threads(1)
    vectors, _ = embeddings(options.rows, options.dim)
    queries = vectors[np.random.default_rng(1).choice(options.rows, options.queries, replace=False)]
    packed = Embeddings(vectors, [str(row) for row in range(options.rows)], None, "benchmark")
    with tempfile.TemporaryDirectory() as name:
        if options.memory:
            build_memory(Path(name), packed, options.recall)
            return
        sides = likewise_sides(Path(name), packed, options.recall) | faiss_sides(vectors)
        expected = [set(np.argsort(-(vectors @ query))[:K]) for query in queries]
        works: dict[str, Callable[[], object]] = {
            side: (lambda search=search: [search(query) for query in queries])
            for side, (_, search) in sides.items()
        }
        timed = interleave(works, options.rounds)
        rows = []
        for side, (size, search) in sides.items():
            found = [
                len(set(search(query)) & near) / K for query, near in zip(queries, expected, strict=True)
            ]
            milliseconds = 1000 * np.median(timed.processor[side]) / options.queries
            ratio = timed.ratio("likewise, exact", side, processor=True)
            rows.append([side, f"{size:.0f}", f"{np.mean(found):.3f}", f"{milliseconds:.1f}", f"{ratio:.1f}"])
    print_table(
        ["search", "MB", f"recall@{K}", "ms of processor time per query", "exact likewise / this, time"], rows
    )


if __name__ == "__main__":
    main()
