"""A plant whose time is moved by hand, and just enough of a controller to lead a car through a session."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from jp_firmware.config.schema import Cabinet, Charger, Connector, Meter, Module, PlcBoard, Reader, Site, Wire
from jp_firmware.hw.plc.protocol import Commands, encode_commands
from jp_firmware.model.connector import EvCommand, EvStatus, Insulation, Stage
from jp_firmware.model.ids import ConnectorId, MeterId, ModuleId, PlcId
from jp_firmware.model.plc import PlcStatus
from jp_firmware.sim import vehicle
from jp_firmware.sim.bus import Bus
from jp_firmware.sim.car import Car
from jp_firmware.sim.marks import Marks
from jp_firmware.sim.options import Options
from jp_firmware.sim.outlet import Outlet
from jp_firmware.sim.plant import Plant

ONE, TWO = ConnectorId(1), ConnectorId(2)


def small_cabinet() -> Cabinet:
    """One board, two connectors, two modules and a meter each, a reader."""
    return Cabinet(
        charger=Charger(identity="BENCH"),
        site=Site(limit_w=100_000),
        wires=(
            Wire(name="can0", kind="slcan", port="can0"),
            Wire(name="rs485-0", kind="modbus-rtu", port="rs485-0"),
            Wire(name="plc-wire", kind="modbus-rtu", port="plc-1", baud=115_200),
        ),
        modules=tuple(
            Module(id=ModuleId(f"module-{n}"), wire="can0", address=n - 1, connector=ONE if n < 3 else TWO)
            for n in (1, 2, 3, 4)
        ),
        meters=(
            Meter(id=MeterId("meter-1"), wire="rs485-0", unit=1, connector=ONE),
            Meter(id=MeterId("meter-2"), wire="rs485-0", unit=2, connector=TWO),
        ),
        plc_boards=(PlcBoard(id=PlcId("plc-1"), wire="plc-wire", connectors=(ONE, TWO)),),
        readers=(Reader(id="reader-0", port="reader-0"),),
        connectors=(Connector(id=ONE), Connector(id=TWO)),
    )


@attrs.define(eq=False)
class Bench:
    """The plant and its time. `commands` are repeated with a moving heartbeat as a living controller would."""

    options: Options = attrs.field(factory=lambda: Options(ramp_s=1.0, matching_s=0.1, handshake_s=0.1))
    now_s: float = 100.0
    controller_lives: bool = True
    commands: dict[ConnectorId, EvCommand] = attrs.field(factory=lambda: {ONE: EvCommand(), TWO: EvCommand()})
    plant: Plant = attrs.field(init=False)
    _heartbeat: int = 0

    def __attrs_post_init__(self) -> None:
        self.plant = Plant(small_cabinet(), self.options, Marks(clock=lambda: self.now_s))
        self.plant.power_up(self.now_s)
        self.advance(1.0)

    # --- time -------------------------------------------------------------------------------------------------------

    def advance(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.01)):
            self.now_s += 0.01
            if self.controller_lives:
                for node in self.plant.nodes.values():
                    node.module.heard(self.now_s)
                if round(self.now_s * 100) % 5 == 0:
                    self.exchange()
            self.plant.step(self.now_s, 0.01)

    def until(self, condition: Callable[[], object], within_s: float) -> float:
        """Advances until `condition`; how long it took. Fails if it never comes."""
        started_s = self.now_s
        while not condition():
            assert self.now_s - started_s < within_s, f"not within {within_s} s: {self.picture()}"
            self.advance(0.01)
        return self.now_s - started_s

    def exchange(self) -> None:
        self._heartbeat += 1
        blocks = tuple(self.commands[number] for number in (ONE, TWO))
        self.plant.boards["plc-1"].write(
            encode_commands(Commands(heartbeat=self._heartbeat, connectors=blocks)), self.now_s
        )

    def picture(self) -> str:
        car = self.outlet.car
        return f"car {car.phase if car else None}, bus {self.bus.voltage_v:.1f} V {self.bus.current_a:.1f} A"

    # --- parts ------------------------------------------------------------------------------------------------------

    @property
    def outlet(self) -> Outlet:
        return self.plant.outlets[ONE]

    @property
    def bus(self) -> Bus:
        return self.plant.buses[ONE]

    @property
    def board(self) -> PlcStatus:
        return self.plant.boards["plc-1"].served[0]

    @property
    def ev(self) -> EvStatus:
        """Connector 1 as the board reports it."""
        return self.plant.boards["plc-1"].served[1][0]

    @property
    def car(self) -> Car:
        assert self.outlet.car is not None
        return self.outlet.car

    # --- a controller's moves ---------------------------------------------------------------------------------------

    def plug(self, name: str = "volkswagen-id3", soc: float = 20.0, kwh: float = 10.0, leave_at: float = 100.0) -> Car:
        return self.plant.plug(
            ONE, vehicle.load(name), self.now_s, soc_percent=soc, battery_kwh=kwh, leave_at_percent=leave_at
        )

    def command(self, **changes: object) -> None:
        self.commands[ONE] = attrs.evolve(self.commands[ONE], **changes)

    def output(self, voltage_v: float, current_a: float) -> None:
        """Connector 1's two modules on, `current_a` each."""
        for module in self.bus.modules:
            module.walk_in_enabled = False
            module.set_output(voltage_v, current_a, self.now_s)
            module.switch_on(self.now_s)

    def off(self) -> None:
        for module in self.bus.modules:
            module.switch_off()

    def to_cable_check(self) -> None:
        """Plugged, authorized, locked, and the car waits for the cable check."""
        self.plug()
        self.command(authorized=True)
        self.until(lambda: self.ev.max_voltage_v is not None and self.ev.lock.value == "locked", 3)

    def to_closed(self) -> None:
        """Cable check begun, contactors closed."""
        self.to_cable_check()
        self.command(stage=Stage.CABLE_CHECK, close_contactors=True)
        self.until(lambda: self.ev.contactors_closed, 1)

    def to_charging(self, current_a: float = 60.0) -> None:
        """A whole start, up to steady current of `current_a` from each of the two modules."""
        self.to_closed()
        self.output(450, 2)
        self.until(lambda: self.ev.insulation is Insulation.VALID, 5)
        self.off()
        self.until(lambda: self.bus.voltage_v < 60, 2)
        self.command(stage=Stage.PRECHARGE)
        self.until(lambda: self.ev.target_voltage_v, 1)
        assert self.ev.target_voltage_v is not None
        self.output(self.ev.target_voltage_v, 1)
        self.until(lambda: self.ev.ready, 3)
        self.command(stage=Stage.CHARGING, precharge_done=True)
        self.output(420, current_a)
        self.until(lambda: self.bus.current_a > 1.98 * current_a, 4)
