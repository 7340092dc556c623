"""Facts at the end of a sweep's page, and the verdict of epochs that only reach the start."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from likewise.training import sweep_results
from likewise.training.run_verdict import verdict_of_epochs


@pytest.mark.parametrize(("devices", "device"), [(["cuda", "cpu"], "cpu, cuda"), (["", ""], "auto")])
def test_facts_are_those_of_the_finished_runs(
    monkeypatch: pytest.MonkeyPatch, devices: list[str], device: str
) -> None:
    of_folder = {Path("a"): devices[0], Path("b"): devices[1]}
    read: list[Path] = []

    def data(folder: Path) -> Any:
        read.append(folder)
        return SimpleNamespace(trained_on=SimpleNamespace(fingerprint="c1"))

    monkeypatch.setattr(sweep_results, "read_result", lambda folder: {"device": of_folder[folder]})
    monkeypatch.setattr(sweep_results, "RunData", SimpleNamespace(read=data))
    trainer = SimpleNamespace(trainer=SimpleNamespace(accelerator="auto"))
    members: Any = [
        SimpleNamespace(folder=Path(folder), loss=loss, sweep_seed=7, experiment=trainer)
        for folder, loss in (("a", sweep_results.UNTRAINED), ("b", "triplet"))
    ]
    facts = sweep_results._facts("mine", members, 1200, ["f1", "f2"])
    other = sweep_results._facts("mine", members, 1200, ["f1", "f3"])
    text = str(facts)
    assert facts["presets"] == "mine" and facts["catalog fingerprint"] == "c1" and read[0] == Path("b")
    assert "2 runs together" in text and "1,200 in the test" in text and device in text
    assert facts["seed"] == "7" and facts["device"] == device and facts != other


@pytest.mark.parametrize(
    ("scores", "best", "headline"),
    [
        ([0.3, 0.3], 1, "Training did not help."), ([0.3, 0.2], 0, "Training did not help."),
        ([0.3, 0.31], 1, "Training helped."), ([float("nan"), 0.3], 1, "The untrained model was not measured."),
    ],
)  # fmt: skip
def test_epochs_must_pass_the_start(scores: list[float], best: int, headline: str) -> None:
    table = pd.DataFrame({"epoch": range(len(scores)), "original/map@r": scores})
    experiment: Any = SimpleNamespace(trainer=SimpleNamespace(max_epochs=5))
    verdict = verdict_of_epochs(table, "original/map@r", "MAP@R", best, experiment)
    assert verdict.headline == headline and f"epoch {best} was selected by MAP@R" in verdict.evidence[0]
