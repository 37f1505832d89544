"""The columns that stand on a wire: module, CAN bus, meter and PLC board, as `Plant` builds and supervises them.

Only the wires are in memory; tasks, terms and the branch of the tree are the plant's own. Each has a neighbour on the
same wire, which must not notice.
"""

from __future__ import annotations

import math
from pathlib import Path

import attrs
import pytest
import trio

from jp_firmware.charging.ports import FaultSink
from jp_firmware.config import schema
from jp_firmware.config.schema import Cabinet, Charger, Connector, Site, Wire
from jp_firmware.hw import plant as plant_module
from jp_firmware.hw.can.bus import CanBus
from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modbus.master import ModbusMaster
from jp_firmware.hw.modules import infypower_wire as infy
from jp_firmware.hw.modules.infypower_wire import Command
from jp_firmware.hw.plant import Plant
from jp_firmware.model.connector import EvCommand, Stage
from jp_firmware.model.ids import ConnectorId, MeterId, ModuleId, PlcId
from jp_firmware.model.signals import Quality, Source
from jp_firmware.nursery.supervisor import Child
from tests.hw.meters.test_register_map import Emulated as EmulatedMeter
from tests.hw.modules.fake import FakeModule
from tests.hw.plc.board_bench import Emulated as EmulatedBoard
from tests.matrix.rig import Rig
from tests.matrix.wires import CanWire, Habits, ModbusWire, Values

ONE, TWO = ConnectorId(1), ConnectorId(2)
CHARGING = EvCommand(stage=Stage.CHARGING, authorized=True, close_contactors=True, offered_power_w=60_000)
NONSENSE = infy.Output(4e6, -3.0)
MARKED = infy.Output(111.0, 50.0)


def build(cabinet: Cabinet, faults: FaultSink, buses: dict[str, CanWire], lines: dict[str, ModbusWire]) -> Plant:
    """The plant of a cabinet whose wires are in memory."""

    def bus_of(wire: Wire, _: Path, sink: FaultSink) -> CanBus:
        return CanBus(wire.name, wire.bitrate, buses[wire.name].open, sink)

    def master_of(wire: Wire, _: Path) -> ModbusMaster:
        return lines[wire.name].master()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plant_module.CanBus, "of_wire", bus_of)
        patch.setattr(plant_module, "master_for", master_of)
        return Plant.of(cabinet, Path("/nowhere"), faults, lambda *_: None)


def cabinet(wire: Wire, **devices: object) -> Cabinet:
    return Cabinet(
        charger=Charger(identity="matrix"),
        site=Site(limit_w=100_000),
        wires=(wire,),
        connectors=(Connector(id=ONE), Connector(id=TWO)),
        **devices,  # type: ignore[arg-type]
    )


@attrs.define(eq=False, kw_only=True)
class OnCan(Rig):
    """Two modules on a CAN bus; the first delivers 20 kW as long as it may."""

    wire: CanWire = attrs.field(factory=CanWire)
    fakes: list[FakeModule] = attrs.field(factory=lambda: [FakeModule(0), FakeModule(1)])
    wanted: bool = True
    plant: Plant = attrs.field(init=False)

    def children(self) -> list[Child]:
        for fake in self.fakes:
            self.wire.add(fake.hear)
        modules = tuple(
            schema.Module(id=ModuleId(f"module-{n}"), wire="can0", address=n - 1, connector=ConnectorId(n))
            for n in (1, 2)
        )
        self.plant = build(
            cabinet(Wire(name="can0", kind="slcan", port="can0"), modules=modules),
            self.faults,
            {"can0": self.wire},
            {},
        )
        return [self.plant.supervisor().as_child()]

    async def live(self) -> None:
        """What the stage does: renews the set-point."""
        module = self.plant.modules[ModuleId("module-1")]
        while True:
            if self.wanted:
                module.want(400, 50, trio.current_time() + 2)
            else:
                module.want_off()
            await trio.sleep(0.5)

    def link_unplugged(self) -> None:
        self.wire.memory.unplug()

    def relieve(self) -> None:
        self.wire.plug_in()
        self.wire.deaf = self.wire.echoes = False
        self.wire.late_s.clear()
        self.wire.instead.clear()
        self.fakes[0].silent, self.fakes[0].measured, self.wanted = False, None, True
        self.fakes[0].deaf_to.clear()


@attrs.define(eq=False, kw_only=True)
class ModuleRig(OnCan):
    path: str = "wires/can0/module-1"
    source: str = "module-1"
    late_s: float = 0.85

    def is_off(self) -> bool:
        return not self.fakes[0].on

    def is_trusted(self) -> bool:
        return self.plant.modules[ModuleId("module-1")].usable

    def device_silent(self) -> None:
        self.fakes[0].silent = True

    def device_frozen(self) -> None:
        """It goes on answering what it answered last, also when it is told to switch off."""
        self.fakes[0].measured = self.fakes[0].output()
        self.fakes[0].deaf_to = {Command.SET_SWITCH, Command.SET_OUTPUT}
        self.wanted = False

    def echo(self) -> None:
        self.wire.instead[0] = lambda frame: [frame]

    def garbage(self) -> None:
        def nonsense(frame: Frame) -> list[Frame]:
            asked = infy.Identifier.decode(frame.can_id)
            if asked.destination != 0 or asked.source != infy.CONTROLLER:
                return []
            self.fakes[0].hear(frame)  # it obeys; only what it says is of no use
            if asked.command == Command.READ_OUTPUT:
                return [infy.reply(asked, 0, NONSENSE.encode())]
            return [infy.reply(asked, 0, bytes(range(0x90, 0x98)))]

        self.wire.instead[0] = nonsense

    def slow_answers(self) -> None:
        self.wire.late_s[0] = 0.3

    def previous_question(self) -> None:
        last: list[list[Frame]] = []

        def lag(frame: Frame) -> list[Frame]:
            answer = self.fakes[0].hear(frame)
            if answer:
                last.append(answer)
            return last[-2] if answer and len(last) > 1 else []

        self.wire.instead[0] = lag

    async def _answer_late(self) -> None:
        await super()._answer_late()
        self.wire.late_s[0] = 0.15  # so that the next start's question is still open

    def lag_and_mark(self, asked: trio.Event) -> None:
        status = self.plant.modules[ModuleId("module-1")].status
        self.fakes[0].measured = MARKED
        self.wire.late_s[0] = self.late_s

        def hear(frame: Frame) -> list[Frame]:
            answers = self.fakes[0].hear(frame)
            if answers and infy.Identifier.decode(frame.can_id).command == Command.READ_OUTPUT:
                asked.set()
            return answers

        def look() -> None:
            value = status.signal.value
            self.believed_late |= value is not None and value.voltage_v == MARKED.voltage_v

        self.wire.instead[0] = hear
        status.subscribe(look)


@attrs.define(eq=False, kw_only=True)
class BusRig(OnCan):
    path: str = "wires/can0/link"
    source: str = "can0"

    def is_trusted(self) -> bool:
        return self.plant.buses["can0"].up and ("PM-14", "can0") not in self.faults.active

    def device_silent(self) -> None:
        self.wire.deaf = True

    def device_frozen(self) -> None:
        for fake in self.fakes:
            fake.measured = fake.output()
            fake.deaf_to = {Command.SET_SWITCH, Command.SET_OUTPUT}

    def echo(self) -> None:
        self.wire.echoes = True
        self.wire.instead = dict.fromkeys(range(2), lambda _: [])

    def garbage(self) -> None:
        self.wire.noise()

    def slow_answers(self) -> None:
        self.wire.late_s = dict.fromkeys(range(2), 0.3)


@attrs.define(eq=False, kw_only=True)
class OnModbus(Rig):
    """A device that is unit 1 of a Modbus line."""

    wire: ModbusWire = attrs.field(init=False)
    habits: Habits = attrs.field(init=False)
    plant: Plant = attrs.field(init=False)
    slow_s: float

    def link_unplugged(self) -> None:
        self.wire.unplug()

    def device_silent(self) -> None:
        self.habits.fall_silent()

    def echo(self) -> None:
        self.habits.echo()

    def garbage(self) -> None:
        self.habits.talk_garbage()

    def slow_answers(self) -> None:
        self.habits.delay_s = self.slow_s

    def previous_question(self) -> None:
        self.habits.lag()

    def lag_and_mark(self, asked: trio.Event) -> None:
        true = self.habits.values

        def marked(unit: int, address: int, count: int) -> tuple[int, ...]:
            self.mark()
            registers = true(unit, address, count)
            self.unmark()
            asked.set()
            return registers

        self.habits.values, self.habits.delay_s = marked, self.late_s
        self.listen()

    def mark(self) -> None:
        raise NotImplementedError

    def unmark(self) -> None:
        raise NotImplementedError

    def listen(self) -> None:
        raise NotImplementedError

    @property
    def values(self) -> Values:
        raise NotImplementedError

    def relieve(self) -> None:
        self.wire.plug_in()
        self.habits.heal()
        self.habits.values = self.values


@attrs.define(eq=False, kw_only=True)
class MeterRig(OnModbus):
    """A meter through which 20 kW flow, and an idle one."""

    path: str = "wires/rs485-0/meter-1"
    source: str = "meter-1"
    slow_s: float = 0.3
    late_s: float = 0.6
    meter: EmulatedMeter = attrs.field(factory=EmulatedMeter)

    def children(self) -> list[Child]:
        self.meter.set_current(50)
        self.habits = Habits(self.meter.values)
        self.wire = ModbusWire("rs485-0", self.nursery, {1: self.habits, 2: Habits(EmulatedMeter().values)})
        meters = tuple(
            schema.Meter(id=MeterId(f"meter-{n}"), wire="rs485-0", unit=n, connector=ConnectorId(n)) for n in (1, 2)
        )
        self.plant = build(
            cabinet(Wire(name="rs485-0", kind="modbus-rtu", port="rs485-0"), meters=meters),
            self.faults,
            {},
            {"rs485-0": self.wire},
        )
        return [self.plant.supervisor().as_child()]

    def is_trusted(self) -> bool:
        return self.plant.meters[MeterId("meter-1")].reading.signal.quality is Quality.GOOD

    def device_frozen(self) -> None:
        self.meter.frozen = True

    @property
    def values(self) -> Values:
        return self.meter.values

    def mark(self) -> None:
        self.meter.lies["import_wh"] = math.floor(self.meter.energy_wh) + 15  # within what may be true

    def unmark(self) -> None:
        self.meter.lies.clear()

    async def _answer_late(self) -> None:
        await super()._answer_late()
        self.habits.delay_s = 0.15  # so that the next start's question is still open

    def listen(self) -> None:
        reading = self.plant.meters[MeterId("meter-1")].reading

        def look() -> None:
            value = reading.signal.value
            self.believed_late |= value is not None and value.import_wh > self.meter.energy_wh

        reading.subscribe(look)

    def relieve(self) -> None:
        self.meter.frozen = False
        super().relieve()


@attrs.define(eq=False, kw_only=True)
class BoardRig(OnModbus):
    """A board whose contactors are commanded closed."""

    path: str = "wires/plc-1-wire/plc-1"
    source: str = "plc-1"
    slow_s: float = 0.06
    late_s: float = 0.15
    board: EmulatedBoard = attrs.field(factory=EmulatedBoard)

    def children(self) -> list[Child]:
        self.habits = Habits(self.board.values, self.board.wrote)
        self.wire = ModbusWire("plc-1-wire", self.nursery, {1: self.habits})
        board = schema.PlcBoard(id=PlcId("plc-1"), wire="plc-1-wire", unit=1, connectors=(ONE, TWO))
        self.plant = build(
            cabinet(Wire(name="plc-1-wire", kind="modbus-rtu", port="plc-1"), plc_boards=(board,)),
            self.faults,
            {},
            {"plc-1-wire": self.wire},
        )
        return [self.plant.supervisor().as_child()]

    async def live(self) -> None:
        """What the connector does, as long as it trusts its board."""
        while True:
            if self.is_trusted():
                self.plant.ev_links[ONE].command(CHARGING)
            await trio.sleep(0.1)

    def is_off(self) -> bool:
        return not any(one.close_contactors for one in self.board.last.connectors)

    def is_trusted(self) -> bool:
        sources: list[Source[object]] = [one.status for one in self.plant.ev_links.values()]  # type: ignore[misc]
        return all(source.signal.quality is Quality.GOOD for source in sources)

    def device_frozen(self) -> None:
        self.board.freeze()

    @property
    def values(self) -> Values:
        return self.board.values

    def mark(self) -> None:
        self.board.status = attrs.evolve(self.board.status, last_scan_ms=99.0)

    def unmark(self) -> None:
        self.board.status = attrs.evolve(self.board.status, last_scan_ms=1.0)

    def listen(self) -> None:
        status = self.plant.boards[PlcId("plc-1")].status

        def look() -> None:
            value = status.signal.value
            self.believed_late |= value is not None and value.last_scan_ms == 99.0

        status.subscribe(look)

    def relieve(self) -> None:
        self.board.frozen_at = None
        super().relieve()
