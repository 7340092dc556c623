"""What this machine offers likewise: versions, device, extras, hub, caches. Loads no torch and never raises."""

from likewise.environment.cache_folders import Cache, cached_weights, caches
from likewise.environment.device_check import Devices, devices
from likewise.environment.hub import hub_access
from likewise.environment.packages import Extra, extras, versions

__all__ = [
    "Cache",
    "Devices",
    "Extra",
    "cached_weights",
    "caches",
    "devices",
    "extras",
    "hub_access",
    "versions",
]
