"""The DC output of one connector: modules in parallel, the charger's contactor, a cable, the car's contactor and pack.

Current flows only with both contactors closed and a module on; everything else is voltage. It decides nothing: the
PLC board moves one contactor, the car the other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs

from jp_firmware.sim.module import Module
from jp_firmware.sim.vehicle import Battery

UNDER_LOAD_A = 1.0
"""Above this an opening counts as opened under load: contactors are to move below 1 A."""

BLEEDER_S = 0.3
"""Time constant of bus and cable without a source: from 1000 V below 60 V in 0.85 s (ours; 1 s is asked for)."""

_ACCURACY_V = 1e-6


@attrs.define(eq=False)
class Bus:
    """One connector's output. `voltage_v` is on the modules' side of the charger's contactor.

    `modules` are those that hang on it now: relays may bring others.
    """

    modules: Sequence[Module]
    closed: bool = False  # the charger's contactor
    car_closed: bool = False
    battery: Battery | None = None  # of the car that is plugged in
    voltage_v: float = 0.0
    cable_v: float = 0.0
    current_a: float = 0.0
    modules_wh: float = 0.0  # what modules have delivered into it

    @property
    def is_live(self) -> bool:
        """Whether something holds its voltage: a module that is on, or a car's battery."""
        battery = self.closed and self.car_closed and self.battery is not None
        return battery or any(module.on for module in self.modules)

    def step(self, now_s: float, dt_s: float) -> None:
        """One step of physics: solves the node, lets each module deliver and the battery take."""
        for module in self.modules:
            module.regulate(now_s, dt_s)
        battery = self.battery if self.closed and self.car_closed else None
        if battery is None:
            self._without_load(dt_s)
            currents = [0.0] * len(self.modules)
        else:
            self.voltage_v = self._solve(battery)
            currents = [module.current_at(self.voltage_v) for module in self.modules]
            # What bisection leaves open goes to the battery, so that no energy is made or lost.
            battery.take(sum(currents), dt_s)
        self.current_a = sum(currents)
        self._settle_cable(dt_s)
        for module, current_a in zip(self.modules, currents, strict=True):
            before_wh = module.energy_wh
            module.deliver(self.voltage_v, current_a, dt_s)
            self.modules_wh += module.energy_wh - before_wh

    def interrupt(self) -> float:
        """A contactor opened or a plug was torn out: current stops now. Returns what was interrupted."""
        interrupted_a, self.current_a = self.current_a, 0.0
        for module in self.modules:
            module.current_a = 0.0
        return interrupted_a

    def _without_load(self, dt_s: float) -> None:
        """Follows the highest reference up; falls by the bleeder, as the output diodes let nothing back."""
        reference_v = max((module.reference_v for module in self.modules if module.on), default=0.0)
        self.voltage_v = max(reference_v, self.voltage_v * math.exp(-dt_s / BLEEDER_S))

    def _settle_cable(self, dt_s: float) -> None:
        if self.closed:
            self.cable_v = self.voltage_v
        elif self.car_closed and self.battery is not None:
            self.cable_v = self.battery.open_circuit_v
        else:
            self.cable_v *= math.exp(-dt_s / BLEEDER_S)

    def _solve(self, battery: Battery) -> float:
        """The voltage at which the modules push what the battery takes."""
        open_circuit_v = battery.open_circuit_v

        def terminal(voltage_v: float) -> float:
            pushed_a = sum(module.current_at(voltage_v) for module in self.modules)
            return open_circuit_v + battery.resistance_ohm * pushed_a

        guess_v = max(self.voltage_v, open_circuit_v)
        for _ in range(3):  # constant current and constant power settle at once
            next_v = terminal(guess_v)
            if abs(next_v - guess_v) < _ACCURACY_V:
                return next_v
            guess_v = next_v
        low_v = open_circuit_v
        high_v = max([low_v, *(module.reference_v for module in self.modules if module.on)])
        while high_v - low_v > _ACCURACY_V:
            middle_v = (low_v + high_v) / 2
            if terminal(middle_v) > middle_v:
                low_v = middle_v
            else:
                high_v = middle_v
        return (low_v + high_v) / 2
