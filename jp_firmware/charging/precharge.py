"""The precharge: the output at the car's own voltage, until the car has closed its contactor and asks for current.

Pure: a view in, a wish and a verdict out.
"""

from __future__ import annotations

import attrs

from jp_firmware.charging.delivery import Delivery
from jp_firmware.charging.timeouts import Timeouts
from jp_firmware.charging.view import Failure, View, Wish
from jp_firmware.model.connector import EvStatus

NO_COMMON_VOLTAGE = "EV-09"


@attrs.define
class Precharge:
    """One precharge of one session."""

    started_s: float
    limits: Timeouts
    delivery: Delivery
    wish: Wish | None = None
    passed: bool = False

    def step(self, view: View) -> Failure | None:
        """Takes one view. Returns a failure when the precharge has failed, once and for all."""
        ev, output = view.ev, view.output
        if ev is None or output is None:
            return None
        told_v, elapsed_s = self.delivery.voltage_v(ev, view), view.now_s - self.started_s
        if told_v is not None:
            self.wish = Wish(voltage_v=told_v, current_a=self.limits.precharge_current_a)
        matched = (
            told_v is not None
            and ev.target_voltage_v is not None
            and abs(output.voltage_v - ev.target_voltage_v) < self.limits.precharge_tolerance_v
        )
        self.passed = ev.ready and matched
        if self.passed:
            return None
        if not matched and not ev.ready and elapsed_s > self.limits.precharge_s:
            return self._why(ev, view, told_v, output.voltage_v)
        if elapsed_s > self.limits.ready_s:
            return Failure("PWR-05", "the car did not close its contactor")
        return None

    def _why(self, ev: EvStatus, view: View, told_v: float | None, seen_v: float) -> Failure:
        if told_v is None or ev.target_voltage_v is None:
            return Failure("PWR-05", f"output {seen_v:.0f} V, no target from the car")
        least_v, off_v = view.rating.min_voltage_v, ev.target_voltage_v - told_v
        if told_v < least_v or off_v >= self.limits.precharge_tolerance_v:
            most_v = f"{view.rating.max_voltage_v:.0f} V"
            return Failure(
                NO_COMMON_VOLTAGE,
                f"the car asks for {ev.target_voltage_v:.0f} V, the modules give {least_v:.0f} V to {most_v}",
            )
        return Failure("PWR-05", f"output {seen_v:.0f} V, target {told_v:.0f} V")
