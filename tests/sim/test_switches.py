"""Switched modules: the contacts decide where a module delivers, and what must not happen leaves a mark."""

from __future__ import annotations

import attrs
import pytest

from jp_firmware.config import store
from jp_firmware.hw.plc.protocol import Commands, encode_commands, relays_closed
from jp_firmware.model.connector import EvCommand
from jp_firmware.model.ids import ConnectorId
from jp_firmware.sim.bus import Bus
from jp_firmware.sim.devices import devices
from jp_firmware.sim.marks import Marks
from jp_firmware.sim.module import Alarm, Module
from jp_firmware.sim.options import Options
from jp_firmware.sim.outlet import Outlet
from jp_firmware.sim.plant import Plant
from jp_firmware.sim.vehicle import Battery

ONE, TWO, THREE = ConnectorId(1), ConnectorId(2), ConnectorId(3)


class Held(Outlet):
    """A connector whose contactors stay as the test has put them."""

    def step_car(self, now_s: float, board_ok: bool) -> None:
        pass

    def scan(self, now_s: float, board_trip: str) -> None:
        pass

    def move(self, now_s: float) -> None:
        pass


@attrs.define(eq=False)
class Bench:
    """A cabinet, and a controller that does nothing but hold relays."""

    cabinet: str = "matrix"

    now_s: float = 100.0
    closed: dict[str, set[int]] = attrs.field(factory=lambda: {"plc-1": set(), "plc-2": set()})
    plant: Plant = attrs.field(init=False)
    _heartbeat: int = 0

    def __attrs_post_init__(self) -> None:
        cabinet = store.load(store.find(self.cabinet))
        options = Options(walk_in_s=0.0, module_startup_s=0.0)
        self.plant = Plant(cabinet, options, Marks(clock=lambda: self.now_s))
        self.plant.power_up(self.now_s)
        self.advance(0.5)

    def advance(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.01)):
            self.now_s += 0.01
            for node in self.plant.nodes.values():
                node.module.heard(self.now_s)
            if round(self.now_s * 100) % 5 == 0:
                self._heartbeat += 1
                for name, board in self.plant.boards.items():
                    relays = relays_closed(self.closed[name])
                    commands = Commands(heartbeat=self._heartbeat, relays=relays, connectors=(EvCommand(),) * 2)
                    board.write(encode_commands(commands), self.now_s)
            self.plant.step(self.now_s, 0.01)

    def switch(self, board: str, *closed: int) -> None:
        self.closed[board] = set(closed)
        self.advance(0.2)

    def on(self, name: str, voltage_v: float, current_a: float = 20.0) -> Module:
        module = self.plant.nodes[name].module
        module.set_output(voltage_v, current_a, self.now_s)
        module.switch_on(self.now_s)
        self.advance(1.0)
        return module

    def charging(self, connector: ConnectorId, voltage_v: float = 400.0) -> Bus:
        """A battery on that bus-bar, all contactors closed."""
        bus = self.plant.buses[connector]
        bus.battery = Battery(nominal_voltage_v=voltage_v, resistance_ohm=0.05, capacity_wh=50_000, soc_percent=50.0)
        for board in self.plant.boards.values():
            board.outlets = [Held(one.number, one.bus, one.event) for one in board.outlets]
        bus.closed = bus.car_closed = True
        self.advance(0.1)
        return bus

    def marks(self, what: str) -> list[str]:
        return [mark.device for mark in self.plant.marks.since() if mark.what == what]


def test_a_module_delivers_where_its_relay_is_closed_and_nowhere_else() -> None:
    bench = Bench()
    one, two = bench.charging(ONE), bench.charging(TWO)
    bench.on("module-2", one.voltage_v - 2.5, 2.0)
    bench.switch("plc-1", 3)
    module = bench.on("module-2", 450.0)
    assert (round(one.current_a), round(two.current_a)) == (20, 0)
    module.switch_off()
    bench.advance(0.1)
    bench.switch("plc-1")
    bench.on("module-2", two.voltage_v - 2.5, 2.0)
    bench.switch("plc-1", 4)
    bench.on("module-2", 450.0)

    assert (round(one.current_a), round(two.current_a)) == (0, 20)
    assert one.modules_wh + two.modules_wh == pytest.approx(module.energy_wh)
    assert (bench.plant.switchyard.opened_under_load, bench.plant.switchyard.closed_onto_live) == (0, 0)


def test_a_module_with_all_relays_open_feeds_nobody_and_still_has_a_voltage_of_its_own() -> None:
    bench = Bench()
    bus = bench.charging(ONE)
    module = bench.on("module-2", 390.0)

    assert bus.current_a == 0.0
    assert module.voltage_v == pytest.approx(390.0, abs=1.0)


def test_closing_at_the_bus_bars_voltage_leaves_no_mark_but_that_it_closed() -> None:
    bench = Bench()
    bus = bench.charging(ONE)
    bench.on("module-2", bus.voltage_v - 2.5, 2.0)
    bench.switch("plc-1", 3)

    assert bench.marks("closed") == ["module-2"]
    assert bench.marks("closed onto a live bus") == []
    assert not bench.plant.nodes["module-2"].module.alarms


def test_closing_onto_a_live_bus_bar_at_another_voltage_is_marked_and_costs_the_module() -> None:
    bench = Bench()
    bench.charging(ONE)
    bench.on("module-2", 300.0, 2.0)
    bench.switch("plc-1", 3)

    assert bench.marks("closed onto a live bus") == ["module-2"]
    assert bench.plant.switchyard.closed_onto_live == 1
    assert bench.plant.nodes["module-2"].module.alarms == {Alarm.INTERNAL}


def test_opening_under_load_is_marked() -> None:
    bench = Bench()
    bus = bench.charging(ONE)
    bench.on("module-2", bus.voltage_v - 2.5, 2.0)
    bench.switch("plc-1", 3)
    bench.on("module-2", 450.0)
    assert round(bus.current_a) == 20
    bench.switch("plc-1")

    assert bench.marks("opened under load") == ["module-2"]
    assert bench.plant.switchyard.opened_under_load == 1
    assert bus.current_a == 0.0


def test_a_bridge_must_be_closed_as_well() -> None:
    bench = Bench()
    bus = bench.charging(THREE)
    bench.on("module-4", bus.voltage_v - 2.5, 2.0)
    bench.switch("plc-1", 7)
    assert bench.plant.nodes["module-4"].module not in bus.modules
    bench.switch("plc-1", 7, 16)

    assert bench.plant.nodes["module-4"].module in bus.modules


def test_two_connectors_on_one_piece_of_copper_are_marked() -> None:
    bench = Bench()
    bench.switch("plc-1", 3, 4)
    assert bench.marks("two connectors joined") == ["switches"]
    bench.switch("plc-1", 7, 16)
    bench.switch("plc-2", 5)

    assert bench.plant.switchyard.joined == 2


def test_a_module_that_is_off_sees_the_live_bus_bar_it_hangs_on() -> None:
    """What a weld check looks for."""
    bench = Bench()
    bus = bench.charging(ONE)
    bench.on("module-2", bus.voltage_v - 2.5, 2.0)
    bench.switch("plc-1", 3)
    bench.plant.nodes["module-2"].module.switch_off()
    devices(bench.plant)["plc-1-r3"].fault("welded")
    bench.switch("plc-1")
    bench.advance(3.0)

    assert bench.plant.nodes["module-2"].module.voltage_v == pytest.approx(bus.voltage_v)
    devices(bench.plant)["plc-1-r3"].clear()
    bench.advance(3.0)
    assert bench.plant.nodes["module-2"].module.voltage_v < 10.0


def test_relays_that_switch_modules_can_be_broken_by_name() -> None:
    table = devices(Bench().plant)

    assert {name for name in table if "-r" in name and name.startswith("plc")} == {
        *(f"plc-1-r{number}" for number in (3, 4, 5, 6, 7, 16)),
        *(f"plc-2-r{number}" for number in (3, 4, 5, 6, 7)),
    }
    assert table["plc-1-r3"].alarms == ("welded", "stuck-open", "feedback-closed", "feedback-open")


# --- bus-bars --------------------------------------------------------------------------------------------------------


def test_closed_ties_bring_a_segment_to_a_connector_and_another_one_behind_it() -> None:
    bench = Bench("ring")
    bus = bench.charging(ONE)
    for name in ("module-2", "module-3"):
        bench.on(name, bus.voltage_v - 2.5, 2.0)
    bench.switch("plc-1", 4)
    assert bench.plant.nodes["module-3"].module not in bus.modules, "two segments that are joined, with no connector"
    bench.switch("plc-1", 3, 4)
    bench.on("module-2", 450.0)
    bench.on("module-3", 450.0)

    assert round(bus.current_a) == 40
    assert bench.marks("closed") == ["segment 2 of ring", "segment 3 of ring"]
    assert bench.plant.switchyard.closed_onto_live == 0


def test_a_tie_that_opens_under_the_load_of_those_behind_it_is_marked() -> None:
    bench = Bench("ring")
    bus = bench.charging(ONE)
    bench.switch("plc-1", 4)
    bench.on("module-3", bus.voltage_v - 2.5, 2.0)
    bench.switch("plc-1", 3, 4)
    bench.on("module-3", 450.0)
    assert round(bus.current_a) == 20
    bench.switch("plc-1", 4)

    assert bench.marks("opened under load") == ["segment 3 of ring"]
    assert bus.current_a == 0.0


def test_a_tie_that_closes_onto_a_live_bus_bar_costs_all_modules_of_its_segment() -> None:
    bench = Bench("ring")
    bench.charging(TWO)
    bench.switch("plc-1", 6)
    assert bench.marks("closed onto a live bus") == ["segment 5 of ring"]

    alarms = [bench.plant.nodes[name].module.alarms for name in ("module-5", "module-6")]
    assert alarms == [{Alarm.INTERNAL}, {Alarm.INTERNAL}]


def test_ties_that_join_two_connectors_are_marked() -> None:
    bench = Bench("ring")
    bench.switch("plc-1", 3, 4)
    assert bench.plant.switchyard.joined == 0
    bench.switch("plc-1", 3, 4, 5)

    assert bench.plant.switchyard.joined == 1
    assert bench.marks("two connectors joined") == ["switches"]


def test_ties_can_be_broken_by_name() -> None:
    assert {"plc-1-r3", "plc-2-r7"} <= set(devices(Bench("ring").plant))
