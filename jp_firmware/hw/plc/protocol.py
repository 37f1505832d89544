"""The JP PLC link, map version 1.2: what lies where in a PLC board's holding registers, as data.

Specified in docs/plc-link.md. Both sides of the link come from the tables below: the controller encodes commands and
decodes status, a board (or the emulated one) does the opposite. Nothing here knows a transport or a clock.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, cast

import attrs

from jp_firmware.hw.plc.fields import NEWEST, Block, Field, Kind, MapError
from jp_firmware.model.connector import (
    EvCommand,
    EvProtocol,
    EvStatus,
    Insulation,
    LockState,
    PilotState,
    ProximityState,
    SlacState,
    Stage,
)
from jp_firmware.model.plc import RELAYS, PlcIdentity, PlcMode, PlcStatus

MAGIC = 0x4A50  # "JP"
MAP_MAJOR = 1
MAP_MINOR = 2  # 1.1: free relays R5 to R16; 1.2: age of the car's demand, temperatures of the plug's contacts
MAX_CONNECTORS = 2  # R1 and R2 are the contactors of connector 1 and 2: there are no more
FIRST_FREE_RELAY = MAX_CONNECTORS + 1
LAST_RELAY_OF_MAP_1_0 = 4

IDENTITY_ADDRESS = 0x0000
STATUS_ADDRESS = 0x0100
COMMAND_ADDRESS = 0x0200

CONTROLLER_LOST_S = 1.0  # the board opens contactors when the controller's heartbeat has not changed for so long
BOARD_SCAN_S = 0.01  # a board's scan, and the step of its heartbeat, is 10 ms or shorter
CYCLE_S = 0.05  # default period of the exchange

IDENTITY = Block(
    name="identification",
    size=36,
    fields=(
        Field(name="magic", offset=0, kind=Kind.U16, whole=True, meaning="0x4A50, the letters JP"),
        Field(name="map_version", offset=1, kind=Kind.U16, whole=True, meaning="high byte major, low byte minor"),
        Field(name="connectors", offset=2, kind=Kind.U16, whole=True, meaning="connector blocks served: 1 or 2"),
        Field(name="vendor", offset=4, kind=Kind.TEXT, length=16, meaning="maker of the board"),
        Field(name="model", offset=12, kind=Kind.TEXT, length=16, meaning="type of the board"),
        Field(name="serial", offset=20, kind=Kind.TEXT, length=16, meaning="serial number"),
        Field(name="firmware", offset=28, kind=Kind.TEXT, length=16, meaning="firmware version of the safety sub-unit"),
    ),
)

_RELAYS = tuple(f"relay_{number}" for number in range(1, RELAYS + 1))

# In the status block 0 is no enumeration value, so that memory never written is noticed.
STATUS_COMMON = Block(
    name="common status",
    size=16,
    fields=(
        Field(
            name="heartbeat",
            offset=0,
            kind=Kind.U16,
            whole=True,
            meaning="counts the scans of the safety sub-unit and wraps; must move, or the board counts as dead",
        ),
        Field(
            name="mode",
            offset=1,
            kind=Kind.ENUM,
            words={
                PlcMode.BOOT: 1,
                PlcMode.RUN: 2,
                PlcMode.STOP: 3,
                PlcMode.MAINTENANCE: 4,
                PlcMode.FAULT: 5,
            },
            meaning="operating mode; power is possible in run only",
        ),
        Field(name="cpu_load_percent", offset=2, kind=Kind.U16, per_unit=10, unit="%", meaning="load of the board"),
        Field(name="last_scan_ms", offset=3, kind=Kind.U16, per_unit=10, unit="ms", meaning="time of the last scan"),
        Field(name="uptime_s", offset=4, kind=Kind.U32, unit="s", whole=True, meaning="time since the board started"),
        Field(
            name="inputs",
            offset=6,
            kind=Kind.BITS,
            bits=("emergency_stop", "door_open", "rcd_tripped", "spd_tripped", "over_temperature"),
            meaning="safety inputs, 1 is tripped; a broken wire reads as tripped",
        ),
        Field(
            name="relays",
            offset=7,
            kind=Kind.BITS,
            bits=_RELAYS,
            meaning="relay outputs, 1 is closed, from the feedback contact where there is one; R1 and R2 drive the "
            "contactors of connector 1 and 2; b4 to b15 since 1.1",
        ),
    ),
)

STATUS_CONNECTOR = Block(
    name="connector status",
    size=32,
    fields=(
        Field(
            name="pilot",
            offset=0,
            kind=Kind.ENUM,
            words={
                PilotState.A: 1,
                PilotState.B: 2,
                PilotState.C: 3,
                PilotState.D: 4,
                PilotState.E: 5,
                PilotState.F: 6,
            },
            meaning="control pilot",
        ),
        Field(
            name="proximity",
            offset=1,
            kind=Kind.ENUM,
            words={
                ProximityState.ABSENT: 1,
                ProximityState.LATCHED: 2,
                ProximityState.UNLATCHED: 3,
                ProximityState.INVALID: 4,
            },
            meaning="proximity contact of the plug",
        ),
        Field(
            name="lock",
            offset=2,
            kind=Kind.ENUM,
            words={LockState.UNLOCKED: 1, LockState.LOCKED: 2, LockState.MOVING: 3, LockState.FAILED: 4},
            meaning="connector lock, from its feedback",
        ),
        Field(
            name="flags",
            offset=3,
            kind=Kind.BITS,
            bits=("contactors_closed", "ready", "stop_request", "over_temperature"),
            meaning="feedback contact, not the command; car wants energy; car asks to end; cable or plug too hot",
        ),
        Field(
            name="insulation",
            offset=4,
            kind=Kind.ENUM,
            words={
                Insulation.UNTESTED: 1,
                Insulation.TESTING: 2,
                Insulation.VALID: 3,
                Insulation.WARNING: 4,
                Insulation.FAULT: 5,
            },
            meaning="verdict of the insulation monitor",
        ),
        Field(
            name="insulation_ohm",
            offset=5,
            kind=Kind.U32,
            unit="Ohm",
            optional=True,
            meaning="lower of the two insulation resistances",
        ),
        Field(
            name="slac",
            offset=7,
            kind=Kind.ENUM,
            words={SlacState.IDLE: 1, SlacState.MATCHING: 2, SlacState.MATCHED: 3, SlacState.FAILED: 4},
            meaning="association of the power-line modem with the car",
        ),
        Field(
            name="protocol",
            offset=8,
            kind=Kind.ENUM,
            words={
                EvProtocol.NONE: 1,
                EvProtocol.DIN_70121: 2,
                EvProtocol.ISO_15118_2: 3,
                EvProtocol.ISO_15118_20: 4,
            },
            meaning="protocol agreed with the car",
        ),
        Field(
            name="link_quality_db",
            offset=9,
            kind=Kind.I16,
            per_unit=10,
            unit="dB",
            optional=True,
            meaning="mean attenuation that SLAC measured",
        ),
        Field(
            name="soc_percent",
            offset=10,
            kind=Kind.U16,
            per_unit=10,
            unit="%",
            optional=True,
            meaning="state of charge the car reports",
        ),
        Field(
            name="target_voltage_v",
            offset=11,
            kind=Kind.U16,
            per_unit=10,
            unit="V",
            optional=True,
            meaning="what the car asks for now, in precharge its battery's voltage",
        ),
        Field(
            name="target_current_a",
            offset=12,
            kind=Kind.I16,
            per_unit=10,
            unit="A",
            optional=True,
            meaning="what the car asks for now; 0 between precharge and its first request of the charge loop",
        ),
        Field(
            name="max_voltage_v",
            offset=13,
            kind=Kind.U16,
            per_unit=10,
            unit="V",
            optional=True,
            meaning="the car's limit",
        ),
        Field(
            name="max_current_a",
            offset=14,
            kind=Kind.I16,
            per_unit=10,
            unit="A",
            optional=True,
            meaning="the car's limit",
        ),
        Field(name="max_power_w", offset=15, kind=Kind.U32, unit="W", optional=True, meaning="the car's limit"),
        Field(
            name="evccid",
            offset=17,
            kind=Kind.TEXT,
            length=24,
            meaning="the car's EVCCID, a MAC address as hex digits without separators; empty when unknown",
        ),
        Field(
            name="target_age_ms",
            offset=29,
            kind=Kind.U16,
            unit="ms",
            optional=True,
            since=2,
            meaning="since the car's last valid demand message; unknown outside the charge loop; since 1.2",
        ),
        Field(
            name="plug_temperature_1_c",
            offset=30,
            kind=Kind.I16,
            per_unit=10,
            unit="°C",
            optional=True,
            since=2,
            meaning="at the contact DC+; unknown without a sensor, or with one that is broken; since 1.2",
        ),
        Field(
            name="plug_temperature_2_c",
            offset=31,
            kind=Kind.I16,
            per_unit=10,
            unit="°C",
            optional=True,
            since=2,
            meaning="at the contact DC-, likewise; since 1.2",
        ),
    ),
)

# In the command block 0 is the safe value of each field.
COMMAND_COMMON = Block(
    name="common commands",
    size=4,
    fields=(
        Field(
            name="heartbeat",
            offset=0,
            kind=Kind.U16,
            whole=True,
            meaning="changes with each exchange that the controller's logic stands behind; wraps",
        ),
        Field(
            name="relays",
            offset=1,
            kind=Kind.BITS,
            bits=_RELAYS,
            meaning="wanted relays; b0 and b1 are ignored, R1 and R2 belong to the interlock chain; "
            "b4 to b15 since 1.1",
        ),
    ),
)

COMMAND_CONNECTOR = Block(
    name="connector commands",
    size=12,
    fields=(
        Field(
            name="stage",
            offset=0,
            kind=Kind.ENUM,
            words={
                Stage.IDLE: 0,
                Stage.CABLE_CHECK: 1,
                Stage.PRECHARGE: 2,
                Stage.CHARGING: 3,
                Stage.STOPPING: 4,
            },
            meaning="what the controller is doing",
        ),
        Field(
            name="commands",
            offset=1,
            kind=Kind.BITS,
            bits=("authorized", "close_contactors", "precharge_done", "stop", "unlock"),
            meaning="wanted state, repeated in each exchange",
        ),
        Field(
            name="offered_voltage_v",
            offset=2,
            kind=Kind.U16,
            per_unit=10,
            unit="V",
            meaning="limit to tell the car",
        ),
        Field(
            name="offered_current_a",
            offset=3,
            kind=Kind.I16,
            per_unit=10,
            unit="A",
            meaning="limit to tell the car",
        ),
        Field(name="offered_power_w", offset=4, kind=Kind.U32, unit="W", meaning="limit to tell the car"),
        Field(
            name="present_voltage_v",
            offset=6,
            kind=Kind.U16,
            per_unit=10,
            unit="V",
            meaning="measured at the output, to tell the car",
        ),
        Field(
            name="present_current_a",
            offset=7,
            kind=Kind.I16,
            per_unit=10,
            unit="A",
            meaning="measured at the output, to tell the car",
        ),
    ),
)


@attrs.frozen(kw_only=True)
class Commands:
    """The whole command block. `relays`: R1 first; R1 and R2 do not follow it, they belong to the interlock chain."""

    heartbeat: int = 0
    relays: tuple[bool, ...] = (False,) * RELAYS
    connectors: tuple[EvCommand, ...] = ()


def status_size(connectors: int) -> int:
    """Registers of the status block of a board with so many connectors."""
    return STATUS_COMMON.size + connectors * STATUS_CONNECTOR.size


def command_size(connectors: int) -> int:
    """Registers of the command block of a board with so many connectors."""
    return COMMAND_COMMON.size + connectors * COMMAND_CONNECTOR.size


def map_version(major: int = MAP_MAJOR, minor: int = MAP_MINOR) -> int:
    """The version register."""
    return major << 8 | minor


def minor_version(identity: PlcIdentity | None) -> int:
    """Which fields a board with this identity has; of one that is not known only those of the first map."""
    return identity.map_version & 0xFF if identity else 0


def free_relays(identity: PlcIdentity) -> range:
    """The numbers of the free relays that a board with this identity has, at most."""
    newer = minor_version(identity) >= 1
    return range(FIRST_FREE_RELAY, (RELAYS if newer else LAST_RELAY_OF_MAP_1_0) + 1)


def relays_closed(numbers: Collection[int]) -> tuple[bool, ...]:
    """The relays of a block, with these closed."""
    return tuple(number in numbers for number in range(1, RELAYS + 1))


def refusal(identity: PlcIdentity, connectors: int) -> str:
    """Why a board with this identity cannot be driven by this controller, or "" if it can (fault PLC-05)."""
    major = identity.map_version >> 8
    if major != MAP_MAJOR:
        return (
            f"board speaks PLC link {major}.{identity.map_version & 0xFF}, this controller {MAP_MAJOR}.{MAP_MINOR}: "
            f"update the {'controller' if major > MAP_MAJOR else 'board'}"
        )
    if identity.connectors != connectors:
        return f"board serves {identity.connectors} connectors, the configuration names {connectors}"
    return ""


# --- identification ------------------------------------------------------------------------------------------------


def encode_identity(identity: PlcIdentity) -> list[int]:
    """Board side: the identification block. Texts are cut to 16 characters."""
    return IDENTITY.encode({"magic": MAGIC} | attrs.asdict(identity))


def decode_identity(registers: Sequence[int]) -> PlcIdentity:
    """Controller side. Raises MapError if this is no board of the JP PLC link."""
    values = IDENTITY.decode(registers)
    magic = cast(int, values.pop("magic"))
    if magic != MAGIC:
        raise MapError(f"register 0 reads 0x{magic:04X}, not 0x{MAGIC:04X}: this is no board of the JP PLC link")
    return PlcIdentity(**cast(dict[str, Any], values))


# --- status --------------------------------------------------------------------------------------------------------


def encode_status(board: PlcStatus, connectors: Sequence[EvStatus], minor: int = MAP_MINOR) -> list[int]:
    """Board side, with a map of version `minor`: the status block, common part and one part a connector."""
    common = attrs.asdict(board) | dict(zip(_RELAYS, board.relays, strict=True))
    registers = STATUS_COMMON.encode(common, minor)
    for connector in connectors:
        registers += STATUS_CONNECTOR.encode(attrs.asdict(connector), minor)
    return registers


def decode_status(
    registers: Sequence[int], connectors: int, minor: int = NEWEST
) -> tuple[PlcStatus, tuple[EvStatus, ...]]:
    """Controller side, from a board with a map of version `minor`: what that has not is None.

    Raises MapError for a wrong length or an undefined enumeration value.
    """
    if len(registers) != status_size(connectors):
        raise MapError(f"status block: {len(registers)} registers, expected {status_size(connectors)}")
    common = STATUS_COMMON.decode(registers[: STATUS_COMMON.size], minor)
    relays = tuple(common.pop(name) for name in _RELAYS)
    board = PlcStatus(**cast(dict[str, Any], common | {"relays": relays}))
    return board, tuple(
        EvStatus(**cast(dict[str, Any], STATUS_CONNECTOR.decode(part, minor)))
        for part in _parts(registers, STATUS_COMMON.size, STATUS_CONNECTOR.size)
    )


# --- commands ------------------------------------------------------------------------------------------------------


def encode_commands(commands: Commands) -> list[int]:
    """Controller side: the command block. Numbers outside the registers' range are saturated, NaN raises MapError."""
    common = {"heartbeat": commands.heartbeat & 0xFFFF} | dict(zip(_RELAYS, commands.relays, strict=True))
    registers = COMMAND_COMMON.encode(common)
    for connector in commands.connectors:
        registers += COMMAND_CONNECTOR.encode(attrs.asdict(connector))
    return registers


def decode_commands(registers: Sequence[int], connectors: int) -> Commands:
    """Board side. Raises MapError for a wrong length or an undefined stage: answer with exception 03."""
    if len(registers) != command_size(connectors):
        raise MapError(f"command block: {len(registers)} registers, expected {command_size(connectors)}")
    common = COMMAND_COMMON.decode(registers[: COMMAND_COMMON.size])
    relays = tuple(cast(bool, common[name]) for name in _RELAYS)
    return Commands(
        heartbeat=cast(int, common["heartbeat"]),
        relays=relays,
        connectors=tuple(
            EvCommand(**cast(dict[str, Any], COMMAND_CONNECTOR.decode(part)))
            for part in _parts(registers, COMMAND_COMMON.size, COMMAND_CONNECTOR.size)
        ),
    )


def _parts(registers: Sequence[int], start: int, size: int) -> list[Sequence[int]]:
    return [registers[at : at + size] for at in range(start, len(registers), size)]
