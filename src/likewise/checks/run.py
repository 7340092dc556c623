"""``likewise.check``: run every check that applies, and judge the results."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from likewise.arguments import checked
from likewise.audit.property_influence.audit import expectations
from likewise.bounds import Count, InnerShare, Positive, Seed, Share
from likewise.checks.advice import followed
from likewise.checks.budget import expected_passes, expected_s, planned
from likewise.checks.context import CheckContext, CheckOptions
from likewise.checks.definition import Check, Finding, Status, judged
from likewise.checks.embedding_cache import EmbeddingCache
from likewise.checks.kept import KeptFindings
from likewise.checks.levels import reference_limit
from likewise.checks.profile import Profile, read_profile
from likewise.checks.reference import images_digest, require_same_images
from likewise.checks.registry import select
from likewise.checks.result import SEVERITY, CheckResult, CheckRun
from likewise.data import Catalog
from likewise.data.folder_scan import photo_files
from likewise.errors import (
    CatalogError,
    EmbeddingError,
    FingerprintError,
    InputError,
    LikewiseError,
    WorkError,
    choices,
)
from likewise.extensions import what_happened
from likewise.files import discard_folder
from likewise.models import Embeddings, SimilarityModel
from likewise.models.embedding_job import nothing_embedded
from likewise.models.external.vectors_file import StoredVectors
from likewise.progress import progress_bar


@checked
def check(
    model: SimilarityModel | Embeddings,
    catalog: Catalog,
    *,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    profile: Profile | Path | str | None = None,
    backgrounds: Path | str | None = None,
    exact_masks: bool | None = None,
    should_matter: Sequence[str] = (),
    should_not_matter: Sequence[str] = (),
    false_match_rate: InnerShare | None = None,
    tolerate: Share | None = None,
    budget_s: Positive | None = None,
    seed: Seed = 0,
    batch_size: Count = 64,
    progress: bool = False,
    parts: Path | None = None,
    words: Mapping[str, str] | None = None,
    reference: Mapping[str, Any] | SimilarityModel | None = None,
) -> CheckRun:
    """Run every check that applies to a model and its images.

    Args:
        model: Any model, or its embeddings of the catalog.
        catalog: Images.
        only: Ids or groups of the checks to run; empty runs all.
        skip: Ids or groups to leave out.
        profile: User-defined limits, or their YAML file.
        backgrounds: Folder of photos without an object.
        exact_masks: Whether the masks are exact. None: checked unless the catalog says so (``mask_status``).
        should_matter: Columns that should steer the embedding.
        should_not_matter: Columns that should not.
        false_match_rate: Target share of pairs of different classes that count as the same.
        tolerate: Share of unusable images that is tolerated, 0 to 1; None: 0.01.
        budget_s: Time limit in seconds; checks that do not fit are left out and named.
        seed: Seed of all random choices.
        batch_size: Images per forward pass.
        progress: Show bars on stderr.
        parts: Folder of finished checks, from which an interrupted run resumes. None: none is kept.
        words: Replacements for MODEL and CATALOG in the commands of advice.
        reference: Earlier result (:func:`likewise.checks.read_reference`) or another model to compare with.

    Returns:
        One result per check. A check that crashes does not end the run.

    Raises:
        ConfigError: An unknown check, column or option, or a column that should and should not matter.
        InputError: ``parts`` cannot be written, no stored vector belongs to an image of the catalog, or the reference
            is a check of other images.
        WorkError: No image can be embedded, or the disk is full.
    """
    if isinstance(reference, Mapping):
        require_same_images(reference, catalog)
    limits = (
        Profile() if profile is None else profile if isinstance(profile, Profile) else read_profile(profile)
    )
    chosen = select([*only, *limits.only], [*skip, *limits.skip])
    options = CheckOptions(
        backgrounds=None if backgrounds is None else Path(backgrounds),
        masks_exact=exact_masks,
        should_matter=[*should_matter, *limits.should_matter],
        should_not_matter=[*should_not_matter, *limits.should_not_matter],
        false_match_rate=limits.false_match_rate if false_match_rate is None else false_match_rate,
    )
    _check_columns(catalog, list(expectations(options.should_matter, options.should_not_matter)))
    if options.backgrounds is not None:
        photo_files(options.backgrounds)
    if isinstance(model, Embeddings):
        model = StoredVectors(model, "embeddings", catalog.root)
    stored = None if parts is None else parts / "embeddings"
    context = CheckContext(
        model, catalog, options, EmbeddingCache(stored, batch_size=batch_size, progress=progress), seed, batch_size,
        reference=reference, parts=parts, tolerate=_first(tolerate, limits.tolerate, 0.01),
        words={"TABLE": "CATALOG", **(words or {})}, progress=progress,
    )  # fmt: skip
    return run_checks(context, chosen, limits, budget_s=budget_s)


def run_checks(
    context: CheckContext,
    checks: Iterable[Check],
    profile: Profile,
    *,
    budget_s: float | None = None,
) -> CheckRun:
    """Run checks one after the other and judge them.

    Raises:
        WorkError: No image can be embedded.
    """
    begin, checks = time.monotonic(), list(checks)
    if not len(context.embeddings):
        raise nothing_embedded(context.embeddings.failures)
    findings = KeptFindings(context)
    finished = {check.id for check in checks if findings.holds(check)}
    per_image_s = context.cache.seconds_per_image(
        context.model, context.catalog, measure=budget_s is not None
    )
    embedding_s = per_image_s * len(context.catalog)
    spent_s = time.monotonic() - begin
    chosen, left_out = planned(checks, context, embedding_s, budget_s, spent_s=spent_s, finished=finished)
    idle = {*left_out, *finished}
    costs = [0.0 if check.id in idle else expected_s(check, context, embedding_s) for check in chosen]
    passes = [0.0 if check.id in idle else expected_passes(check, context) for check in chosen]
    results = []
    with progress_bar("checks", len(chosen), enabled=context.progress, costs=costs, passes=passes) as bar:
        for check in chosen:
            bar.note(check.id)
            results.append(_result(check, context, profile, findings, left_out.get(check.id, "")))
            bar.advance()
    notes = list(left_out.values())
    return CheckRun(
        context.model.name, context.model.fingerprint, len(context.catalog), results, context.embeddings.failures,
        context.tolerate, context.seed, time.monotonic() - begin, notes, images_digest(context.catalog),
    )  # fmt: skip


def _result(
    check: Check, context: CheckContext, profile: Profile, findings: KeptFindings, left_out: str
) -> CheckResult:
    reason = context.why_not(check.needs) or left_out
    if reason:
        return _unmeasured(check, "not_applicable", followed(reason, context.words))
    begin = time.monotonic()
    try:
        finding, seconds = findings.find(check)
        if finding is None:
            finding, seconds = _measured(check, context), 0.0
            if not isinstance(finding, Finding):
                raise WorkError(f"It returned a {type(finding).__name__}: return a likewise.checks.Finding.")
            seconds = time.monotonic() - begin
            findings.keep(check, finding, seconds)
    except (WorkError, EmbeddingError) as error:
        return _unmeasured(check, "could_not_run", str(error))
    except InputError as error:  # the images do not allow it
        return _unmeasured(check, "not_applicable", str(error))
    except LikewiseError:  # stopped by the user
        raise
    except Exception as error:  # a check of a user may raise anything, and one check must not end the others
        return _unmeasured(check, "could_not_run", f"It failed: {what_happened(error)}")
    result = judge(check, finding, profile, seconds)
    return replace(
        result,
        sentence=followed(result.sentence, context.words),
        advice=followed(result.advice, context.words),
    )


def _measured(check: Check, context: CheckContext) -> Any:
    try:
        return check.measure(context)
    except FingerprintError:
        if context.parts is None:
            raise
        # An interrupted run of another model, or of other images, left measurements that are of no use.
        discard_folder(context.parts / "audits")
        return check.measure(context)


def judge(check: Check, finding: Finding, profile: Profile, seconds: float = 0.0) -> CheckResult:
    """The result of a finding: each measure under its limit from the profile, the check, or the reference levels."""
    judgeable = [name for name, measure in finding.measures.items() if measure.better != "neither"]
    profile_limits = {name: limit for name in judgeable if (limit := profile.limit(check.id, name))}
    limits = {
        name: limit for name, measure in finding.measures.items()
        if (limit := profile_limits.get(name) or finding.limits.get(name) or reference_limit(check.id, name, measure))
    }  # fmt: skip
    statuses = {judged(finding.measures[name], limit) for name, limit in limits.items()}
    worst: Status = next((each for each in SEVERITY if each in statuses), "pass")
    # Limits of a profile come before the decision of a test, but they cannot judge what was not measured.
    status = worst if profile_limits or finding.status is None else finding.status
    advised = status in ("warn", "fail") or (status == "not_applicable" == finding.status)
    sentence, advice = finding.sentence, finding.advice if advised else ""
    idle = [
        name for name in profile.limits.get(check.id, ()) if finding.measures and name not in profile_limits
    ]
    if idle:
        why = "neither side of it is bad; " if idle[0] in finding.measures else ""
        sentence += f" The profile's limit of {idle[0]!r} judges nothing: {why}{choices(idle[0], judgeable)}"
        advice = advice or "Correct the profile; `--json` lists all measures: " + (
            f"`likewise check MODEL CATALOG --only {check.id} --json`"
        )
        status = next(each for each in SEVERITY if each in (status, "warn"))
    return CheckResult(
        check.id, check.group, check.question, status, sentence, finding.measures, limits, advice,
        finding.evidence, seconds,
    )  # fmt: skip


def _check_columns(catalog: Catalog, columns: Sequence[str]) -> None:
    existing = [str(name) for name in catalog.table if name not in ("path", "mask", "split")]
    for name in columns:
        if name not in existing:
            raise CatalogError(f"The catalog has no column '{name}': {choices(name, existing)}")


def _unmeasured(check: Check, status: Status, reason: str) -> CheckResult:
    return CheckResult(check.id, check.group, check.question, status, reason)


def _first(*values: Any) -> Any:
    return next(value for value in values if value is not None)
