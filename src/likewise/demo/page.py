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
class Findings:
    """Everything the demo measured; parts that do not apply stay None, with a note that says why.

    Attributes:
        images: Images of the run.
        chosen: The network.
        search: Search of all images among each other.
        twins: Photos that occur twice.
        evidence: Evidence of pairs.
        trust: Background audit of the network.
        biased: Background audit of the model with the planted bias.
        cured: The same for the model trained with BGAugment.
        notes: Left-out parts with reasons.
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


def demo_report(findings: Findings, seed: int, next_steps: Sequence[str]) -> Report:
    """The page of the demo."""
    sections: list[Section | None] = [_catalog(findings, seed), _search(findings, seed), _why(findings)]
    if findings.images.own_photos:
        sections.append(_twins(findings))
    sections += _trust(findings)
    sections.append(_left_out(findings))
    sections.append(
        Section("Next steps with your own photos", "\n".join(f"    {line}" for line in next_steps))
    )
    present = [section for section in sections if section is not None]
    return Report("likewise demo", _lead(findings), present, verdicts(findings), _facts(findings, seed))


def verdicts(findings: Findings) -> list[Verdict]:
    """The verdicts so far, in page order."""
    answers = [
        search_answer(findings), evidence_answer(findings), twins_answer(findings), trust_answer(findings),
        planted_answer(findings), cure_answer(findings),
    ]  # fmt: skip
    return [verdict for verdict in answers if verdict is not None]


def search_answer(findings: Findings) -> Verdict | None:
    """None if the search cannot be scored."""
    result = findings.search.result
    return None if result is None else search_verdict(findings.search.recall, result.queries, result.classes)


def evidence_answer(findings: Findings) -> Verdict | None:
    """None without masks."""
    evidence = findings.evidence
    return evidence_verdict(evidence.share, evidence.covered, evidence.images) if evidence.images else None


def twins_answer(findings: Findings) -> Verdict | None:
    """None for the samples, which have no duplicates."""
    if not findings.images.own_photos:
        return None
    twins = findings.twins
    return twins_verdict(len(twins.same), [distance for _, _, distance in twins.near], CLOSE)


def trust_answer(findings: Findings) -> Verdict | None:
    """The verdict of the demo for the samples, that of the audit for the user's photos; None without an audit."""
    if findings.trust is None:
        return None
    return (
        findings.trust.verdict()
        if findings.images.own_photos
        else trust_verdict(numbers_of(findings.trust, findings.chosen.name))
    )


def planted_answer(findings: Findings) -> Verdict | None:
    """None if no bias was planted."""
    audit = findings.biased
    return None if audit is None else planted_verdict(numbers_of(audit, "the biased model"))


def cure_answer(findings: Findings) -> Verdict | None:
    """None if BGAugment was not run."""
    if findings.biased is None or findings.cured is None:
        return None
    return cure_verdict(
        numbers_of(findings.biased, "the biased model"),
        numbers_of(findings.cured, "the model trained with BGAugment"),
    )


def _lead(findings: Findings) -> str:
    catalog = findings.search.catalog
    classes = len(class_codes(catalog)[1])
    if findings.images.own_photos:
        photos = f"{len(catalog):,} of your photos" + (f" of {classes:,} classes" if classes else "")
        return f"likewise on {photos}. {findings.chosen.words}"
    return (
        f"likewise on {len(catalog):,} rendered images of {classes} products: simple images with known masks and "
        f"known causes. {findings.chosen.words}"
    )


def _catalog(findings: Findings, seed: int) -> Section:
    catalog = findings.search.catalog
    words = f"The catalog is a table with one row per image: {len(catalog):,} images" + (
        f" of {len(class_codes(catalog)[1]):,} classes" if len(class_codes(catalog)[1]) else ""
    )
    return Section("The catalog", f"{words}.", pictures=[pictures.some_images(catalog, 14, seed)])


def _search(findings: Findings, seed: int) -> Section:
    verdict = search_answer(findings)
    words = verdict.sentence if verdict else findings.images.why_not_counted
    grid = pictures.searches(findings.search.catalog, findings.search.neighbors, seed)
    return Section("Search", words, pictures=[grid])


def _why(findings: Findings) -> Section:
    verdict = evidence_answer(findings)
    words = (
        verdict.sentence
        if verdict
        else "For every pair, likewise shows which locations make the two images similar."
    )
    return Section(
        "Why are two images similar?", words, pictures=[pictures.evidence(findings.evidence.pairs[:3])]
    )


def _twins(findings: Findings) -> Section:
    verdict, twins = twins_answer(findings), findings.twins
    examples = [*[(a, b, 0.0) for a, b in twins.same[:3]], *twins.near][:6]
    pairs = [pictures.twins(findings.search.catalog.paths, examples)] if examples else []
    return Section("Are there duplicates?", verdict.sentence if verdict else "", pictures=pairs)


def _trust(findings: Findings) -> list[Section]:
    parts = [
        ("Does the background decide?", trust_answer(findings), findings.trust),
        ("A model with a planted bias", planted_answer(findings), findings.biased),
        ("Training with replaced backgrounds", cure_answer(findings), findings.cured),
    ]
    return [_audited(title, verdict.sentence, audit) for title, verdict, audit in parts if verdict and audit]


def _audited(title: str, words: str, audit: BackgroundAudit) -> Section:
    changed = pictures.changed_results(audit, 2)
    return Section(title, words, pictures=[] if changed is None else [changed])


def _left_out(findings: Findings) -> Section | None:
    notes = [*findings.images.notes, *findings.notes]
    notes += findings.search.unread
    if not notes:
        return None
    return Section("Left out", "\n".join(f"- {markdown_literal(note)}" for note in notes))


def _facts(findings: Findings, seed: int) -> dict[str, str]:
    model = findings.chosen.model
    return provenance(
        models=[(findings.chosen.name, model.fingerprint)], catalog=findings.search.catalog, seed=seed,
        device=str(model.device),
    )  # fmt: skip
