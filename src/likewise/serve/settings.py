"""Settings of a server: where it listens, and the limit of everything that a request may ask for."""

import ipaddress
from pathlib import Path

from pydantic import Field

from likewise.runtime_choice import Runtime
from likewise.validation_errors import Spec


class Settings(Spec):
    """Settings of ``likewise serve``; every limit has a default that suits one machine."""

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=0, le=65_535, description="port to listen on; 0 takes a free one")
    device: str | None = Field(None, description="device of the models; None takes the first GPU or the CPU")
    runtime: Runtime = Field("torch", description="what runs the networks when they embed images")
    keys: Path | None = Field(None, description="file of keys; None if no key is required")
    masks: str | None = Field(None, description="mask model for queries by object or background")
    reports: Path | None = Field(None, description="folder of report pages to show")
    thresholds: tuple[Path, ...] = Field(
        (), description="thresholds besides those that stand beside the models"
    )
    allow_urls: bool = Field(False, description="fetch images of public addresses")
    origins: tuple[str, ...] = Field((), description="host names besides those of this machine, without keys")

    body_bytes: int = Field(32_000_000, ge=1000, description="largest body of a request")
    upload_bytes: int = Field(512_000_000, ge=1000, description="largest body that adds images")
    pixels: int = Field(50_000_000, ge=1, description="most pixels per image")
    k: int = Field(1000, ge=1, description="most hits per answer")
    images: int = Field(16, ge=1, description="most images, ids or texts per query")
    queries: int = Field(32, ge=1, description="most queries of one search/batch")
    per_minute: int = Field(
        600, ge=1, description="most requests per key (or address) and minute, and 20 thumbnails for each"
    )
    queue: int = Field(256, ge=1, description="most requests that wait or are worked on")
    seconds: float = Field(30, gt=0, description="longest time for one request")
    batch: int = Field(32, ge=1, description="most images that go through the model together")
    direct: int = Field(32, ge=0, description="most images added within one request; more become a job")
    resident_bytes: int = Field(4_000_000_000, ge=0, description="most memory for the vectors of one index")
    drain_seconds: float = Field(30, ge=0, description="time to finish requests after SIGTERM")

    @classmethod
    def limits(cls) -> list[str]:
        """Names of the settings that are limits."""
        return [
            name
            for name, field in cls.model_fields.items()
            if field.annotation in (int, float) and name != "port"
        ]

    @property
    def local(self) -> bool:
        """Whether only programs of this machine reach the server."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
