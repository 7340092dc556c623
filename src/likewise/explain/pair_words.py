"""An explanation of a pair in sentences, and in columns whose names say what they hold."""

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from likewise.explain.pair_types import PairExplanation, Side

_COLUMNS = {  # of PairExplanation.table, as they are printed
    "similarity": "adds to similarity",
    "distance": "adds to distance",
    "contrast": "above the average",
}
_HIDING = {"similarity": "hidden, the distance grows by"}  # one number, three names: nothing is a sum


def pair_words(pair: "PairExplanation") -> str:
    """A few sentences with the numbers behind the picture."""
    name = "AVSL" if pair.kind == "nodes" else pair.distance_name
    sentences = [
        f"The {name} distance of {pair.a.name} and {pair.b.name} is {pair.distance:.3g} according to {pair.model}."
    ]
    if pair.kind == "positions":
        sentences.append(
            f"Their cosine similarity is {pair.similarity:.3f}. It is the exact sum of what the places of either "
            "image contribute. The distance is the exact sum over the places of both images."
        )
    elif pair.kind == "nodes":
        best, largest = pair.table.iloc[0], max(pair.levels, key=lambda part: part.contribution)
        sentences.append(
            f"The distance is the exact sum over {len(pair.table)} nodes of {len(pair.levels)} levels. Level "
            f"{largest.level} contributes {largest.contribution / (pair.distance or 1.0):.0%} of it, node "
            f"{int(best['level'])}:{int(best['node'])} {best['share']:.0%}."
        )
    else:
        sentences.append(
            "This model provides no feature map, so each place was hidden in turn. Hiding a red place increases the "
            "distance. These values do not add up to the distance."
        )
    if pair.completeness is not None:
        sentences.append(f"Sum and distance differ by {pair.completeness:.1e}, which is rounding.")
    sentences += [_checked(side) for side in (pair.a, pair.b) if side.faithfulness is not None]
    return " ".join(sentences)


def picture_words(pair: "PairExplanation") -> list[str]:
    """What the columns of :meth:`PairExplanation.grid` show, from left to right."""
    if pair.kind == "hiding":
        return [
            "the image as the model sees it",
            "red: hiding this place increases the distance, blue: decreases it",
        ]
    return [
        "places with the same number match" if pair.matches else "the image as the model sees it",
        "red: adds to the similarity, blue: reduces it",
        "red: what matters for the similarity, located more finely; these values do not add up",
        "red: more alike than the images are on average, blue: tells them apart",
    ]


def printed_table(pair: "PairExplanation", rows: int) -> pd.DataFrame:
    """The first rows of ``pair.table`` with columns that say what they hold."""
    shown = pair.table.head(rows)
    if pair.kind == "hiding":
        return shown.drop(columns=["distance", "contrast"]).rename(columns=_HIDING)
    return shown.rename(columns=_COLUMNS)


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
        f"Hiding the {check.share:.0%} of {side.name} that matters most according to the explanation changes the "
        f"distance by {check.named:+.3g}. Hiding random places of the same size changes it by "
        f"{check.random_mean:+.3g} on average. {verdict}"
    )
