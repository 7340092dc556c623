"""The small rendered set that ships with likewise: about 500 product images with masks and properties."""

from pathlib import Path

from likewise.data import Catalog

SAMPLES_FILE = Path(__file__).resolve().parent / "samples" / "catalog.parquet"


def samples() -> Catalog:
    """The shipped products: 36 classes of 14 images, 112 px, half of the classes in the split ``test``.

    In ``train`` the background predicts the class (correlation 0.9), in ``test`` it does not (0), so a model that
    learns the background can be detected. Rendered by ``likewise data render products --preset samples``.
    """
    return Catalog.read(SAMPLES_FILE)
