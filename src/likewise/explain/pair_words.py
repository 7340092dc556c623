"""An explanation of a pair in sentences."""

from likewise.explain.pair_types import PairExplanation, Side


def pair_words(pair: PairExplanation) -> str:
    """A few sentences with the numbers behind the picture."""
    name = "an AVSL" if pair.kind == "nodes" else f"a {pair.distance_name}"
    where = f"{name} distance of {pair.distance:.3g}"
    sentences = [f"{pair.model} puts {pair.a.name} and {pair.b.name} at {where}."]
    if pair.kind == "positions":
        sentences.append(
            f"Their cosine similarity is {pair.similarity:.3f}; it is the sum over the places of either image, "
            "and the distance the sum over both."
        )
    elif pair.kind == "nodes":
        best, largest = pair.table.iloc[0], max(pair.levels, key=lambda part: part.contribution)
        sentences.append(
            f"The distance is the sum over {len(pair.table)} nodes of {len(pair.levels)} levels; level "
            f"{largest.level} carries {largest.contribution / (pair.distance or 1.0):.0%} of it, node "
            f"{int(best['level'])}:{int(best['node'])} {best['share']:.0%}."
        )
    else:
        sentences.append(
            "This model gives no feature map, so each place was hidden in turn: red places make the distance "
            "grow when hidden. Such parts do not add up to the distance."
        )
    if pair.completeness is not None:
        sentences.append(f"All parts together miss the distance by {pair.completeness:.1e}.")
    sentences += [_checked(side) for side in (pair.a, pair.b) if side.faithfulness is not None]
    return " ".join(sentences)


def _checked(side: Side) -> str:
    check = side.faithfulness
    if check is None:
        return ""
    holds = (
        "the explanation holds"
        if check.beaten >= 0.9
        else "that is little more than chance, so trust it little"
    )
    return (
        f"Hiding the {check.share:.0%} of {side.name} that speaks most for their likeness changes the distance by "
        f"{check.named:+.3g}, hiding as much at random by {check.random_mean:+.3g}: {holds}."
    )
