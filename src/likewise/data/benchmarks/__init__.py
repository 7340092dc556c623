"""From the files of a data set, published or your own, to a catalog."""

from likewise.data.benchmarks.benchmark import Archive, Benchmark
from likewise.data.benchmarks.cars196 import CARS196, build_cars196
from likewise.data.benchmarks.cub200 import CUB200, build_cub200
from likewise.data.benchmarks.folder import build_folder, build_table, list_images
from likewise.data.benchmarks.registry import BENCHMARKS, build_benchmark
from likewise.data.benchmarks.sop import SOP, build_sop

__all__ = [
    "BENCHMARKS",
    "CARS196",
    "CUB200",
    "SOP",
    "Archive",
    "Benchmark",
    "build_benchmark",
    "build_cars196",
    "build_cub200",
    "build_folder",
    "build_sop",
    "build_table",
    "list_images",
]
