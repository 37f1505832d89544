"""Driver for UUGreenPower modules, protocol 36.2: which frames to send, and what the answers mean.

The bytes are `uugreenpower_wire`'s; timing is `ModuleTask`'s. Only modules addressed one by one are driven: a set to
all of them would be obeyed without an answer, and modules of several connectors share a bus.
"""

from __future__ import annotations

import attrs
from attrs import validators

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import uugreenpower_wire as wire
from jp_firmware.hw.modules.driver import (
    Alarm,
    Available,
    Condition,
    Detail,
    Frames,
    Identity,
    MeasuredCurrent,
    MeasuredVoltage,
    ModuleProfile,
    Ranges,
    Report,
    Semantics,
    SetPointTaken,
    SwitchedOff,
    check_address,
    options_of,
)
from jp_firmware.hw.modules.uugreenpower_wire import Bit, Command, Identifier, Kind, Message

ALARMS: dict[Bit, Alarm] = {
    # A lost phase has no bit of its own: it shows as under-voltage, or as a PFC that is not balanced.
    Bit.AC_OVER_VOLTAGE: Alarm("AC over-voltage", "PM-07"),
    Bit.AC_UNDER_VOLTAGE: Alarm("AC under-voltage", "PM-07"),
    Bit.AC_DISCONNECTED: Alarm("disconnected by AC over-voltage", "PM-07"),
    Bit.PFC_OVER_VOLTAGE: Alarm("PFC bus over-voltage", "PM-02"),
    Bit.PFC_UNDER_VOLTAGE: Alarm("PFC bus under-voltage", "PM-02"),
    Bit.PFC_UNBALANCED: Alarm("PFC bus unbalanced", "PM-02"),
    Bit.DC_OVER_VOLTAGE: Alarm("output over-voltage", "PM-05"),
    Bit.DC_OVER_VOLTAGE_SHUTDOWN: Alarm("shut down by output over-voltage", "PM-05"),
    Bit.DC_UNDER_VOLTAGE: Alarm("output under-voltage", "PM-12", usable=True),
    Bit.FAN: Alarm("fan does not run", "PM-04", usable=True),
    Bit.FAN_DRIVER: Alarm("fan driver damaged", "PM-04", usable=True),
    Bit.AMBIENT_HOT: Alarm("ambient over-temperature", "PM-03"),
    Bit.AMBIENT_COLD: Alarm("ambient under-temperature", "PM-12"),  # no code of its own: it delivers less, or nothing
    Bit.PFC_HOT: Alarm("PFC over-temperature", "PM-03"),
    Bit.OUTPUT_RELAY: Alarm("output relay fault", "PM-02"),
    Bit.DCDC1_HOT: Alarm("DCDC 1 over-temperature", "PM-03"),
    Bit.DCDC2_HOT: Alarm("DCDC 2 over-temperature", "PM-03"),
    Bit.INTERNAL_COMMUNICATION: Alarm("PFC and DCDC do not hear each other", "PM-02"),
    Bit.DCDC_WITHOUT_PFC: Alarm("DCDC without PFC", "PM-02"),
    Bit.PFC_FAILED: Alarm("PFC failed", "PM-02"),
    Bit.DCDC_FAILED: Alarm("DCDC failed", "PM-02"),
    Bit.DC_UNBALANCED: Alarm("output halves unbalanced", "PM-02"),
    Bit.SERIAL_REPEATED: Alarm("serial number repeated", "PM-11"),
    Bit.SHORT_CIRCUIT: Alarm("output short circuit", "PM-06"),
    Bit.BLEEDER: Alarm("discharge circuit does not work", "PM-10"),
}

NOTES: dict[Bit, str] = {
    Bit.MANUAL: "manual mode",
    Bit.DERATED_BY_AC: "derated by AC voltage",
    Bit.DERATED_BY_TEMPERATURE: "derated by temperature",
    Bit.PFC_OFF: "PFC off",
    Bit.CURRENT_LOOP: "regulates current",
}

_SET_POINTS = (Command.VOLTAGE_REFERENCE, Command.CURRENT_LIMIT)


@attrs.frozen(kw_only=True)
class Options:
    """What a profile may say to this driver."""

    monitor: int = attrs.field(default=1, validator=[validators.ge(1), validators.le(wire.MAX_MONITOR)])
    group: int = attrs.field(default=wire.BROADCAST, validator=[validators.ge(0), validators.le(wire.MAX_GROUP)])
    short_circuit: str = attrs.field(default="fault", validator=validators.in_(("fault", "note")))
    serial: str = attrs.field(default="36.2", validator=validators.in_(("36.2", "enr")))


@attrs.frozen
class UUGreenPowerCodec:
    """One module by its address. `ranges` is whether it has two output ranges."""

    address: int
    options: Options = attrs.field(factory=Options)
    ranges: bool = False

    # --- to the module ----------------------------------------------------------------------------------------------

    def ask_output(self) -> Frames:
        """Voltage, and in one frame current and what it is capable of now, derated as it is."""
        return (self._read(Command.VOLTAGE), self._read(Command.CURRENT_AND_CAPABILITY))

    def ask_condition(self) -> Frames:
        """The status last: then its answer completes what the others said."""
        present_range = (self._read(Command.PRESENT_RANGE),) if self.ranges else ()
        return (*present_range, self._read(Command.INLET_TEMPERATURE), self._read(Command.STATUS))

    def ask_ratings(self) -> Frames:
        return ()

    def ask_identity(self) -> Frames:
        return (self._read(Command.SERIAL),)

    def on(self) -> Frames:
        return (self._set(Command.SHUT_DOWN, wire.ON),)

    def off(self) -> Frames:
        return (self._set(Command.SHUT_DOWN, wire.OFF),)

    def set_point(self, voltage_v: float, current_a: float) -> Frames:
        return (
            self._set(Command.CURRENT_LIMIT, wire.to_milli(current_a)),
            self._set(Command.VOLTAGE_REFERENCE, wire.to_milli(voltage_v)),
        )

    def start(self, voltage_v: float, current_a: float) -> Frames:
        set_point = self.set_point(voltage_v, current_a)
        return (*set_point, *self.on(), *set_point)

    def walk_in(self, enabled: bool) -> Frames:
        del enabled  # no word for it
        return ()

    def select_range(self, high: bool) -> Frames:
        if not self.ranges:
            return ()
        return (self._set(Command.SELECT_RANGE, wire.Range.HIGH if high else wire.Range.LOW),)

    def heartbeat(self) -> Frames:
        return ()

    def _read(self, command: Command) -> Frame:
        return self._frame(Message(Kind.READ, command, group=self.options.group))

    def _set(self, command: Command, value: int) -> Frame:
        return self._frame(Message(Kind.SET, command, value, self.options.group))

    def _frame(self, message: Message) -> Frame:
        return wire.to_module(self.options.monitor, self.address, message)

    # --- from the module --------------------------------------------------------------------------------------------

    def is_from_module(self, frame: Frame) -> bool:
        """Of this module to our monitor address, whatever its serial number; told from our own by the kind."""
        return (
            frame.extended
            and not frame.remote
            and frame.can_id & wire.MASK == Identifier(self.options.monitor, self.address).encode()
            and len(frame.data) > 0
            and frame.data[0] & 0xF in wire.REPLIES
        )

    def decode(self, frame: Frame) -> tuple[Report, ...]:
        if len(frame.data) != 8:
            return ()
        message = Message.decode(frame.data)
        match message.kind:
            case Kind.READ_REPLY | Kind.SERIAL_REPLY if message.command == Command.SERIAL:
                return (self._identity(Identifier.decode(frame.can_id), message),)
            case Kind.READ_REPLY:
                return self._read_reply(message.command, message.value)
            case Kind.SET_REPLY if message.command in _SET_POINTS:
                return (SetPointTaken(),)
            case Kind.SET_REPLY if message.command == Command.SHUT_DOWN and message.value == wire.OFF:
                return (SwitchedOff(),)
        return ()

    def _read_reply(self, command: int, value: int) -> tuple[Report, ...]:
        match command:
            case Command.VOLTAGE | Command.VOLTAGE_FAST:
                return (MeasuredVoltage(wire.from_milli(value)),)
            case Command.CURRENT | Command.CURRENT_FAST | Command.CURRENT_FASTEST:
                return (MeasuredCurrent(wire.from_milli(value)),)
            case Command.CURRENT_AND_CAPABILITY:
                both = wire.CurrentAndCapability.decode(value)
                return (MeasuredCurrent(both.current_a), *_available(both.capability_a))
            case Command.CAPABILITY:
                return _available(wire.from_milli(value))
            case Command.STATUS:
                return (self._condition(Bit(value)),)
            case Command.INLET_TEMPERATURE:
                return (Detail("inlet", ambient_c=wire.from_signed_milli(value)),)
            case Command.PRESENT_RANGE if value in (wire.Range.HIGH, wire.Range.LOW):
                return (Detail("range", high_range=value == wire.Range.HIGH),)
        return ()

    def _condition(self, bits: Bit) -> Condition:
        noted = Bit.SHORT_CIRCUIT if self.options.short_circuit == "note" else Bit(0)
        notes = [text for bit, text in NOTES.items() if bit & bits]
        notes += [alarm.text for bit, alarm in ALARMS.items() if bit & bits & noted]
        return Condition(
            on=not bits & Bit.DCDC_OFF,
            ambient_c=None,
            alarms=tuple(alarm for bit, alarm in ALARMS.items() if bit & bits & ~noted),
            notes=tuple(notes),
        )

    def _identity(self, identifier: Identifier, message: Message) -> Identity:
        if self.options.serial == "enr":
            return Identity(serial=wire.enr_serial(identifier, message))
        return Identity(serial=str(wire.SerialNumber.decode(message.value)))


def _available(current_a: float) -> tuple[Report, ...]:
    """0 A is taken for a module that does not know, not for one that can do nothing (?)."""
    return (Available(current_a),) if current_a > 0 else ()


SEMANTICS = Semantics(
    addresses=range(1, wire.MAX_ADDRESS + 1),
    addressing="by DIP switch",
    on_sense="command 4, 0 is on and 1 is off",
    ranges=Ranges.WHILE_OFF,
    times_out=True,  # not stated; a public driver reads "to keep the connection alive" (?)
)


@attrs.frozen
class UUGreenPowerDriver:
    """The family."""

    name: str = "uugreenpower"
    semantics: Semantics = SEMANTICS

    def codec(self, address: int, profile: ModuleProfile, /) -> UUGreenPowerCodec:
        check_address(self, address)
        return UUGreenPowerCodec(address, options_of(profile, Options), profile.low_range_max_voltage_v > 0)


DRIVER = UUGreenPowerDriver()
