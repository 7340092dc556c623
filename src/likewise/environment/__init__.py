"""Environment of likewise: versions, device, extras, hub, caches. Does not import torch and never raises."""

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
