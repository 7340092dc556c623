"""Render a set from a user's options: subject, preset, models, backdrop photos, number of images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from likewise.data import Failure
from likewise.errors import ConfigError, InputError
from likewise.scenes.articles import article_name
from likewise.scenes.blender_process import find_interpreter
from likewise.scenes.models import find_models, photo_files, readable_models, ready_photos
from likewise.scenes.presets import PAPER_COUNT, SAMPLES_COUNT, Subject, plan_for
from likewise.scenes.render_job import Rendered, check_target, render

DEFAULT_COUNT = 1000


def render_set(
    what: str,
    out: Path | str,
    *,
    count: int | None = None,
    preset: str | None = None,
    workers: int = 0,
    blender_python: Path | str | None = None,
    classes: Sequence[str] | None = None,
    articles: int | None = None,
    surfaces: Sequence[str] | None = None,
    backgrounds: Path | str | None = None,
    held: Mapping[str, str] | None = None,
    progress: bool = True,
    **settings: Any,
) -> tuple[Rendered, list[Failure]]:
    """Render ``cars``, ``products``, ``articles`` or the models of a folder.

    Everything is checked before the first image: options, target folder, Blender, model and photo files.

    Args:
        what: ``cars``, ``products`` or a folder of models.
        out: The catalog to write.
        count: Number of images; None takes the preset's.
        preset: ``paper`` or ``samples``.
        workers: Renderers at the same time.
        blender_python: The Python that has bpy.
        classes: Labels to show.
        articles: Number of randomly drawn classes, instead of ``classes``.
        surfaces: Names or families of surfaces behind the products.
        backgrounds: Folder of photos, instead of surfaces.
        held: Properties with one value for all images.
        progress: Show a bar on stderr.
        settings: Fields of :class:`RenderPlan`.

    Returns:
        The rendered set, and skipped model and photo files.

    Raises:
        InputError: An option is impossible; nothing was rendered.
    """
    subject = _subject(what)
    if count is None:
        count = {"paper": PAPER_COUNT, "samples": SAMPLES_COUNT}.get(preset or "", DEFAULT_COUNT)
    if count < 1:
        raise ConfigError(f"--count must be 1 or more, got {count}.")
    if workers < 0:
        raise ConfigError(f"--workers must be 0 or more, got {workers}.")
    if articles is not None:
        classes = _article_names(subject, articles, classes)
    models = find_models(what) if subject == "models" else {}
    chosen = list(classes or models)
    _check_names(chosen, models)
    if surfaces and backgrounds is not None:
        raise ConfigError("--surface and --backgrounds exclude each other: leave one of them out.")
    names = list(surfaces) if surfaces else None
    choices = {"preset": preset, "held": held, **settings}
    if backgrounds is not None:
        choices["photo_names"] = tuple(path.name for path in photo_files(backgrounds))
        choices["photos"] = True
    # A first plan, so that wrong options are reported before files are read and Blender is started.
    plan_for(subject, classes=chosen or None, backgrounds=names, **choices)
    interpreter = find_interpreter(blender_python)  # before anything is written
    folder = check_target(out)
    sources: dict[str, Path] = {}
    skipped: list[Failure] = []
    if models:
        usable, skipped = readable_models({name: models[name] for name in chosen}, interpreter)
        chosen, sources = list(usable), usable
    if backgrounds is not None:
        ready, unreadable = ready_photos(backgrounds, folder / ".photos")
        sources, skipped = sources | ready, skipped + unreadable
        choices["photo_names"] = tuple(ready)
    plan = plan_for(subject, classes=chosen or None, backgrounds=names, **choices)
    rendered = render(
        plan, count, out, workers=workers, blender_python=interpreter, sources=sources, progress=progress
    )
    return rendered, skipped


def _subject(what: str) -> Subject:
    for subject in ("cars", "products", "articles"):
        if what == subject:
            return subject
    if Path(what).is_dir():
        return "models"
    raise InputError(
        f"Cannot render {what!r}: say cars, products or articles, or give a folder of 3-D models."
    )


def _check_names(chosen: Sequence[str], models: Mapping[str, Path]) -> None:
    if models:
        unknown = [name for name in chosen if name not in models]
        if unknown:
            raise ConfigError(
                f"There is no model {unknown[0]!r} in the folder: it contains {', '.join(models)}."
            )


def _article_names(subject: Subject, articles: int, classes: Sequence[str] | None) -> list[str]:
    if subject != "articles" or classes:
        raise ConfigError("--articles sets the number of classes of `render articles`: leave it out here.")
    if articles < 1:
        raise ConfigError(f"--articles must be 1 or more, got {articles}.")
    return [article_name(number) for number in range(articles)]
