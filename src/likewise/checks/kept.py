"""Findings of finished checks, kept until the run is done: an interrupted run continues behind the last one.

FOLDER/checks/ID-DIGEST/report.json, with the pictures beside it. The digest is of everything that decides the finding:
model, rows and files of the catalog, options, seed, version.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from likewise import __version__
from likewise.audit.parts import contents
from likewise.checks.context import CheckContext
from likewise.checks.definition import Check, Finding, Limit, Measure
from likewise.errors import InputError
from likewise.files import digest, discard_folder, write_json
from likewise.report import Report, load_report, save_report

_VALUES = "finding.json"


class KeptFindings:
    """Findings in the folder of a run; a context without ``parts`` keeps nothing."""

    def __init__(self, context: CheckContext) -> None:
        self._folder = None if context.parts is None else context.parts / "checks"
        self._context = context
        self._about = "" if self._folder is None else self._digest()

    def holds(self, check: Check) -> bool:
        """Whether an earlier run left a finding of the check."""
        folder = self._place(check)
        return folder is not None and (folder / _VALUES).is_file()

    def find(self, check: Check) -> tuple[Finding | None, float]:
        """The finding of an earlier run and its duration, or None."""
        folder = self._place(check)
        if folder is None or not (folder / _VALUES).is_file():
            return None, 0.0
        try:
            values = json.loads((folder / _VALUES).read_text(encoding="utf-8"))
            sections = load_report(folder).sections if values["sections"] else []
            return Finding(
                values["sentence"],
                {name: Measure(**measure) for name, measure in values["measures"].items()},
                {name: Limit(**limit) for name, limit in values["limits"].items()},
                sections, values["advice"], values["status"],
            ), float(values["seconds"])  # fmt: skip
        except (OSError, ValueError, TypeError, KeyError, InputError):  # damaged: measured again
            discard_folder(folder)
            return None, 0.0

    def keep(self, check: Check, finding: Finding, seconds: float) -> None:
        """Store a finding, whole or not at all."""
        folder = self._place(check)
        if folder is None:
            return
        if finding.evidence:
            save_report(Report(check.id, sections=finding.evidence), folder)
        values: dict[str, Any] = {
            "sentence": finding.sentence, "advice": finding.advice, "status": finding.status,
            "measures": {name: asdict(measure) for name, measure in finding.measures.items()},
            "limits": {name: asdict(limit) for name, limit in finding.limits.items()},
            "sections": len(finding.evidence), "seconds": seconds,
        }  # fmt: skip
        write_json(folder / _VALUES, values)

    def _place(self, check: Check) -> Path | None:
        return None if self._folder is None else self._folder / f"{check.id}-{digest(check.id, self._about)}"

    def _digest(self) -> str:
        context = self._context
        return digest(
            __version__, context.model.fingerprint, context.catalog.fingerprint, contents(context.catalog.paths),
            contents(context.catalog.mask_paths), str(context.options), str(context.seed), str(context.tolerate),
            str(context.reference_key),
        )  # fmt: skip
