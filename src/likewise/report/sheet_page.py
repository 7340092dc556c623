"""A page of search results: one collapsed section per query, with captioned hits."""

from collections.abc import Mapping, Sequence

from likewise.arguments import checked
from likewise.drawing.grid import Grid
from likewise.errors import InputError
from likewise.report.report import Report
from likewise.report.sections import Section

_OPEN_UP_TO = 8  # queries that are expanded initially


@checked
def sheet_page(
    title: str,
    grids: Sequence[tuple[str, Grid]],
    *,
    lead: str = "",
    facts: Mapping[str, str] | None = None,
    noun: str = "queries",
) -> Report:
    """The report of one or more searches; save it as ``.html``.

    Args:
        title: Heading of the page.
        grids: Name and images of each query, in display order. With many queries each one is collapsed until
            it is opened.
        lead: One paragraph (Markdown) above them.
        facts: Origin of the results (see :func:`likewise.report.provenance`).
        noun: Plural of what ``grids`` show.

    Raises:
        InputError: No query.

    Example:
        ``sheet_page("Search in birds.index", [("unknown.jpg", search_grid([searched]))]).save("answer.html")``
    """
    if not grids:
        raise InputError("A page of searches needs at least one query; got none.")
    if len(grids) <= _OPEN_UP_TO:
        sections = [Section(name, pictures=[grid]) for name, grid in grids]
    else:
        parts = [
            Section(name, pictures=[grid], folded=number > 0) for number, (name, grid) in enumerate(grids)
        ]
        sections = [Section(f"{len(grids):,} {noun}", parts=parts)]
    return Report(title, lead, sections, facts=facts or {})
