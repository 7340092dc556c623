"""Settings of a saliency map, stored with every map."""

from typing import Literal

from pydantic import Field

from likewise.explain.distances import DistanceName
from likewise.validation_errors import Spec

Method = Literal[
    "smoothgrad", "gradient", "gradient_x_input", "integrated_gradients", "grad_cam", "occlusion"
]


class SaliencySettings(Spec):
    """Settings of saliency maps; the defaults are the published ones.

    Source: Kobs & Hotho 2022 (25 samples); Kobs et al. 2021 used 50.
    """

    method: Method = Field("smoothgrad", description="method of attribution")
    distance: DistanceName | None = Field(
        None, description="what is differentiated: cosine, euclidean, ...; none: the model's own distance"
    )
    absolute: Literal["per_copy", "after_mean"] = Field(
        "per_copy", description="smoothgrad: absolute value per noisy copy, or after averaging copies"
    )
    samples: int = Field(25, ge=1, le=10_000, description="smoothgrad: noisy copies per image")
    spread: float = Field(0.15, ge=0, le=10, description="smoothgrad: noise as a share of the input's range")
    percentile: float = Field(99.0, gt=0, le=100, description="the percentile that becomes 1 in the map")
    steps: int = Field(32, ge=2, le=1000, description="integrated_gradients: points on the path")
    window: int = Field(32, ge=1, description="occlusion: side of the hidden square in pixels")
    stride: int = Field(16, ge=1, description="occlusion: steps between squares in pixels")
    seed: int = Field(0, ge=0, description="smoothgrad: another seed draws other noise")
