"""The page of the demo: search, evidence and background audit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from likewise.audit import BackgroundAudit
from likewise.demo import pictures
from likewise.demo.backbones import Chosen
from likewise.demo.classes import class_codes
from likewise.demo.inputs import DemoImages
from likewise.demo.searching import Evidence, Search, Twins
from likewise.demo.verdicts import (
    BiasNumbers,
    cure_verdict,
    evidence_verdict,
    planted_verdict,
    search_verdict,
    trust_verdict,
    twins_verdict,
)
from likewise.inert import markdown_literal
from likewise.report import Report, Section
from likewise.results import Verdict, provenance

# Two photos closer than this count as near duplicates.
CLOSE = 0.05


@dataclass
class Found:
    """Everything the demo measured; parts that do not apply stay None, with a note that says why.

    Attributes:
        images: What it ran on.
        chosen: The network.
        search: Of all images among each other.
        twins: Photos that occur twice.
        evidence: Evidence of pairs.
        trust: Background audit of the network.
        biased: Background audit of the model with the planted bias.
        cured: The same for the model trained with BGAugment.
        notes: What was left out, and why.
    """

    images: DemoImages
    chosen: Chosen
    search: Search
    twins: Twins
    evidence: Evidence
    trust: BackgroundAudit | None = None
    biased: BackgroundAudit | None = None
    cured: BackgroundAudit | None = None
    notes: list[str] = field(default_factory=list)


def numbers_of(audit: BackgroundAudit, name: str) -> BiasNumbers:
    """The numbers of an audit used in the demo."""
    scores = audit.scores
    first = {condition: scores[condition]["recall@1"]["mean"] for condition in ("original", "replaced")}
    return BiasNumbers(
        name, audit.verdict().level, first["original"], first["replaced"], -audit.relies.change
    )


def demo_report(found: Found, seed: int, next_steps: Sequence[str]) -> Report:
    """The page of the demo."""
    sections: list[Section | None] = [_catalog(found, seed), _search(found, seed), _why(found)]
    if found.images.own:
        sections.append(_twins(found))
    sections += _trust(found)
    sections.append(_left_out(found))
    sections.append(
        Section("Next steps with your own photos", "\n".join(f"    {line}" for line in next_steps))
    )
    shown = [section for section in sections if section is not None]
    return Report("likewise demo", _lead(found), shown, verdicts(found), _facts(found, seed))


def verdicts(found: Found) -> list[Verdict]:
    """The verdicts so far, in page order."""
    given = [
        search_answer(found), evidence_answer(found), twins_answer(found), trust_answer(found), planted_answer(found),
        cure_answer(found),
    ]  # fmt: skip
    return [verdict for verdict in given if verdict is not None]


def search_answer(found: Found) -> Verdict | None:
    """None if the search cannot be scored."""
    result = found.search.result
    return None if result is None else search_verdict(found.search.recall, result.queries, result.classes)


def evidence_answer(found: Found) -> Verdict | None:
    """None without masks."""
    evidence = found.evidence
    return evidence_verdict(evidence.share, evidence.covered, evidence.images) if evidence.images else None


def twins_answer(found: Found) -> Verdict | None:
    """None for the samples, which have no duplicates."""
    if not found.images.own:
        return None
    return twins_verdict(len(found.twins.same), [distance for _, _, distance in found.twins.near], CLOSE)


def trust_answer(found: Found) -> Verdict | None:
    """The verdict of the demo for the samples, that of the audit for the user's photos; None without an audit."""
    if found.trust is None:
        return None
    return (
        found.trust.verdict()
        if found.images.own
        else trust_verdict(numbers_of(found.trust, found.chosen.name))
    )


def planted_answer(found: Found) -> Verdict | None:
    """None if no bias was planted."""
    return None if found.biased is None else planted_verdict(numbers_of(found.biased, "the biased model"))


def cure_answer(found: Found) -> Verdict | None:
    """None if BGAugment was not run."""
    if found.biased is None or found.cured is None:
        return None
    return cure_verdict(
        numbers_of(found.biased, "the biased model"),
        numbers_of(found.cured, "the model trained with BGAugment"),
    )


def _lead(found: Found) -> str:
    catalog = found.search.catalog
    classes = len(class_codes(catalog)[1])
    if found.images.own:
        what = f"{len(catalog):,} of your photos" + (f" of {classes:,} classes" if classes else "")
        return f"likewise on {what}. {found.chosen.words}"
    return (
        f"likewise on {len(catalog):,} rendered images of {classes} products: simple images with known masks and "
        f"known causes. {found.chosen.words}"
    )


def _catalog(found: Found, seed: int) -> Section:
    catalog = found.search.catalog
    words = f"The catalog is a table with one row per image: {len(catalog):,} images" + (
        f" of {len(class_codes(catalog)[1]):,} classes" if len(class_codes(catalog)[1]) else ""
    )
    return Section("The catalog", f"{words}.", pictures=[pictures.some_images(catalog, 14, seed)])


def _search(found: Found, seed: int) -> Section:
    verdict = search_answer(found)
    words = verdict.sentence if verdict else found.images.why_not_counted
    grid = pictures.searches(found.search.catalog, found.search.found, seed)
    return Section("Search", words, pictures=[grid])


def _why(found: Found) -> Section:
    verdict = evidence_answer(found)
    words = (
        verdict.sentence
        if verdict
        else "For every pair, likewise shows which locations make the two images similar."
    )
    return Section(
        "Why are two images similar?", words, pictures=[pictures.evidence(found.evidence.pairs[:3])]
    )


def _twins(found: Found) -> Section:
    verdict, twins = twins_answer(found), found.twins
    shown = [*[(a, b, 0.0) for a, b in twins.same[:3]], *twins.near][:6]
    pairs = [pictures.twins(found.search.catalog.paths, shown)] if shown else []
    return Section("Are there duplicates?", verdict.sentence if verdict else "", pictures=pairs)


def _trust(found: Found) -> list[Section]:
    parts = [
        ("Does the background decide?", trust_answer(found), found.trust),
        ("A model with a planted bias", planted_answer(found), found.biased),
        ("Training with replaced backgrounds", cure_answer(found), found.cured),
    ]
    return [_audited(title, verdict.sentence, audit) for title, verdict, audit in parts if verdict and audit]


def _audited(title: str, words: str, audit: BackgroundAudit) -> Section:
    changed = pictures.changed_results(audit, 2)
    return Section(title, words, pictures=[] if changed is None else [changed])


def _left_out(found: Found) -> Section | None:
    notes = [*found.images.notes, *found.notes]
    notes += found.search.unread
    if not notes:
        return None
    return Section("Left out", "\n".join(f"- {markdown_literal(note)}" for note in notes))


def _facts(found: Found, seed: int) -> dict[str, str]:
    model = found.chosen.model
    return provenance(
        models=[(found.chosen.name, model.fingerprint)], catalog=found.search.catalog, seed=seed,
        device=str(model.device),
    )  # fmt: skip
