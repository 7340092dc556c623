"""``likewise check``: every check of a model and its images, one verdict, one exit code."""

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from likewise.cli.audit_results import FAILING, check_fail_on, facts_of
from likewise.cli.catalogs import read_catalog
from likewise.cli.completion import complete_model
from likewise.cli.console import print_json, print_table, print_text, say, written_after
from likewise.cli.named_models import named_model
from likewise.cli.opening import argument_words
from likewise.cli.option_checks import input_file
from likewise.cli.options import (
    AsJson,
    Backgrounds,
    BatchSize,
    Device,
    ExactMasks,
    FailOn,
    Page,
    Prepared,
    Root,
    Seed,
    ShouldMatter,
    ShouldNotMatter,
    Split,
    Weights,
)
from likewise.cli.output_checks import check_file, check_report
from likewise.cli.trained_on import trained_on_json, warn_trained_on
from likewise.errors import CROSSED, WRONG_INPUT, ConfigError, InputError
from likewise.files import discard_folder, parts_folder, write_text

if TYPE_CHECKING:
    from likewise.checks import CheckRun
    from likewise.data import Catalog

_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600}
_ENDINGS = {"junit": ".xml", "summary": ".md", "badge": ".svg"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(check)


def check(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL",
            help="A model, or a file of vectors with ids (.npz, .npy or .parquet).",
            autocompletion=complete_model,
        ),
    ] = None,
    catalog: Annotated[
        Path | None, typer.Argument(metavar="CATALOG", help="Catalog or folder of images, with labels.")
    ] = None,
    *,
    show: Annotated[
        bool, typer.Option("--list", help="List all checks and what they need, and exit.")
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="ID|GROUP", help="Check or group of checks to run. Repeatable. Default: all."),
    ] = None,
    skip: Annotated[
        list[str] | None,
        typer.Option(metavar="ID|GROUP", help="Check or group of checks to leave out. Repeatable."),
    ] = None,
    out: Page = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="JUnit file to write (.xml).")] = None,
    summary: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Markdown summary to write (.md).")
    ] = None,
    badge: Annotated[Path | None, typer.Option(metavar="FILE", help="Badge to write (.svg).")] = None,
    annotations: Annotated[
        bool, typer.Option("--annotations", help="Print annotations for GitHub Actions instead of a table.")
    ] = False,
    profile: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            callback=input_file("profile"),
            help="Limits and choice of checks as YAML; see the documentation.",
        ),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="RUN.json|MODEL", help="Earlier result (`check --json`) or another model to compare with."
        ),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Time for all checks, such as 90s, 10m or 2h. The rest is left out."
        ),
    ] = None,
    tolerate: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of unusable images that is tolerated, 0 to 1. Default: 0.01."),
    ] = None,
    should_matter: ShouldMatter = None,
    should_not_matter: ShouldNotMatter = None,
    backgrounds: Backgrounds = None,
    exact_masks: ExactMasks = None,
    split: Split = None,
    root: Root = None,
    weights: Weights = None,
    preprocessing: Prepared = None,
    device: Device = None,
    batch_size: BatchSize = 64,
    seed: Seed = 0,
    fail_on: FailOn = None,
    as_json: AsJson = False,
) -> None:
    """Check whether the similarity of a model can be trusted, what is wrong, and what to change.

    Runs every check that applies and says why the others do not. Exit code 1 if a check fails, 3 if one could not run.
    If interrupted, rerun the same command to resume (with a file to write).

    Example: `likewise check runs/birds birds.parquet --split test --out check.html --junit check.xml`
    """
    if show:
        _list(as_json)
        return
    if model is None or catalog is None:
        raise ConfigError("Give MODEL and CATALOG, or list the checks with --list.")
    files = {"junit": junit, "summary": summary, "badge": badge}
    check_report(out)
    for name, file in files.items():
        check_file(f"--{name}", file, (_ENDINGS[name],))
    check_fail_on(fail_on)
    if annotations and as_json:
        raise ConfigError("Standard output holds one form: give --annotations or --json.")
    seconds = None if budget is None else budget_seconds(budget)
    from likewise.checks import check as run_check
    from likewise.checks import read_profile, select

    limits = None if profile is None else read_profile(profile)
    select(only or [], skip or [])
    whole = read_catalog(catalog, root)
    images = whole.select(split=split)
    earlier = None if reference is None else _reference(reference, device)
    loaded = named_model(model, weights, device, preprocessing)
    facts = {**warn_trained_on([loaded], images), **facts_of([loaded], images, seed)}
    target = next((file for file in (out, *files.values()) if file is not None), None)
    parts = None if target is None else parts_folder(target)
    run = run_check(
        loaded, images, only=only or [], skip=skip or [], profile=limits, backgrounds=backgrounds,
        exact_masks=exact_masks,
        reference=earlier,
        should_matter=should_matter or [], should_not_matter=should_not_matter or [], tolerate=tolerate,
        budget_s=seconds, seed=seed, batch_size=batch_size, progress=True, parts=parts,
        words={
            "MODEL": argument_words(model, {"--weights": weights, "--preprocessing": preprocessing}),
            "TABLE": _training_catalog(catalog, whole),
            "IMAGE": shlex.quote(str(images.paths[0])),
            "CATALOG": argument_words(str(catalog), {"--root": root, "--split": split}),
            **({} if backgrounds is None else {"DIR": shlex.quote(str(backgrounds))}),
        },
    )  # fmt: skip
    with written_after(lambda: _write(run, out, files, facts)):
        _print(run, facts, as_json=as_json, annotations=annotations)
    if parts is not None and not run.count("could_not_run"):
        discard_folder(parts)
    _end(run, fail_on)


def _training_catalog(path: Path, catalog: "Catalog") -> str:
    """The catalog of an advised training: a placeholder where the checked one has no images to train on."""
    trains = set(catalog.splits) <= {""} or "train" in catalog.splits
    return shlex.quote(str(path)) if trains else "TRAINING_CATALOG"


def budget_seconds(text: str) -> float:
    """Seconds of a time such as 90s, 10m or 2h.

    Raises:
        ConfigError: It has another form.

    >>> budget_seconds("1.5m")
    90.0
    """
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)(s|m|min|h)", text.strip())
    if match is None or not float(match[1]) > 0:
        raise ConfigError(f"--budget is {text!r}: write a number and a unit, such as 90s, 10m or 2h.")
    return float(match[1]) * _UNITS[match[2]]


def _reference(text: str, device: str | None) -> Any:
    from likewise.checks import read_reference
    from likewise.models import load

    return read_reference(Path(text)) if text.endswith(".json") else load(text, None, device)


def _list(as_json: bool) -> None:
    from likewise.checks import get, names
    from likewise.checks.definition import NEEDS

    checks = [get(name) for name in names()]
    if as_json:
        print_json([
            {"id": each.id, "group": each.group, "question": each.question, "needs": list(each.needs),
             "cost": each.cost}
            for each in checks
        ])  # fmt: skip
        return
    rows = [
        [each.id, each.question, ", ".join(NEEDS[need] for need in each.needs), each.cost] for each in checks
    ]
    print_table(["check", "question", "needs", "cost"], rows)


def _write(run: "CheckRun", out: Path | None, files: dict[str, Path | None], facts: dict[str, str]) -> None:
    from likewise.checks.forms import FORMS
    from likewise.checks.page import report_of
    from likewise.report import save_report

    if out is not None:
        report = report_of(run, facts)
        if out.suffix:
            report.save(out)
        else:
            save_report(report, out)
        say(f"Report: {out}")
    for name, file in files.items():
        if file is not None:
            write_text(file, FORMS[name](run))


def _print(run: "CheckRun", facts: dict[str, str], *, as_json: bool, annotations: bool) -> None:
    from likewise.checks.definition import GROUPS
    from likewise.checks.forms import github_annotations
    from likewise.checks.page import grade_words, plain, text_rows

    if as_json:
        print_json({**run.to_dict(), **trained_on_json(facts)})
        return
    if annotations:
        print_text(github_annotations(run))
        return
    print_text(f"{run.headline}\n")
    print_table(["group", "grade"], [[GROUPS[group], grade_words(run, group)] for group in run.groups])
    if run.actions:
        print_text("\nWhat to do first")
        for place, action in enumerate(run.actions, 1):
            print_text(f"{place}. {plain(action.advice)}")
    print_text("")
    print_table(["check", "status", "result"], text_rows(run.results))


def _end(run: "CheckRun", fail_on: str | None) -> None:
    """End with the exit code of the run."""
    from likewise.checks.page import plain
    from likewise.checks.result import LEVELS
    from likewise.jobs import failures_table
    from likewise.results import percent

    for note in run.notes:
        say(note.replace("`", ""))
    if run.failures:
        columns, rows = failures_table(run.failures)
        for row in [columns, *rows]:
            say("  ".join(row))
    if run.too_many_failures:
        share = len(run.failures) / run.images
        say(
            f"{percent(share)} of the images cannot be used, and {percent(run.tolerate)} are tolerated "
            "(--tolerate)."
        )
    code = run.exit_code
    if code == WRONG_INPUT:
        raise InputError(f"None of the {len(run.results)} checks applies: {plain(run.results[0].sentence)}")
    if code == 0 and fail_on is not None:
        crossed = [result for result in run.results if LEVELS[result.status] in FAILING[fail_on]]
        code = CROSSED if crossed else code
    if code:
        raise typer.Exit(code)
