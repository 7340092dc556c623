"""A report with something of everything."""

import numpy as np
import pytest
from PIL import Image

from likewise.report import Column, Measured, Picture, Report, Section, Table, Verdict


@pytest.fixture(scope="session")
def noise() -> Image.Image:
    """A picture that does not compress well."""
    pixels = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture(scope="session")
def report(noise: Image.Image) -> Report:
    evil = "<script>alert('x')</script>"
    table = Table(
        ["model", Column("R@1", "percent", best="max"), "note"],
        [["base", Measured(0.7, 0.01), None], [evil, Measured(0.8, low=0.7, high=0.9), float("inf")]],
        f"What {evil} did",
    )
    return Report(
        f"Title {evil}",
        f"Lead **bold** {evil} [bad](javascript:alert(1)) [good](https://example.org/?a=1&b=2)",
        [
            Section("First", "- one\n- *two*", table, [Picture(noise, f"Caption {evil}", 'An "alt" <text>')]),
            Section("Chapter", chapter=True),
            Section("Second", pictures=[Picture(Image.new("RGBA", (900, 100), (0, 0, 0, 0)), "wide")]),
            Section("Folded", "words", folded=True),
            Section("Last"),
        ],
        [Verdict("It does.", "bad", ["70 % fell to 50 %.", evil], "Do `this`."), Verdict("Fine.", "good")],
        {"model": evil, "seed": "0"},
    )
