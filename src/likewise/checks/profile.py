"""A profile: limits of your own and the choice of checks, as a YAML file.

only: [retrieval, threshold.held_out]
limits:
  retrieval.scores:
    map@r: {warn: 0.5, fail: 0.4}
"""

from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError, model_validator

from likewise.checks.definition import Limit
from likewise.errors import ConfigError
from likewise.training.yaml_files import read_yaml
from likewise.validation_errors import Spec, sentence

_WAY_OUT = "name a profile, a YAML file with keys such as limits, only and skip"


class ProfileLimit(Spec):
    """Values from which on a measure warns or fails; the side follows from the measure."""

    warn: float | None = Field(default=None, description="None never warns")
    fail: float | None = Field(default=None, description="None never fails")


class Profile(Spec):
    """What is checked, and from which values on."""

    only: list[str] = Field(default_factory=list, description="ids or groups to run; empty runs all")
    skip: list[str] = Field(default_factory=list, description="ids or groups to leave out")
    limits: dict[str, dict[str, ProfileLimit]] = Field(
        default_factory=dict, description="check id to measure to its limit"
    )
    tolerate: float | None = Field(default=None, ge=0, le=1, description="share of unusable images")
    should_matter: list[str] = Field(
        default_factory=list, description="columns that should steer the embedding"
    )
    should_not_matter: list[str] = Field(default_factory=list, description="columns that should not")
    false_match_rate: float | None = Field(default=None, gt=0, lt=1, description="wanted false-match rate")

    @model_validator(mode="after")
    def _known(self) -> Self:
        from likewise.checks.registry import require_known

        require_known([*self.only, *self.skip], "The profile")
        require_known(list(self.limits), "The profile", groups=False)
        return self

    def limit(self, check: str, measure: str) -> Limit | None:
        """The limit of a measure, if the profile has one."""
        limits = self.limits.get(check, {}).get(measure)
        return None if limits is None else Limit(limits.warn, limits.fail, source="profile")


def read_profile(path: Path | str) -> Profile:
    """Read a profile.

    Raises:
        ConfigError: The file is not a YAML mapping, or a key, a check or a number in it is not valid.
    """
    values = read_yaml(path, _WAY_OUT)
    try:
        return Profile.model_validate(values)
    except ValidationError as error:
        raise ConfigError(sentence(error, Profile, str(path))) from error
