"""A module family in a package of its own: the driver, and the emulated module it is tried on.

The example of docs/integrate-a-module.md. ACME is nobody's; a frame is 0x0A00AACC, AA the module's address and CC the
command, with bit 23 set in what the module says; numbers are big-endian.
"""

from __future__ import annotations

import struct

import attrs
from attrs import validators

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules.driver import (
    Alarm,
    Condition,
    Frames,
    Measured,
    ModuleProfile,
    Report,
    Semantics,
    SwitchedOff,
    check_address,
    options_of,
)
from jp_firmware.sim.module import Refused
from jp_firmware.sim.modules.node import ModuleNode

BASE, FROM_MODULE = 0x0A00_0000, 0x0080_0000
SET, SWITCH, OUTPUT, STATUS = 1, 2, 3, 4
OFF, ON = 0, 1

ALARMS = {
    0x01: Alarm("fault", "PM-02"),
    0x02: Alarm("over-temperature", "PM-03"),
    0x04: Alarm("fan failed, half the power is left", "PM-04", usable=True),
    0x08: Alarm("mains out of range", "PM-07"),
}

_OUTPUT = struct.Struct(">II")  # mV, mA
_STATUS = struct.Struct(">BBb5x")  # on, alarm bits, ambient °C


# --- the driver -------------------------------------------------------------------------------------------------------


@attrs.frozen
class Options:
    """What a profile says of this family alone."""

    group: int = attrs.field(default=0, validator=validators.in_(range(16)))


@attrs.frozen
class AcmeCodec:
    """One module by its address."""

    address: int
    options: Options

    def ask_output(self) -> Frames:
        return (self._frame(OUTPUT),)

    def ask_condition(self) -> Frames:
        return (self._frame(STATUS),)

    def ask_ratings(self) -> Frames:
        return ()

    def ask_identity(self) -> Frames:
        return ()

    def on(self) -> Frames:
        return (self._frame(SWITCH, bytes((ON, self.options.group))),)

    def off(self) -> Frames:
        return (self._frame(SWITCH, bytes((OFF, self.options.group))),)

    def set_point(self, voltage_v: float, current_a: float) -> Frames:
        return (self._frame(SET, _OUTPUT.pack(_milli(voltage_v), _milli(current_a))),)

    def start(self, voltage_v: float, current_a: float) -> Frames:
        set_point = self.set_point(voltage_v, current_a)
        return (*set_point, *self.on(), *set_point)

    def walk_in(self, enabled: bool) -> Frames:
        del enabled
        return ()

    def select_range(self, high: bool) -> Frames:
        del high
        return ()

    def heartbeat(self) -> Frames:
        return ()

    def is_from_module(self, frame: Frame) -> bool:
        return frame.extended and not frame.remote and frame.can_id & ~0xFF == BASE | FROM_MODULE | self.address << 8

    def decode(self, frame: Frame) -> tuple[Report, ...]:
        command = frame.can_id & 0xFF
        if len(frame.data) != 8:
            return ()
        if command == OUTPUT:
            millivolts, milliamperes = _OUTPUT.unpack(frame.data)
            return (Measured(millivolts / 1000, milliamperes / 1000),)
        if command == STATUS:
            on, bits, ambient_c = _STATUS.unpack(frame.data)
            alarms = tuple(alarm for bit, alarm in ALARMS.items() if bit & bits)
            return (Condition(on == ON, float(ambient_c), alarms),)
        if command == SWITCH and frame.data[0] == OFF:
            return (SwitchedOff(),)
        return ()

    def _frame(self, command: int, data: bytes = b"") -> Frame:
        return Frame(BASE | self.address << 8 | command, data.ljust(8, b"\0"))


def _milli(value: float) -> int:
    return min(max(round(value * 1000), 0), 0xFFFF_FFFF)


SEMANTICS = Semantics(
    addresses=range(1, 64),
    addressing="by DIP switch",
    on_sense="byte 0 of command 2, 1 is on and 0 is off",
)


@attrs.frozen
class AcmeDriver:
    """The family."""

    name: str = "acme"
    semantics: Semantics = SEMANTICS

    def codec(self, address: int, profile: ModuleProfile, /) -> AcmeCodec:
        check_address(self, address)
        return AcmeCodec(address, options_of(profile, Options))


DRIVER = AcmeDriver()


# --- what stands in for a module --------------------------------------------------------------------------------------


@attrs.define(eq=False, kw_only=True)
class AcmeNode(ModuleNode):
    """One emulated module: obeys and answers as the manual says."""

    def hear(self, frame: Frame, now_s: float) -> list[Frame]:
        command = frame.can_id & 0xFF
        if frame.can_id & ~0xFF != BASE | self.address << 8 or self.module.starting_up(now_s):
            return []
        self.module.heard(now_s)
        answer = frame.data
        if command == SET:
            millivolts, milliamperes = _OUTPUT.unpack(frame.data)
            try:
                self.set_output(millivolts / 1000, milliamperes / 1000, now_s)
            except Refused:
                self.refuse(frame.data.hex(), now_s)
        elif command == SWITCH:
            self.switch_on(now_s) if frame.data[0] == ON else self.switch_off(now_s)
        elif command == OUTPUT:
            answer = _OUTPUT.pack(*(_milli(value) for value in self.measured()))
        elif command == STATUS:
            bits = 0x01 if self.module.alarms else 0
            answer = _STATUS.pack(ON if self.module.on else OFF, bits, round(self.module.temperature_c))
        else:
            return []
        said = self.said(answer, now_s)
        return [] if said is None else [Frame(frame.can_id | FROM_MODULE, said)]
