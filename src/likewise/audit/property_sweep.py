"""Which properties steer the losses of a sweep: the paper's comparison, over folds."""

from pathlib import Path
from typing import Any

from likewise.audit.property_audit import properties
from likewise.audit.property_comparison import PropertyComparison
from likewise.audit.sweeps import finished_trainings
from likewise.data import Catalog
from likewise.models import load
from likewise.progress import progress_bar


def properties_of_sweep(
    sweep: Path | str, catalog: Catalog, *, progress: bool = False, **options: Any
) -> PropertyComparison:
    """Audit every finished run of a sweep; folds of a loss are averaged, kinds of losses are the groups.

    Args:
        sweep: Its folder.
        catalog: Images with properties; not those of the training, or the class looks stronger than it is.
        progress: Show a bar on stderr.
        **options: Of :func:`likewise.audit.properties`; one folder ``parts`` serves all runs.

    Raises:
        ConfigError: No sweep.
        InputError: Fewer than two losses are finished, or a property cannot be used.
    """
    runs, audits = finished_trainings(sweep), []
    with progress_bar("properties", len(runs), enabled=progress) as bar:
        for run in runs:
            bar.note(f"{run.name}, {run.training}")
            audits.append(properties(load(run.folder), catalog, **options))
            bar.advance()
    return PropertyComparison(audits, [run.group for run in runs], [run.name for run in runs])
