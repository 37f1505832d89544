"""What one connector could give its car: by connector, cable and modules, before power is shared between connectors.

Pure, without a memory: the car is told it all the time, with a session and without.
"""

from __future__ import annotations

import attrs

from jp_firmware.charging.timeouts import Timeouts
from jp_firmware.charging.view import View
from jp_firmware.config.schema import Connector
from jp_firmware.model.connector import EvStatus


@attrs.frozen
class Offer:
    """One connector's, as it is configured."""

    connector: Connector
    limits: Timeouts

    def voltage_v(self, view: View) -> float:
        """The most this connector could give."""
        return min(self.connector.max_voltage_v, view.rating.max_voltage_v)

    def current_a(self, ev: EvStatus, view: View) -> float:
        """The most this connector could give at the present voltage, to a car that bears no more than it says."""
        bounds = [self.connector.current_limit_a, view.offerable.current_limit_a(self.present_v(ev, view))]
        if ev.max_current_a is not None:
            bounds.append(told(ev.max_current_a))
        return min(bounds)

    def power_w(self, ev: EvStatus, view: View) -> tuple[float, str]:
        """The most this connector could give at the present voltage, whatever the car bears, and what bounds it."""
        present_v = self.present_v(ev, view)
        bounds = [
            (view.offerable.current_limit_a(present_v) * present_v, "modules"),
            (self.connector.max_current_a * present_v, "connector"),
            (self.connector.max_power_w, "connector"),
        ]
        if self.connector.cable_max_current_a is not None:
            bounds.append((self.connector.cable_max_current_a * present_v, "cable"))
        return min(bounds)

    def present_v(self, ev: EvStatus, view: View) -> float:
        """What stands at the output, or else what the car asks for."""
        if view.output and view.output.voltage_v > self.limits.safe_voltage_v:
            return view.output.voltage_v
        return told(ev.target_voltage_v)


def told(number: float | None) -> float:
    """What a car says, as far as it makes sense: unknown, negative and not-a-number are 0."""
    return number if number is not None and number > 0 else 0.0
