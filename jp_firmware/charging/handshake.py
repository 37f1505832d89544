"""Authorized and plugged in: whether car and charger are ready for the cable check, and what they wait for. Pure."""

from __future__ import annotations

from jp_firmware.charging.precharge import NO_COMMON_VOLTAGE
from jp_firmware.charging.view import Failure, View
from jp_firmware.model.connector import EvProtocol, EvStatus, PilotState


def waits_for(ev: EvStatus, view: View) -> str:
    """What keeps the session from starting, as a sentence; empty when nothing does."""
    if not _car_is_ready(ev):
        return "talking to the car"
    if not view.meter:
        return "waiting for the meter"
    if not view.rating.max_power_w > 0 or not view.output:
        return "waiting for the power modules"
    return ""


def mismatch(ev: EvStatus, view: View) -> Failure | None:
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
