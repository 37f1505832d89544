"""Emulated modules of one family on a bus-bar of their own, a battery on it: what a conformance check drives.

Without a cabinet, a wire or a clock: times are handed in.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from jp_firmware.hw.can.frame import Frame
from jp_firmware.sim.bus import Bus
from jp_firmware.sim.marks import Marks
from jp_firmware.sim.module import Alarm, Module
from jp_firmware.sim.modules.families import EMULATED
from jp_firmware.sim.modules.node import ModuleBus, ModuleNode
from jp_firmware.sim.plant import MAX_STEP_S, rating_of
from jp_firmware.sim.vehicle import Battery


@attrs.define(eq=False)
class StandInModule:
    """One module, as it truly is, and what can be done to it."""

    node: ModuleNode

    @property
    def on(self) -> bool:
        return self.node.module.on

    @property
    def current_a(self) -> float:
        return self.node.module.current_a

    @property
    def set_voltage_v(self) -> float | None:
        return self.node.module.set_voltage_v

    @property
    def set_current_a(self) -> float | None:
        return self.node.module.set_current_a

    @property
    def high_range(self) -> bool:
        return self.node.module.high_range

    @property
    def faults(self) -> tuple[str, ...]:
        return tuple(alarm.value for alarm in Alarm)

    def fault(self, word: str) -> None:
        self.node.module.raise_alarm(Alarm(word))

    def silence(self) -> None:
        self.node.misbehaviour.silent = True

    def corrupt(self) -> None:
        self.node.misbehaviour.corrupt = True

    def repair(self) -> None:
        self.node.module.clear_alarms()
        self.node.misbehaviour.clear()

    def power_up(self, now_s: float) -> None:
        self.node.module.power_up(now_s)


@attrs.define(eq=False)
class StandIn:
    """Modules of `driver` and `profile` at `addresses`. Raises `KeyError` for a driver without an emulation."""

    driver: str
    profile: str
    addresses: Sequence[int]
    modules: list[StandInModule] = attrs.field(init=False)
    _bus: Bus = attrs.field(init=False)
    _wire: ModuleBus = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        family, rating = EMULATED[self.driver], rating_of(self.profile)
        modules = [Module(id=f"module-{address}", rating=rating) for address in self.addresses]
        self._bus = Bus(modules, closed=True)
        nodes = [
            family(module=module, bus=self._bus, address=address, marks=Marks(), profile=self.profile)
            for module, address in zip(modules, self.addresses, strict=True)
        ]
        self._wire = ModuleBus(nodes)
        self.modules = [StandInModule(node) for node in nodes]

    def plug(self, open_circuit_v: float) -> None:
        """A battery that stays at this voltage, behind closed contactors."""
        self._bus.battery = Battery(
            nominal_voltage_v=open_circuit_v / 0.95, resistance_ohm=0.06, capacity_wh=1e6, soc_percent=50.0
        )
        self._bus.car_closed = True

    def hear(self, frame: Frame, now_s: float) -> list[Frame]:
        return self._wire.hear(frame, now_s)

    def speak(self, now_s: float) -> list[Frame]:
        return self._wire.speak(now_s)

    def step(self, now_s: float, dt_s: float) -> None:
        steps = max(1, -int(-dt_s // MAX_STEP_S))
        for index in range(steps):
            self._bus.step(now_s - (steps - 1 - index) * dt_s / steps, dt_s / steps)
