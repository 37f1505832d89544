"""Driver for InfyPower modules, protocol V1.13: which frames to send, and what the answers mean.

The bytes are `infypower_wire`'s; timing is `ModuleTask`'s. Only modules addressed one by one are driven: modules of
several connectors share a bus, so nothing is ever sent to all.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import infypower_wire as wire
from jp_firmware.hw.modules.driver import (
    Alarm,
    Available,
    BusVoltage,
    Condition,
    Frames,
    Identity,
    Measured,
    ModuleProfile,
    Ranges,
    Rated,
    Refused,
    Report,
    Semantics,
    SetPointTaken,
    StartingUp,
    SwitchedOff,
    check_address,
    options_of,
)
from jp_firmware.hw.modules.infypower_wire import Bit, Command

ALARMS: dict[Bit, Alarm] = {
    Bit.OUTPUT_SHORT: Alarm("output short circuit", "PM-06"),
    Bit.INTERNAL_COMMUNICATION: Alarm("internal communication fault", "PM-02"),
    Bit.INPUT_OR_BUS: Alarm("input or bus abnormal", "PM-07"),
    Bit.DISCHARGE: Alarm("discharge abnormal", "PM-10"),
    Bit.AIR_DUCT: Alarm("air duct blocked", "PM-04", usable=True),
    Bit.FAULT: Alarm("module fault", "PM-02"),
    Bit.FAN: Alarm("fan fault", "PM-04", usable=True),
    Bit.OVER_TEMPERATURE: Alarm("over-temperature", "PM-03"),
    Bit.OUTPUT_OVER_VOLTAGE: Alarm("output over-voltage", "PM-05"),
    Bit.ADDRESS_REPEATED: Alarm("module address repeated", "PM-11"),
    Bit.LOAD_SHARING: Alarm("load sharing unbalanced", "PM-09", usable=True),
    Bit.PHASE_LOSS: Alarm("input phase lost", "PM-08"),
    Bit.INPUT_UNBALANCE: Alarm("input unbalanced", "PM-07", usable=True),
    Bit.INPUT_UNDER_VOLTAGE: Alarm("input under-voltage", "PM-07"),
    Bit.INPUT_OVER_VOLTAGE: Alarm("input over-voltage", "PM-07"),
}

NOTES: dict[Bit, str] = {
    Bit.SLEEPING: "sleeping",
    Bit.PROTECTION: "protection",
    Bit.WALK_IN: "walk-in",
    Bit.POWER_LIMITED: "power limited",
    Bit.COMMUNICATION_INTERRUPTION: "communication interrupted",
    # In the vendor's fault mask; but a module that answers hears us, so here it only tells of the past.
    Bit.CAN_INTERRUPTED: "CAN was interrupted",
}

_ERRORS: dict[int, str] = {
    wire.Error.COMMAND_INVALID: "command invalid",
    wire.Error.DATA_INVALID: "data invalid",
    wire.Error.ADDRESS_INVALID: "address invalid",
}


def _condition(data: bytes) -> Condition:
    status = wire.Status.decode(data)
    return Condition(
        on=status.on,
        ambient_c=float(status.ambient_c),
        alarms=tuple(alarm for bit, alarm in ALARMS.items() if bit & status.bits),
        notes=tuple(text for bit, text in NOTES.items() if bit & status.bits),
        walk_in=bool(status.bits & Bit.WALK_IN),
    )


def _identity(data: bytes) -> Identity | None:
    """All ones are an empty memory or a damaged answer, and nobody's number."""
    return Identity(serial=wire.Barcode.decode(data).text) if data != _NO_BARCODE else None


_NO_BARCODE = b"\xff" * 8


def _measured(data: bytes) -> Measured:
    output = wire.Output.decode(data)
    return Measured(output.voltage_v, output.current_a)


def _rated(data: bytes) -> Rated:
    ratings = wire.Ratings.decode(data)
    return Rated(ratings.max_voltage_v, ratings.min_voltage_v, ratings.max_current_a, ratings.max_power_w)


def _switched(data: bytes) -> Report | None:
    return SwitchedOff() if wire.Switch.decode(data) == wire.OFF else None


def _set_point_taken(data: bytes) -> Report:
    wire.Output.decode(data)
    return SetPointTaken()


def _external(data: bytes) -> tuple[Report, ...]:
    """0 A is how the vendor says that the module is off, not that it can do nothing."""
    external = wire.External.decode(data)
    behind = BusVoltage(external.voltage_v)
    able_a = external.available_current_a
    return (behind, Available(able_a)) if able_a > 0 else (behind,)


_COMMANDS = frozenset(Command)

_DECODERS: dict[int, Callable[[bytes], Report | None]] = {
    Command.READ_STATUS: _condition,
    Command.READ_OUTPUT: _measured,
    Command.READ_RATINGS: _rated,
    Command.READ_BARCODE: _identity,
    Command.SET_SWITCH: _switched,
    Command.SET_OUTPUT: _set_point_taken,
}


@attrs.frozen
class Options:
    """This family needs none: any that a profile names is a mistake."""


@attrs.frozen
class InfyPowerCodec:
    """One module by its address."""

    address: int

    def ask_output(self) -> Frames:
        return (wire.request(Command.READ_OUTPUT, self.address),)

    def ask_condition(self) -> Frames:
        return (wire.request(Command.READ_STATUS, self.address),)

    def ask_bus_voltage(self) -> Frames:
        return (wire.request(Command.READ_EXTERNAL, self.address),)

    def ask_ratings(self) -> Frames:
        return (wire.request(Command.READ_RATINGS, self.address),)

    def ask_identity(self) -> Frames:
        return (wire.request(Command.READ_BARCODE, self.address),)

    def on(self) -> Frames:
        return (wire.request(Command.SET_SWITCH, self.address, wire.ON.encode()),)

    def off(self) -> Frames:
        return (wire.request(Command.SET_SWITCH, self.address, wire.OFF.encode()),)

    def set_point(self, voltage_v: float, current_a: float) -> Frames:
        return (wire.request(Command.SET_OUTPUT, self.address, wire.Output(voltage_v, current_a).encode()),)

    def start(self, voltage_v: float, current_a: float) -> Frames:
        set_point = self.set_point(voltage_v, current_a)
        return (*set_point, *self.on(), *set_point)

    def walk_in(self, enabled: bool) -> Frames:
        return (wire.request(Command.SET_WALK_IN, self.address, wire.Switch(int(enabled)).encode()),)

    def select_range(self, high: bool) -> Frames:
        return (wire.request(Command.SET_COMPREHENSIVE, self.address, wire.Range(high).encode()),)

    def heartbeat(self) -> Frames:
        return ()

    def is_from_module(self, frame: Frame) -> bool:
        """Addressed to us by the module. Traffic between modules (0x0757F8xx) goes to nobody here."""
        identifier = wire.Identifier.decode(frame.can_id)
        return (
            frame.extended
            and not frame.remote
            and identifier.device == wire.Device.MODULE
            and identifier.destination == wire.CONTROLLER
            and identifier.source == self.address
        )

    def decode(self, frame: Frame) -> tuple[Report, ...]:
        """A refusal of what no driver of this family says is about somebody else's question, to all modules."""
        identifier = wire.Identifier.decode(frame.can_id)
        if len(frame.data) != 8 or identifier.command not in _COMMANDS:
            return ()
        if identifier.error == wire.Error.STARTING_UP:
            return (StartingUp(),)
        if identifier.error != wire.Error.NONE:
            return (Refused(_name(identifier.command), _ERRORS.get(identifier.error, f"error {identifier.error}")),)
        if identifier.command == Command.READ_EXTERNAL:
            return _external(frame.data)
        decoder = _DECODERS.get(identifier.command)
        report = decoder(frame.data) if decoder else None
        return (report,) if report else ()


SEMANTICS = Semantics(
    addresses=range(wire.MAX_ADDRESS + 1),
    addressing="automatic, not the same after each power-up, or by DIP switch",
    on_sense="command 0x1A, 0 is on and 1 is off",
    ranges=Ranges.WHILE_OFF,
    bus_voltage=True,
    times_out=True,  # 10 s; that frames for other modules do not count is our reading (?)
)


@attrs.frozen
class InfyPowerDriver:
    """The family."""

    name: str = "infypower"
    semantics: Semantics = SEMANTICS

    def codec(self, address: int, profile: ModuleProfile) -> InfyPowerCodec:
        check_address(self, address)
        options_of(profile, Options)
        return InfyPowerCodec(address)


def _name(command: int) -> str:
    return Command(command).name.lower().replace("_", " ")


DRIVER = InfyPowerDriver()
