"""Plan of the comparisons: models, several trainings of one model, and references.

A model may have been trained several times (folds, seeds). Then two models are compared training by training, as
published; and what two trainings of *one* model have in common is measured too: models that agree as much as
that differ in nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Literal, NamedTuple

from likewise.errors import ConfigError, InputError

Role = Literal["pair", "retrained", "cross_training", "reference", "summary"]


class Training(NamedTuple):
    """Position of a store among the models.

    Attributes:
        model: Name of the model; stores of one name are trainings of the same.
        training: Name of the training ("fold 0"); maps of two models are compared if it is the same.
    """

    model: str
    training: str = ""


@dataclass(frozen=True)
class Outcome:
    """One number to be measured: the mean agreement over some pairs of maps.

    Attributes:
        a: First model.
        b: Second model, or the reference.
        role: "pair": two models, the same training; "retrained": two trainings of one model; "cross_training": two
            models, different trainings; "reference": a model and maps that do not come from it; "summary": several of
            these together, ``a`` saying which.
        pairs: Rows of the maps, averaged image by image.
    """

    a: str
    b: str
    role: Role
    pairs: tuple[tuple[int, int], ...]


def trainings_of(names: Sequence[str], trainings: Mapping[str, Training] | None) -> list[Training]:
    """The training of each store.

    Raises:
        InputError: A store is missing in ``trainings``, or there are fewer than two models.
        ConfigError: Two stores are the same training of the same model.
    """
    every = [Training(name) if trainings is None else _known(name, trainings) for name in names]
    if len(set(every)) < len(every):
        twice = max(every, key=every.count)
        what = f"{twice.model!r}, {twice.training}" if twice.training else repr(twice.model)
        raise ConfigError(f"Two models are called {what}: give them different names.")
    models = {training.model for training in every}
    if len(models) < 2:
        only = f" ({next(iter(models))!r})" if models else ""
        raise InputError(f"Agreement needs at least two models, got {len(models)}{only}.")
    return every


class Reference(NamedTuple):
    """Maps that models are compared with.

    Attributes:
        name: Kind of the items.
        row: The row of maps they are compared with; None: every model's.
    """

    name: str
    row: int | None = None


def outcomes(trainings: Sequence[Training], references: Sequence[Reference]) -> list[Outcome]:
    """All outcomes to measure on the maps of ``trainings`` followed by those of ``references``."""
    rows: dict[str, list[int]] = {}
    for row, training in enumerate(trainings):
        rows.setdefault(training.model, []).append(row)
    planned = []
    for a, b in combinations(rows, 2):
        every = list(product(rows[a], rows[b]))
        same = tuple(pair for pair in every if trainings[pair[0]].training == trainings[pair[1]].training)
        other = tuple(pair for pair in every if pair not in same)
        planned.append(Outcome(a, b, "pair", same or other))
        if same and other:
            planned.append(Outcome(a, b, "cross_training", other))
    for model, mine in rows.items():
        if len(mine) > 1:
            planned.append(Outcome(model, model, "retrained", tuple(combinations(mine, 2))))
        for place, reference in enumerate(references, len(trainings)):
            compared = [row for row in mine if reference.row in {None, row}]
            if compared:
                pairs = tuple((row, place) for row in compared)
                planned.append(Outcome(model, reference.name, "reference", pairs))
    return planned


def summaries(planned: Sequence[Outcome], groups: Mapping[str, str]) -> list[Outcome]:
    """Outcomes averaged together: each role, each reference, pairs within each group, within any, and across."""
    together: dict[str, list[Outcome]] = {}
    for outcome in planned:
        together.setdefault(outcome.b if outcome.role == "reference" else outcome.role, []).append(outcome)
        if outcome.role == "pair" and outcome.a in groups and outcome.b in groups:
            same = groups[outcome.a] == groups[outcome.b]
            for name in [f"group {groups[outcome.a]}", "within"] if same else ["between"]:
                together.setdefault(name, []).append(outcome)
    return [
        Outcome(name, "", "summary", tuple(pair for member in members for pair in member.pairs))
        for name, members in together.items()
    ]


def _known(name: str, trainings: Mapping[str, Training]) -> Training:
    if name not in trainings:
        raise InputError(f"trainings does not say what {name!r} is a training of: name it.")
    return trainings[name]
