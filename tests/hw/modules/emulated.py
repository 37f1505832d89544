"""Module tasks against the emulated modules of the cabinet: a CAN bus in memory, a bus-bar, a load, a mock clock.

For any driver that has an emulated counterpart. What is said is said in frames of the family, so that codec and
emulator are held against each other; what flows is the emulation's physics.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import trio

from jp_firmware.config import schema
from jp_firmware.hw.can.bus import CanBus
from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules.driver import ModuleProfile, load_profile
from jp_firmware.hw.modules.heartbeat import Unattended
from jp_firmware.hw.modules.module import ModuleTask
from jp_firmware.hw.plant import FIRST_RETRY_S, RETRY_CAP_S
from jp_firmware.model.ids import ConnectorId, ModuleId
from jp_firmware.model.power import ModuleStatus
from jp_firmware.nursery.backoff import Backoff
from jp_firmware.nursery.supervisor import Child, Strategy, Supervisor
from jp_firmware.sim.bus import Bus
from jp_firmware.sim.marks import Marks
from jp_firmware.sim.module import Module
from jp_firmware.sim.modules.families import EMULATED
from jp_firmware.sim.modules.node import ModuleBus, ModuleNode
from jp_firmware.sim.plant import rating_of
from jp_firmware.sim.vehicle import Battery
from tests.hw.can.memory import FaultList, MemoryBus
from tests.hw.lifelines import Lifelines

STEP_S = 0.02
LEASE_S = 2.0
RENEW_S = 0.5


def battery(open_circuit_v: float) -> Battery:
    """A pack that is half full, large enough not to change while a test looks at it."""
    return Battery(nominal_voltage_v=open_circuit_v / 0.95, resistance_ohm=0.06, capacity_wh=1e6, soc_percent=50.0)


@attrs.define(eq=False, kw_only=True)
class EmulatedBench:
    """Modules of one family, all on one bus-bar, and the tasks that drive them.

    Made before the loop runs, started by `start`. `change_profile` is applied to what the tasks are told of the module,
    never to what it is.
    """

    driver: str
    profile_name: str
    addresses: Sequence[int] = (1,)
    change_profile: Callable[[ModuleProfile], ModuleProfile] = lambda profile: profile
    memory: MemoryBus = attrs.field(init=False, factory=MemoryBus)
    faults: FaultList = attrs.field(init=False, factory=FaultList)
    can: CanBus = attrs.field(init=False)
    bus: Bus = attrs.field(init=False)
    nodes: list[ModuleNode] = attrs.field(init=False)
    tasks: list[ModuleTask] = attrs.field(init=False)
    wire: ModuleBus = attrs.field(init=False)
    scopes: dict[ModuleId, trio.CancelScope] = attrs.field(init=False, factory=dict)  # of the tasks
    renewing: bool = attrs.field(init=False, default=True)
    _order: tuple[float, float] | None = attrs.field(init=False, default=None)
    _renewed_at_s: float = attrs.field(init=False, default=-math.inf)

    def __attrs_post_init__(self) -> None:
        profile = self.change_profile(load_profile(self.profile_name))
        modules = [Module(id=f"module-{n}", rating=rating_of(self.profile_name)) for n in self.addresses]
        self.bus = Bus(modules, closed=True)
        self.nodes = [
            EMULATED[self.driver](
                module=module,
                bus=self.bus,
                address=address,
                marks=Marks(clock=trio.current_time),
                profile=self.profile_name,
            )
            for module, address in zip(modules, self.addresses, strict=True)
        ]
        self.wire = ModuleBus(self.nodes)
        self.memory.devices.append(self._hear)
        self.can = CanBus("can0", 125_000, self.memory.open, self.faults)
        unattended = Unattended()
        self.tasks = [
            ModuleTask(
                schema.Module(
                    id=ModuleId(f"module-{n}"),
                    wire="can0",
                    address=n,
                    connector=ConnectorId(1),
                    driver=self.driver,
                    profile=self.profile_name,
                ),
                profile,
                self.can,
                self.faults,
                unattended=unattended,
            )
            for n in self.addresses
        ]

    # --- running ----------------------------------------------------------------------------------------------------

    async def start(self, nursery: trio.Nursery) -> None:
        """Power on, bus up, and every task ready. Runs until `nursery` is cancelled."""
        for node in self.nodes:
            node.module.power_up(trio.current_time())
        nursery.start_soon(self._step_for_ever)
        await nursery.start(Lifelines().run, self.can.run)
        async with trio.open_nursery() as starting:
            for task in self.tasks:
                starting.start_soon(nursery.start, self._run, task)

    async def start_in_a_tree(self, nursery: trio.Nursery, **terms: Any) -> Supervisor:
        """As `start`, with the parts hung up as on a charger: what ends is made safe, and started again.

        `terms` are those of each module's child.
        """
        for node in self.nodes:
            node.module.power_up(trio.current_time())
        nursery.start_soon(self._step_for_ever)
        modules = [
            Child(
                name=task.id,
                run=task.run,
                safe=task.safe,
                safe_now=task.safe_now,
                safe_within_s=task.safe_within_s,
                watchdog_s=task.config.watchdog_s,
                backoff=Backoff(first_s=FIRST_RETRY_S, cap_s=RETRY_CAP_S),
                **terms,
            )
            for task in self.tasks
        ]
        link = Child(name="link", run=self.can.run)
        tree = Supervisor(
            name="can0", strategy=Strategy.HUB, intensity=None, latch_escalates=False, children=[link, *modules]
        )
        nursery.start_soon(tree.run)
        await self.until(lambda: all(task.usable for task in self.tasks), 5)
        return tree

    async def _run(self, task: ModuleTask, *, task_status: trio.TaskStatus[object] = trio.TASK_STATUS_IGNORED) -> None:
        with self.scopes.setdefault(task.id, trio.CancelScope()):
            await Lifelines().run(task.run, task_status=task_status)

    def _hear(self, frame: Frame) -> list[Frame]:
        return self.wire.hear(frame, trio.current_time())

    async def _step_for_ever(self) -> None:
        """Physics, what the modules say by themselves, and the renewal of the order."""
        while True:
            await trio.sleep(STEP_S)
            now_s = trio.current_time()
            self.bus.step(now_s, STEP_S)
            self.memory.arrive(*self.wire.speak(now_s))
            if self.renewing and now_s - self._renewed_at_s >= RENEW_S:
                self._renew(now_s)

    def _renew(self, now_s: float) -> None:
        self._renewed_at_s = now_s
        if self._order is not None:
            for task in self.tasks:
                task.want(*self._order, now_s + LEASE_S)

    # --- orders -----------------------------------------------------------------------------------------------------

    def deliver(self, voltage_v: float, current_a: float) -> None:
        """This from each module, renewed for ever. Frames are on the wire before it returns."""
        self._order = (voltage_v, current_a)
        self._renew(trio.current_time())

    def off(self) -> None:
        self._order = None
        for task in self.tasks:
            task.want_off()

    # --- the load ---------------------------------------------------------------------------------------------------

    def plug(self, open_circuit_v: float) -> None:
        """A battery behind closed contactors."""
        self.bus.battery, self.bus.car_closed = battery(open_circuit_v), True

    def unplug(self) -> None:
        self.bus.battery, self.bus.car_closed = None, False

    # --- looking ----------------------------------------------------------------------------------------------------

    @property
    def task(self) -> ModuleTask:
        return self.tasks[0]

    @property
    def node(self) -> ModuleNode:
        return self.nodes[0]

    @property
    def module(self) -> Module:
        return self.nodes[0].module

    @property
    def status(self) -> ModuleStatus:
        """Of the first module, as its task has published it."""
        status = self.task.status.signal.value
        assert status is not None
        return status

    @property
    def codes(self) -> set[str]:
        """Of the faults that stand."""
        return {code for code, _ in self.faults.standing}

    async def until(self, condition: Callable[[], object], within_s: float) -> float:
        """Waits for `condition`; how long that took. Fails if it never comes."""
        started_s = trio.current_time()
        while not condition():
            assert trio.current_time() - started_s < within_s, (
                f"not within {within_s:g} s: {self.bus.voltage_v:.1f} V {self.bus.current_a:.1f} A,"
                f" {self.task.status.signal}, faults {self.faults.standing}"
            )
            await trio.sleep(STEP_S)
        return trio.current_time() - started_s
