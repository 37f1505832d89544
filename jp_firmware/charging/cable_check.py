"""The cable check: discharge, close the contactors, raise the test voltage, wait for the insulation verdict, discharge.

Pure: a view in, a wish and a verdict out. It runs while the car's own contactor is still open, so that the test
voltage loads nothing but the cable (IEC 61851-23:2023 CC.4.1.2).
"""

from __future__ import annotations

import enum

import attrs

from jp_firmware.charging.timeouts import Timeouts
from jp_firmware.charging.view import Failure, View, Wish
from jp_firmware.model.connector import Insulation


class Phase(enum.Enum):
    """The steps of a cable check, in their order."""

    DISCHARGE = "waiting for the output to be below 60 V"
    CLOSE = "closing the contactors"
    RISE = "raising the test voltage"
    INSULATION = "waiting for the insulation verdict"
    FALL = "discharging the output"
    PASSED = "passed"


_ORDER = list(Phase)


def test_voltage_v(max_voltage_v: float, stage_max_v: float) -> float:
    """Test voltage for a car that bears `max_voltage_v` (IEC 61851-23:2023 CC.4.1.2, as EVerest applies it)."""
    if max_voltage_v <= 500:
        return min(max_voltage_v + 50, 500.0, stage_max_v)
    return min(1.1 * max_voltage_v, stage_max_v)


@attrs.define
class CableCheck:
    """One cable check of one session."""

    started_s: float
    limits: Timeouts
    phase: Phase = Phase.DISCHARGE
    wish: Wish | None = None
    _phase_since_s: float = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._phase_since_s = self.started_s

    @property
    def passed(self) -> bool:
        return self.phase is Phase.PASSED

    @property
    def close_contactors(self) -> bool:
        """Whether the contactors shall be closed: from the second step on they stay so."""
        return self.phase is not Phase.DISCHARGE

    def step(self, view: View) -> Failure | None:
        """Advances as far as `view` allows. Returns a failure when the check has failed, once and for all."""
        while not self.passed and self._done(view):
            self.phase = _ORDER[_ORDER.index(self.phase) + 1]
            self._phase_since_s = view.now_s
        self.wish = self._wish(view)
        return None if self.passed else self._failure(view)

    def _done(self, view: View) -> bool:
        ev, output = view.ev, view.output
        if ev is None or output is None:
            return False
        match self.phase:
            case Phase.DISCHARGE:
                return output.voltage_v < self.limits.safe_voltage_v and not ev.contactors_closed
            case Phase.FALL:
                return output.voltage_v < self.limits.safe_voltage_v
            case Phase.CLOSE:
                return ev.contactors_closed
            case Phase.RISE:
                return abs(output.voltage_v - self._test_v(view)) < self.limits.test_tolerance_v
            case Phase.INSULATION:
                return ev.insulation in (Insulation.VALID, Insulation.WARNING)
            case Phase.PASSED:
                return False

    def _test_v(self, view: View) -> float:
        told = view.ev.max_voltage_v if view.ev else None
        return test_voltage_v(told or self.limits.fallback_max_voltage_v, view.rating.max_voltage_v)

    def _wish(self, view: View) -> Wish | None:
        if self.phase in (Phase.RISE, Phase.INSULATION):
            return Wish(voltage_v=self._test_v(view), current_a=self.limits.test_current_a)
        return None

    def _failure(self, view: View) -> Failure | None:
        seen = f"{view.output.voltage_v:.0f} V" if view.output else "no measurement"
        if view.ev and view.ev.insulation is Insulation.FAULT:
            ohm = view.ev.insulation_ohm
            return Failure("ISO-01", f"insulation {ohm / 1000:.0f} kOhm" if ohm else "insulation fault reported")
        late_s = view.now_s - self._phase_since_s
        if self.phase is Phase.DISCHARGE and view.ev and view.ev.contactors_closed and late_s > self.limits.discharge_s:
            return Failure("CON-01", "contactors closed before they were told to")
        patience_s, failure = {
            Phase.DISCHARGE: (
                self.limits.discharge_s,
                Failure("CON-04", f"output still at {seen} before the contactors closed"),
            ),
            Phase.CLOSE: (self.limits.contactor_s, Failure("CON-02", "no closed feedback after the close command")),
            Phase.RISE: (self.limits.test_rise_s, Failure("PWR-03", f"test voltage not reached: {seen}")),
            Phase.INSULATION: (self.limits.insulation_s, Failure("ISO-01", "no verdict from the insulation monitor")),
            Phase.FALL: (self.limits.discharge_s, Failure("CON-04", f"output still at {seen} after the cable check")),
        }[self.phase]
        if late_s > patience_s:
            return failure
        if view.now_s - self.started_s > self.limits.cable_check_s:
            return Failure("ISO-01", f"cable check took too long while {self.phase.value}")
        return None
