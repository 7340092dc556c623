"""Checks: one command, any model, one verdict on its similarity. See :func:`likewise.check`.

A check is a small registered question. It measures values with intervals, which are judged by reference levels, by
limits that follow from the question, or by a profile. Own checks are registered with :func:`register`, or by entry
points of the group ``likewise.checks``.
"""

from likewise.checks.context import CheckContext, CheckOptions, Labelled
from likewise.checks.definition import GROUPS, Check, Finding, Limit, Measure, judged
from likewise.checks.embedding_cache import EmbeddingCache
from likewise.checks.profile import Profile, ProfileLimit, read_profile
from likewise.checks.reference import read_reference
from likewise.checks.registry import get, names, register, select
from likewise.checks.result import CheckResult, CheckRun
from likewise.checks.run import check, run_checks

__all__ = [
    "GROUPS",
    "Check",
    "CheckContext",
    "CheckOptions",
    "CheckResult",
    "CheckRun",
    "EmbeddingCache",
    "Finding",
    "Labelled",
    "Limit",
    "Measure",
    "Profile",
    "ProfileLimit",
    "check",
    "get",
    "judged",
    "names",
    "read_profile",
    "read_reference",
    "register",
    "run_checks",
    "select",
]
