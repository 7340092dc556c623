"""Verdict of the robustness audit."""

from dataclasses import replace
from typing import TYPE_CHECKING

from likewise.audit.significance import units_needed
from likewise.results import Verdict, percent, points

if TYPE_CHECKING:
    from likewise.audit.robustness_to_changes.result import ChangeEffect, RobustnessAudit

NOTABLE, SERIOUS = 0.05, 0.2  # lost recall at the mildest strength of a change


def verdict(audit: "RobustnessAudit") -> Verdict:
    """Whether mild changes of a photo change what is found."""
    measures = {
        f"{each.change} {each.strength:g}": {
            "drop": each.drop,
            "interval": each.interval._asdict(),
            "relative": each.relative,
        }
        for each in audit.effects
    }
    return replace(_answer(audit), measures=measures, thresholds={"notable": NOTABLE, "serious": SERIOUS})


def _answer(audit: "RobustnessAudit") -> Verdict:
    mild = [each for each in audit.effects if each.level == 0]
    worst = max(mild, key=lambda each: each.drop)
    strongest = sorted(audit.effects, key=lambda each: -each.drop)[:3]
    evidence = [_sentence(each) for each in dict.fromkeys([worst, *strongest])]
    number = f"{percent(audit.recall)} -> {percent(worst.recall)}"
    significant = [each for each in mild if each.drop >= NOTABLE and each.interval.low > 0]
    if significant:
        largest = max(significant, key=lambda each: each.drop)
        names = ", ".join(each.change for each in sorted(significant, key=lambda each: -each.drop))
        return Verdict(
            f"Mild changes break the search: {largest.change}." if largest.drop >= SERIOUS
            else f"Mild changes disturb the search: {largest.change}.",
            "bad" if largest.drop >= SERIOUS else "warning",
            evidence,
            f"Train with augmentation for: {names}. Until then, keep such photos out of queries.",
            f"Mildly changed queries find an image of their class less often than unchanged ones: {names}.",
            f"{percent(audit.recall)} -> {percent(largest.recall)}",
        )  # fmt: skip
    if any(each.interval.high >= SERIOUS for each in mild):
        return Verdict(
            "Too few images to tell.", "unsure", evidence, _more_images(audit),
            "No mild change has a sure effect, but the intervals do not exclude a serious one.", number,
        )  # fmt: skip
    return Verdict(
        "Mild changes hardly change what is found.", "good", evidence, "",
        "No change at its mildest strength costs a notable share of correct first hits.", number,
    )  # fmt: skip


def images_needed(audit: "RobustnessAudit") -> int | None:
    """About how many changed images exclude a serious effect of every mild change; None if all were changed already."""
    if audit.queries >= audit.gallery:
        return None
    mild = [each for each in audit.effects if each.level == 0 and each.interval.high >= SERIOUS]
    margins = [(each, max(SERIOUS - each.drop, NOTABLE / 2)) for each in mild]
    needed = max(units_needed(audit.queries, each.interval, margin) for each, margin in margins)
    return min(needed, audit.gallery)


def _more_images(audit: "RobustnessAudit") -> str:
    needed = images_needed(audit)
    return (
        "Use a catalog of more images and classes." if needed is None else f"Repeat with --images {needed}."
    )


def _sentence(each: "ChangeEffect") -> str:
    return (
        f"{each.change} {each.strength:g}: recall@1 {percent(each.recall)} "
        f"({points(-each.drop, -each.interval.high, -each.interval.low)}); it moves a photo {each.relative:z.2f} times "
        "the usual distance within a class."
    )
