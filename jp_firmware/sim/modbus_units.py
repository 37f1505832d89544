"""Meters and PLC boards as pymodbus sees them: register spaces whose contents are made when they are read.

pymodbus frames, checks and answers; what a register holds and which write is refused is decided here, by asking the
meter or the board. No transport here.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import attrs
from pymodbus.constants import ExcCodes
from pymodbus.simulator import DataType, SimData, SimDevice

from jp_firmware.hw.plc import protocol
from jp_firmware.hw.plc.blocks import IDENTITY
from jp_firmware.hw.plc.fields import MapError
from jp_firmware.sim.marks import Marks
from jp_firmware.sim.meter import REGISTERS, Meter
from jp_firmware.sim.misbehaviour import Misbehaviour
from jp_firmware.sim.plc_board import PlcBoard
from jp_firmware.sim.site_meter import SiteMeter

READ_HOLDING = 3
READ_WRITE = 23

Action = Callable[[int, int, int, int, list[int], list[int] | list[bool] | None], Awaitable[ExcCodes | None]]


@attrs.frozen(kw_only=True)
class Unit:
    """One unit on a Modbus wire. `answered` is called when an answer of it has left on the wire."""

    unit: int
    device: SimDevice
    misbehaviour: Misbehaviour
    answered: Callable[[float], None]


def _blocks(*blocks: tuple[int, int]) -> list[SimData]:
    return [SimData(address, values=[0] * count, datatype=DataType.REGISTERS) for address, count in blocks]


def meter_unit(meter: Meter, unit: int) -> Unit:
    """An Acrel meter: function 03 on registers 0 to 55. Its clock cannot be set here."""

    async def action(
        function: int, _start: int, _address: int, _count: int, registers: list[int], _values: object
    ) -> ExcCodes | None:
        if function != READ_HOLDING:
            return ExcCodes.ILLEGAL_FUNCTION
        registers[:REGISTERS] = meter.registers()
        return None

    def answered(now_s: float) -> None:
        meter.last_answer_at_s = now_s

    return Unit(
        unit=unit,
        device=SimDevice(unit, _blocks((0, REGISTERS)), action=action),
        misbehaviour=meter.misbehaviour,
        answered=answered,
    )


def site_meter_unit(meter: SiteMeter, unit: int) -> Unit:
    """A site's meter: its profile's function, and all registers up to the last it has."""

    async def action(
        function: int, _start: int, _address: int, _count: int, registers: list[int], _values: object
    ) -> ExcCodes | None:
        if function != meter.profile.function:
            return ExcCodes.ILLEGAL_FUNCTION
        registers[: meter.size] = meter.registers()
        return None

    def answered(now_s: float) -> None:
        meter.last_answer_at_s = now_s

    return Unit(
        unit=unit,
        device=SimDevice(unit, _blocks((0, meter.size)), action=action),
        misbehaviour=meter.misbehaviour,
        answered=answered,
    )


def board_unit(board: PlcBoard, unit: int, marks: Marks) -> Unit:
    """A PLC board: functions 03 and 23, with the refusals of docs/plc-link.md §1."""
    connectors = len(board.outlets)
    command_size = protocol.command_size(connectors)
    shown: list[frozenset[str]] = [frozenset()]  # stop conditions of the last answer that left

    def fill(registers: list[int], start: int, address: int, values: list[int]) -> None:
        registers[address - start : address - start + len(values)] = values

    async def action(
        function: int,
        start: int,
        address: int,
        _count: int,
        registers: list[int],
        values: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        if function not in (READ_HOLDING, READ_WRITE):
            return ExcCodes.ILLEGAL_FUNCTION
        if values is None:
            fill(registers, start, protocol.IDENTITY_ADDRESS, protocol.encode_identity(board.identity))
            fill(registers, start, protocol.STATUS_ADDRESS, board.read())
            return None
        if address != protocol.COMMAND_ADDRESS or len(values) != command_size:
            return ExcCodes.ILLEGAL_ADDRESS
        try:
            board.write([int(value) for value in values], time.monotonic())
        except MapError:
            return ExcCodes.ILLEGAL_VALUE
        return None

    def answered(now_s: float) -> None:
        board.last_answer_at_s = now_s
        stops = board.stop_conditions()
        if stops != shown[0]:
            shown[0] = stops
            marks.add(board.id, "stop condition served" if stops else "no stop condition", sorted(stops), at_s=now_s)

    blocks = _blocks(
        (protocol.IDENTITY_ADDRESS, IDENTITY.size),
        (protocol.STATUS_ADDRESS, protocol.status_size(connectors)),
        (protocol.COMMAND_ADDRESS, command_size),
    )
    return Unit(
        unit=unit,
        device=SimDevice(unit, blocks, action=action),
        misbehaviour=board.misbehaviour,
        answered=answered,
    )
