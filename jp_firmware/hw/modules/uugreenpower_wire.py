"""The wire format of UUGreenPower modules, protocol 36.2 (UR1000X0, UXR; also Maxwell ENR "S0"), in both directions.

Identifiers, messages and status bits as pure values: what a controller asks and understands, and what a module
understands and answers, so that an emulated module speaks through the same tables. No I/O, no time, no state;
`uugreenpower` says what a controller does with it.

Sources: UUGreenPower CAN protocol 36.2 and Maxwell ENR series CAN protocol S0, which is the same with some additions.
"""

from __future__ import annotations

import enum
import struct

import attrs

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules.steps import steps_within

PROTOCOL = 1

BROADCAST = 0
"""As module address, monitor address or group: all of them. A set to all modules is obeyed and not answered."""

MAX_ADDRESS = 0x7F
MAX_MONITOR = 0xF
MAX_GROUP = 0xF

MASK = 0x1FFF_C000
"""The bits of an identifier that are an address: modules put production day and serial number into the others."""


@attrs.frozen
class Identifier:
    """The 29 bits: protocol, monitor (controller), module, and what the module puts in of its serial number.

    Raises `ValueError` for a field that does not fit its bits.
    """

    monitor: int
    module: int
    day: int = 0
    serial: int = 0
    protocol: int = PROTOCOL

    def __attrs_post_init__(self) -> None:
        widths = ((self.protocol, 4), (self.monitor, 4), (self.module, 7), (self.day, 5), (self.serial, 9))
        if any(not 0 <= value < 1 << bits for value, bits in widths):
            raise ValueError(f"{self} does not fit into an identifier")

    def encode(self) -> int:
        return self.protocol << 25 | self.monitor << 21 | self.module << 14 | self.day << 9 | self.serial

    @classmethod
    def decode(cls, can_id: int) -> Identifier:
        """The inverse of `encode`, for any 29-bit number."""
        return cls(
            protocol=can_id >> 25 & 0xF,
            monitor=can_id >> 21 & 0xF,
            module=can_id >> 14 & 0x7F,
            day=can_id >> 9 & 0x1F,
            serial=can_id & 0x1FF,
        )


class Kind(enum.IntEnum):
    """What a message is: low half of its first byte. Only these of the sixteen are defined."""

    SET = 0
    SET_REPLY = 1
    READ = 2
    READ_REPLY = 3
    SERIAL_REPLY = 4
    ALL_SET = 11
    ALL_SET_REPLY = 12


REPLIES = frozenset({Kind.SET_REPLY, Kind.READ_REPLY, Kind.SERIAL_REPLY, Kind.ALL_SET_REPLY})
"""What only modules send: our own frames have the same identifiers as the answers of a module without serial number."""


class Command(enum.IntEnum):
    """Units of the value: mV, mA, thousandths of 1 °C, unless said otherwise."""

    VOLTAGE = 0  # slow filter
    CURRENT = 1  # slow filter
    VOLTAGE_REFERENCE = 2
    CURRENT_LIMIT = 3
    SHUT_DOWN = 4  # 0 on, 1 off
    SERIAL = 5
    STATUS = 8
    VOLTAGE_AB = 20
    VOLTAGE_BC = 21
    VOLTAGE_CA = 22
    FAN_REFERENCE = 26  # 10000 is 10 V
    INLET_TEMPERATURE = 30
    PFC_TEMPERATURE = 31
    DCDC2_TEMPERATURE = 34
    DCDC3_TEMPERATURE = 35
    CURRENT_FASTEST = 47
    CURRENT_FAST = 48
    BATTERY_VOLTAGE = 61  # ENR
    SILENT_LEVEL = 62
    GROUP = 89
    SELECT_RANGE = 95
    SELECTED_RANGE = 96
    VOLTAGE_FAST = 98
    PRESENT_RANGE = 101
    CAPABILITY = 104
    CURRENT_AND_CAPABILITY = 114  # two halves of 0.1 A


ON = 0
OFF = 1


class Range(enum.IntEnum):
    """Of commands 95, 96 and 101. 95 is obeyed with the output off only."""

    HIGH = 1
    LOW = 2
    AUTOMATIC = 3  # ENR


_MESSAGE = struct.Struct(">BBHI")


@attrs.frozen
class Message:
    """The eight bytes. `kind` and `command` stay plain numbers, since a module may send what these tables do not know.

    `extra` are bytes 2 and 3, reserved but in serial numbers and in messages of kind ALL_SET.
    """

    kind: int
    command: int
    value: int = 0
    group: int = BROADCAST
    extra: int = 0

    def encode(self) -> bytes:
        return _MESSAGE.pack(self.group << 4 | self.kind, self.command, self.extra, self.value)

    @classmethod
    def decode(cls, data: bytes) -> Message:
        """Raises `ValueError` for a length other than 8."""
        if len(data) != 8:
            raise ValueError(f"a message has 8 bytes, not {len(data)}")
        first, command, extra, value = _MESSAGE.unpack(data)
        return cls(first & 0xF, command, value, first >> 4, extra)


def to_milli(value: float) -> int:
    """Volts to mV, amperes to mA; never more than it is, and kept inside the 32 bits of a message's value."""
    return min(max(steps_within(value * 1000), 0), 0xFFFF_FFFF)


def from_milli(value: int) -> float:
    return value / 1000


def to_signed_milli(value: float) -> int:
    """As `to_milli`, in two's complement: temperatures."""
    return min(max(round(value * 1000), -0x8000_0000), 0x7FFF_FFFF) & 0xFFFF_FFFF


def from_signed_milli(value: int) -> float:
    return (value - (1 << 32) if value >= 1 << 31 else value) / 1000


def _to_tenths(value: float) -> int:
    return min(max(round(value * 10), 0), 0xFFFF)


@attrs.frozen
class CurrentAndCapability:
    """Value of command 114: output current, and the current it could deliver now."""

    current_a: float
    capability_a: float

    def encode(self) -> int:
        return _to_tenths(self.current_a) << 16 | _to_tenths(self.capability_a)

    @classmethod
    def decode(cls, value: int) -> CurrentAndCapability:
        return cls((value >> 16) / 10, (value & 0xFFFF) / 10)


class OnOff(enum.IntEnum):
    """Of an ALL_SET message."""

    ON = 0
    OFF = 1
    ON_WITH_PFC = 2
    OFF_WITH_PFC = 3


@attrs.frozen
class AllSet:
    """All in one message of kind ALL_SET: a module in the other range goes off, changes it, and starts by itself."""

    on_off: OnOff
    current_a: float
    battery_v: float
    voltage_v: float
    high_range: bool | None = None  # None leaves it

    def message(self, kind: Kind = Kind.ALL_SET, group: int = BROADCAST) -> Message:
        selection = {None: 0, True: 2, False: 3}[self.high_range]
        volts = _to_tenths(self.battery_v) << 16 | _to_tenths(self.voltage_v)
        return Message(kind, selection << 6 | self.on_off, volts, group, _to_tenths(self.current_a))

    @classmethod
    def of(cls, message: Message) -> AllSet:
        return cls(
            OnOff(message.command & 3),
            message.extra / 10,
            (message.value >> 16) / 10,
            (message.value & 0xFFFF) / 10,
            {2: True, 3: False}.get(message.command >> 6),
        )


@attrs.frozen
class SerialNumber:
    """Value of command 5: plant, date of production, number. What the bytes before it say is not documented (?)."""

    plant: int
    year: int  # since 2000
    month: int
    day: int
    number: int

    def encode(self) -> int:
        return self.plant << 29 | self.year << 22 | self.month << 18 | self.day << 13 | self.number

    @classmethod
    def decode(cls, value: int) -> SerialNumber:
        return cls(value >> 29, value >> 22 & 0x7F, value >> 18 & 0xF, value >> 13 & 0x1F, value & 0x1FFF)

    def __str__(self) -> str:
        return f"{self.plant}{self.year:02d}{self.month:02d}{self.day:02d}{self.number:04d}"


def enr_serial(identifier: Identifier, message: Message) -> str:
    """As ENR modules give it: year, week and number, place and stage of production; the stage is in the identifier."""
    thousands, tens, ones, place = message.value.to_bytes(4, "big")
    letters = "".join(chr(one) for one in (place, identifier.serial & 0xFF) if 0x20 < one < 0x7F)
    return f"{message.extra >> 8:02d}{message.extra & 0xFF:02d}{thousands * 1000 + tens * 10 + ones:05d}{letters}"


class Bit(enum.IntFlag):
    """Value of command 8. Bits 10, 17, 19, 24 and 30 are reserved in ENR modules."""

    AC_OVER_VOLTAGE = 1 << 0
    AC_UNDER_VOLTAGE = 1 << 1
    AC_DISCONNECTED = 1 << 2  # by over-voltage
    PFC_OVER_VOLTAGE = 1 << 3
    PFC_UNDER_VOLTAGE = 1 << 4
    PFC_UNBALANCED = 1 << 5
    DC_OVER_VOLTAGE = 1 << 6
    DC_OVER_VOLTAGE_SHUTDOWN = 1 << 7
    DC_UNDER_VOLTAGE = 1 << 8
    FAN = 1 << 9
    MANUAL = 1 << 10
    FAN_DRIVER = 1 << 11
    AMBIENT_HOT = 1 << 12
    AMBIENT_COLD = 1 << 13
    PFC_HOT = 1 << 14
    OUTPUT_RELAY = 1 << 15
    DCDC1_HOT = 1 << 16
    DCDC2_HOT = 1 << 17
    INTERNAL_COMMUNICATION = 1 << 18
    DCDC_WITHOUT_PFC = 1 << 19
    PFC_FAILED = 1 << 20
    DCDC_FAILED = 1 << 21
    DERATED_BY_AC = 1 << 22
    DERATED_BY_TEMPERATURE = 1 << 23
    PFC_OFF = 1 << 24
    DCDC_OFF = 1 << 25
    LOOP_LOW = 1 << 26  # reserved
    CURRENT_LOOP = 1 << 27  # 0: it regulates voltage
    DC_UNBALANCED = 1 << 28
    SERIAL_REPEATED = 1 << 29
    SHORT_CIRCUIT = 1 << 30
    BLEEDER = 1 << 31


FAULT_MASK = Bit(0xF03FFBFF)
"""Bits that are faults. A public controller leaves bit 30 out: it saw it set without a short circuit (?)."""


def to_module(monitor: int, module: int, message: Message) -> Frame:
    """A frame from the controller."""
    return Frame(Identifier(monitor, module).encode(), message.encode())
