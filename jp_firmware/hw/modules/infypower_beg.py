"""Driver for InfyPower's bidirectional modules (BEC, BEG), used one way: from the grid to the car.

The bytes are `infypower_beg_wire`'s; timing is `ModuleTask`'s. Modules are addressed one by one, never in groups. It
refuses to change the direction of power: the object that could is never written, with whatever value, and a module that
says that it is set to feed the grid is not used.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from jp_firmware.config.key import Between
from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import infypower_beg_wire as wire
from jp_firmware.hw.modules.driver import (
    Alarm,
    Condition,
    Detail,
    Frames,
    MeasuredCurrent,
    MeasuredVoltage,
    ModuleProfile,
    Ranges,
    RatedPart,
    Refused,
    Report,
    Semantics,
    SetPointTaken,
    StartingUp,
    SwitchedOff,
    check_address,
    options_of,
)
from jp_firmware.hw.modules.infypower import ALARMS, NOTES
from jp_firmware.hw.modules.infypower_beg_wire import Command, Item, Object
from jp_firmware.hw.modules.infypower_wire import CONTROLLER, Bit, Device, Error, Identifier

FEEDS_GRID = Alarm("set to feed the grid (DC/AC)", "PM-17")

SET_VOLTAGE, SET_CURRENT = "set voltage", "set current"

_ERRORS: dict[int, str] = {
    Error.COMMAND_INVALID: "command invalid",
    Error.DATA_INVALID: "data invalid",
    Error.ADDRESS_INVALID: "address invalid",
}

_WRITES: dict[int, str] = {
    Object.SYSTEM_VOLTAGE: SET_VOLTAGE,
    Object.SYSTEM_CURRENT: SET_CURRENT,
    Object.SWITCH: "switch",
    Object.WALK_IN: "set walk-in",
    Object.RANGE: "set range",
}


@attrs.frozen(kw_only=True)
class Options:
    """What a profile may say beyond what all families have.

    The current of a set-point is "the total of all addressed". No public text says what one module makes of it when it
    alone is addressed; that it takes all of it for itself is the reading that cannot do harm: a module that divides it
    by its number of neighbours delivers too little, and then `current_divided_by` is that number (?).
    """

    current_divided_by: int = attrs.field(default=1, validator=Between(1, wire.MAX_ADDRESS + 1))
    watch_direction: bool = True  # a module that says it feeds the grid is not used; its bit is from one driver (?)


def _condition(item: Item) -> Report:
    return Condition(
        on=not item.bits & Bit.DC_OFF,
        ambient_c=None,
        alarms=tuple(alarm for bit, alarm in ALARMS.items() if bit & item.bits),
        notes=tuple(text for bit, text in NOTES.items() if bit & item.bits),
        walk_in=bool(item.bits & Bit.WALK_IN),
    )


def _direction(item: Item) -> Report:
    return Detail("direction", alarms=(FEEDS_GRID,) if item.value & wire.INVERTER else ())


_READS: dict[int, Callable[[Item], Report]] = {
    Object.VOLTAGE: lambda item: MeasuredVoltage(item.thousandths),
    Object.CURRENT: lambda item: MeasuredCurrent(item.thousandths),
    Object.SWITCH: _condition,
    Object.DIRECTION: _direction,
    Object.AMBIENT: lambda item: Detail("ambient", ambient_c=item.thousandths),
    Object.MAX_VOLTAGE: lambda item: RatedPart(place=0, of=4, max_voltage_v=item.thousandths),
    Object.MIN_VOLTAGE: lambda item: RatedPart(place=1, of=4, min_voltage_v=item.thousandths),
    Object.MAX_CURRENT: lambda item: RatedPart(place=2, of=4, max_current_a=item.thousandths),
    Object.RATED_POWER: lambda item: RatedPart(place=3, of=4, max_power_w=item.thousandths),
}

_RATINGS = (Object.MAX_VOLTAGE, Object.MIN_VOLTAGE, Object.MAX_CURRENT, Object.RATED_POWER)


@attrs.frozen
class BegCodec:
    """One module by its address."""

    address: int
    options: Options

    def ask_output(self) -> Frames:
        return self._read(Object.VOLTAGE, Object.CURRENT)

    def ask_condition(self) -> Frames:
        """The status last: when it comes, what belongs to it has come."""
        direction = (Object.DIRECTION,) if self.options.watch_direction else ()
        return self._read(Object.AMBIENT, *direction, Object.SWITCH)

    def ask_ratings(self) -> Frames:
        return self._read(*_RATINGS)

    def ask_identity(self) -> Frames:
        """No object of its serial number or firmware is known."""
        return ()

    def on(self) -> Frames:
        return self._write(Item(Object.SWITCH, wire.ON))

    def off(self) -> Frames:
        return self._write(Item(Object.SWITCH, wire.OFF))

    def set_point(self, voltage_v: float, current_a: float) -> Frames:
        return self._write(
            Item.milli(Object.SYSTEM_VOLTAGE, voltage_v),
            Item.milli(Object.SYSTEM_CURRENT, current_a * self.options.current_divided_by),
        )

    def start(self, voltage_v: float, current_a: float) -> Frames:
        set_point = self.set_point(voltage_v, current_a)
        return (*set_point, *self.on(), *set_point)

    def walk_in(self, enabled: bool) -> Frames:
        return self._write(Item(Object.WALK_IN, wire.WALK_IN_ENABLED if enabled else wire.WALK_IN_DISABLED))

    def select_range(self, high: bool) -> Frames:
        return self._write(Item(Object.RANGE, wire.RANGE_HIGH if high else wire.RANGE_LOW))

    def heartbeat(self) -> Frames:
        return ()

    def is_from_module(self, frame: Frame) -> bool:
        identifier = Identifier.decode(frame.can_id)
        return (
            frame.extended
            and not frame.remote
            and identifier.device == Device.MODULE
            and identifier.command in (Command.READ, Command.WRITE)
            and identifier.destination == CONTROLLER
            and identifier.source == self.address
        )

    def decode(self, frame: Frame) -> tuple[Report, ...]:
        """A question that is refused says nothing: not each firmware has each object."""
        identifier = Identifier.decode(frame.can_id)
        if len(frame.data) != 8:
            return ()
        item = Item.decode(frame.data)
        if identifier.error == Error.STARTING_UP:
            return (StartingUp(),)
        if identifier.command == Command.WRITE:
            return _written(item, identifier.error)
        decoder = _READS.get(item.number)
        if identifier.command != Command.READ or identifier.error != Error.NONE or decoder is None:
            return ()
        return (decoder(item),)

    def _read(self, *objects: Object) -> Frames:
        return tuple(wire.read(one, self.address) for one in objects)

    def _write(self, *items: Item) -> Frames:
        return tuple(wire.write(one, self.address) for one in items)


def _written(item: Item, error: int) -> tuple[Report, ...]:
    what = _WRITES.get(item.number, f"write object {item.number:04X}")
    if error != Error.NONE:
        return (Refused(what, _ERRORS.get(error, f"error {error}")),)
    if what in (SET_VOLTAGE, SET_CURRENT):
        return (SetPointTaken(what),)
    if item == Item(Object.SWITCH, wire.OFF):
        return (SwitchedOff(),)
    return ()


SEMANTICS = Semantics(
    addresses=range(wire.MAX_ADDRESS + 1),
    addressing="automatic, not the same after each power-up, or by DIP switch",
    on_sense="object 1110, A0 is on and A1 is off",
    ranges=Ranges.WHILE_OFF,
    times_out=True,  # 10 s; that frames for other modules do not count is our reading (?)
)


@attrs.frozen
class BegDriver:
    """The family."""

    name: str = "infypower-beg"
    semantics: Semantics = SEMANTICS

    def codec(self, address: int, profile: ModuleProfile, /) -> BegCodec:
        check_address(self, address)
        return BegCodec(address, options_of(profile, Options))


DRIVER = BegDriver()
