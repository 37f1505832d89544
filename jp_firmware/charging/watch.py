"""What ends a session while power may flow: judged in one place, worst first, alike in every energised state.

Pure, with the memory of its debounce times. A gap in measurements is a communication fault and never a voltage;
safety inputs are not debounced at all.
"""

from __future__ import annotations

import math

import attrs

from jp_firmware.charging.asking import Asking
from jp_firmware.charging.cable_check import test_voltage_v
from jp_firmware.charging.delivery import over_voltage_limit_v
from jp_firmware.charging.timeouts import Timeouts
from jp_firmware.charging.view import Ending, Failure, View
from jp_firmware.model.connector import EvStatus, Insulation, Stage
from jp_firmware.model.faults import Fault, Severity
from jp_firmware.model.session import StopReason


@attrs.define
class SessionWatch:
    """Watches one session. During the cable check, contactors and insulation are judged by the check itself."""

    limits: Timeouts
    too_hot_c: float = math.inf  # at the plug's contacts
    asking: Asking = attrs.field(factory=Asking)
    _high_since_s: float | None = None  # output above the car's bounds since
    _unmeasured_since_s: float | None = None

    def reason_to_end(self, view: View, stage: Stage, requested: Ending | None) -> Ending | None:
        """The worst present reason to end the session in this stage, or None.

        What somebody has requested counts where nothing worse is the case, and before the car's own request.
        """
        checking_cable = stage is Stage.CABLE_CHECK
        self.asking.look(view, charging=stage is Stage.CHARGING)
        device_fault = next((fault for fault in view.faults if fault.kind.severity <= Severity.STOP_SESSION), None)
        if device_fault:
            return _by_device(device_fault)
        if view.ev is None:
            return Ending(StopReason.FAULT, "PLC-01 the PLC board no longer reports this connector")
        return (
            _by_car_or_cable(view.ev, self.too_hot_c)
            or (None if checking_cable else _by_output_circuit(view.ev))
            or self._by_mute_car(view)
            or self._by_silence(view)
            or self._by_over_voltage(view.ev, view, checking_cable=checking_cable)
            or requested
            or (Ending(StopReason.COMPLETE, "ended by the car") if view.ev.stop_request else None)
        )

    def demand_is_stale(self, now_s: float) -> bool:
        """Whether the car's last demand is too old to raise power on."""
        age_s = self.asking.age_s(now_s)
        return age_s is not None and age_s >= self.limits.demand_held_s

    def _by_mute_car(self, view: View) -> Ending | None:
        age_s = self.asking.age_s(view.now_s)
        if age_s is None or age_s < self.limits.demand_lost_s:
            return None
        return Ending.by(Failure("HLC-05", f"the car has asked for nothing for {age_s:.1f} s; its PLC board answers"))

    def _by_silence(self, view: View) -> Ending | None:
        """No fresh measurement of the output, after a grace that one lost answer fits into."""
        if view.output is not None:
            self._unmeasured_since_s = None
            return None
        if self._unmeasured_since_s is None:
            self._unmeasured_since_s = view.now_s
        if view.now_s - self._unmeasured_since_s <= self.limits.measurement_s:
            return None
        return Ending(StopReason.FAULT, "PM-01 no power module of this connector answers")

    def _by_over_voltage(self, ev: EvStatus, view: View, *, checking_cable: bool) -> Ending | None:
        bears_v = ev.max_voltage_v or self.limits.fallback_max_voltage_v
        limit_v = over_voltage_limit_v(bears_v)
        if checking_cable:  # the test voltage may be the limit itself: 825 V for 750 V
            limit_v = max(limit_v, test_voltage_v(bears_v, view.rating.max_voltage_v) + self.limits.test_tolerance_v)
        if view.output is None or view.output.voltage_v <= limit_v:
            self._high_since_s = None
            return None
        if self._high_since_s is None:
            self._high_since_s = view.now_s
        if view.now_s - self._high_since_s < self.limits.over_voltage_s:
            return None
        return Ending.by(Failure("PWR-02", f"output {view.output.voltage_v:.0f} V, limit {limit_v:.0f} V"))


def pilot_at_fault(ev: EvStatus) -> str:
    """What is seen of it, for people."""
    return f"control pilot in state {ev.pilot.value}"


def is_too_hot(ev: EvStatus, too_hot_c: float) -> bool:
    """Whether a contact of the plug is known to be this hot."""
    return ev.hottest_c is not None and ev.hottest_c >= too_hot_c


def _by_device(fault: Fault) -> Ending:
    reason = StopReason.EMERGENCY_STOP if fault.code == "SAF-01" else StopReason.FAULT
    return Ending(reason, f"{fault.code} {fault.kind.title} ({fault.source})")


def _by_car_or_cable(ev: EvStatus, too_hot_c: float) -> Ending | None:
    if ev.unplugged:
        return Ending(StopReason.EV_DISCONNECTED)
    if ev.pilot.is_fault:
        return Ending.by(Failure("EV-01", pilot_at_fault(ev)))
    if ev.over_temperature:
        return Ending.by(Failure("TMP-04", "cable or plug too hot"))
    if is_too_hot(ev, too_hot_c):
        return Ending.by(Failure("TMP-04", f"{ev.hottest_c:.1f} °C at the plug, no power from {too_hot_c:g} °C"))
    return None


def _by_output_circuit(ev: EvStatus) -> Ending | None:
    if ev.insulation is Insulation.FAULT:
        ohm = f"{ev.insulation_ohm / 1000:.0f} kOhm" if ev.insulation_ohm is not None else "reported by the board"
        return Ending.by(Failure("ISO-02", f"insulation {ohm}"))
    if not ev.contactors_closed:
        return Ending.by(Failure("CON-03", "contactors open although commanded closed"))
    return None
