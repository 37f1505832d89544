"""The wire format of InfyPower's bidirectional modules (BEC, BEG), both ways: numbered objects, read or written.

Identifiers and status bits are those of protocol V1.13; the payload is an object's number and one value. Pure values
for controller and emulated module alike: no I/O, no time, no state. What a controller does with them: `infypower_beg`.

Source: "GCP V1.00" (TRIO-HP/3AC/1KDC/20KW/BI) and two public drivers. What those do not tell, or tell apart, is (?).
"""

from __future__ import annotations

import enum
import struct

import attrs

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import infypower_wire as v113
from jp_firmware.hw.modules.infypower_wire import Bit, Device, Error, Identifier
from jp_firmware.hw.modules.steps import steps_within

MAX_ADDRESS = 0x2F
"""At most 48 modules."""


class Command(enum.IntEnum):
    READ = 0x23
    WRITE = 0x24


class Object(enum.IntEnum):
    """What can be read (R) or written (W). Some numbers mean one thing when read and another when written."""

    SYSTEM_VOLTAGE = 0x1001  # R W
    SYSTEM_CURRENT = 0x1002  # R W, the total of all addressed
    COUNT = 0x1010  # R
    VOLTAGE = 0x1101  # R, one module's own
    CURRENT = 0x1102  # R
    AC_AB_VOLTAGE = 0x1103  # R; W: group number
    AC_BC_VOLTAGE = 0x1104  # R
    AC_CA_VOLTAGE = 0x1105  # R
    AMBIENT = 0x1106  # R, m°C
    SWITCH = 0x1110  # W; R: status bits
    DIRECTION = 0x1111  # R
    LED = 0x1120  # W; R: group number
    SLEEP = 0x1121  # W
    WALK_IN = 0x1122  # W
    ADDRESS_MODE = 0x1123  # W
    RANGE = 0x1126  # W
    MAX_VOLTAGE = 0x1130  # R
    MIN_VOLTAGE = 0x1131  # R
    MAX_CURRENT = 0x1132  # R; W: a voltage
    RATED_POWER = 0x1133  # R
    WORKING_MODE = 0x2110  # W, AC/DC or DC/AC; R: a power. The controller never writes it (see `infypower_beg`)


SYSTEM = frozenset({Object.SYSTEM_VOLTAGE, Object.SYSTEM_CURRENT, Object.COUNT})
"""Objects that the master alone answers, in the name of whom was asked."""


class Choice(enum.IntEnum):
    """Values of the objects that choose one of a few."""

    FIRST = 0xA0
    SECOND = 0xA1
    THIRD = 0xA2


ON, OFF = Choice.FIRST, Choice.SECOND
WALK_IN_DISABLED, WALK_IN_ENABLED = Choice.FIRST, Choice.SECOND
RANGE_LOW, RANGE_HIGH, RANGE_AUTOMATIC = Choice.FIRST, Choice.SECOND, Choice.THIRD  # halves parallel, in series
AWAKE, ASLEEP = Choice.FIRST, Choice.SECOND
RECTIFIER, GRID_TIED, OFF_GRID = Choice.FIRST, Choice.SECOND, Choice.THIRD

INVERTER = 1 << 0
"""Bit of `Object.DIRECTION`: the module is set to feed the grid. After the code of one driver; unproven (?)."""

_ITEM = struct.Struct(">HxxI")
_SIGNED = struct.Struct(">i")
_U32 = (1 << 32) - 1


@attrs.frozen
class Item:
    """An object and its 32 bits. Raises `ValueError` for what fits into no payload."""

    number: int
    value: int = 0

    def __attrs_post_init__(self) -> None:
        if not (0 <= self.number < 1 << 16 and 0 <= self.value <= _U32):
            raise ValueError(f"{self} does not fit into a payload")

    @classmethod
    def milli(cls, number: int, value: float) -> Item:
        """`value` in thousandths, never more than it is, kept inside the field; below zero as two's complement."""
        thousandths = min(max(steps_within(value * 1000), -(1 << 31)), (1 << 31) - 1)
        return cls(number, thousandths & _U32)

    @property
    def thousandths(self) -> float:
        """The value as V, A, W or °C. A current may be below zero, as it flows both ways in this family (?)."""
        signed: int = _SIGNED.unpack(self.value.to_bytes(4, "big"))[0]
        return signed / 1000

    @property
    def bits(self) -> Bit:
        """The value as the three status bytes of V1.13."""
        return Bit(self.value & 0xFF_FFFF)

    def encode(self) -> bytes:
        return _ITEM.pack(self.number, self.value)

    @classmethod
    def decode(cls, data: bytes) -> Item:
        """Raises `ValueError` for data of another length than eight bytes."""
        if len(data) != 8:
            raise ValueError(f"a payload has 8 bytes, not {len(data)}")
        return cls(*_ITEM.unpack(data))


def read(number: int, destination: int, *, device: int = Device.MODULE) -> Frame:
    """A question from the controller."""
    return v113.request(Command.READ, destination, Item(number).encode(), device=device)


def write(item: Item, destination: int, *, device: int = Device.MODULE) -> Frame:
    """A command from the controller."""
    return v113.request(Command.WRITE, destination, item.encode(), device=device)


def reply(asked: Identifier, own_address: int, item: Item, *, error: int = Error.NONE) -> Frame:
    """What the module at `own_address` answers. A command is answered by its own data."""
    in_the_name_of = asked.destination if asked.command == Command.READ and item.number in SYSTEM else own_address
    return v113.reply(asked, in_the_name_of, item.encode(), error=error)
