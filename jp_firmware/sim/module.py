"""One emulated power module as a piece of electricity: set-points, soft start, ramps, envelope, alarms.

It knows neither CAN nor its neighbours: `modules` speak for it and `bus` joins it to the others. Times are handed
in; a step integrates what the module delivers, which makes its energy the truth that meters are compared with.

Ratings and slopes follow the InfyPower REG1K0100G: 30 kW, 150-1000 V, 100 A, soft start ("walk-in") of about 5 s,
output off after 10 s without a frame from a controller. Slew rates, droop and time constants are ours (?).

A rating may have two output ranges: up to all of its voltage, or up to less of it. The range changes by command only,
with the output off and down, and costs a gap in which nothing is delivered.
"""

from __future__ import annotations

import enum
import math

import attrs

DOWN_V = 60.0
"""Below this the output counts as down, so that relays may move (ours: the voltage that is safe to touch)."""


class Alarm(enum.Enum):
    """Faults that can be injected. Each of them takes the output down and keeps it down."""

    OVER_TEMPERATURE = "over-temperature"
    FAN = "fan"
    OUTPUT_SHORT = "output-short"
    OUTPUT_OVER_VOLTAGE = "output-over-voltage"
    INTERNAL = "internal"
    AC_PHASE_LOSS = "ac-phase-loss"
    AC_UNDER_VOLTAGE = "ac-under-voltage"


class Refused(Exception):
    """A command the module does not accept."""


class StartingUp(Refused):
    """The module was powered up a moment ago."""


@attrs.frozen(kw_only=True)
class ModuleRating:
    """What a module is built for."""

    max_voltage_v: float = 1000.0
    min_voltage_v: float = 150.0
    max_current_a: float = 100.0
    max_power_w: float = 30_000.0
    voltage_slew_v_per_s: float = 1000.0
    current_slew_a_per_s: float = 100.0
    droop_ohm: float = 0.05  # 5 V from no load to full load: lets parallel modules share
    bleeder_s: float = 0.3  # time constant of the output's own discharge: 1000 V are below 60 V in 0.85 s
    comm_timeout_s: float = 10.0
    low_range_max_voltage_v: float = 0.0  # 0: one range only
    high_range_max_current_a: float = 0.0  # 0: the same in both ranges
    range_gap_s: float = 2.0  # after a change of it (public drivers wait 2 s before and after)


@attrs.define(eq=False, kw_only=True)
class Module:
    """One module. `regulation_error` is the relative error of its voltage reference."""

    id: str
    rating: ModuleRating = attrs.field(factory=ModuleRating)
    walk_in_s: float = 5.0
    startup_s: float = 0.3
    start_delay_s: float = 0.0  # from ON to its first volt
    fall_s: float = 0.0  # after OFF, which it confirms at once, its current falls to nothing in this time
    regulation_error: float = 0.0

    on: bool = False  # as it was told; what it delivers may come later
    running: bool = False  # on, and past start delay and range gap
    high_range: bool = True
    sleeping: bool = False
    walk_in_enabled: bool = True
    set_voltage_v: float | None = None  # forgotten at OFF
    set_current_a: float | None = None
    alarms: set[Alarm] = attrs.field(factory=set)
    comm_lost: bool = False

    voltage_v: float = 0.0  # at its own output, before the output diode
    current_a: float = 0.0
    power_limited: bool = False
    temperature_c: float = 25.0
    energy_wh: float = 0.0

    reference_v: float = 0.0  # ramped set-points
    limit_a: float = 0.0
    powered_at_s: float = -math.inf
    heard_at_s: float = -math.inf
    _recovered_at_s: float | None = None
    _on_at_s: float = -math.inf
    _ranged_at_s: float = -math.inf
    _fall_a_per_s: float = 0.0

    # --- commands ---------------------------------------------------------------------------------------------------

    def power_up(self, now_s: float) -> None:
        """The AC side returns: off, no set-points, and deaf to commands for `startup_s`."""
        self.powered_at_s = self.heard_at_s = now_s
        self.comm_lost = False
        self.walk_in_enabled = self.high_range = True
        self._ranged_at_s = -math.inf
        self.sleeping = False
        self.switch_off()

    def starting_up(self, now_s: float) -> bool:
        return now_s < self.powered_at_s + self.startup_s

    def heard(self, now_s: float) -> None:
        """A frame from a controller arrived."""
        self.heard_at_s = now_s
        if self.comm_lost and self._recovered_at_s is None:
            self._recovered_at_s = now_s

    def set_output(self, voltage_v: float, current_a: float, now_s: float) -> None:
        """New set-points. Raises Refused for a current of 0 or anything outside the ratings."""
        self._check(voltage_v, current_a, now_s)
        self.set_voltage_v, self.set_current_a = voltage_v, current_a

    def set_voltage(self, voltage_v: float, now_s: float) -> None:
        """One half of a set-point, for families that have them apart. Raises Refused as `set_output`."""
        self._check(voltage_v, self.max_current_a, now_s)
        self.set_voltage_v = voltage_v

    def set_current(self, current_a: float, now_s: float) -> None:
        """The other half."""
        self._check(self.rating.min_voltage_v, current_a, now_s)
        self.set_current_a = current_a

    def _check(self, voltage_v: float, current_a: float, now_s: float) -> None:
        if self.starting_up(now_s):
            raise StartingUp
        rating = self.rating
        if not rating.min_voltage_v <= voltage_v <= self.max_voltage_v:
            raise Refused(f"{voltage_v:g} V")
        if not 0 < current_a <= self.max_current_a:
            raise Refused(f"{current_a:g} A")

    def switch_on(self, now_s: float) -> None:
        """Starts the output, unless a fault holds it down. Without set-points it stays at zero."""
        if self.starting_up(now_s):
            raise StartingUp
        if self.alarms or self.sleeping or self.on:
            return
        self.on = True
        self._on_at_s = now_s
        self._run_when_due(now_s)

    def switch_off(self) -> None:
        """Stops the output, at once or as its current falls, and forgets the set-points."""
        falls = self.fall_s > 0 and self.running
        if falls and self.on:
            self.limit_a = self.current_a
            self._fall_a_per_s = self.current_a / self.fall_s
        self.on = self.power_limited = False
        self.set_voltage_v = self.set_current_a = None
        if not falls:
            self._stop()

    def _stop(self) -> None:
        self.running = False
        self.reference_v = self.limit_a = self.current_a = 0.0

    def sleep(self, sleeping: bool) -> None:
        self.sleeping = sleeping
        if sleeping:
            self.switch_off()

    @property
    def max_voltage_v(self) -> float:
        """Of the range it is in."""
        return self.rating.max_voltage_v if self.high_range else self.rating.low_range_max_voltage_v

    @property
    def max_current_a(self) -> float:
        """Of the range it is in: with its halves in series it may deliver less than with them side by side."""
        rating = self.rating
        return (self.high_range and rating.high_range_max_current_a) or rating.max_current_a

    def select_range(self, high: bool, now_s: float) -> None:
        """The high or the low output range. Raises Refused while on, before the output is down, or without ranges."""
        if self.starting_up(now_s):
            raise StartingUp
        if not self.rating.low_range_max_voltage_v:
            raise Refused("it has one range")
        if self.on or self.voltage_v >= DOWN_V:
            raise Refused(f"range while {'on' if self.on else f'at {self.voltage_v:.0f} V'}")
        if high is not self.high_range:
            self.high_range = high
            self._ranged_at_s = now_s

    def raise_alarm(self, alarm: Alarm) -> None:
        self.alarms.add(alarm)
        self.switch_off()

    def clear_alarms(self) -> None:
        """The causes have gone. The output stays off until it is switched on again."""
        self.alarms.clear()

    # --- physics ----------------------------------------------------------------------------------------------------

    def regulate(self, now_s: float, dt_s: float) -> None:
        """Ramps the references and watches the controller. Before the bus is solved."""
        self._watch_controller(now_s)
        if not self.on:
            if self.running:
                self._fall(dt_s)
            return
        self._run_when_due(now_s)
        if not self.running:
            return
        if self.set_voltage_v is None or self.set_current_a is None:
            self.reference_v = self.limit_a = 0.0
            return
        rating = self.rating
        up_v, up_a = rating.voltage_slew_v_per_s, rating.current_slew_a_per_s
        if self.walk_in_enabled and self.walk_in_s > 0 and now_s < self._runs_at_s + self.walk_in_s:
            up_v = min(up_v, rating.max_voltage_v / self.walk_in_s)
            up_a = min(up_a, rating.max_current_a / self.walk_in_s)
        wanted_v = self.set_voltage_v * (1 + self.regulation_error)
        self.reference_v = _towards(self.reference_v, wanted_v, up_v * dt_s, rating.voltage_slew_v_per_s * dt_s)
        self.limit_a = _towards(self.limit_a, self.set_current_a, up_a * dt_s, rating.current_slew_a_per_s * dt_s)

    def _fall(self, dt_s: float) -> None:
        self.limit_a -= self._fall_a_per_s * dt_s
        if self.limit_a <= 0.0:
            self._stop()

    def current_at(self, voltage_v: float) -> float:
        """What it pushes into a bus at this voltage: droop, constant current, constant power; never backwards."""
        if not self.running or voltage_v >= self.reference_v:
            return 0.0
        droop_a = (self.reference_v - voltage_v) / self.rating.droop_ohm
        return min(droop_a, self.limit_a, self.rating.max_power_w / max(voltage_v, 1.0))

    def deliver(self, voltage_v: float, current_a: float, dt_s: float) -> None:
        """What the bus came to: the module takes its share over and integrates it."""
        if self.running:
            self.voltage_v = min(voltage_v, self.reference_v)  # below the bus the output diode blocks
        else:
            self.voltage_v *= math.exp(-dt_s / self.rating.bleeder_s)
        self.current_a = current_a
        power_w = self.voltage_v * current_a
        self.power_limited = self.limit_a > current_a > 0 and power_w >= 0.999 * self.rating.max_power_w
        self.energy_wh += power_w * dt_s / 3600
        target_c = 80.0 if Alarm.OVER_TEMPERATURE in self.alarms else 25 + 25 * power_w / self.rating.max_power_w
        self.temperature_c += (target_c - self.temperature_c) * min(1.0, dt_s / 20)

    @property
    def _runs_at_s(self) -> float:
        """When an output that was switched on comes, or came, up."""
        return max(self._on_at_s + self.start_delay_s, self._ranged_at_s + self.rating.range_gap_s)

    def _run_when_due(self, now_s: float) -> None:
        if self.running or now_s < self._runs_at_s:
            return
        self.running = True
        self.reference_v = self.voltage_v
        self.limit_a = 0.0

    def _watch_controller(self, now_s: float) -> None:
        if now_s - self.heard_at_s > self.rating.comm_timeout_s and not self.comm_lost:
            self.comm_lost = True
            self._recovered_at_s = None
            self.switch_off()
        # The bit stays a moment longer than its cause, or no controller could ever read it (?).
        if self.comm_lost and self._recovered_at_s is not None and now_s - self._recovered_at_s > 1.0:
            self.comm_lost = False
            self._recovered_at_s = None


def _towards(value: float, target: float, up: float, down: float) -> float:
    return min(value + up, target) if target > value else max(value - down, target)
