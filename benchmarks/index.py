"""Index: building and searching against bare LanceDB and against one matrix-vector product.

    python benchmarks/index.py                # 60,000 x 128
    python benchmarks/index.py --small        # 12,000 rows

Searches are one query at a time, the ten nearest, as a person searches. likewise's exact search must find exactly
what float64 arithmetic finds (checked); its approximate search reports the recall it measured itself, here checked
with other queries. The bare product needs all vectors in memory; the index reads them from the disk.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import lancedb
import numpy as np
import pyarrow as pa
from measuring import interleave, print_table

from likewise.models import Embeddings
from likewise.retrieval import Index

K = 10


def embeddings(rows: int, dim: int = 128) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors float32 (rows, dim) of classes of ten that vary in few directions, as trained models give them.

    In vectors that vary in all directions alike no approximate index saves anything.
    """
    generator = np.random.default_rng(0)
    labels = np.arange(rows) // 10
    centers, noise = generator.standard_normal((rows // 10 + 1, 24)), generator.standard_normal((rows, 24))
    inner = (centers[labels] + 0.7 * noise) @ generator.standard_normal((24, dim)) / 24**0.5
    vectors = (inner + 0.1 * generator.standard_normal((rows, dim))).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), labels


def bare_table(folder: Path, vectors: np.ndarray, ids: list[str], labels: list[str]) -> object:
    """LanceDB with the same columns, and nothing else."""
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
    rows = pa.table({"id": ids, "label": labels, "vector": column})
    return lancedb.connect(str(folder)).create_table("images", rows, mode="overwrite")


def product_search(vectors: np.ndarray, query: np.ndarray) -> np.ndarray:
    """The ten nearest by cosine."""
    scores = vectors @ query
    near = np.argpartition(-scores, K)[:K]
    return near[np.argsort(-scores[near])]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--queries", type=int, default=100, help="in one round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--recall", type=float, default=0.95, help="wanted of the approximate search")
    parser.add_argument("--small", action="store_true", help="12,000 rows, 20 queries, 3 rounds")
    options = parser.parse_args()
    rows, count, rounds = (
        (12_000, 20, 3) if options.small else (options.rows, options.queries, options.rounds)
    )
    vectors, classes = embeddings(rows)
    ids, labels = [f"images/{row:06d}.jpg" for row in range(rows)], [str(label) for label in classes]
    packed = Embeddings(vectors, ids, np.array(labels), "benchmark")
    queries = np.random.default_rng(1).choice(rows, count, replace=False)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        number = iter(range(100))
        built = interleave(
            {
                "Index.from_embeddings": lambda: Index.from_embeddings(
                    folder / f"{next(number)}.index", packed
                ),
                "bare LanceDB": lambda: bare_table(folder / f"bare{next(number)}", vectors, ids, labels),
            },
            3,
        )
        index = Index.from_embeddings(folder / "searched.index", packed)
        table = bare_table(folder / "bare", vectors, ids, labels)
        start = time.perf_counter()
        about = index.build_approximate(options.recall, recall_at=K)
        partitions_s = time.perf_counter() - start
        recall = check(index, vectors, ids, queries)

        def each(search: Callable[[np.ndarray], object]) -> Callable[[], None]:
            def run() -> None:
                for row in queries:
                    search(vectors[row])

            return run

        sides = {
            "likewise, exact": each(lambda query: index.search(query, K)),
            "bare LanceDB, exact": each(
                lambda query: table.search(query).distance_type("cosine").limit(K).to_arrow()
            ),
            "bare product": each(lambda query: product_search(vectors, query)),
            "likewise, approximate": each(lambda query: index.search(query, K, approximate=True)),
        }
        timed = interleave(sides, rounds)
        size = sum(file.stat().st_size for file in (folder / "searched.index").rglob("*") if file.is_file())
    print(
        f"{rows:,} x {vectors.shape[1]}: {vectors.nbytes / 1e6:.0f} MB of vectors, index {size / 1e6:.0f} MB on disk\n"
    )
    print_table(
        ["building", "s", "its time / likewise's"],
        [
            [side, f"{built.seconds(side):.2f}", f"{built.ratio(side, 'Index.from_embeddings'):.2f}"]
            for side in built.clock
        ],
    )
    print(
        f"\nApproximate: {about.partitions} partitions made in {partitions_s:.1f} s, {about.probes} looked into;"
    )
    print(
        f"recall@{K} {about.recall:.3f} by its own measure, {recall:.3f} on other queries (wanted {options.recall})\n"
    )
    print_table(
        ["searching", "ms a query", "its time / likewise exact"],
        [
            [side, f"{timed.seconds(side) / count * 1000:.1f}", f"{timed.ratio(side, 'likewise, exact'):.2f}"]
            for side in sides
        ],
    )


def check(index: Index, vectors: np.ndarray, ids: list[str], queries: np.ndarray) -> float:
    """Refuses an exact search that misses anything; the recall of the approximate one."""
    found = []
    for row in queries:
        distances = np.linalg.norm(vectors.astype(np.float64) - vectors[row].astype(np.float64), axis=1)
        expected = [ids[near] for near in np.lexsort((ids, distances))[:K]]
        exact = [hit.id for hit in index.search(vectors[row], K).hits]
        if exact != expected:
            raise SystemExit(f"The exact search finds {exact}, float64 arithmetic {expected}.")
        near = {hit.id for hit in index.search(vectors[row], K, approximate=True).hits}
        found.append(len(near & set(expected)) / K)
    return float(np.mean(found))


if __name__ == "__main__":
    main()
