"""Driver for Maxwell MXR modules, protocol V1.50 (Winline V1.50): which frames to send, and what the answers mean.

The bytes are `maxwell_wire`'s; timing is `ModuleTask`'s. Only modules addressed one by one are driven: modules of
several connectors share a bus, so nothing is ever sent to all.

A module wants a pause between frames of a command (`pace_s` of its profile) and answers what it will not do with a
refusal. The range of its output is its own affair.
"""

from __future__ import annotations

import math

import attrs
from attrs import validators

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import maxwell_wire as wire
from jp_firmware.hw.modules.driver import (
    Alarm,
    Condition,
    Detail,
    Frames,
    Identity,
    IdentityPart,
    MeasuredCurrent,
    MeasuredVoltage,
    ModuleProfile,
    Refused,
    Report,
    Semantics,
    SetPointTaken,
    SwitchedOff,
    check_address,
    options_of,
)
from jp_firmware.hw.modules.maxwell_wire import Bit, Function, Message, Register, Result

ALARMS: dict[Bit, Alarm] = {
    Bit.FAULT: Alarm("module fault", "PM-02"),
    Bit.INTERNAL_COMMUNICATION: Alarm("internal communication fault", "PM-02"),
    # No bit says "phase lost": with one missing, the input is not recognised as three phases.
    Bit.INPUT_WIRING: Alarm("input mode or wiring wrong", "PM-08"),
    Bit.INPUT_MODE: Alarm("input is not of the mode that was set", "PM-07"),
    Bit.DCDC_OVER_VOLTAGE: Alarm("DCDC over-voltage", "PM-05"),
    Bit.PFC_ABNORMAL: Alarm("PFC voltage abnormal", "PM-02"),
    Bit.AC_OVER_VOLTAGE: Alarm("AC over-voltage", "PM-07"),
    Bit.AC_UNDER_VOLTAGE: Alarm("AC under-voltage", "PM-07"),
    Bit.CURRENT_IMBALANCE: Alarm("load sharing unbalanced", "PM-09", usable=True),
    Bit.FAN: Alarm("fan fault", "PM-04", usable=True),
    Bit.SHORT_CIRCUIT: Alarm("output short circuit", "PM-06"),
    Bit.DCDC_HOT: Alarm("DCDC over-temperature", "PM-03"),
    Bit.OUTPUT_OVER_VOLTAGE: Alarm("output over-voltage", "PM-05"),
}

NOTES: dict[Bit, str] = {
    Bit.PROTECTION: "protection",
    Bit.CAN_FAILURE: "CAN was interrupted",  # a module that answers hears us: it tells of the past
    Bit.POWER_LIMITED: "power limited",
    Bit.DERATED_BY_TEMPERATURE: "derated by temperature",
    Bit.LIMITED_BY_AC: "limited by AC",
}

ORDERS: dict[int, str] = {
    Register.SET_VOLTAGE: "set voltage",
    Register.SET_CURRENT: "set current",
    Register.SWITCH: "switch",
}
"""What a refusal of is told; a question that a module does not know is no fault."""

IDENTITY = (Register.SERIAL_HIGH, Register.SERIAL_LOW, Register.DCDC_VERSION, Register.PFC_VERSION)


@attrs.frozen(kw_only=True)
class Options:
    """What a profile may say to this driver."""

    group: int = attrs.field(default=0, validator=[validators.ge(0), validators.le(wire.MAX_GROUP)])


@attrs.frozen
class MaxwellCodec:
    """One module by its address."""

    address: int
    options: Options = attrs.field(factory=Options)

    # --- to the module ----------------------------------------------------------------------------------------------

    def ask_output(self) -> Frames:
        return self._frames(wire.read(Register.VOLTAGE), wire.read(Register.CURRENT))

    def ask_condition(self) -> Frames:
        return self._frames(wire.read(Register.AMBIENT_TEMPERATURE), wire.read(Register.STATUS))

    def ask_ratings(self) -> Frames:
        """None: the rated current is what limit points are parts of, and smaller than what can be delivered."""
        return ()

    def ask_identity(self) -> Frames:
        return self._frames(*(wire.read(register) for register in IDENTITY))

    def on(self) -> Frames:
        return self._frames(wire.write(Register.SWITCH, wire.ON))

    def off(self) -> Frames:
        return self._frames(wire.write(Register.SWITCH, wire.OFF))

    def set_point(self, voltage_v: float, current_a: float) -> Frames:
        """Current first: the frames go out with a pause between them, and a cut must not wait."""
        return self._frames(
            wire.write(Register.SET_CURRENT, wire.of_current(current_a)),
            wire.write(Register.SET_VOLTAGE, wire.of_number(voltage_v)),
        )

    def start(self, voltage_v: float, current_a: float) -> Frames:
        set_point = self.set_point(voltage_v, current_a)
        return (*set_point, *self.on(), *set_point)

    def walk_in(self, enabled: bool) -> Frames:
        del enabled  # no word for it
        return ()

    def select_range(self, high: bool) -> Frames:
        del high  # its own affair
        return ()

    def heartbeat(self) -> Frames:
        return ()

    def _frames(self, *messages: Message) -> Frames:
        return tuple(wire.to_module(self.address, one, self.options.group) for one in messages)

    # --- from the module --------------------------------------------------------------------------------------------

    def is_from_module(self, frame: Frame) -> bool:
        """Addressed to us by the module, whatever group it is in."""
        identifier = wire.Identifier.decode(frame.can_id)
        return (
            frame.extended
            and not frame.remote
            and identifier.protocol == wire.PROTOCOL
            and identifier.destination == wire.CONTROLLER
            and identifier.source == self.address
        )

    def decode(self, frame: Frame) -> tuple[Report, ...]:
        if len(frame.data) != 8:
            return ()
        message = Message.decode(frame.data)
        kind = Function.FLOAT_REPLY if message.register in wire.FLOATS else Function.INTEGER_REPLY
        if message.function != kind:
            return ()
        if message.register in IDENTITY:
            return (_identity_part(message),)
        if message.register in ORDERS:
            return _obeyed(message)
        return _told(message) if message.result == Result.OK else ()


def _told(message: Message) -> tuple[Report, ...]:
    """A float that is no number is no measurement."""
    if message.register == Register.STATUS:
        return (_condition(Bit(message.value)),)
    if message.register not in wire.FLOATS or not math.isfinite(message.number):
        return ()
    match message.register:
        case Register.VOLTAGE:
            return (MeasuredVoltage(message.number),)
        case Register.CURRENT:
            return (MeasuredCurrent(message.number),)
        case Register.AMBIENT_TEMPERATURE:
            return (Detail("ambient", ambient_c=message.number),)
    return ()


def _obeyed(message: Message) -> tuple[Report, ...]:
    what = ORDERS[message.register]
    if message.result != Result.OK:
        return (Refused(what, "out of its range, or not now" if message.result == Result.REFUSED else "fault"),)
    switched_off = message.register == Register.SWITCH and message.value == wire.OFF
    return (SetPointTaken(what), SwitchedOff()) if switched_off else (SetPointTaken(what),)


def _condition(bits: Bit) -> Condition:
    return Condition(
        on=not bits & Bit.DCDC_OFF,
        ambient_c=None,
        alarms=tuple(alarm for bit, alarm in ALARMS.items() if bit & bits),
        notes=tuple(text for bit, text in NOTES.items() if bit & bits),
    )


def _identity_part(message: Message) -> IdentityPart:
    """What an older module does not know stays empty, or the rest would never be whole."""
    known = message.result == Result.OK
    place = IDENTITY.index(Register(message.register))
    match message.register:
        case Register.DCDC_VERSION | Register.PFC_VERSION:
            name = "DCDC" if message.register == Register.DCDC_VERSION else "PFC"
            part = Identity(firmware=f"{name} {message.value & 0xFFFF}" if known else "")
        case _:
            part = Identity(serial=f"{message.value:08X}" if known else "")
    return IdentityPart(place, len(IDENTITY), part)


SEMANTICS = Semantics(
    addresses=range(wire.MAX_ADDRESS + 1),
    addressing="by dial; or automatic, and then the dial is the group",
    on_sense="register 0x0030, 0 is on and 0x00010000 is off",
    times_out=True,  # not stated; it has a status bit for it (?)
)


@attrs.frozen
class MaxwellDriver:
    """The family."""

    name: str = "maxwell"
    semantics: Semantics = SEMANTICS

    def codec(self, address: int, profile: ModuleProfile, /) -> MaxwellCodec:
        check_address(self, address)
        return MaxwellCodec(address, options_of(profile, Options))


DRIVER = MaxwellDriver()
