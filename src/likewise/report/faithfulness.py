"""The faithfulness audit in words, curves and numbers."""

from collections.abc import Mapping

from likewise.audit.explanation_faithfulness.result import FaithfulnessAudit, MosaicFaithfulness
from likewise.audit.explanation_faithfulness.statistics import Floats, curve, mean_interval
from likewise.report.charts import Line, lines
from likewise.report.sections import Section
from likewise.results import Cell, Column, Measured, Table, percent

_PRECISE = 1e-4


def sections(audit: FaithfulnessAudit) -> list[Section]:
    """Curves and numbers; examples."""
    words = (
        f"{len(audit.pairs)} images, each explained against its nearest neighbour. The places named as making the "
        "two alike are hidden (filled from what is around them), and the distance is measured again. **explanation**: "
        "the evidence for what the two share, at finer places; **exact parts**: the sum that this sharpens; **special "
        "likeness**: places more alike than the pair as a whole; **saliency**: SmoothGrad of the pair's distance; "
        f"**random places**: mean of several draws. The usual distance is that of two images drawn at random, "
        f"{audit.typical:.3g}. The higher the curve, the truer the choice."
    )
    if audit.additive_error is not None:
        exact = "exactly" if audit.additive_error < _PRECISE else "only nearly"
        words += (
            f" The parts of every explanation add up {exact}: at most {audit.additive_error:.1e} is missing."
        )
    found = [_curves("Do the explanations name what matters?", words, audit.changes, audit.shares)]
    if audit.example is not None:
        about = "Some of the pairs, with a fifth of the picture hidden each way."
        found.append(Section("What was hidden", about, pictures=[audit.example]))
    words = (
        "The same with pictures put together: one half from the image, the other from an image that its neighbour is "
        "far from. Only the first half can make picture and neighbour alike, so the places are known."
    )
    mosaics = audit.mosaics
    found.append(_curves("Which of two subjects makes it similar?", words, mosaics.changes, audit.shares))
    found.append(Section("How much lies on the half that is alike", "", _on_own(mosaics)))
    if mosaics.example is not None:
        found.append(Section("Two subjects in one picture", "", pictures=[mosaics.example]))
    return found


def _curves(title: str, words: str, changes: Mapping[str, Floats], shares: tuple[float, ...]) -> Section:
    places = [0.0, *shares]
    drawn = []
    for name, values in changes.items():
        mean, low, high = curve(values)
        drawn.append(Line(name, places, [0.0, *mean], [0.0, *low], [0.0, *high]))
    chart = lines(
        drawn,
        x_label="share of the picture that is hidden",
        y_label="growth, in usual distances",
        percent=True,
        x_percent=True,
        alt="Growth of the distance as more of the picture is hidden, for each choice of places.",
    )
    columns: list[Column | str] = [
        "hidden by",
        *(Column(f"{percent(share, 0)} hidden", style="percent") for share in shares),
        Column("mean", style="percent"),
    ]
    rows: list[list[Cell]] = [
        [name, *values.mean(axis=0).tolist(), float(values.mean())] for name, values in changes.items()
    ]
    caption = "Growth of the distance in per cent of the usual distance, by the share of the picture that is hidden."
    return Section(title, words, Table(columns, rows, caption), charts=[chart])


def _on_own(mosaics: MosaicFaithfulness) -> Table:
    rows: list[list[Cell]] = []
    for name, values in mosaics.on_own.items():
        interval = mean_interval(values)
        rows.append([name, Measured(float(values.mean()), low=interval.low, high=interval.high)])
    columns: list[Column | str] = [
        "named by",
        Column("on the half that is alike", style="percent", best="max"),
    ]
    caption = (
        "Share of what is named that lies on the half which is like the neighbour (50 % by chance), with the 95 % "
        "interval from resampling pairs."
    )
    return Table(columns, rows, caption)
