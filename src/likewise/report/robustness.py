"""Page of the robustness audit."""

from likewise.audit.robustness_to_changes.changes import CHANGES
from likewise.audit.robustness_to_changes.result import RobustnessAudit
from likewise.report.charts import bars
from likewise.report.sections import Section
from likewise.results import percent


def sections(audit: RobustnessAudit) -> list[Section]:
    """The recall per change and strength as a chart and a table."""
    names = list(dict.fromkeys(effect.change for effect in audit.effects))
    words = (
        "Changed photos are searched among the unchanged ones, each without its original. Unchanged, the first hit is "
        f"of the right class in {percent(audit.recall, 1)} of the searches. **distance / usual** compares the way "
        "from a photo to its changed copy with the usual distance between two images of a class: from 1 on, the "
        "change counts as much as another object. Strengths: "
        + "; ".join(f"{name}: {CHANGES[name].meaning}" for name in names)
        + "."
    )
    series = {
        label: [audit.of(name)[min(level, len(audit.of(name)) - 1)].recall for name in names]
        for level, label in enumerate(("mild", "medium", "strong"))
    }
    chart = bars(names, series, value_label="recall@1", percent=True)
    return [Section("Does the search work on changed photos?", words, audit.table, charts=[chart])]
