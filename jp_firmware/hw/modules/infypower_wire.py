"""The wire format of InfyPower modules, protocol V1.13 (REG1K0100G and its family), in both directions.

Identifiers, payloads and status bits as pure values: what a controller asks and understands, and what a module
understands and answers, so that an emulated module speaks through the same tables. No I/O, no time, no state;
`infypower` says what a controller does with it.

Source: InfyPower CAN protocol V1.13 as public drivers implement it; commands marked (?) there are left out.
"""

from __future__ import annotations

import enum
import struct
from typing import Protocol

import attrs

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules.steps import steps_within

CONTROLLER = 0xF0
"""Our own address; 0xF0 to 0xF8 are allowed for controllers."""

BROADCAST = 0x3F
MAX_ADDRESS = 0x3B

NOTHING = bytes(8)
"""The payload of every request that carries none: the protocol knows only frames of eight bytes."""


class Device(enum.IntEnum):
    """Whom a frame is meant for."""

    MODULE = 0x0A  # one module, or all with BROADCAST as destination
    GROUP = 0x0B  # the destination is a group number


class Command(enum.IntEnum):
    READ_SYSTEM_FLOAT = 0x01
    READ_COUNT = 0x02
    READ_OUTPUT_FLOAT = 0x03
    READ_STATUS = 0x04
    READ_AC_INPUT = 0x06
    READ_SYSTEM_OUTPUT = 0x08
    READ_OUTPUT = 0x09
    READ_RATINGS = 0x0A
    READ_BARCODE = 0x0B
    READ_EXTERNAL = 0x0C
    SET_COMPREHENSIVE = 0x0F
    SET_WALK_IN = 0x13
    SET_LED = 0x14
    SET_GROUP = 0x16
    SET_SLEEP = 0x19
    SET_SWITCH = 0x1A
    SET_SYSTEM_OUTPUT = 0x1B  # current is the total of the system or group
    SET_OUTPUT = 0x1C
    SET_ADDRESS_MODE = 0x1F


class Error(enum.IntEnum):
    """Error code of a reply, in its identifier."""

    NONE = 0
    COMMAND_INVALID = 2
    DATA_INVALID = 3
    ADDRESS_INVALID = 4
    STARTING_UP = 7


@attrs.frozen
class Identifier:
    """The 29 bits: error code, device number, command, destination, source.

    `command` and `error` stay plain numbers, since a module may send what this table does not know.
    Raises `ValueError` for a field that does not fit its bits.
    """

    command: int
    destination: int
    source: int
    device: int = Device.MODULE
    error: int = Error.NONE

    def __attrs_post_init__(self) -> None:
        widths = ((self.error, 3), (self.device, 4), (self.command, 6), (self.destination, 8), (self.source, 8))
        if any(not 0 <= value < 1 << bits for value, bits in widths):
            raise ValueError(f"{self} does not fit into an identifier")

    def encode(self) -> int:
        return self.error << 26 | self.device << 22 | self.command << 16 | self.destination << 8 | self.source

    @classmethod
    def decode(cls, can_id: int) -> Identifier:
        """The inverse of `encode`, for any 29-bit number."""
        return cls(
            error=can_id >> 26 & 0x7,
            device=can_id >> 22 & 0xF,
            command=can_id >> 16 & 0x3F,
            destination=can_id >> 8 & 0xFF,
            source=can_id & 0xFF,
        )

    def reply(self, own_address: int, error: int = Error.NONE) -> Identifier:
        """The identifier of a module's reply: source and destination change places.

        To a group or system read the master answers in the name of whom was asked; to all else a module answers as
        itself.
        """
        for_all = self.command in (Command.READ_SYSTEM_FLOAT, Command.READ_COUNT, Command.READ_SYSTEM_OUTPUT)
        source = self.destination if for_all else own_address
        return attrs.evolve(self, destination=self.source, source=source, error=error)


def request(command: int, destination: int, data: bytes = NOTHING, *, device: int = Device.MODULE) -> Frame:
    """A frame from the controller."""
    return Frame(Identifier(command, destination, CONTROLLER, device).encode(), data)


def reply(asked: Identifier, own_address: int, data: bytes = NOTHING, *, error: int = Error.NONE) -> Frame:
    """A frame from the module at `own_address` in answer to `asked`. A set request is answered by its own data."""
    return Frame(asked.reply(own_address, error).encode(), data)


# --- payloads -------------------------------------------------------------------------------------------------------
# Each encodes to eight bytes and decodes from eight bytes; decoding raises `ValueError` for any other length.


class Payload(Protocol):
    def encode(self) -> bytes: ...


def _unpack(layout: struct.Struct, data: bytes) -> tuple[float, ...]:
    if len(data) != 8:
        raise ValueError(f"a payload has 8 bytes, not {len(data)}")
    return layout.unpack(data)


def _thousandths(value: float) -> int:
    """`value` in whole thousandths, never more than it is, kept inside 32 bits."""
    return min(max(steps_within(value * 1000), 0), (1 << 32) - 1)


def _scaled(value: float, unit: float, bits: int) -> int:
    """`value` in steps of `unit`, kept inside an unsigned field of `bits`."""
    return min(max(round(value / unit), 0), (1 << bits) - 1)


_FIXED = struct.Struct(">II")
_FLOAT = struct.Struct(">ff")
_COUNT = struct.Struct(">2xB5x")
_STATUS = struct.Struct(">xxBBbBBB")
_AC_INPUT = struct.Struct(">HHHxx")
_RATINGS = struct.Struct(">HHHH")
_EXTERNAL = struct.Struct(">HHxxxx")
_SWITCH = struct.Struct(">Bxxxxxxx")
_BARCODE = struct.Struct(">B5sH")


@attrs.frozen
class Output:
    """Voltage and current in mV and mA: replies 0x08 and 0x09, requests 0x1B and 0x1C."""

    voltage_v: float
    current_a: float

    def encode(self) -> bytes:
        return _FIXED.pack(_thousandths(self.voltage_v), _thousandths(self.current_a))

    @classmethod
    def decode(cls, data: bytes) -> Output:
        millivolts, milliamperes = _unpack(_FIXED, data)
        return cls(millivolts / 1000, milliamperes / 1000)


@attrs.frozen
class OutputFloat:
    """Voltage and current as single-precision numbers: replies 0x01 and 0x03. May decode to a NaN."""

    voltage_v: float
    current_a: float

    def encode(self) -> bytes:
        return _FLOAT.pack(self.voltage_v, self.current_a)

    @classmethod
    def decode(cls, data: bytes) -> OutputFloat:
        return cls(*_unpack(_FLOAT, data))


@attrs.frozen
class Count:
    """Number of modules: reply 0x02."""

    modules: int

    def encode(self) -> bytes:
        return _COUNT.pack(self.modules)

    @classmethod
    def decode(cls, data: bytes) -> Count:
        return cls(int(_unpack(_COUNT, data)[0]))


@attrs.frozen
class AcInput:
    """Line voltages: reply 0x06, in 0.1 V."""

    ab_v: float
    bc_v: float
    ca_v: float

    def encode(self) -> bytes:
        return _AC_INPUT.pack(*(_scaled(voltage_v, 0.1, 16) for voltage_v in (self.ab_v, self.bc_v, self.ca_v)))

    @classmethod
    def decode(cls, data: bytes) -> AcInput:
        return cls(*(tenths / 10 for tenths in _unpack(_AC_INPUT, data)))


@attrs.frozen
class Ratings:
    """What the module can do: reply 0x0A, in 1 V, 1 V, 0.1 A and 10 W."""

    max_voltage_v: float
    min_voltage_v: float
    max_current_a: float
    max_power_w: float

    def encode(self) -> bytes:
        return _RATINGS.pack(
            _scaled(self.max_voltage_v, 1, 16),
            _scaled(self.min_voltage_v, 1, 16),
            _scaled(self.max_current_a, 0.1, 16),
            _scaled(self.max_power_w, 10, 16),
        )

    @classmethod
    def decode(cls, data: bytes) -> Ratings:
        max_v, min_v, tenths_a, tens_w = _unpack(_RATINGS, data)
        return cls(max_v, min_v, tenths_a / 10, tens_w * 10)


@attrs.frozen
class External:
    """Voltage behind the output diode and the current available now: reply 0x0C, in 0.1 V and 0.1 A.

    An available current of 0 A means that the module is off.
    """

    voltage_v: float
    available_current_a: float

    def encode(self) -> bytes:
        return _EXTERNAL.pack(_scaled(self.voltage_v, 0.1, 16), _scaled(self.available_current_a, 0.1, 16))

    @classmethod
    def decode(cls, data: bytes) -> External:
        tenths_v, tenths_a = _unpack(_EXTERNAL, data)
        return cls(tenths_v / 10, tenths_a / 10)


@attrs.frozen
class Switch:
    """One byte that says it all: walk-in and LED 1 enable, sleep 1 sleep, **on/off 0 ON and 1 OFF**, group number."""

    value: int

    def encode(self) -> bytes:
        return _SWITCH.pack(self.value)

    @classmethod
    def decode(cls, data: bytes) -> Switch:
        return cls(int(_unpack(_SWITCH, data)[0]))


@attrs.frozen
class Range:
    """Set 0x0F, object 0x1114: output range, high or low. The module's own choice (0xA2) is left alone here."""

    high: bool

    def encode(self) -> bytes:
        return bytes((0x11, 0x14, 0, 0, 0, 0, 0, 0xA1 if self.high else 0xA0))


@attrs.frozen
class Barcode:
    """Reply 0x0B: a letter and sixteen digits. The packing of the digits is after one open driver (?)."""

    text: str

    @classmethod
    def decode(cls, data: bytes) -> Barcode:
        letter, first, last = _BARCODE.unpack(data)
        digits = f"{int.from_bytes(first, 'big'):012d}{last & 0x0FFF:04d}"
        return cls((chr(letter) if 0x20 < letter < 0x7F else "") + digits)


ON = Switch(0)
OFF = Switch(1)


class Bit(enum.IntFlag):
    """The three status bytes as one number: status0 in bits 0-7, status1 in 8-15, status2 in 16-23.

    Bits marked "newer" exist in newer firmware only (REG1K0100A2 text).
    """

    OUTPUT_SHORT = 1 << 0
    INTERNAL_COMMUNICATION = 1 << 2  # newer
    INPUT_OR_BUS = 1 << 3  # newer
    SLEEPING = 1 << 4
    DISCHARGE = 1 << 5
    AIR_DUCT = 1 << 6  # newer
    COMMUNICATION_INTERRUPTION = 1 << 7  # newer
    DC_OFF = 1 << 8
    FAULT = 1 << 9  # red light
    PROTECTION = 1 << 10  # yellow light
    FAN = 1 << 11
    OVER_TEMPERATURE = 1 << 12
    OUTPUT_OVER_VOLTAGE = 1 << 13
    WALK_IN = 1 << 14
    CAN_INTERRUPTED = 1 << 15
    POWER_LIMITED = 1 << 16
    ADDRESS_REPEATED = 1 << 17
    LOAD_SHARING = 1 << 18
    PHASE_LOSS = 1 << 19
    INPUT_UNBALANCE = 1 << 20
    INPUT_UNDER_VOLTAGE = 1 << 21
    INPUT_OVER_VOLTAGE = 1 << 22
    PFC_OFF = 1 << 23


FAULT_MASK = Bit(0x7EBA6D)
"""Bits that are faults: status0 0x6D, status1 0x3A and 0x80, status2 0x7E."""


@attrs.frozen
class Status:
    """Reply 0x04: group number, range flag (newer firmware), ambient temperature and the status bits."""

    bits: Bit = Bit.DC_OFF
    ambient_c: int = 25
    group: int = 0
    range_flag: int = 0

    @property
    def on(self) -> bool:
        return not self.bits & Bit.DC_OFF

    def encode(self) -> bytes:
        status2, status1, status0 = int(self.bits).to_bytes(3, "big")
        return _STATUS.pack(self.group, self.range_flag, self.ambient_c, status2, status1, status0)

    @classmethod
    def decode(cls, data: bytes) -> Status:
        group, range_flag, ambient_c, *bits = (int(value) for value in _unpack(_STATUS, data))
        return cls(Bit(int.from_bytes(bytes(bits), "big")), ambient_c, group, range_flag)
