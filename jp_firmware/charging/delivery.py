"""How much current a connector delivers: what the car asks, bounded by car, cable, modules and the planner's share.

Pure arithmetic with one memory: the ramp, which slows rises and never a cut.
"""

from __future__ import annotations

import math

import attrs

from jp_firmware.charging.offer import Offer, told
from jp_firmware.charging.timeouts import Timeouts
from jp_firmware.charging.view import View, Wish
from jp_firmware.config.schema import Connector
from jp_firmware.model.connector import EvStatus

RISE_STEP_S = 0.2  # between two higher set-points; modules ask for 50-200 ms between commands (InfyPower, TRIO-HP text)
STEP_A = 0.1  # set-points are rounded down to this, so that a tenth of a volt of noise is not a new command


def over_voltage_limit_v(max_voltage_v: float) -> float:
    """Voltage that must never stand at the output, by the car's maximum (IEC 61851-23 Table 103, as EVerest has it)."""
    for rated_v, limit_v in ((500, 550), (750, 825), (850, 935), (1000, 1100)):
        if max_voltage_v <= rated_v:
            return float(limit_v)
    return 1375.0


@attrs.define
class Delivery:
    """The current of one session."""

    connector: Connector
    limits: Timeouts
    _ramped_a: float = 0.0
    _ramped_at_s: float | None = None

    @property
    def offer(self) -> Offer:
        """What there is before power is shared."""
        return Offer(self.connector, self.limits)

    def wish(self, ev: EvStatus, view: View) -> Wish | None:
        """What to deliver now, or None when it is too little to deliver at all."""
        voltage_v, wanted_a = self.voltage_v(ev, view), self.allowed_current_a(ev, view)
        if not ev.ready or voltage_v is None or wanted_a < self.limits.min_current_a:
            self._ramped_a, self._ramped_at_s = 0.0, view.now_s
            return None
        return Wish(voltage_v=voltage_v, current_a=_rounded_down(self._ramp(wanted_a, view.now_s)))

    def voltage_v(self, ev: EvStatus, view: View) -> float | None:
        """The car's target, inside every limit; None while it has none."""
        target_v = told(ev.target_voltage_v)
        bounds = (told(ev.max_voltage_v), self.connector.max_voltage_v, view.rating.max_voltage_v)
        return min([target_v, *(bound for bound in bounds if bound)]) if target_v else None

    def allowed_current_a(self, ev: EvStatus, view: View) -> float:
        """The car's target current inside every limit, before the ramp."""
        flowing_v = self._flowing_v(ev, view)
        return min(
            told(ev.target_current_a),
            self.offer.current_a(ev, view),
            view.rating.current_limit_a(self.offer.present_v(ev, view)),
            view.assigned_w / flowing_v if flowing_v > 0 else 0.0,
        )

    def requested_w(self, ev: EvStatus, view: View) -> float:
        """What the car asks for now. It is told what could be offered, not its share, so it never asks for less."""
        return told(ev.target_current_a) * self.offer.present_v(ev, view)

    def _flowing_v(self, ev: EvStatus, view: View) -> float:
        """The most at which current flows, or may begin to: with less, the planner's watts would be too many amperes.

        Modules that start up under closed contactors read their own rise, and no current until they meet the battery.
        The meter sees it all the time; without one it stands somewhere below the car's target.
        """
        present_v = self.offer.present_v(ev, view)
        if view.meter is not None and view.meter.voltage_v > self.limits.safe_voltage_v:
            return max(present_v, view.meter.voltage_v)
        if view.output is not None and view.output.current_a >= self.limits.min_current_a:
            return present_v
        return max(present_v, told(ev.target_voltage_v))

    def _ramp(self, wanted_a: float, now_s: float) -> float:
        """Cuts at once; rises in steps, each as large as the time since the last one allows."""
        elapsed_s = now_s - self._ramped_at_s if self._ramped_at_s is not None else 0.0
        if wanted_a > self._ramped_a and 0 < elapsed_s < RISE_STEP_S:
            return self._ramped_a
        start_a = max(self._ramped_a, self.limits.min_current_a)
        self._ramped_a = min(wanted_a, start_a + self.limits.ramp_a_per_s * elapsed_s)
        self._ramped_at_s = now_s
        return self._ramped_a


def _rounded_down(current_a: float) -> float:
    return math.floor(current_a / STEP_A + 1e-6) * STEP_A
