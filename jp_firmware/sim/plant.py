"""Everything a cabinet configuration describes, as one emulated plant: modules, buses, meters, boards, cars, readers.

It is built from the configuration and stepped with time handed in; it knows no tty, no socket and no event loop. What
a person can do to it (plug, swipe, break, repair) is in `verbs`, what can be seen of it in `report`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import attrs

from jp_firmware.config.profiles import load_profile
from jp_firmware.config.schema import Cabinet
from jp_firmware.hw.meters.site_profile import load as load_site_meter
from jp_firmware.model.ids import ConnectorId
from jp_firmware.sim.bus import Bus
from jp_firmware.sim.car import Car
from jp_firmware.sim.marks import Marks
from jp_firmware.sim.meter import Meter
from jp_firmware.sim.misbehaviour import Misbehaviour
from jp_firmware.sim.module import Module, ModuleRating
from jp_firmware.sim.modules.families import EMULATED
from jp_firmware.sim.modules.node import ModuleBus, ModuleNode
from jp_firmware.sim.options import Options
from jp_firmware.sim.outlet import Event, Outlet
from jp_firmware.sim.plc_board import PlcBoard
from jp_firmware.sim.site_meter import SiteMeter
from jp_firmware.sim.switches import Switchyard
from jp_firmware.sim.vehicle import Battery, Vehicle

MAX_STEP_S = 0.02

METER_PROFILES = ("acrel-djsf1352-rn",)
PLC_DRIVERS = ("jp-plc-link",)


class NotEmulated(Exception):
    """The configuration names a device this emulation cannot stand in for: which, where, what it can."""


@attrs.define(eq=False, kw_only=True)
class Reader:
    """An RFID reader: what it saw is written to its tty by whoever owns the tty."""

    id: str
    misbehaviour: Misbehaviour = attrs.field(factory=Misbehaviour)
    write: Callable[[bytes], None] | None = None  # to its tty, while there is one
    last_answer_at_s: float | None = None
    _frozen: str = ""

    def show(self, uid: str, now_s: float) -> bool:
        """A card is held to it. Returns whether anything was written to the tty."""
        if self.misbehaviour.silent or self.write is None:
            return False
        if not self.misbehaviour.frozen:
            self._frozen = uid.upper()
        line = (self._frozen + "\r\n").encode("ascii")
        # Damaged as by a wrong baud rate: no longer a line of hexadecimal digits.
        self.write(bytes(byte ^ 0x9B for byte in line) + b"\n" if self.misbehaviour.corrupt else line)
        self.last_answer_at_s = now_s
        return True


@attrs.define(eq=False)
class Plant:
    """The emulated cabinet without its wires."""

    cabinet: Cabinet
    options: Options = attrs.field(factory=Options)
    marks: Marks = attrs.field(factory=Marks)
    buses: dict[ConnectorId, Bus] = attrs.field(init=False)
    outlets: dict[ConnectorId, Outlet] = attrs.field(init=False)
    nodes: dict[str, ModuleNode] = attrs.field(init=False)
    meters: dict[str, Meter] = attrs.field(init=False)
    boards: dict[str, PlcBoard] = attrs.field(init=False)
    readers: dict[str, Reader] = attrs.field(init=False)
    switchyard: Switchyard = attrs.field(init=False)
    site_meter: SiteMeter | None = attrs.field(init=False, default=None)
    worst_gap_s: float = 0.0  # between two calls of `step`: how far the emulation has ever been behind

    def __attrs_post_init__(self) -> None:
        cabinet, options = self.cabinet, self.options
        _check(cabinet)
        modules = {
            one.id: Module(
                id=one.id,
                rating=rating_of(one.profile),
                walk_in_s=options.walk_in_s,
                startup_s=options.module_startup_s,
                # Some hundred ppm, different from module to module, the same at each start (ours).
                regulation_error=((one.address * 37) % 11 - 5) * 1e-4,
            )
            for one in cabinet.modules
        }
        switched = cabinet.moving_modules
        self.buses = {
            one.id: Bus(
                [modules[each.id] for each in cabinet.modules if each.connector == one.id and each.id not in switched]
            )
            for one in cabinet.connectors
        }
        self.outlets = {
            number: Outlet(number, bus, self._event(f"connector-{number}")) for number, bus in self.buses.items()
        }
        self.nodes = {
            one.id: EMULATED[one.driver](
                module=modules[one.id],
                bus=self.buses[one.connector],
                address=one.address,
                marks=self.marks,
                profile=one.profile,
            )
            for one in cabinet.modules
        }
        self.meters = {
            one.id: Meter(
                id=one.id,
                unit=one.unit,
                connector=one.connector,
                bus=self.buses[one.connector],
                start_wh=options.meter_start_wh + 1000 * place,
            )
            for place, one in enumerate(cabinet.meters)
        }
        self.boards = {
            one.id: PlcBoard(
                id=one.id,
                outlets=[self.outlets[number] for number in one.connectors],
                event=self._event(one.id),
                boot_s=options.board_boot_s,
            )
            for one in cabinet.plc_boards
        }
        self.switchyard = Switchyard.of(cabinet, self.buses, self.nodes, self.boards, self.marks)
        self.readers = {one.id: Reader(id=one.id) for one in cabinet.readers}
        if cabinet.site_meter:
            self.site_meter = SiteMeter(
                profile=load_site_meter(cabinet.site_meter.profile),
                includes_chargers=cabinet.site_meter.includes_chargers,
                charging_w=lambda: sum(bus.voltage_v * bus.current_a for bus in self.buses.values()),
            )

    def _event(self, device: str) -> Event:
        return lambda what, value: self.marks.add(device, what, value)

    def module_bus(self, wire: str) -> ModuleBus:
        """The modules on one CAN wire, by address."""
        own = [one for one in self.cabinet.modules if one.wire == wire]
        return ModuleBus([self.nodes[one.id] for one in sorted(own, key=lambda one: one.address)])

    def power_up(self, now_s: float) -> None:
        """Mains on: every module starts up."""
        for node in self.nodes.values():
            node.module.power_up(now_s)

    def step(self, now_s: float, dt_s: float) -> None:
        """Advances everything to `now_s`, which is `dt_s` after the last call. Long gaps are cut into short steps."""
        self.worst_gap_s = max(self.worst_gap_s, dt_s)
        steps = max(1, -int(-dt_s // MAX_STEP_S))
        short_s = dt_s / steps
        for index in range(steps):
            at_s = now_s - (steps - 1 - index) * short_s
            for board in self.boards.values():
                board.scan(at_s)
            self.switchyard.step(at_s, short_s)
            for bus in self.buses.values():
                bus.step(at_s, short_s)
            self.switchyard.backfeed()
            for meter in self.meters.values():
                meter.step(short_s)

    def plug(
        self,
        connector: ConnectorId,
        vehicle: Vehicle,
        now_s: float,
        *,
        soc_percent: float,
        battery_kwh: float,
        leave_at_percent: float,
    ) -> Car:
        """A car drives up and is plugged in. The same kind of car at the same connector has the same EVCCID."""
        battery = Battery(
            nominal_voltage_v=vehicle.nominal_voltage_v,
            resistance_ohm=vehicle.resistance_ohm,
            capacity_wh=1000 * battery_kwh,
            soc_percent=soc_percent,
        )
        digest = hashlib.sha256(f"{vehicle.name}/{connector}".encode()).digest()
        # Locally administered, so that no real car can have it.
        evccid = bytes((digest[0] & 0xFC | 0x02, *digest[1:6])).hex().upper()
        car = Car(
            vehicle=vehicle,
            battery=battery,
            evccid=evccid,
            leave_at_percent=leave_at_percent,
            options=self.options,
            plugged_at_s=now_s,
        )
        self.outlets[connector].plug(car)
        return car


def _check(cabinet: Cabinet) -> None:
    """Raises NotEmulated for a device of another make than those that are emulated."""
    asked: list[tuple[str, str, str, tuple[str, ...]]] = []
    asked += [(one.id, "driver", one.driver, tuple(EMULATED)) for one in cabinet.modules]
    asked += [(one.id, "profile", one.profile, METER_PROFILES) for one in cabinet.meters]
    asked += [(one.id, "driver", one.driver, PLC_DRIVERS) for one in cabinet.plc_boards]
    for device, key, value, emulated in asked:
        if value not in emulated:
            raise NotEmulated(f"{device}: {key} {value!r} is not emulated; choose one of {', '.join(emulated)}")


def rating_of(profile: str) -> ModuleRating:
    """What a module's profile says of it; what it does not say is as for the InfyPower REG1K0100G."""
    data = load_profile("modules", profile)
    names = {
        "max_voltage_v": "max_voltage_v",
        "min_voltage_v": "min_voltage_v",
        "max_current_a": "max_current_a",
        "max_power_w": "max_power_w",
        "silent_off_s": "comm_timeout_s",
        "low_range_max_voltage_v": "low_range_max_voltage_v",
        "high_range_max_current_a": "high_range_max_current_a",
    }
    return ModuleRating(**{mine: float(data[theirs]) for theirs, mine in names.items() if theirs in data})
