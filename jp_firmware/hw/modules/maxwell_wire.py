"""The wire format of Maxwell MXR modules, protocol V1.50 (the same as Winline V1.50), in both directions.

Identifiers, registers and status bits as pure values: what a controller asks and understands, and what a module
understands and answers, so that an emulated module speaks through the same tables. No I/O, no time, no state;
`maxwell` says what a controller does with it.

Source: Maxwell MXR series CAN communication protocol V1.50. Modules of other makes share the protocol number 0x060,
with other function codes.
"""

from __future__ import annotations

import enum
import math
import struct

import attrs

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules.steps import steps_within

PROTOCOL = 0x060
CONTROLLER = 0xF0
BROADCAST = 0xFF
GROUP_BROADCAST = 0xFE  # to the modules of the group that the identifier names
MAX_ADDRESS = 63
MAX_GROUP = 7  # in an identifier
MAX_EXTENDED_GROUP = 60


def to_group(group: int) -> int:
    """Destination of an "extended group broadcast", with 0 as the identifier's group."""
    return 0xFD - group


@attrs.frozen
class Identifier:
    """The 29 bits: protocol, point to point or broadcast, destination, source, group.

    Raises `ValueError` for a field that does not fit its bits.
    """

    destination: int
    source: int
    group: int = 0
    point_to_point: bool = True
    protocol: int = PROTOCOL

    def __attrs_post_init__(self) -> None:
        widths = ((self.protocol, 9), (self.destination, 8), (self.source, 8), (self.group, 3))
        if any(not 0 <= value < 1 << bits for value, bits in widths):
            raise ValueError(f"{self} does not fit into an identifier")

    def encode(self) -> int:
        return self.protocol << 20 | self.point_to_point << 19 | self.destination << 11 | self.source << 3 | self.group

    @classmethod
    def decode(cls, can_id: int) -> Identifier:
        """The inverse of `encode`, for any 29-bit number."""
        return cls(
            protocol=can_id >> 20 & 0x1FF,
            point_to_point=bool(can_id >> 19 & 1),
            destination=can_id >> 11 & 0xFF,
            source=can_id >> 3 & 0xFF,
            group=can_id & 0x7,
        )


class Function(enum.IntEnum):
    """First byte: what is asked, or of which kind the answer's value is."""

    SET = 0x03
    READ = 0x10
    FLOAT_REPLY = 0x41
    INTEGER_REPLY = 0x42


class Result(enum.IntEnum):
    """Second byte of an answer. Everything but OK is "fault, discarded frame"."""

    OK = 0xF0
    REFUSED = 0xF2


class Register(enum.IntEnum):
    VOLTAGE = 0x0001
    CURRENT = 0x0002
    LIMIT_POINT = 0x0003  # part of the rated current
    DC_BOARD_TEMPERATURE = 0x0004
    INPUT_VOLTAGE = 0x0005
    PFC_POSITIVE_VOLTAGE = 0x0008
    PFC_NEGATIVE_VOLTAGE = 0x000A
    AMBIENT_TEMPERATURE = 0x000B
    PHASE_A_VOLTAGE = 0x000C
    PHASE_B_VOLTAGE = 0x000D
    PHASE_C_VOLTAGE = 0x000E
    PFC_TEMPERATURE = 0x0010
    RATED_POWER = 0x0011
    RATED_CURRENT = 0x0012  # what limit points are parts of; not the most it can deliver
    SET_ALTITUDE = 0x0017  # m, 1000-5000, saved
    SET_CURRENT = 0x001B  # A x 1024
    SET_GROUP = 0x001E  # where the dial is the address
    SET_ADDRESS_MODE = 0x001F  # 0 automatic, YES by the dial
    SET_POWER_PART = 0x0020
    SET_VOLTAGE = 0x0021
    SET_CURRENT_PART = 0x0022
    SET_OVER_VOLTAGE = 0x0023
    SWITCH = 0x0030
    OVER_VOLTAGE_RESET = 0x0031
    OVER_VOLTAGE_RELEVANCE = 0x003E
    STATUS = 0x0040
    GROUP_AND_DIAL = 0x0043
    SHORT_CIRCUIT_RESET = 0x0044
    SET_INPUT_MODE = 0x0046
    INPUT_POWER = 0x0048
    ALTITUDE = 0x004A
    INPUT_MODE = 0x004B
    SERIAL_LOW = 0x0054
    SERIAL_HIGH = 0x0055
    DCDC_VERSION = 0x0056
    PFC_VERSION = 0x0057


FLOATS = frozenset(range(0x01, 0x13)) | {
    Register.SET_POWER_PART,
    Register.SET_VOLTAGE,
    Register.SET_CURRENT_PART,
    Register.SET_OVER_VOLTAGE,
}
"""Registers whose value is a single-precision number; the others hold integers."""

YES = 0x0001_0000

ON = 0
OFF = YES
"""Of SWITCH."""

AMPERE = 1024
"""Steps of SET_CURRENT in 1 A."""

_MESSAGE = struct.Struct(">BBHI")
_FLOAT = struct.Struct(">f")
_LARGEST = 3.4028234663852886e38


@attrs.frozen
class Message:
    """The eight bytes. All but `value` stay plain numbers, since a module may send what these tables do not know.

    `value` is the 32 bits as they are; `number` and `of_number` are for registers of FLOATS.
    """

    function: int
    register: int
    value: int = 0
    result: int = 0

    def encode(self) -> bytes:
        return _MESSAGE.pack(self.function, self.result, self.register, self.value)

    @classmethod
    def decode(cls, data: bytes) -> Message:
        """Raises `ValueError` for a length other than 8."""
        if len(data) != 8:
            raise ValueError(f"a message has 8 bytes, not {len(data)}")
        function, result, register, value = _MESSAGE.unpack(data)
        return cls(function, register, value, result)

    @property
    def number(self) -> float:
        """May be infinite or a NaN."""
        number: float = _FLOAT.unpack(self.value.to_bytes(4, "big"))[0]
        return number

    def reply(self, value: int, result: int = Result.OK) -> Message:
        """The module's answer."""
        function = Function.FLOAT_REPLY if self.register in FLOATS else Function.INTEGER_REPLY
        return Message(function, self.register, value, result)


def of_number(number: float) -> int:
    """A number as the 32 bits of a value; what single precision cannot hold stops at its end."""
    if math.isfinite(number):
        number = min(max(number, -_LARGEST), _LARGEST)
    return int.from_bytes(_FLOAT.pack(number), "big")


def of_current(current_a: float) -> int:
    """A current for SET_CURRENT, never more than it is."""
    return min(max(steps_within(current_a * AMPERE), 0), 0xFFFF_FFFF)


def to_current(value: int) -> float:
    return value / AMPERE


def read(register: int) -> Message:
    return Message(Function.READ, register)


def write(register: int, value: int) -> Message:
    return Message(Function.SET, register, value)


def to_module(destination: int, message: Message, group: int = 0) -> Frame:
    """A frame from the controller, to one module or, with a destination above all addresses, to several."""
    point_to_point = destination <= MAX_ADDRESS
    return Frame(Identifier(destination, CONTROLLER, group, point_to_point).encode(), message.encode())


def from_module(address: int, message: Message, group: int = 0) -> Frame:
    """A frame from the module at `address` to the controller."""
    return Frame(Identifier(CONTROLLER, address, group).encode(), message.encode())


class Bit(enum.IntFlag):
    """Register STATUS. What is not named is reserved."""

    FAULT = 1 << 0  # red light
    PROTECTION = 1 << 1  # yellow light
    INTERNAL_COMMUNICATION = 1 << 3
    INPUT_WIRING = 1 << 4  # input mode not recognised, or wrongly wired
    INPUT_MODE = 1 << 5  # the mode it was set to is not the one it works in
    DCDC_OVER_VOLTAGE = 1 << 7
    PFC_ABNORMAL = 1 << 8
    AC_OVER_VOLTAGE = 1 << 9
    AC_UNDER_VOLTAGE = 1 << 14
    CAN_FAILURE = 1 << 16
    CURRENT_IMBALANCE = 1 << 17
    DCDC_OFF = 1 << 22
    POWER_LIMITED = 1 << 23
    DERATED_BY_TEMPERATURE = 1 << 24
    LIMITED_BY_AC = 1 << 25
    FAN = 1 << 27
    SHORT_CIRCUIT = 1 << 28
    DCDC_HOT = 1 << 30
    OUTPUT_OVER_VOLTAGE = 1 << 31


INFO_MASK = Bit.DCDC_OFF | Bit.POWER_LIMITED | Bit.DERATED_BY_TEMPERATURE | Bit.LIMITED_BY_AC
"""Bits that tell of no fault."""
