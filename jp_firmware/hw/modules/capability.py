"""What one module can deliver now: its rating, less what its range, its temperature and its own word take away. Pure.

`Shortfall` finds out what no module says: that it delivers less than it was told, although the voltage leaves room.
"""

from __future__ import annotations

import math

import attrs

from jp_firmware.hw.modules.driver import Measured, ModuleProfile
from jp_firmware.model.power import StageRating

SHORT_PART, SHORT_MORE_A = 0.9, 1.0
"""Less than this part of what it was told, less 1 A, is short (ours: modules regulate to 1 %)."""

SHORT_LEAST_A = 5.0
"""Below this order nothing is judged: small currents are not measured well (ours)."""

SHORT_S = 3.0
"""Time without any rise after which a module is short, and after which one that keeps up is given more (ours)."""

RISING_A, RISING_V = 0.5, 5.0
"""A measurement this much above the best one before is still on its way up (ours). A soft start raises the voltage
first, for seconds, and no current flows until it has come to the load's."""

CURRENT_MODE_V = 5.0
"""At less than this below its voltage it is the load that takes less (ours)."""

REGAIN_PART, REGAIN_A = 1.1, 5.0
"""Step by which a module that keeps up is tried with more (ours)."""

PATIENCE_S = 60.0
"""Longest time between two such tries: each that fails doubles it (ours)."""


def capability(
    rated: StageRating,
    profile: ModuleProfile,
    *,
    high_range: bool | None = None,
    ambient_c: float | None = None,
    available_a: float | None = None,
) -> StageRating:
    """`rated` as it can be used now. None bounds nothing."""
    max_voltage_v, max_current_a, max_power_w = rated.max_voltage_v, rated.max_current_a, rated.max_power_w
    if profile.low_range_max_voltage_v > 0 and high_range is False:
        max_voltage_v = min(max_voltage_v, profile.low_range_max_voltage_v)
    if profile.high_range_max_current_a > 0 and high_range is True:
        max_current_a = min(max_current_a, profile.high_range_max_current_a)
    part = derating(profile, ambient_c)
    max_current_a, max_power_w = max_current_a * part, max_power_w * part
    if available_a is not None:
        max_current_a = min(max_current_a, available_a)
    if (max_voltage_v, max_current_a, max_power_w) == (rated.max_voltage_v, rated.max_current_a, rated.max_power_w):
        return rated
    return attrs.evolve(rated, max_voltage_v=max_voltage_v, max_current_a=max_current_a, max_power_w=max_power_w)


def derating(profile: ModuleProfile, ambient_c: float | None) -> float:
    """Part of its current that a module may be given at this temperature: 1 up to `derate_from_c`, 0 at the end."""
    if ambient_c is None or ambient_c <= profile.derate_from_c:
        return 1.0
    if ambient_c >= profile.derate_to_c:
        return 0.0
    return (profile.derate_to_c - ambient_c) / (profile.derate_to_c - profile.derate_from_c)


@attrs.define(eq=False)
class Shortfall:
    """Compares what a module was told with what it delivers, one measurement at a time."""

    limit_a: float | None = None  # what it has shown it can do, None while it does what it is told
    text: str = ""
    _since_s: float = math.inf  # short without a rise
    _best_a: float = 0.0
    _best_v: float = 0.0
    _keeps_up_since_s: float = math.inf
    _patience_s: float = SHORT_S

    def forget(self) -> None:
        """It is off: what it could not do then, it may do the next time."""
        self.limit_a, self.text = None, ""
        self._since_s = self._keeps_up_since_s = math.inf
        self._best_a, self._best_v, self._patience_s = 0.0, 0.0, SHORT_S

    def observe(self, told_v: float, told_a: float, measured: Measured, now_s: float) -> None:
        """A measurement, at `now_s`, of a module that was told `told_v` and `told_a`."""
        judged = told_a >= SHORT_LEAST_A and measured.voltage_v < told_v - CURRENT_MODE_V
        if judged and measured.current_a < SHORT_PART * told_a - SHORT_MORE_A:
            self._keeps_up_since_s = math.inf
            self._is_short(told_a, measured, now_s)
            return
        self._since_s, self._best_a, self._best_v = math.inf, 0.0, 0.0
        if self.limit_a is not None and judged:
            self._keeps_up(now_s)

    def _is_short(self, told_a: float, measured: Measured, now_s: float) -> None:
        current_a, voltage_v = measured.current_a, measured.voltage_v
        rises = current_a > self._best_a + RISING_A or voltage_v > self._best_v + RISING_V
        if self._since_s == math.inf or rises:
            self._since_s = now_s
            self._best_a, self._best_v = max(current_a, self._best_a), max(voltage_v, self._best_v)
        elif now_s - self._since_s >= SHORT_S:
            if self.limit_a is not None:
                self._patience_s = min(2 * self._patience_s, PATIENCE_S)
            self.limit_a = current_a
            self.text = f"delivers {current_a:.1f} A of the {told_a:.1f} A it was told"
            self._since_s, self._best_a, self._best_v = math.inf, 0.0, 0.0

    def _keeps_up(self, now_s: float) -> None:
        """More is tried from time to time; a try that fails costs `SHORT_S` at a share that was too large."""
        assert self.limit_a is not None
        self._keeps_up_since_s = min(self._keeps_up_since_s, now_s)
        if now_s - self._keeps_up_since_s >= self._patience_s:
            self._keeps_up_since_s = math.inf
            self.limit_a = max(self.limit_a * REGAIN_PART, self.limit_a + REGAIN_A)
