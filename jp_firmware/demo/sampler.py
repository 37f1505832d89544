"""Looks at the emulated cabinet ten times a second: the true power of each connector, against every limit in force.

What is measured is the electricity, not what the planner believes. A limit that was lowered binds when the modules'
own slew has had its time: set-points are on the wire in milliseconds, current follows.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from jp_firmware.config.schema import Cabinet
from jp_firmware.demo.fluid import Stay
from jp_firmware.demo.site import Site
from jp_firmware.sim import vehicle
from jp_firmware.sim.vehicle import Battery, Vehicle

PERIOD_S = 0.1
SLEW_S = 1.5  # ours: a module of 100 A at 100 A/s is down in a second; the rest is the set-point's way and a sample
SWITCHES = ("modules_switched", "opened_under_load", "closed_onto_live", "connectors_joined")
TOLERANCE = 0.005  # of a limit: regulation and measurement of the modules


@attrs.frozen
class Violation:
    """A limit that was exceeded by what really flowed."""

    at_s: float
    scope: str
    power_w: float
    limit_w: float

    def __str__(self) -> str:
        return f"{self.at_s:.1f} s: {self.scope} {self.power_w / 1000:.2f} kW of {self.limit_w / 1000:.2f} kW"


@attrs.define(eq=False)
class _Guest:
    """The car at a connector, as first seen."""

    vehicle: Vehicle
    plugged_s: float
    soc_percent: float
    leave_at_percent: float
    capacity_wh: float
    charged_s: float | None = None  # when its current began


@attrs.define(eq=False)
class Sampler:
    """Takes samples. `site_limit_w` is the limit that the demo has set last."""

    site: Site
    started_s: float = attrs.field(factory=time.monotonic)
    samples: int = 0
    late: int = 0  # samples that came more than a period after the one before
    violations: list[Violation] = attrs.field(factory=list)
    stays: list[Stay] = attrs.field(factory=list)  # from the plug
    charging: list[Stay] = attrs.field(factory=list)  # from the first current
    limits: list[tuple[float, float]] = attrs.field(factory=list)  # of the site: since when, W
    peak_w: float = 0.0
    switches: Mapping[str, int] = attrs.field(factory=dict)  # what relays have done since the first sample
    _switches_before: Mapping[str, int] = attrs.field(factory=dict)
    _guests: dict[int, _Guest] = attrs.field(factory=dict)
    _next_s: float = 0.0

    def limit_set(self, limit_w: float) -> None:
        """The site's limit has just been set."""
        self.limits.append((time.monotonic(), limit_w))

    def site_w(self, at_s: float) -> float:
        """The site's limit in force at a moment."""
        return next((limit_w for since_s, limit_w in reversed(self.limits) if since_s <= at_s), self.limits[0][1])

    def step(self) -> None:
        """A sample, if one is due."""
        now_s = time.monotonic()
        if now_s < self._next_s:
            return
        self.late += bool(self.samples and now_s > self._next_s + PERIOD_S)
        self._next_s = max(self._next_s + PERIOD_S, now_s)
        self.samples += 1
        state = self.site.sim("state")
        switches = {what: state[what] for what in SWITCHES}
        self._switches_before = self._switches_before or switches
        self.switches = {what: count - self._switches_before[what] for what, count in switches.items()}
        connectors = {int(number): one for number, one in state["connectors"].items()}
        self._judge(state["t"], {number: one["power_w"] for number, one in connectors.items()})
        for number, one in connectors.items():
            self._see(number, one["car"], one["current_a"], now_s)

    def end(self) -> None:
        """The last cars are counted as gone."""
        now_s = time.monotonic()
        for number in list(self._guests):
            self._gone(number, now_s)

    # --- limits -----------------------------------------------------------------------------------------------------

    def _judge(self, at_s: float, power_w: Mapping[int, float]) -> None:
        total_w = sum(power_w.values())
        self.peak_w = max(self.peak_w, total_w)
        checks = [("site", total_w, max(self.site_w(at_s), self.site_w(at_s - SLEW_S)))]
        checks += self._configured(power_w)
        for scope, flowing_w, limit_w in checks:
            if flowing_w > limit_w * (1 + TOLERANCE) + 10:
                self.violations.append(Violation(at_s - self.started_s, scope, flowing_w, limit_w))

    def _configured(self, power_w: Mapping[int, float]) -> list[tuple[str, float, float]]:
        """Limits that do not move: chains, feeders, connectors."""
        cabinet: Cabinet = self.site.cabinet
        groups: list[tuple[str, Sequence[int], float]] = [
            *((f"chain {one.name}", one.connectors, one.cap_w) for one in cabinet.chains),
            *((f"feeder {one.name}", one.connectors, one.limit_w) for one in cabinet.feeders),
            *((f"connector {one.id}", (one.id,), one.max_power_w) for one in cabinet.connectors),
        ]
        return [(scope, sum(power_w[one] for one in members), limit_w) for scope, members, limit_w in groups]

    # --- cars -------------------------------------------------------------------------------------------------------

    def _see(self, number: int, car: Mapping[str, Any] | None, current_a: float, now_s: float) -> None:
        guest = self._guests.get(number)
        if car is None:
            if guest:
                self._gone(number, now_s)
            return
        if guest is None:
            guest = self._guests[number] = _Guest(
                vehicle=vehicle.load(car["vehicle"]),
                plugged_s=now_s,
                soc_percent=car["soc_percent"],
                leave_at_percent=car["leave_at_percent"],
                capacity_wh=car["capacity_wh"],
            )
        if guest.charged_s is None and current_a > 1:
            guest.charged_s = now_s

    def _gone(self, number: int, now_s: float) -> None:
        guest = self._guests.pop(number)
        most_a = next(one.max_current_a for one in self.site.cabinet.connectors if one.id == number)

        def stay(from_s: float) -> Stay:
            return Stay(
                connector=number,
                from_s=from_s,
                until_s=now_s,
                soc_percent=guest.soc_percent,
                leave_at_percent=guest.leave_at_percent,
                capacity_wh=guest.capacity_wh,
                power_w=lambda soc: _taken_w(guest.vehicle, most_a, soc),
            )

        self.stays.append(stay(guest.plugged_s))
        if guest.charged_s is not None:
            self.charging.append(stay(guest.charged_s))


def _taken_w(car: Vehicle, connector_a: float, soc_percent: float) -> float:
    """What the car takes at most: by its curve, its own current and the connector's. W."""
    most_a = min(car.max_current_a, connector_a)
    battery = Battery(
        nominal_voltage_v=car.nominal_voltage_v,
        resistance_ohm=car.resistance_ohm,
        capacity_wh=1.0,
        soc_percent=soc_percent,
    )
    return min(car.power_at(soc_percent), most_a * (battery.open_circuit_v + most_a * car.resistance_ohm))
