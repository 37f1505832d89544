"""What a person, a test or the demo can do to the emulated cabinet: plug, unplug, swipe, break, repair, look.

Each verb is a method with plain parameters and a plain JSON result; a parameter that makes no sense is a `VerbError`
of one line that says what there is. The control port calls them by name; they know nothing of sockets.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import attrs

from jp_firmware.config.watchdogs import SITE_METER
from jp_firmware.model.connector import LockState
from jp_firmware.model.ids import ConnectorId
from jp_firmware.sim import report, vehicle
from jp_firmware.sim.car import Car
from jp_firmware.sim.devices import Device, devices
from jp_firmware.sim.outlet import Outlet
from jp_firmware.sim.plant import Plant
from jp_firmware.sim.plc_board import BoardAlarm

Result = dict[str, object]

DEFAULT_VEHICLE = "volkswagen-id3"
HOTTEST_C = 500.0  # ours: what a temperature sensor may say


class VerbError(Exception):
    """A verb that cannot be done: what is wrong and what there is, in one line."""


class Wire(Protocol):
    """What the verbs need of a wire. `cut` and `restore` raise OSError if the machine does not allow them."""

    def cut(self) -> None: ...
    async def restore(self) -> None: ...
    def report(self) -> Result: ...


@attrs.define(eq=False)
class Verbs:
    """The verbs of one cabinet."""

    plant: Plant
    wires: Mapping[str, Wire]
    clock: Callable[[], float] = time.monotonic
    _devices: dict[str, Device] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._devices = devices(self.plant)

    @property
    def table(self) -> dict[str, Callable[..., object]]:
        """All verbs by the name they have on the command line. `restore` gives an awaitable, all others a result."""
        return {
            "plug": self.plug,
            "unplug": self.unplug,
            "pause": self.pause,
            "resume": self.resume,
            "plug-temperature": self.plug_temperature,
            "swipe": self.swipe,
            "fault": self.fault,
            "clear": self.clear,
            "freeze": self.freeze,
            "silence": self.silence,
            "corrupt": self.corrupt,
            "emergency-stop": self.emergency_stop,
            "building": self.building,
            "cut": self.cut,
            "restore": self.restore,
            "state": self.state,
            "energy": self.energy,
            "marks": self.marks,
            "vehicles": self.vehicles,
        }

    # --- cars and cards ---------------------------------------------------------------------------------------------

    def plug(
        self,
        connector: int,
        vehicle: str = DEFAULT_VEHICLE,
        soc: float = 20.0,
        battery_kwh: float | None = None,
        leave_at: float = 100.0,
    ) -> Result:
        """A car plugs in. `soc` and `leave_at` in percent; a small `battery_kwh` makes a short session."""
        outlet = self._outlet(connector)
        if outlet.car is not None:
            raise VerbError(f"connector {connector} is taken by a {outlet.car.vehicle.name}: unplug it first")
        kind = _vehicle(vehicle)
        if not 0 <= soc < leave_at <= 100:
            raise VerbError("soc and leave_at are percentages, and leave_at must be above soc")
        if battery_kwh is not None and not 0.01 <= battery_kwh <= 1000:
            raise VerbError("battery_kwh must be between 0.01 and 1000")
        car = self.plant.plug(
            outlet.number,
            kind,
            self.clock(),
            soc_percent=soc,
            battery_kwh=battery_kwh if battery_kwh is not None else kind.battery_kwh,
            leave_at_percent=leave_at,
        )
        self._mark(f"connector-{connector}", "plug", vehicle)
        return {"connector": connector, "vehicle": kind.name, "evccid": car.evccid}

    def unplug(self, connector: int) -> Result:
        """The plug leaves the car, by force if it is locked or carries current."""
        outlet = self._outlet(connector)
        self._car(outlet)
        forced = outlet.lock is not LockState.UNLOCKED
        car = outlet.unplug()
        self._mark(f"connector-{connector}", "unplug", "by force" if forced else None)
        return {"connector": connector, "soc_percent": round(car.battery.soc_percent, 2), "by_force": forced}

    def pause(self, connector: int) -> Result:
        """The car takes no current for a while, without ending the session."""
        return self._pause(connector, True)

    def resume(self, connector: int) -> Result:
        """The car goes on taking current."""
        return self._pause(connector, False)

    def plug_temperature(self, connector: int, celsius: float, contact: int | None = None) -> Result:
        """How hot the plug's contacts are from now on: 1 is DC+, 2 is DC-, both if none is named. Degrees Celsius."""
        outlet = self._outlet(connector)
        if contact not in (None, 1, 2):
            raise VerbError(f"no contact {contact}; there are: 1 (DC+), 2 (DC-)")
        if not abs(celsius) <= HOTTEST_C:
            raise VerbError(f"{celsius:g} °C is no temperature of a plug; allowed: -{HOTTEST_C:g} to {HOTTEST_C:g}")
        for place in (0, 1) if contact is None else (contact - 1,):
            outlet.plug_temperatures_c[place] = celsius
        self._mark(f"connector-{connector}", "plug temperature", celsius)
        return {"connector": connector, "plug_temperatures_c": list(outlet.plug_temperatures_c)}

    def swipe(self, uid: str, reader: str | None = None) -> Result:
        """A card is held to a reader; to the first one if none is named."""
        readers = self.plant.readers
        if not readers:
            raise VerbError("this cabinet has no reader")
        name = reader if reader is not None else next(iter(readers))
        if name not in readers:
            raise VerbError(f"no reader {name!r}; there are: {_listed(readers)}")
        if not re.fullmatch(r"[0-9A-Fa-f]{8}|[0-9A-Fa-f]{14}|[0-9A-Fa-f]{20}", uid):
            raise VerbError(f"uid {uid!r} must be 8, 14 or 20 hexadecimal digits")
        self._mark(name, "swipe", uid)
        return {"reader": name, "uid": uid, "shown": readers[name].show(uid, self.clock())}

    # --- breaking and repairing -------------------------------------------------------------------------------------

    def fault(self, device: str, alarm: str | None = None) -> Result:
        """A device gets a fault, and reports it itself, but for `stuck-on`. Without `alarm` its most typical one."""
        one = self._device(device)
        if not one.alarms:
            raise VerbError(f"{device} reports no faults; silence, freeze or corrupt it, or cut its wire")
        word = alarm if alarm is not None else one.alarms[0]
        if word not in one.alarms:
            raise VerbError(f"{device} has no fault {word!r}; there are: {_listed(one.alarms)}")
        one.fault(word)
        self._mark(device, "fault", word)
        return {"device": device, "alarm": word}

    def clear(self, device: str) -> Result:
        """Ends all faults and all misbehaviour of a device."""
        self._device(device).clear()
        self._mark(device, "clear", None)
        return {"device": device}

    def freeze(self, device: str) -> Result:
        """What the device says no longer changes, and it obeys nothing."""
        return self._misbehave(device, "frozen")

    def silence(self, device: str) -> Result:
        """The device hears and acts, but says nothing."""
        return self._misbehave(device, "silent")

    def corrupt(self, device: str) -> Result:
        """What the device says is damaged on its way."""
        return self._misbehave(device, "corrupt")

    def emergency_stop(self, action: str, board: str | None = None) -> Result:
        """Presses or releases the emergency stop of one board; of all boards if none is named."""
        boards = self.plant.boards
        if action not in ("press", "release"):
            raise VerbError(f"emergency-stop is pressed or released, not {action!r}")
        if board is not None and board not in boards:
            raise VerbError(f"no PLC board {board!r}; there are: {_listed(boards)}")
        chosen = [board] if board is not None else list(boards)
        for name in chosen:
            alarms = boards[name].alarms
            (alarms.add if action == "press" else alarms.discard)(BoardAlarm.EMERGENCY_STOP)
            self._mark(name, "emergency stop", action)
        return {"boards": chosen, "action": action}

    def building(self, power_w: float) -> Result:
        """What the rest of the site draws from now on, as the site's meter sees it; negative is export."""
        meter = self.plant.site_meter
        if meter is None:
            raise VerbError("this cabinet has no site meter: add [site_meter] to its configuration")
        if not abs(power_w) <= meter.profile.max_power_w:
            raise VerbError(f"{power_w:g} W is more than a {meter.profile.name} measures")
        meter.building_w = power_w
        self._mark(SITE_METER, "building", power_w)
        return {"building_w": power_w, "site_w": round(meter.power_w, 1)}

    def cut(self, wire: str) -> Result:
        """Takes a wire away: its tty disappears, its listener and connections close."""
        self._wire(wire).cut()
        for name in self._devices_on(wire):
            self._mark(name, "last answer", self._devices[name].last_answer_at_s())
        self._mark(wire, "cut", None)
        return {"wire": wire}

    async def restore(self, wire: str) -> Result:
        """Puts a wire back."""
        try:
            await self._wire(wire).restore()
        except OSError as error:
            raise VerbError(f"{wire} cannot be restored: {error}") from error
        self._mark(wire, "restore", None)
        return {"wire": wire}

    # --- looking ----------------------------------------------------------------------------------------------------

    def state(self) -> Result:
        """Everything there is, as it is."""
        wires = {name: wire.report() for name, wire in self.wires.items()}
        return report.state(self.plant, self.clock()) | {"wires": wires}

    def energy(self) -> Result:
        """Energy of each connector by its modules, its meter and its cars, in Wh since the emulation began."""
        return report.energy(self.plant)

    def marks(self, since: float = 0.0) -> list[Result]:
        """What happened after `since` (seconds of the monotonic clock), oldest first."""
        return [attrs.asdict(mark) for mark in self.plant.marks.since(since)]

    def vehicles(self) -> Result:
        """The cars that can be plugged in."""
        cars = [vehicle.load(name) for name in vehicle.names()]
        return {
            car.name: {
                "brand": car.brand,
                "model": car.model,
                "battery_kwh": car.battery_kwh,
                "nominal_voltage_v": car.nominal_voltage_v,
                "max_power_w": car.max_power_w,
                "attribution": car.attribution,
            }
            for car in cars
        }

    # --- inside -----------------------------------------------------------------------------------------------------

    def _mark(self, device: str, what: str, value: object) -> None:
        self.plant.marks.add(device, what, value, at_s=self.clock())

    def _device(self, name: str) -> Device:
        if name not in self._devices:
            raise VerbError(f"no device {name!r}; there are: {_listed(self._devices)}")
        return self._devices[name]

    def _wire(self, name: str) -> Wire:
        if name not in self.wires:
            raise VerbError(f"no wire {name!r}; there are: {_listed(self.wires)}")
        return self.wires[name]

    def _outlet(self, connector: int) -> Outlet:
        outlet = self.plant.outlets.get(ConnectorId(connector))
        if outlet is None:
            raise VerbError(f"no connector {connector}; there are: {_listed(map(str, self.plant.outlets))}")
        return outlet

    def _car(self, outlet: Outlet) -> Car:
        if outlet.car is None:
            raise VerbError(f"connector {outlet.number} has no car on it")
        return outlet.car

    def _pause(self, connector: int, paused: bool) -> Result:
        self._car(self._outlet(connector)).paused = paused
        self._mark(f"connector-{connector}", "pause" if paused else "resume", None)
        return {"connector": connector, "paused": paused}

    def _misbehave(self, name: str, how: str) -> Result:
        device = self._device(name)
        if device.misbehaviour is None:
            raise VerbError(f"{name} speaks through its PLC board: use {_listed(self.plant.boards)}")
        setattr(device.misbehaviour, how, True)
        self._mark(name, "last answer", device.last_answer_at_s())
        self._mark(name, how, None)
        return {"device": name, "how": how}

    def _devices_on(self, wire: str) -> list[str]:
        cabinet = self.plant.cabinet
        on: list[tuple[str, str]] = [(one.id, one.wire) for one in cabinet.modules]
        on += [(one.id, one.wire) for one in cabinet.meters]
        on += [(SITE_METER, cabinet.site_meter.wire)] if cabinet.site_meter else []
        on += [(one.id, one.wire) for one in cabinet.plc_boards]
        on += [(one.id, one.id) for one in cabinet.readers]  # a reader's wire has the reader's name
        return [device for device, its_wire in on if its_wire == wire]


def _vehicle(name: str) -> vehicle.Vehicle:
    try:
        return vehicle.load(name)
    except vehicle.VehicleError as error:
        raise VerbError(str(error)) from error


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
