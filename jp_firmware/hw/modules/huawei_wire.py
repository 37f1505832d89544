"""The wire format of Huawei R100040Gx charging modules, in both directions.

Identifiers, the one shape that all payloads have, signals and their scales, as pure values, so that an emulated module
speaks through the same tables. An answer may be several frames: each carries one signal and says whether more follow.
No I/O, no time, no state; `huawei` says what a controller does with it.

Source: no vendor document. What a public driver for this module does (EVerest), and, for the meaning of bits, a public
driver for other Huawei charging modules with the same identifiers and signals: those bits are marked (?).
"""

from __future__ import annotations

import enum
import struct

import attrs

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules.steps import steps_within

PROTOCOL = 0x0D
ALL = 0
MAX_ADDRESS = 0x7F
NO_GROUP = 0x1F


class Message(enum.IntEnum):
    """Bits 15:8 of an identifier."""

    REAL_TIME = 0x40  # all, or many, measurements at once
    INHERENT = 0x50  # who the module is
    CONTROL = 0x80
    CONFIGURE = 0x81
    QUERY = 0x82  # one signal
    REPORT = 0x83


class Signal(enum.IntEnum):
    """What a frame is about."""

    BATCH = 0x000
    SERIAL = 0x002
    VERSION = 0x005
    OUTPUT_VOLTAGE = 0x100  # V, in 1/1024
    OUTPUT_CURRENT = 0x10F  # A of this module, in 1/1024
    COMM_TIMEOUT = 0x118
    SWITCH = 0x132  # byte 3: 0 on, 1 off
    AUTOMATIC_RANGE = 0x14A  # byte 3: 1 by the voltage at the output
    OUTPUT_POWER = 0x173  # W, in 1/1024 (?)
    MEASURED_VOLTAGE = 0x175  # V, in 1/1024 (?)
    INPUT_UV = 0x179  # V, in 1/1024 (?)
    INPUT_VW = 0x17A
    INPUT_WU = 0x17B
    INTERNAL_TEMPERATURE = 0x17F  # C, in 1/1024 (?)
    AMBIENT_TEMPERATURE = 0x180  # C of the air taken in, in 1/1024 (?)
    MEASURED_CURRENT = 0x181  # A, in 1/1024 (?)
    ALARMS = 0x18F  # one bit each, in bytes 2 to 7 (?)
    STATUS = 0x191  # bytes 2 and 3 state bits (?), then current and voltage in 0.1


BATCH_BITS: dict[int, Signal] = {
    4: Signal.OUTPUT_POWER,
    6: Signal.MEASURED_VOLTAGE,
    9: Signal.INPUT_UV,
    10: Signal.INPUT_VW,
    11: Signal.INPUT_WU,
    12: Signal.INTERNAL_TEMPERATURE,
    13: Signal.AMBIENT_TEMPERATURE,
    14: Signal.MEASURED_CURRENT,
    17: Signal.OUTPUT_VOLTAGE,
    19: Signal.OUTPUT_CURRENT,
    20: Signal.ALARMS,
    22: Signal.STATUS,
}
"""The bits of a batch query, after the driver for this module. That for other modules has all from 12 on, and the
state with them, one bit higher (?)."""

CHOSEN = 0xAA
"""Byte 3 of a batch query that wants the signals of its bits only."""


class Error(enum.IntEnum):
    """The upper half of an answer's first byte."""

    NONE = 0
    INVALID = 2
    IDENTIFYING = 3  # the module is finding its address and does nothing else


class State(enum.IntFlag):
    """Bytes 2 and 3 of `Signal.STATUS`, big-endian (?)."""

    OFF = 1 << 0
    PROTECTION = 1 << 1
    FAULT = 1 << 2
    CURRENT_LIMITED = 1 << 3
    CAN_POOR = 1 << 4
    MEMORY = 1 << 5
    ADDRESSING = 1 << 6
    UNEVEN = 1 << 7
    SEVERELY_UNEVEN = 1 << 8
    SHORT_LIMITED = 1 << 9


class AlarmBit(enum.IntEnum):
    """Bits of `Signal.ALARMS`, from the last bit of its last byte up to the first of byte 2 (?)."""

    INPUT_LOST = 0
    INPUT_UNDER_VOLTAGE = 1
    INPUT_OVER_VOLTAGE = 2
    INPUT_UNBALANCED = 3
    PHASE_LOST = 4
    AMBIENT_HOT = 5
    AMBIENT_COLD = 6
    CAN_INTERRUPTED = 7
    ADDRESS_REPEATED = 8
    ADDRESS_ABNORMAL = 9
    NOT_SEATED = 10
    SERIAL_REPEATED = 11
    BUS_UNBALANCED = 12
    BUS_VOLTAGE = 13
    OUTPUT_ABNORMAL = 14
    RELAY = 15
    CAPACITORS_UNBALANCED = 16
    CAPACITOR_OVER_VOLTAGE = 17
    OVER_VOLTAGE_LATCHED = 32
    SHORT_CIRCUIT_LATCHED = 33
    INTERNAL_OVER_TEMPERATURE = 34
    PFC = 35
    FAN = 36
    INTERNAL_COMMUNICATION = 37
    OUTPUT_RELAY = 38
    DISCHARGE_OPEN = 39
    DISCHARGE_SHORT = 40
    DISCHARGE_LATCHED = 41


ALARM_BITS = 48


@attrs.frozen
class Identifier:
    """A 29-bit identifier. `more` frames of the same answer follow."""

    message: int
    address: int
    from_controller: bool
    more: bool = False
    software_address: bool = False
    group: int = NO_GROUP
    protocol: int = PROTOCOL

    def encode(self) -> int:
        return (
            self.protocol << 23
            | self.address << 16
            | self.message << 8
            | self.from_controller << 7
            | self.group << 2
            | self.software_address << 1
            | self.more
        )

    @classmethod
    def decode(cls, can_id: int) -> Identifier:
        """The inverse of `encode`, for any 29-bit number."""
        return cls(
            message=can_id >> 8 & 0xFF,
            address=can_id >> 16 & 0x7F,
            from_controller=bool(can_id >> 7 & 1),
            more=bool(can_id & 1),
            software_address=bool(can_id >> 1 & 1),
            group=can_id >> 2 & 0x1F,
            protocol=can_id >> 23 & 0x3F,
        )


_LAYOUT = struct.Struct(">HBBI")

PER_UNIT = 1024
"""Steps of one volt, ampere or degree."""


@attrs.frozen
class Word:
    """What every frame carries: an error, a signal, two parameters and a number. Eight bytes, in both directions.

    Decoding raises `ValueError` for any other length. `value` is a number without sign; `decode` keeps it as it came.
    """

    signal: int
    value: int = 0
    byte2: int = 0
    byte3: int = 0
    error: int = Error.NONE

    def encode(self) -> bytes:
        return _LAYOUT.pack(self.error << 12 | self.signal, self.byte2, self.byte3, self.value)

    @classmethod
    def decode(cls, data: bytes) -> Word:
        if len(data) != 8:
            raise ValueError(f"a frame of this protocol has 8 bytes, not {len(data)}")
        head, byte2, byte3, value = _LAYOUT.unpack(data)
        return cls(head & 0xFFF, value, byte2, byte3, head >> 12)

    @property
    def scaled(self) -> float:
        """The number in volts, amperes or degrees; below zero in two's complement (?)."""
        return (self.value - (self.value >> 31 << 32)) / PER_UNIT

    @property
    def bits(self) -> int:
        """Bytes 2 to 7 as one number."""
        return self.byte2 << 40 | self.byte3 << 32 | self.value


def scaled(signal: Signal, quantity: float, byte3: int = 0) -> Word:
    """A word with a quantity in 1/1024, never more than it is, kept inside its field."""
    steps = min(max(steps_within(quantity * PER_UNIT), -(1 << 31)), (1 << 31) - 1)
    return Word(signal, steps & 0xFFFF_FFFF, 0, byte3)


def switch(on: bool) -> Word:
    return Word(Signal.SWITCH, byte3=0 if on else 1)


def batch(bits: int) -> Word:
    """A question for the signals of these bits."""
    return Word(Signal.BATCH, bits, byte3=CHOSEN)


@attrs.frozen
class Status:
    """`Signal.STATUS`: state, and what is measured at the output.

    `swapped` has the two bytes of the state the other way round.
    """

    state: State
    voltage_v: float
    current_a: float

    def encode(self) -> Word:
        tenths_v, tenths_a = (min(max(round(one * 10), 0), 0xFFFF) for one in (self.voltage_v, self.current_a))
        return Word(Signal.STATUS, tenths_a << 16 | tenths_v, self.state >> 8, self.state & 0xFF)

    @classmethod
    def decode(cls, word: Word, swapped: bool = False) -> Status:
        high, low = (word.byte3, word.byte2) if swapped else (word.byte2, word.byte3)
        return cls(State(high << 8 | low), (word.value & 0xFFFF) / 10, (word.value >> 16) / 10)


def alarms(bits: int) -> Word:
    """`Signal.ALARMS` with these bits."""
    return Word(Signal.ALARMS, bits & 0xFFFF_FFFF, bits >> 40 & 0xFF, bits >> 32 & 0xFF)


def to_module(message: Message, address: int, word: Word) -> Frame:
    """A frame from the controller."""
    return Frame(Identifier(message, address, True).encode(), word.encode())


def from_module(message: int, address: int, data: bytes, *, more: bool = False) -> Frame:
    """A frame from the module at `address`."""
    return Frame(Identifier(message, address, False, more).encode(), data)
