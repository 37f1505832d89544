"""The whole charger in one Trio run: its own tree, buses, boards, meters, planner and connectors, on wires in memory.

`World` is what stays when the charger goes: the emulated cabinet, stepped on Trio's clock, its wires, the disk. `Life`
of `wires` and `Process` here are one life of the controller in it; a process can be stopped, killed and started anew.
Left out are the journal's thread, real ttys and sockets, consoles and the central system's link: its messages are
queued, and never sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from unittest import mock

import attrs
import trio

from jp_firmware import controller as composition
from jp_firmware.config import profiles
from jp_firmware.config.schema import (
    Authorize,
    Backend,
    Cabinet,
    Charger,
    Connector,
    LocalTag,
    Meter,
    Module,
    PlcBoard,
    Site,
    Wire,
)
from jp_firmware.controller import Controller
from jp_firmware.faults import catalogue
from jp_firmware.model.connector import ConnectorState
from jp_firmware.model.ids import ConnectorId, MeterId, ModuleId, PlcId
from jp_firmware.model.session import IdToken, Session, TokenSource
from jp_firmware.nursery.child import Lifeline
from jp_firmware.nursery.supervisor import Supervisor
from jp_firmware.sim.options import Options
from jp_firmware.sim.plant import Plant
from jp_firmware.sim.vehicle import Vehicle
from jp_firmware.sim.verbs import Verbs
from tests.whole.journal import Disk, MemoryJournal
from tests.whole.wires import CanWire, Life, ModbusWire, board_unit, meter_unit

ONE, TWO = ConnectorId(1), ConnectorId(2)
BOTH = (ONE, TWO)
TAG, OTHER_TAG = "04A1B2C3D4E5F6", "04A1B2C3D4E5F7"
SITE_LIMIT_W = 40_000.0  # below what the modules can: the connectors must share
STEP_S = 0.02  # of the physics
OPENING_S = 0.06  # a contactor's own time after the board took the command, and a scan of the board

QUICK = Options(
    board_boot_s=0.1,
    module_startup_s=0.1,
    matching_s=0.1,
    handshake_s=0.1,
    parameters_s=0.1,
    ramp_s=0.3,
)

CABINET = Cabinet(
    charger=Charger(identity="JP-WHOLE"),
    site=Site(limit_w=SITE_LIMIT_W),
    backend=Backend(url="ws://127.0.0.1:9/ocpp"),
    authorize=Authorize(local_list=(LocalTag(uid=TAG), LocalTag(uid=OTHER_TAG))),
    wires=(
        Wire(name="can0", kind="slcan", port="can0"),
        Wire(name="rs485-0", kind="modbus-rtu", port="rs485-0", baud=19_200),
        Wire(name="plc-1-wire", kind="modbus-rtu", port="plc-1", baud=115_200),
        Wire(name="plc-2-wire", kind="modbus-tcp", host="127.0.0.1", port="1502"),
    ),
    modules=(
        Module(id=ModuleId("module-1"), wire="can0", address=0, connector=ONE),
        Module(id=ModuleId("module-2"), wire="can0", address=1, connector=ONE),
        Module(id=ModuleId("module-3"), wire="can0", address=2, connector=TWO),
    ),
    meters=(
        Meter(id=MeterId("meter-1"), wire="rs485-0", unit=1, connector=ONE),
        Meter(id=MeterId("meter-2"), wire="rs485-0", unit=2, connector=TWO),
    ),
    plc_boards=(
        PlcBoard(id=PlcId("plc-1"), wire="plc-1-wire", connectors=(ONE,)),
        PlcBoard(id=PlcId("plc-2"), wire="plc-2-wire", connectors=(TWO,)),
    ),
    connectors=(Connector(id=ONE), Connector(id=TWO)),
)


@cache
def _car() -> Vehicle:
    from jp_firmware.sim import vehicle

    return vehicle.load("kia-ev9")


_load_profile = cache(profiles.load_profile)
_load_catalogue = cache(catalogue.load)


@attrs.define(eq=False, repr=False)
class World:
    """The cabinet around the charger. `run` is its time; `watchers` are called after each step of the physics."""

    options: Options = QUICK
    cabinet: Cabinet = CABINET
    disk: Disk = attrs.field(factory=Disk)
    plant: Plant = attrs.field(init=False)
    wires: dict[str, CanWire | ModbusWire] = attrs.field(init=False)
    verbs: Verbs = attrs.field(init=False)
    watchers: list[Callable[[], None]] = attrs.field(factory=list)
    _stepped: trio.Event = attrs.field(factory=trio.Event)

    def __attrs_post_init__(self) -> None:
        with mock.patch("jp_firmware.sim.plant.load_profile", _load_profile):
            self.plant = Plant(self.cabinet, self.options)
        self.wires = {wire.name: self._wire(wire) for wire in self.cabinet.wires}
        self.verbs = Verbs(self.plant, self.wires, trio.current_time)

    def _wire(self, wire: Wire) -> CanWire | ModbusWire:
        if wire.is_can:
            return CanWire(wire.name, modules=self.plant.module_bus(wire.name))
        units = {
            one.unit: meter_unit(self.plant.meters[one.id]) for one in self.cabinet.meters if one.wire == wire.name
        }
        units |= {
            one.unit: board_unit(self.plant.boards[one.id]) for one in self.cabinet.plc_boards if one.wire == wire.name
        }
        if self.cabinet.site_meter and self.plant.site_meter and self.cabinet.site_meter.wire == wire.name:
            units[self.cabinet.site_meter.unit] = meter_unit(self.plant.site_meter)
        return ModbusWire(wire.name, units=units, baud=None if wire.kind == "modbus-tcp" else wire.baud)

    async def run(self) -> None:
        """The physics, until cancelled."""
        last_s = trio.current_time()
        self.plant.power_up(last_s)
        while True:
            await trio.sleep_until(last_s + STEP_S)
            now_s = trio.current_time()
            self.plant.step(now_s, now_s - last_s)
            for wire in self.wires.values():
                if isinstance(wire, CanWire):
                    wire.speak(now_s)
            last_s = now_s
            for watcher in self.watchers:
                watcher()
            self._stepped.set()
            self._stepped = trio.Event()

    async def until(self, condition: Callable[[], object], within_s: float = 30.0) -> None:
        """Returns when the condition holds after a step of the physics. AssertionError if it does not in time."""
        with trio.move_on_after(within_s):
            while not condition():
                await self._stepped.wait()
            return
        raise AssertionError(f"not within {within_s:g} s")

    # --- what is true, whatever the charger believes -------------------------------------------------------------

    def modules_on(self) -> list[str]:
        return [name for name, node in self.plant.nodes.items() if node.module.on]

    def contactors_closed(self) -> list[ConnectorId]:
        return [number for number, bus in self.plant.buses.items() if bus.closed]

    def power_w(self) -> float:
        return sum(bus.voltage_v * bus.current_a for bus in self.plant.buses.values())

    def opened_under_load(self) -> int:
        return sum(outlet.opened_under_load for outlet in self.plant.outlets.values())

    # --- what the disk says --------------------------------------------------------------------------------------

    def queued(self, action: str) -> list[str]:
        """The sessions that have such a message in the outbox, in its order."""
        rows = self.disk.rows("SELECT session_id, action FROM outbox ORDER BY seq")
        return [row["session_id"] for row in rows if row["action"] == action]

    # --- cars ----------------------------------------------------------------------------------------------------

    def plug(self, connector: ConnectorId, *, leave_at_percent: float = 90.0) -> None:
        self.plant.plug(
            connector,
            _car(),
            trio.current_time(),
            soc_percent=40.0,
            battery_kwh=20.0,
            leave_at_percent=leave_at_percent,
        )

    def boot(self) -> Process:
        """A charger is started in this cabinet: built, not yet run."""
        return Process(self)


@attrs.define(eq=False, repr=False)  # it would tell the whole charger
class Process:
    """One life of the controller."""

    world: World
    life: Life = attrs.field(factory=Life)
    journal: MemoryJournal = attrs.field(init=False)
    controller: Controller = attrs.field(init=False)
    tree: Supervisor = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        def journal(path: Path, *, on_trouble: Callable[[str | None], None] | None = None) -> MemoryJournal:
            self.journal = MemoryJournal(self.world.disk, on_trouble)
            return self.journal

        with _loading_once(), mock.patch.object(composition, "Journal", journal):
            self.controller = self._new_controller()
        for name, bus in self.controller.plant.buses.items():
            bus._open_link = partial(self.world.wires[name].open, self.life)  # type: ignore[assignment]
        for name, master in self.controller.plant.masters.items():
            wire = self.world.wires[name]
            assert isinstance(wire, ModbusWire)
            master.connect = partial(wire.open, self.life)
            master.new_line = wire.new_line
        self.tree = self._tree()

    def _new_controller(self) -> Controller:
        nowhere = Path("/nowhere")
        return Controller(self.world.cabinet, nowhere, nowhere, nowhere / "socket")

    def _tree(self) -> Supervisor:
        """The controller's, without what needs a socket."""
        whole = self.controller.tree
        return Supervisor(
            name=whole.name,
            children=[child for child in whole.children if child.name not in ("backend", "consoles")],
            everything_off=whole.everything_off,
            on_event=whole.on_event,
        )

    async def run(self) -> None:
        """Runs the tree until cancelled; everything is off when it returns."""
        await self.tree.run()

    def kill(self) -> None:
        """As SIGKILL: nothing more of this process reaches a wire or the disk. Its tasks remain to be cancelled."""
        self.journal.is_dead = True
        self.life.sever()

    # --- what a person or a central system does ------------------------------------------------------------------

    def swipe(self, uid: str) -> None:
        self.controller._swiped(uid, frozenset())

    def start(self, connector: ConnectorId, uid: str = OTHER_TAG) -> tuple[bool, str]:
        token = IdToken(uid, TokenSource.REMOTE)
        return self.controller.charger.start(connector, token, authorize=False)

    def stop(self, connector: ConnectorId) -> tuple[bool, str]:
        return self.controller.charger.stop(connector, remote=True)

    # --- what it shows -------------------------------------------------------------------------------------------

    def state(self, connector: ConnectorId) -> ConnectorState:
        return self.controller.charger.runners[connector].machine.state

    def session(self, connector: ConnectorId) -> Session | None:
        return self.controller.charger.runners[connector].session

    def faults(self) -> list[str]:
        return [f"{fault.code} {fault.source}" for fault in self.controller.faults.active]

    def assigned_w(self) -> dict[ConnectorId, float]:
        """What the plan in force gives each connector that may draw now."""
        plan, now_s = self.controller.planner.plan.signal.value, trio.current_time()
        assert plan is not None
        return {key: one.assigned_w for key, one in plan.allocations.items() if now_s < one.valid_until_s}

    def lifelines(self) -> dict[str, Lifeline]:
        """All children of the tree that are no supervisors themselves, by their path."""
        return dict(_leaves(self.tree))


def _leaves(supervisor: Supervisor) -> Iterator[tuple[str, Lifeline]]:
    for one in supervisor.lifelines:
        if isinstance(one.child.subtree, Supervisor):
            yield from _leaves(one.child.subtree)
        else:
            yield one.path, one


@contextmanager
def _loading_once() -> Iterator[None]:
    """Profiles and the catalogue of faults are read once for all the chargers of a test run."""
    with (
        mock.patch.object(catalogue, "load", _load_catalogue),
        mock.patch("jp_firmware.hw.modules.driver.profiles.load_profile", _load_profile, create=True),
    ):
        yield
