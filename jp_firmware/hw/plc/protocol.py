"""The JP PLC link, map version 1.2: its versions, addresses and times, and values to and from registers.

Specified in docs/plc-link.md. Both sides of the link come from the tables of `blocks`: the controller encodes commands
and decodes status, a board (or the emulated one) does the opposite. Nothing here knows a transport or a clock.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, cast

import attrs

from jp_firmware.hw.plc.blocks import (
    COMMAND_COMMON,
    COMMAND_CONNECTOR,
    IDENTITY,
    RELAY_NAMES,
    STATUS_COMMON,
    STATUS_CONNECTOR,
)
from jp_firmware.hw.plc.fields import NEWEST, MapError
from jp_firmware.model.connector import EvCommand, EvStatus
from jp_firmware.model.plc import RELAYS, PlcIdentity, PlcStatus

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
    common = attrs.asdict(board) | dict(zip(RELAY_NAMES, board.relays, strict=True))
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
    relays = tuple(common.pop(name) for name in RELAY_NAMES)
    board = PlcStatus(**cast(dict[str, Any], common | {"relays": relays}))
    return board, tuple(
        EvStatus(**cast(dict[str, Any], STATUS_CONNECTOR.decode(part, minor)))
        for part in _parts(registers, STATUS_COMMON.size, STATUS_CONNECTOR.size)
    )


# --- commands ------------------------------------------------------------------------------------------------------


def encode_commands(commands: Commands) -> list[int]:
    """Controller side: the command block. Numbers outside the registers' range are saturated, NaN raises MapError."""
    common = {"heartbeat": commands.heartbeat & 0xFFFF} | dict(zip(RELAY_NAMES, commands.relays, strict=True))
    registers = COMMAND_COMMON.encode(common)
    for connector in commands.connectors:
        registers += COMMAND_CONNECTOR.encode(attrs.asdict(connector))
    return registers


def decode_commands(registers: Sequence[int], connectors: int) -> Commands:
    """Board side. Raises MapError for a wrong length or an undefined stage: answer with exception 03."""
    if len(registers) != command_size(connectors):
        raise MapError(f"command block: {len(registers)} registers, expected {command_size(connectors)}")
    common = COMMAND_COMMON.decode(registers[: COMMAND_COMMON.size])
    relays = tuple(cast(bool, common[name]) for name in RELAY_NAMES)
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
