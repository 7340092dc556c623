"""Run the demo: index, search, why, and whether the model can be trusted; then one page."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from likewise.audit import BackgroundAudit, background
from likewise.data import Catalog
from likewise.data.background_folder import write_backgrounds
from likewise.data.conditions import Condition
from likewise.demo.backbones import Chosen, choose
from likewise.demo.classes import class_codes
from likewise.demo.inputs import demo_images
from likewise.demo.page import (
    Findings,
    cure_answer,
    demo_report,
    numbers_of,
    planted_answer,
    trust_answer,
    verdicts,
)
from likewise.demo.planted import plant
from likewise.demo.searching import explain_some, find_twins, search_all
from likewise.demo.trainings import BIASED, CURED, train_from, train_on_own
from likewise.errors import LikewiseError
from likewise.files import free_path, write_json
from likewise.models import SimilarityModel
from likewise.report import Report
from likewise.results import Verdict

Say = Callable[[str], None]

EPOCHS = 8
_REPEATS = 2
# With exact masks the demo does not need the other two conditions.
_CONDITIONS: tuple[Condition, ...] = ("original", "replaced")
_PAIRS = 6


@dataclass(frozen=True)
class DemoResult:
    """Result of the demo.

    Attributes:
        page: The HTML page.
        report: Content of the page.
        findings: All measurements.
        next_steps: Commands to go on with.
    """

    page: Path
    report: Report
    findings: Findings
    next_steps: list[str]

    def to_dict(self) -> dict[str, Any]:
        """The numbers, for JSON."""
        findings = self.findings
        audits = {"model": findings.trust, "biased": findings.biased, "cured": findings.cured}
        measured = {
            name: vars(numbers_of(audit, audit.model)) for name, audit in audits.items() if audit is not None
        }
        recall = findings.search.recall
        return {
            "page": str(self.page),
            "network": findings.chosen.name,
            "images": len(findings.search.catalog),
            "classes": len(class_codes(findings.search.catalog)[1]),
            "recall@1": None if math.isnan(recall) else recall,
            "same_photos": len(findings.twins.same),
            "background": measured,
            "notes": [*findings.images.notes, *findings.notes],
            "failures": [{"id": each.id, "reason": each.reason} for each in findings.search.failures],
            "next": self.next_steps,
        }


def run_demo(
    data: Path | None,
    out: Path,
    *,
    weights: Path | None = None,
    train: bool = False,
    epochs: int = EPOCHS,
    seed: int = 0,
    say: Say = print,
) -> DemoResult:
    """Run every step; finished trainings in ``out`` are not repeated.

    Args:
        data: A folder of photos or a catalog file; None takes the rendered samples.
        out: Folder for everything the demo makes.
        weights: A file of EfficientNet-Lite0 to search with; see :func:`likewise.demo.backbones.choose`.
        train: Also train on the user's photos. Models are always trained on the samples, with the planted bias.
        epochs: Epochs of each training.
        seed: Seed of all random choices.
        say: Called with each line of progress.

    Raises:
        InputError: The data is not there, fewer than two images can be read, or ``out`` cannot be written.
        CatalogError: The catalog cannot be read.
        ModelError: The weights are of another network.
    """
    images = demo_images(data, seed)
    for note in images.notes:
        say(note)
    chosen = choose(weights, own_photos=images.own_photos)
    say(chosen.words)
    say(f"Index and search: {len(images.catalog):,} images")
    search = search_all(chosen, images.catalog, out / "index", counted=images.labelled, progress=True)
    for note in search.unread:
        say(note)
    say("Why are two images similar?")
    twins, evidence = find_twins(search, _PAIRS), explain_some(chosen, search, seed)
    findings = Findings(images, chosen, search, twins, evidence)
    for verdict in verdicts(findings):
        _tell(verdict, say)
    if images.own_photos:
        _own_trust(findings, out, seed, say)
        if train:
            say("Training on your photos")
            folder = out / "runs" / "own"
            findings.notes.append(train_on_own(chosen.model, search.catalog, folder, epochs, seed))
    else:
        _planted_trust(findings, out, epochs, seed, say)
    steps = next_steps(data, out, chosen)
    report = demo_report(findings, seed, steps)
    page = out / "index.html"
    report.save(page)
    result = DemoResult(page, report, findings, steps)
    write_json(out / "scores.json", result.to_dict())
    return result


def _planted_trust(findings: Findings, out: Path, epochs: int, seed: int, say: Say) -> None:
    """Audit the network, a model with a planted bias, and one trained with BGAugment, on the same images."""
    file, elsewhere = plant(findings.images.catalog, out, seed)
    test = Catalog.read(file).select(split="test")
    say("Does the background decide? An audit")
    findings.trust = _audit(findings.chosen.model, test, elsewhere, seed)
    _tell(trust_answer(findings), say)
    say("A model with a planted bias: every product has its own background in the training images")
    run = train_from(
        findings.chosen.model, file, out / "runs" / "base", epochs=epochs, seed=seed, changes=BIASED
    )
    findings.biased = _audit(run.model(), test, elsewhere, seed)
    _tell(planted_answer(findings), say)
    say("Training with replaced backgrounds (BGAugment)")
    run = train_from(
        findings.chosen.model, file, out / "runs" / "bgaugment", epochs=epochs, seed=seed, changes=CURED
    )
    findings.cured = _audit(run.model(), test, elsewhere, seed)
    _tell(cure_answer(findings), say)


def _tell(verdict: Verdict | None, say: Say) -> None:
    if verdict is not None:
        say(f"  {verdict.headline} {verdict.number}".rstrip())


def _own_trust(findings: Findings, out: Path, seed: int, say: Say) -> None:
    """The background audit if there are masks and labels; otherwise a note about what is missing."""
    images = findings.images
    if not images.labelled:
        findings.notes.append(f"{images.why_not_counted} The background audit needs this, too.")
    elif not images.masked:
        findings.notes.append(
            "The background audit needs masks of the objects: make them with `likewise masks`, and give the demo the "
            "catalog that it writes."
        )
    else:
        say("Does the background decide? An audit")
        try:
            pictures = write_backgrounds(images.catalog, out / "backgrounds", seed=seed)
            findings.trust = _audit(findings.chosen.model, findings.search.catalog, pictures, seed)
            _tell(trust_answer(findings), say)
        except LikewiseError as error:
            findings.notes.append(f"The background could not be audited. {error}")


def _audit(model: SimilarityModel, catalog: Catalog, backgrounds: Path, seed: int) -> BackgroundAudit:
    return background(
        model,
        catalog,
        backgrounds,
        _REPEATS,
        conditions=_CONDITIONS,
        attention_images=0,
        seed=seed,
        num_workers=0,
    )


def next_steps(data: Path | None, out: Path, chosen: Chosen) -> list[str]:
    """Next commands for the user's photos."""
    folder = "PHOTOS" if data is None else shlex.quote(str(data))
    index = shlex.quote(str(free_path(out / "my.index")))
    return [
        f"likewise index build {chosen.name} {folder} --out {index}{chosen.options}",
        f"likewise search {index} query.jpg",
        f"likewise eval {chosen.name} {folder}{chosen.options}",
    ]
