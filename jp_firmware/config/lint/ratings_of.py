"""What profiles say of types of modules and meters, for comparing it with what a cabinet asks of them.

Plain reading: a profile that is wrong is the mistake of whoever drives by it, and nothing is compared with it here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from jp_firmware.config.profiles import load_profile
from jp_firmware.config.schema import ConfigError
from jp_firmware.model.power import StageRating

SILENT_OFF_S = 10.0
"""What a module's profile means that does not say when it switches off by itself."""


@attrs.frozen(kw_only=True)
class ModuleType:
    """A type of power module."""

    rating: StageRating
    silent_off_s: float = SILENT_OFF_S  # without a frame for so long it switches off by itself
    bitrate: int = 0  # of the bus, bit/s; 0: its profile does not say


@attrs.frozen(kw_only=True)
class MeterType:
    """A type of meter: what it can measure at most."""

    max_voltage_v: float
    max_current_a: float
    max_power_w: float


def module_type(profile: str) -> ModuleType | None:
    """None for a profile that cannot be read, or has no ratings."""
    data = _profile("modules", profile)
    most = _numbers(data, "max_voltage_v", "min_voltage_v", "max_current_a", "max_power_w")
    if most is None:
        return None
    silent_off = _numbers(data, "silent_off_s") or {}
    bitrate = data.get("bitrate")
    return ModuleType(
        rating=StageRating(**most),
        silent_off_s=silent_off.get("silent_off_s", SILENT_OFF_S),
        bitrate=bitrate if isinstance(bitrate, int) else 0,
    )


def meter_type(profile: str) -> MeterType | None:
    """None for a profile that cannot be read, or has no range."""
    most = _numbers(_profile("meters", profile), "max_voltage_v", "max_current_a", "max_power_w")
    return None if most is None else MeterType(**most)


def _profile(kind: str, name: str) -> Mapping[str, Any]:
    try:
        return load_profile(kind, name)
    except ConfigError:
        return {}


def _numbers(data: Mapping[str, Any], *keys: str) -> dict[str, float] | None:
    found = {key: float(value) for key in keys if isinstance(value := data.get(key), int | float)}
    return found if len(found) == len(keys) else None
