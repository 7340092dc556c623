"""Threshold: the distance below which two images count as the same, with the error rates it was measured at."""

from bisect import bisect_right
from pathlib import Path
from typing import Self

from pydantic import ConfigDict, Field, ValidationError, model_validator

from likewise.arguments import checked
from likewise.errors import FingerprintError, InputError
from likewise.files import write_json
from likewise.validation_errors import Spec, reason

THRESHOLD_FILE = "threshold.json"
# A distance of true, "1" or infinity would make every pair the same.
_STRICT = ConfigDict(strict=True, allow_inf_nan=False)


class ErrorRate(Spec):
    """A measured rate with its confidence interval, all 0 to 1."""

    model_config = _STRICT

    rate: float = Field(ge=0, le=1, description="errors / pairs")
    low: float = Field(ge=0, le=1, description="lower end of the interval")
    high: float = Field(ge=0, le=1, description="upper end of the interval")
    pairs: int = Field(ge=1, description="pairs that were measured")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low <= self.rate <= self.high:
            raise ValueError(f"the interval {self.low} to {self.high} does not hold the rate {self.rate}")
        return self


class ErrorCurve(Spec):
    """Both error rates at growing distances, all of one length."""

    model_config = _STRICT

    distance: list[float] = Field(min_length=1, description="ascending distances")
    false_match_rate: list[float] = Field(description="of pairs of different classes, at each distance")
    false_non_match_rate: list[float] = Field(description="of pairs of one class, at each distance")

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        lengths = {len(self.distance), len(self.false_match_rate), len(self.false_non_match_rate)}
        if len(lengths) > 1 or list(self.distance) != sorted(self.distance):
            raise ValueError("the curve must hold ascending distances and two rates for each")
        return self


@checked
class Threshold(Spec):
    """Two images count as the same where their distance is at most ``distance``.

    Make one with :func:`likewise.retrieval.calibrate`. It is valid for the model and the distance it was measured
    with, and for images like those it was measured on.
    """

    model_config = _STRICT

    distance: float = Field(ge=0, description="the largest distance that counts as the same")
    distance_name: str = Field(description="cosine, euclidean, snr or avsl")
    wanted_false_match_rate: float = Field(gt=0, lt=1, description="requested by the user")
    false_match: ErrorRate = Field(description="pairs of different classes that count as the same")
    false_non_match: ErrorRate = Field(description="pairs of one class that do not count as the same")
    equal_error_rate: float = Field(ge=0, le=1, description="both rates where they are equal")
    equal_error_distance: float = Field(ge=0, description="the distance at which they are equal")
    level: float = Field(gt=0, lt=1, description="confidence of the intervals")
    classes: int = Field(ge=2, description="held-out classes measured on")
    images: int = Field(ge=3, description="held-out images measured on")
    fingerprint: str = Field(default="", description="of the model; empty if unknown")
    curve: ErrorCurve | None = Field(
        None, repr=False, description="rates at other distances; None in files of likewise 0.2"
    )

    def rates_at(self, distance: float) -> tuple[float, float] | None:
        """False-match and false-non-match rate where ``distance`` is the threshold; None if not measured."""
        if distance == self.distance:
            return self.false_match.rate, self.false_non_match.rate
        if self.curve is None:
            return None
        step = bisect_right(self.curve.distance, distance) - 1
        if step < 0:
            return 0.0, 1.0
        return self.curve.false_match_rate[step], self.curve.false_non_match_rate[step]

    def is_same(self, distance: float) -> bool:
        """Whether two images at ``distance`` count as the same."""
        return distance <= self.distance

    def check(self, fingerprint: str, distance_name: str) -> None:
        """Refuse the threshold of another model.

        Raises:
            FingerprintError: It was calibrated for another model or another distance.
        """
        if (self.fingerprint and self.fingerprint != fingerprint) or self.distance_name != distance_name:
            mine = f"{self.fingerprint or '(unknown)'} with the {self.distance_name} distance"
            raise FingerprintError(
                f"The threshold was calibrated for model {mine}, not for model {fingerprint} with {distance_name}: "
                "run  likewise calibrate  for this model."
            )

    def save(self, path: Path | str) -> Path:
        """Write it as JSON: ``path``, or ``threshold.json`` in it where ``path`` is a folder. Returns the file.

        Raises:
            InputError: The folder cannot be written.
        """
        file = threshold_file(path)
        write_json(file, self.model_dump())
        return file

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read what :meth:`save` wrote.

        Raises:
            InputError: There is no such file, or it contains something else.
        """
        file = threshold_file(path)
        if not file.is_file():
            raise InputError(
                f"There is no threshold at {file}: make one with  likewise calibrate MODEL CATALOG"
            )
        try:
            return cls.model_validate_json(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(
                f"{file} cannot be read ({error.strerror or error}): make it readable."
            ) from error
        except UnicodeDecodeError as error:
            raise InputError(
                f"{file} contains no threshold of likewise: make it with  likewise calibrate"
            ) from error
        except ValidationError as error:
            raise InputError(
                f"{file} contains no threshold of likewise ({reason(error, cls)}): make it with  likewise calibrate"
            ) from error


def threshold_file(path: Path | str) -> Path:
    """The file of a threshold: ``path``, or ``threshold.json`` in it where it is a folder."""
    path = Path(path)
    return path / THRESHOLD_FILE if path.is_dir() else path
