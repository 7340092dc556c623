"""An explanation of a pair in sentences, and as a table with descriptive column names."""

from typing import TYPE_CHECKING

import pandas as pd

from likewise.results import percent

if TYPE_CHECKING:
    from likewise.explain.pair_types import PairExplanation, Side

_COLUMNS = {  # of PairExplanation.table, as they are printed
    "similarity": "adds to similarity",
    "distance": "adds to distance",
    "contrast": "above the average",
}
_HIDING = {"similarity": "increase of the distance if hidden"}  # one number, three names: nothing is a sum


def pair_words(pair: "PairExplanation") -> str:
    """Sentences with the numbers of the explanation."""
    return " ".join(pair_paragraphs(pair))


def pair_paragraphs(pair: "PairExplanation") -> list[str]:
    """The same in paragraphs: the explanation, then how far it holds for each image."""
    name = "AVSL" if pair.kind == "nodes" else pair.distance_name
    sentences = [
        f"The {name} distance of {pair.a.name} and {pair.b.name} is {pair.distance:.3g} according to {pair.model}."
    ]
    if pair.kind == "positions":
        sentences.append(
            f"Their cosine similarity is {pair.similarity:z.3f}. It is the exact sum of the contributions of all "
            "locations of either image. The distance is the exact sum over the locations of both images."
        )
    elif pair.kind == "tokens":
        located = [float(side.similarity_map.sum()) for side in (pair.a, pair.b)]
        sentences.append(
            f"Their cosine similarity is {pair.similarity:z.3f}. The image tokens contribute {located[0]:z.3f} of it "
            f"in {pair.a.name} and {located[1]:z.3f} in {pair.b.name}. The rest has no location."
        )
        if pair.passes:
            sentences.append(f"The refined map was measured by hiding {_areas(pair)}.")
    elif pair.kind == "nodes":
        best, largest = pair.table.iloc[0], max(pair.levels, key=lambda part: part.contribution)
        sentences.append(
            f"The distance is the exact sum over {len(pair.table)} nodes of {len(pair.levels)} levels. Level "
            f"{largest.level} contributes {percent(largest.contribution / (pair.distance or 1.0), 0)} of it, node "
            f"{int(best['level'])}:{int(best['node'])} {percent(best['share'], 0)}."
        )
    else:
        reason = f": {pair.inexact_reason}" if pair.inexact_reason else ""
        sentences.append(
            f"The embedding of this model cannot be decomposed{reason}. The effect of each location was estimated by "
            f"hiding {_areas(pair)} instead. Hiding a red location increases the distance. These values do not add up "
            "to the distance."
        )
    if pair.completeness is not None:
        sentences.append(f"Sum and distance differ by {pair.completeness:.1e}, which is rounding.")
    checks = [_checked(side) for side in (pair.a, pair.b) if side.faithfulness is not None]
    return [" ".join(sentences), *checks]


def picture_words(pair: "PairExplanation") -> list[str]:
    """Captions of the columns of :meth:`PairExplanation.grid`, from left to right."""
    if pair.kind == "hiding":
        return [
            "the image as the model sees it",
            "red: hiding this location increases the distance, blue: reduces it",
        ]
    refined = (
        "red: hiding this location increases the distance, blue: reduces it; these values do not add up"
        if pair.kind == "tokens"
        else "red: locations that matter for the similarity, at a higher resolution; these values do not add up"
    )
    columns = [
        "locations with the same number match" if pair.matches else "the image as the model sees it",
        "red: adds to the similarity, blue: reduces it",
        refined,
        "red: more similar than the images are on average, blue: distinguishes them",
    ]
    if pair.kind == "tokens" and not pair.passes:  # the refined map is the similarity map
        del columns[2]
    return columns


def sources_table(pair: "PairExplanation") -> pd.DataFrame:
    """Contributions to the cosine similarity, per image: its locations, and what has no location. May be empty."""
    sides = (pair.a, pair.b)
    if not any(side.unlocated for side in sides):
        return pd.DataFrame()
    columns = {
        side.name if pair.a.name != pair.b.name else f"{side.name} ({letter})": {
            "image tokens": float(side.similarity_map.sum()),
            **{f"{name} (no location)": value for name, value in side.unlocated.items()},
        }
        for side, letter in zip(sides, "AB", strict=True)
    }
    table = pd.DataFrame(columns)
    table.loc["cosine similarity"] = table.sum()
    return table.rename_axis("contribution").reset_index()


def printed_table(pair: "PairExplanation", rows: int) -> pd.DataFrame:
    """The first rows of ``pair.table`` with descriptive column names."""
    first_rows = pair.table.head(rows)
    if pair.kind == "hiding":
        return first_rows.drop(columns=["distance", "contrast"]).rename(columns=_HIDING)
    return first_rows.rename(columns=_COLUMNS)


def _areas(pair: "PairExplanation") -> str:
    """How the effect of hiding was measured, and how well it is known."""
    errors = [side.standard_errors for side in (pair.a, pair.b) if side.standard_errors is not None]
    largest = max((float(values.mean()) for values in errors), default=0.0)
    return f"{pair.passes} random areas of each image (standard error of a location: {largest:.1g})"


def _checked(side: "Side") -> str:
    check = side.faithfulness
    if check is None:
        return ""
    verdict = (
        "The explanation holds."
        if check.win_rate >= 0.9
        else "This is hardly more than chance, so do not rely on the explanation."
    )
    return (
        f"Hiding the {percent(check.share, 0)} of {side.name} that matters most according to the explanation changes "
        f"the distance by {check.named:+z.3g}. Hiding random locations of the same size changes it by "
        f"{check.random_mean:+z.3g} on average. {verdict}"
    )
