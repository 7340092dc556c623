"""Page of the faithfulness audit."""

from collections.abc import Mapping

from likewise.arrays import Floats
from likewise.audit.explanation_faithfulness.result import FaithfulnessAudit, PointingGame
from likewise.audit.explanation_faithfulness.statistics import curve, mean_interval
from likewise.report.charts import Line, lines
from likewise.report.sections import Section
from likewise.results import Cell, Column, Measured, Table, percent

_PRECISE = 1e-4


def sections(audit: FaithfulnessAudit) -> list[Section]:
    """Curves and numbers; examples."""
    words = (
        f"{len(audit.pairs)} images, each explained against its nearest neighbour. The locations that an explanation "
        "names as shared are hidden (filled from their surroundings), and the distance is measured again. "
        "**explanation**: the evidence map; **exact parts**: the exact contributions behind it; **contrast**: "
        "locations more similar than the pair as a whole; **saliency**: SmoothGrad of the distance of the pair; "
        f"**random locations**: mean of several draws. The usual distance is that of two random images, "
        f"{audit.typical:.3g}. Higher curves are better."
    )
    if audit.additive_error is not None:
        exact = "exactly" if audit.additive_error < _PRECISE else "only nearly"
        words += f" The contributions add up {exact}: the largest error is {audit.additive_error:.1e}."
    page_sections = [_curves("Do the explanations name what matters?", words, audit.changes, audit.shares)]
    if audit.example is not None:
        about = "Some of the pairs, with a fifth of the image hidden by each method."
        page_sections.append(Section("What was hidden", about, pictures=[audit.example]))
    words = (
        "The same with combined images: one half of the image, and one half of an image that is far from the "
        "neighbour. Only the first half can be similar to the neighbour, so the correct locations are known."
    )
    pointing_game = audit.pointing_game
    page_sections.append(
        _curves("Which of two subjects is similar?", words, pointing_game.changes, audit.shares)
    )
    page_sections.append(Section("Fraction on the similar half", "", _on_own(pointing_game)))
    if pointing_game.example is not None:
        page_sections.append(Section("Two subjects in one image", "", pictures=[pointing_game.example]))
    return page_sections


def _curves(title: str, words: str, changes: Mapping[str, Floats], shares: tuple[float, ...]) -> Section:
    places = [0.0, *shares]
    drawn = []
    for name, values in changes.items():
        mean, low, high = curve(values)
        drawn.append(Line(name, places, [0.0, *mean], [0.0, *low], [0.0, *high]))
    chart = lines(
        drawn,
        x_label="hidden fraction of the image",
        y_label="increase, relative to the usual distance",
        percent=True,
        x_percent=True,
        alt="Increase of the distance by hidden fraction of the image, per method.",
    )
    columns: list[Column | str] = [
        "hidden by",
        *(Column(f"{percent(share, 0)} hidden", style="percent") for share in shares),
        Column("mean", style="percent"),
    ]
    rows: list[list[Cell]] = [
        [name, *values.mean(axis=0).tolist(), float(values.mean())] for name, values in changes.items()
    ]
    caption = "Increase of the distance in per cent of the usual distance, by hidden fraction of the image."
    return Section(title, words, Table(columns, rows, caption), charts=[chart])


def _on_own(pointing_game: PointingGame) -> Table:
    rows: list[list[Cell]] = []
    for name, values in pointing_game.on_own.items():
        interval = mean_interval(values)
        rows.append([name, Measured(float(values.mean()), low=interval.low, high=interval.high)])
    columns: list[Column | str] = [
        "named by",
        Column("on the similar half", style="percent", best="max"),
    ]
    caption = (
        "Fraction of the named locations on the half that is similar to the neighbour (50 % by chance), with 95 % "
        "bootstrap intervals over pairs."
    )
    return Table(columns, rows, caption)
