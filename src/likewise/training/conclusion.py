"""End of a training: compares untrained backbone and trained model, and selects the model of the Run."""

from collections.abc import Callable
from typing import Any

from likewise import __version__
from likewise.errors import InputError, LikewiseError
from likewise.models import SimilarityModel, load
from likewise.training.comparison import Comparison, compare
from likewise.training.decision import Decision, decide
from likewise.training.experiment import Experiment
from likewise.training.preparation import Prepared
from likewise.training.run_folder import Run
from likewise.training.run_record import write_result
from likewise.training.validation import search

_FORMAT = 1


def validation_baseline(prepared: Prepared, run: Run) -> float | None:
    """The selecting metric of the untrained backbone on the validation images; None if it is not compared."""
    settings, images = prepared.experiment, prepared.images
    if images.val is None or images.distractors is not None or settings.validation.select_on != "original":
        return None
    backbone = _backbone(prepared, run)
    if backbone is None:
        return None
    try:
        embeddings = backbone.embed(images.val, **_embedding(settings))
        if embeddings.labels is None:
            return None
        metric = settings.validation.metric
        result = search(embeddings.vectors, embeddings.labels, len(embeddings), backbone, [metric])
    except InputError:
        return None
    return result.scores()[metric]


def conclude(
    prepared: Prepared, run: Run, best_epoch: int | None, device: str, say: Callable[[str], None]
) -> None:
    """Compare, choose, and write ``run.json``.

    Args:
        prepared: The training.
        run: Its folder, which contains the trained model.
        best_epoch: The epoch whose model was the best on validation; 0 is the start, None if nothing validated.
        device: Device of the training.
        say: Called with the result.
    """
    settings = prepared.experiment
    result: dict[str, Any] = {
        "format": _FORMAT, "likewise": __version__, "best_epoch": best_epoch, "metric": settings.validation.metric,
        "notes": prepared.notes, "device": device,
    }  # fmt: skip
    backbone = _backbone(prepared, run) if settings.validation.compare else None
    if best_epoch == 0:
        say(
            f"No epoch was better than the start ({_start_words(settings)}); the model of the start is taken."
        )
    if backbone is None:
        headline = (
            "the trained model was not compared with its untrained backbone (validation.compare is false)"
            if not settings.validation.compare
            else "the untrained backbone is no longer available, so the trained model was not compared with it"
        )
        write_result(run.folder, result | {"kept": "trained", "helped": None, "headline": headline, "advice": "",
                                           "scores": []})  # fmt: skip
        _log_if_asked(settings, headline, say)
        return
    trained = run.trained_model().to(_device(settings))
    comparison = compare(
        backbone, trained, prepared.images, metric=settings.validation.metric, seed=settings.seed,
        embedding=_embedding(settings),
    )  # fmt: skip
    decision = _decision(settings, comparison, len(prepared.data.trained_on.classes))
    if decision.kept == "backbone":
        run.put_aside()
        backbone.name = f"{settings.name} (untrained backbone)"
        backbone.save(run.folder, overwrite=True)
    write_result(run.folder, result | decision.to_dict() | {"scores": comparison.to_dict()})
    say(decision.headline[0].upper() + decision.headline[1:] + ".")
    if decision.advice:
        say(decision.advice[0].upper() + decision.advice[1:] + ".")


def _decision(settings: Experiment, comparison: Comparison, training_classes: int) -> Decision:
    # Selected on replaced backgrounds, the score on original photos is not the only criterion.
    always = settings.validation.keep == "trained" or settings.validation.select_on != "original"
    return decide(
        comparison.of("validation"), comparison.of("unseen"), always_trained=always,
        training_classes=training_classes,
    )  # fmt: skip


def _backbone(prepared: Prepared, run: Run) -> SimilarityModel | None:
    device = _device(prepared.experiment)
    if prepared.backbone is not None:
        return prepared.backbone.to(device)
    try:
        return load(str(run.backbone), device=device)
    except LikewiseError:
        return None


def _device(settings: Experiment) -> str | None:
    return "cpu" if settings.trainer.accelerator == "cpu" else None


def _embedding(settings: Experiment) -> dict[str, Any]:
    return {"num_workers": settings.trainer.num_workers}


def _start_words(settings: Experiment) -> str:
    return {
        "whitened": "the backbone with a head whitened on the training classes",
        "pca": "the backbone cut to its principal components",
        "random": "the backbone with a random head"
        if settings.model.dim is not None
        else "the backbone alone",
    }[settings.start.head]


def _log_if_asked(settings: Experiment, headline: str, say: Callable[[str], None]) -> None:
    if settings.validation.compare:
        say(headline[0].upper() + headline[1:] + ".")
