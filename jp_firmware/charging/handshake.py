"""Authorized and plugged in: until car and charger are ready for the cable check, or until that has failed.

Pure: a view in, a verdict out, and meanwhile a sentence that says what is waited for.
"""

from __future__ import annotations

import attrs

from jp_firmware.charging.precharge import NO_COMMON_VOLTAGE
from jp_firmware.charging.timeouts import Timeouts
from jp_firmware.charging.view import Failure, View
from jp_firmware.model.connector import EvProtocol, EvStatus, PilotState


@attrs.define
class Handshake:
    """One handshake with one car, for one identification."""

    started_s: float
    limits: Timeouts
    waits_for: str = ""  # what keeps the session from starting, as a sentence; empty when nothing does
    passed: bool = False

    def step(self, ev: EvStatus, view: View) -> Failure | None:
        """Takes one view. Returns a failure when the handshake has failed, once and for all."""
        self.waits_for = _waits_for(ev, view)
        self.passed = not self.waits_for
        mismatch = _mismatch(ev, view)
        if mismatch or self.passed:
            return mismatch
        if view.now_s - self.started_s > self.limits.handshake_s:
            late = f"the car was not ready within {self.limits.handshake_s:.0f} s (pilot {ev.pilot.value})"
            return Failure("HLC-03", late)
        return None


def _waits_for(ev: EvStatus, view: View) -> str:
    if not _car_is_ready(ev):
        return "talking to the car"
    if not view.meter:
        return "waiting for the meter"
    if not view.rating.max_power_w > 0 or not view.output:
        return "waiting for the power modules"
    return ""


def _mismatch(ev: EvStatus, view: View) -> Failure | None:
    """Why this car cannot be charged here at all."""
    least_v = view.rating.min_voltage_v
    if not _car_is_ready(ev) or (ev.max_voltage_v or 0.0) >= least_v:
        return None
    return Failure(
        NO_COMMON_VOLTAGE, f"the car bears {ev.max_voltage_v:.0f} V, the modules give no less than {least_v:.0f} V"
    )


def _car_is_ready(ev: EvStatus) -> bool:
    return (
        ev.pilot in (PilotState.C, PilotState.D)
        and ev.protocol is not EvProtocol.NONE
        and ev.max_voltage_v is not None
        and ev.max_voltage_v > 0
    )
