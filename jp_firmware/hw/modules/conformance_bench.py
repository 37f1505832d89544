"""The bench on which `conformance_run` tries a driver: two emulated modules, their tasks, and what is asked of them.

The modules are whatever fulfils `Cabinet`, given from outside; the driver is run by the same `ModuleTask` that runs it
in a charger.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import attrs
import trio

from jp_firmware.config import schema
from jp_firmware.hw.can.bus import CanBus
from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules.conformance_wire import MemoryLink
from jp_firmware.hw.modules.driver import ModuleDriver, ModuleProfile
from jp_firmware.hw.modules.module import ModuleTask
from jp_firmware.model.ids import ConnectorId, ModuleId
from jp_firmware.nursery.supervisor import Child, Lifeline

STEP_S = 0.05  # of the physics
LEASE_S, RENEW_S = 2.0, 0.5
READY_S = 5.0  # ours: what a module may take to be heard and understood after its power-up
RISE_S = 15.0  # ours: what an output may take to rise, a soft start included


class Emulated(Protocol):
    """One emulated module, as it truly is."""

    @property
    def on(self) -> bool: ...
    @property
    def current_a(self) -> float: ...
    @property
    def set_voltage_v(self) -> float | None: ...
    @property
    def set_current_a(self) -> float | None: ...
    @property
    def high_range(self) -> bool: ...
    @property
    def faults(self) -> tuple[str, ...]:
        """The faults it can be given."""

    def fault(self, word: str) -> None: ...
    def silence(self) -> None:
        """It hears and obeys, and says nothing."""

    def corrupt(self) -> None:
        """What it says is damaged."""

    def repair(self) -> None: ...
    def power_up(self, now_s: float) -> None: ...


class Cabinet(Protocol):
    """Modules of one family on one bus-bar, and a car's battery on it."""

    @property
    def modules(self) -> Sequence[Emulated]: ...
    def plug(self, open_circuit_v: float) -> None: ...
    def hear(self, frame: Frame, now_s: float) -> list[Frame]: ...
    def speak(self, now_s: float) -> list[Frame]: ...
    def step(self, now_s: float, dt_s: float) -> None: ...


CabinetOf = Callable[[Sequence[int]], Cabinet]
"""A cabinet with modules at these addresses."""


class Wrong(Exception):
    """A clause that is not kept: how."""


@attrs.define(eq=False)
class Faults:
    """Fulfils `FaultSink`."""

    standing: set[tuple[str, str]] = attrs.field(factory=set)

    def raise_(self, code: str, source: str, detail: str = "") -> None:
        del detail
        self.standing.add((code, source))

    def clear(self, code: str, source: str) -> None:
        self.standing.discard((code, source))


@attrs.define(eq=False, kw_only=True)
class Stage:
    """Two modules under the driver, and what a connector would ask of them."""

    driver: ModuleDriver
    profile: ModuleProfile
    cabinet: Cabinet
    addresses: Sequence[int]
    faults: Faults = attrs.field(init=False, factory=Faults)
    link: MemoryLink = attrs.field(init=False)
    tasks: list[ModuleTask] = attrs.field(init=False)
    _bus: CanBus = attrs.field(init=False)
    _order: tuple[float, float] | None = attrs.field(init=False, default=None)
    _renewed_at_s: float = attrs.field(init=False, default=-math.inf)

    def __attrs_post_init__(self) -> None:
        self.link = MemoryLink(lambda frame: self.cabinet.hear(frame, trio.current_time()))
        self._bus = CanBus("can0", 125_000, self.link.open, self.faults)
        self.tasks = [self._task(address) for address in self.addresses]

    def _task(self, address: int) -> ModuleTask:
        config = schema.Module(
            id=ModuleId(f"module-{address}"),
            wire="can0",
            address=address,
            connector=ConnectorId(1),
            driver=self.driver.name,
        )
        return ModuleTask(config, self.profile, self._bus, self.faults, self.driver)

    @property
    def task(self) -> ModuleTask:
        return self.tasks[0]

    @property
    def module(self) -> Emulated:
        return self.cabinet.modules[0]

    @property
    def neighbour(self) -> Emulated:
        return self.cabinet.modules[1]

    @property
    def codes(self) -> set[str]:
        return {code for code, source in self.faults.standing if source == self.task.id}

    @property
    def low_v(self) -> float:
        """A voltage that any range of the module reaches."""
        rating, low_v = self.profile.rating, self.profile.low_range_max_voltage_v
        return rating.min_voltage_v + 0.5 * ((low_v or rating.max_voltage_v) - rating.min_voltage_v)

    @property
    def order(self) -> tuple[float, float]:
        """What it is asked for: a third of its current, 50 V above the battery."""
        return self.low_v + 50.0, max(self.profile.min_current_a * 2, self.profile.max_current_a / 3)

    def deliver(self, voltage_v: float, current_a: float) -> None:
        """From the first module, renewed until `off`."""
        self._order = (voltage_v, current_a)
        self._renew()

    def off(self) -> None:
        self._order = None
        self.task.want_off()

    def _renew(self) -> None:
        self._renewed_at_s = trio.current_time()
        if self._order is not None:
            self.task.want(*self._order, self._renewed_at_s + LEASE_S)

    async def run(self, nursery: trio.Nursery) -> None:
        """Power on, a battery plugged in, and both tasks at work; returns at once."""
        for module in self.cabinet.modules:
            module.power_up(trio.current_time())
        self.cabinet.plug(self.low_v)
        nursery.start_soon(self._step)
        for run in (self._bus.run, *(task.run for task in self.tasks)):
            nursery.start_soon(run, Lifeline(Child(name="conformance", run=run)))
            await trio.sleep(STEP_S)

    async def _step(self) -> None:
        while True:
            await trio.sleep(STEP_S)
            now_s = trio.current_time()
            self.cabinet.step(now_s, STEP_S)
            self.link.arrive(self.cabinet.speak(now_s))
            if now_s - self._renewed_at_s >= RENEW_S:
                self._renew()

    async def until(self, condition: Callable[[], object], within_s: float, what: str) -> None:
        """Raises `Wrong`, with what had to come."""
        give_up_s = trio.current_time() + within_s
        while not condition():
            if trio.current_time() > give_up_s:
                status = self.task.status.signal.value
                said = f"{status.voltage_v:.1f} V {status.current_a:.1f} A" if status else "nothing"
                codes = ", ".join(sorted(self.codes)) or "none"
                raise Wrong(f"{what}: not within {within_s:g} s (it says {said}; faults: {codes})")
            await trio.sleep(STEP_S)

    async def delivering(self) -> None:
        """Ready, on, and risen to what was asked."""
        await self.until(lambda: all(task.usable for task in self.tasks), READY_S, "the driver hears its modules")
        self.deliver(*self.order)
        target_a = self.order[1]
        rise_s = RISE_S + self.profile.start_within_s
        await self.until(
            lambda: self.module.current_a > 0.98 * target_a, rise_s, f"the current rises to {target_a:g} A"
        )

    def require(self, condition: object, what: str) -> None:
        if not condition:
            raise Wrong(what)
