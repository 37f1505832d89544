"""The wire format of TonHe modules, protocol V1.2 (THJS-TXXY-0060), in both directions.

Identifiers, payloads and bits as pure values: what a controller says and understands, and what a module understands
and says, so that an emulated module speaks through the same tables. Little-endian, unlike all other families. No I/O,
no time, no state; `tonhe` says what a controller does with it.

Source: the vendor's document, sections 6.5 to 9.2 and A.2; bits marked V1.3 are from notes about that version.
"""

from __future__ import annotations

import enum
import struct

import attrs

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules.steps import steps_within

CONTROLLER = 0xA0
"""Our own address, the only one a controller has."""

BROADCAST = 0xFF
MAX_ADDRESS = 240

BLOCK = 24
"""A frame to many modules has 24 flags; the "address multiple" says which 24 addresses they stand for."""

NOTHING = bytes(8)

NOT_AVAILABLE = b"\xff" * 8
"""All ones are, in J1939, no value."""


class Message(enum.IntEnum):
    """PDU format, that is bits 23:16 of an identifier, by the document's names."""

    STATE = 0x01  # M_C_1
    CONFIRM = 0x02  # M_C_2
    SWITCH_MANY = 0x03  # C_M_1
    SET_MANY = 0x04  # C_M_2
    HEARTBEAT = 0x05  # C_M_3, "timing command"
    COMMAND = 0x06  # C_M_24
    SET_ADDRESS = 0x09  # C_M_23
    AC_INPUT = 0x0B  # M_C_3
    ADDRESS_MODE = 0x90  # C_M_12
    EXTENDED = 0x91  # M_C_4
    INPUT_MODE = 0xAA  # C_M_4


PRIORITIES: dict[Message, int] = {
    Message.STATE: 6,
    Message.CONFIRM: 2,
    Message.SWITCH_MANY: 2,
    Message.SET_MANY: 4,
    Message.HEARTBEAT: 6,
    Message.COMMAND: 2,
    Message.SET_ADDRESS: 6,
    Message.AC_INPUT: 6,
    Message.ADDRESS_MODE: 7,
    Message.EXTENDED: 7,
    Message.INPUT_MODE: 6,
}


@attrs.frozen
class Identifier:
    """A 29-bit identifier of J1939's first PDU format. `reserved` (R and DP) is 0 in this protocol."""

    message: int
    destination: int
    source: int
    priority: int = 6
    reserved: int = 0

    def encode(self) -> int:
        return self.priority << 26 | self.reserved << 24 | self.message << 16 | self.destination << 8 | self.source

    @classmethod
    def decode(cls, can_id: int) -> Identifier:
        """The inverse of `encode`, for any 29-bit number."""
        return cls(
            message=can_id >> 16 & 0xFF,
            destination=can_id >> 8 & 0xFF,
            source=can_id & 0xFF,
            priority=can_id >> 26 & 0x7,
            reserved=can_id >> 24 & 0x3,
        )


def to_module(message: Message, destination: int, data: bytes = NOTHING) -> Frame:
    """A frame from the controller."""
    return Frame(Identifier(message, destination, CONTROLLER, PRIORITIES[message]).encode(), data)


def from_module(message: Message, source: int, data: bytes = NOTHING) -> Frame:
    """A frame from the module at `source`."""
    return Frame(Identifier(message, CONTROLLER, source, PRIORITIES[message]).encode(), data)


# --- bits -----------------------------------------------------------------------------------------------------------


class Fault(enum.IntFlag):
    """M_C_1, bytes 6 and 7. Any of 8 to 13 sets bit 7 too."""

    INPUT_UNDER_VOLTAGE = 1 << 0
    PHASE_LOSS = 1 << 1
    INPUT_OVER_VOLTAGE = 1 << 2
    OUTPUT_OVER_VOLTAGE = 1 << 3
    OUTPUT_OVER_CURRENT = 1 << 4
    OVER_TEMPERATURE = 1 << 5
    FAN = 1 << 6
    HARDWARE = 1 << 7
    BUS = 1 << 8
    INTERNAL_COMMUNICATION = 1 << 9
    DISCHARGE = 1 << 10
    PFC_OFF = 1 << 11
    OUTPUT_LOW_WARNING = 1 << 12
    OUTPUT_HIGH_WARNING = 1 << 13
    POWER_LIMITED_BY_HEAT = 1 << 14
    SHORT_CIRCUIT = 1 << 15


class PfcFault(enum.IntFlag):
    """M_C_1, byte 8. Bits 2 and 7 set the hardware fault too.

    The document's table has the address conflict in bit 4 and bus bias in bit 5; one of its examples names bit 4 bus
    bias (?).
    """

    INPUT_OVER_CURRENT = 1 << 0
    FREQUENCY = 1 << 1
    IMBALANCE = 1 << 2
    DCTZ = 1 << 3  # not explained by the vendor
    ADDRESS_CONFLICT = 1 << 4
    BUS_BIAS = 1 << 5
    PHASE = 1 << 6
    BUS_OVER_VOLTAGE = 1 << 7


class ExtendedState(enum.IntFlag):
    """M_C_4, bytes 1 and 2."""

    CURRENT_EQUALISATION = 1 << 0
    MUTE = 1 << 1
    LOG_OVERFLOW = 1 << 2
    DC_INPUT = 1 << 3  # a note about V1.3 has it the other way round (?)
    LOG_DISABLED = 1 << 4
    HOT_PLUG_ENABLED = 1 << 5


class ExtendedFault(enum.IntFlag):
    """M_C_4, bytes 3 and 4."""

    PFC_STOPPED = 1 << 0
    HOT_PLUG = 1 << 1
    CAN_TIMEOUT = 1 << 2
    RELAY = 1 << 4
    INTERNAL_OVER_TEMPERATURE = 1 << 6
    INLET_OVER_TEMPERATURE = 1 << 7
    INPUT_POWER_LIMITED = 1 << 8
    POWER_LIMITED_BY_HEAT = 1 << 9
    DISCHARGE_CHANGEOVER = 1 << 10
    BALANCING = 1 << 11  # V1.3
    HEAT_SINK_DIFFERENCE = 1 << 12  # V1.3
    EMERGENCY_STOP = 1 << 13  # V1.3
    INLET_TOO_COLD = 1 << 14  # V1.3
    UNEVEN_CURRENT = 1 << 15  # V1.3


# --- payloads -------------------------------------------------------------------------------------------------------
# Each encodes to eight bytes and decodes from eight bytes; decoding raises `ValueError` for what is not well formed.


def _unpack(layout: struct.Struct, data: bytes) -> tuple[int, ...]:
    if len(data) != 8:
        raise ValueError(f"a payload has 8 bytes, not {len(data)}")
    return layout.unpack(data)


def _scaled(value: float, unit: float, bits: int = 16) -> int:
    """`value` in steps of `unit`, kept inside an unsigned field of `bits`."""
    return min(max(round(value / unit), 0), (1 << bits) - 1)


def _within(value: float, unit: float) -> int:
    """As `_scaled`, and never more than `value`: for set-points."""
    return min(max(steps_within(value / unit), 0), 0xFFFF)


VOLTAGE_V = 0.1
CURRENT_A = 0.01

_STATE = struct.Struct("<BHHHB")
_CONFIRM = struct.Struct("<B7x")
_AC_INPUT = struct.Struct("<HHHh")
_EXTENDED = struct.Struct("<HH4x")
_SWITCH_MANY = struct.Struct("<3sBB3x")
_SET_MANY = struct.Struct("<3sBHH")
_COMMAND = struct.Struct("<BBHH2x")


class Running(enum.IntEnum):
    """First byte of M_C_1."""

    OFF = 0x00
    ON = 0x01
    OFF_BY_FAULT = 0x11


class Switch(enum.IntEnum):
    """What says start and stop. Another vendor (Increase) has it the other way round."""

    ON = 0xAA
    OFF = 0x55


@attrs.frozen
class State:
    """M_C_1: what the module does and what is wrong with it."""

    running: Running
    voltage_v: float = 0.0
    current_a: float = 0.0
    faults: Fault = attrs.field(default=Fault(0))
    pfc: PfcFault = attrs.field(default=PfcFault(0))

    def encode(self) -> bytes:
        voltage, current = _scaled(self.voltage_v, VOLTAGE_V), _scaled(self.current_a, CURRENT_A)
        return _STATE.pack(self.running, voltage, current, self.faults, self.pfc)

    @classmethod
    def decode(cls, data: bytes) -> State:
        running, voltage, current, faults, pfc = _unpack(_STATE, data)
        return cls(Running(running), voltage / 10, current / 100, Fault(faults), PfcFault(pfc))


@attrs.frozen
class Confirm:
    """M_C_2: whether C_M_24 was understood. It does not say which."""

    received: bool

    def encode(self) -> bytes:
        return _CONFIRM.pack(self.received)

    @classmethod
    def decode(cls, data: bytes) -> Confirm:
        (received,) = _unpack(_CONFIRM, data)
        if received not in (0, 1):
            raise ValueError(f"confirmation {received:#04x}")
        return cls(received == 1)


@attrs.frozen
class AcInput:
    """M_C_3: phase voltages, and the temperature of the air.

    The document gives no sign to the temperature; below zero it can only be one (?).
    """

    a_v: float
    b_v: float
    c_v: float
    ambient_c: int

    def encode(self) -> bytes:
        return _AC_INPUT.pack(
            *(_scaled(voltage_v, VOLTAGE_V) for voltage_v in (self.a_v, self.b_v, self.c_v)), self.ambient_c
        )

    @classmethod
    def decode(cls, data: bytes) -> AcInput:
        a, b, c, ambient_c = _unpack(_AC_INPUT, data)
        return cls(a / 10, b / 10, c / 10, ambient_c)


@attrs.frozen
class Extended:
    """M_C_4: more of what the module does and of what is wrong with it."""

    state: ExtendedState = attrs.field(default=ExtendedState(0))
    faults: ExtendedFault = attrs.field(default=ExtendedFault(0))

    def encode(self) -> bytes:
        return _EXTENDED.pack(self.state, self.faults)

    @classmethod
    def decode(cls, data: bytes) -> Extended:
        state, faults = _unpack(_EXTENDED, data)
        return cls(ExtendedState(state), ExtendedFault(faults))


@attrs.frozen
class Selection:
    """The modules a frame to many is meant for: 24 flags, the block of 24 addresses they stand for, and a group."""

    flags: int
    block: int = 0
    group: int = 0

    @classmethod
    def of(cls, address: int, group: int = 0) -> Selection:
        """One module alone."""
        block, bit = divmod(address - 1, BLOCK)
        return cls(1 << bit, block, group)

    def includes(self, address: int) -> bool:
        bit = address - 1 - self.block * BLOCK
        return 0 <= bit < BLOCK and bool(self.flags >> bit & 1)

    def parts(self) -> tuple[bytes, int]:
        return self.flags.to_bytes(3, "little"), self.group << 4 | self.block

    @classmethod
    def joined(cls, flags: bytes, group_and_block: int) -> Selection:
        return cls(int.from_bytes(flags, "little"), group_and_block & 0xF, group_and_block >> 4)


@attrs.frozen
class SwitchMany:
    """C_M_1: start or stop with the set-points they have."""

    selection: Selection
    switch: Switch

    def encode(self) -> bytes:
        flags, group_and_block = self.selection.parts()
        return _SWITCH_MANY.pack(flags, self.switch, group_and_block)

    @classmethod
    def decode(cls, data: bytes) -> SwitchMany:
        if len(data) != 8:
            raise ValueError(f"a payload has 8 bytes, not {len(data)}")
        flags, switch, group_and_block = _SWITCH_MANY.unpack(data)
        return cls(Selection.joined(flags, group_and_block), Switch(switch))


@attrs.frozen
class SetMany:
    """C_M_2: voltage, and current of each module. It neither starts nor stops."""

    selection: Selection
    voltage_v: float
    current_a: float

    def encode(self) -> bytes:
        voltage, current = _within(self.voltage_v, VOLTAGE_V), _within(self.current_a, CURRENT_A)
        return _SET_MANY.pack(*self.selection.parts(), voltage, current)

    @classmethod
    def decode(cls, data: bytes) -> SetMany:
        if len(data) != 8:
            raise ValueError(f"a payload has 8 bytes, not {len(data)}")
        flags, group_and_block, voltage, current = _SET_MANY.unpack(data)
        return cls(Selection.joined(flags, group_and_block), voltage / 10, current / 100)


@attrs.frozen
class Command:
    """C_M_24: start or stop of one module, with its set-point. The only frame that is confirmed."""

    switch: Switch
    voltage_v: float = 0.0
    current_a: float = 0.0
    mode: int = 0  # the text has 0 ("standby"), the example in A.2.4 has 1 (?)

    def encode(self) -> bytes:
        voltage, current = _within(self.voltage_v, VOLTAGE_V), _within(self.current_a, CURRENT_A)
        return _COMMAND.pack(self.switch, self.mode, voltage, current)

    @classmethod
    def decode(cls, data: bytes) -> Command:
        switch, mode, voltage, current = _unpack(_COMMAND, data)
        return cls(Switch(switch), voltage / 10, current / 100, mode)
