"""A board of the PLC link on an emulated line, and whoever drives it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio
import trio.testing

from jp_firmware.config import schema
from jp_firmware.hw.plc import protocol
from jp_firmware.hw.plc.board import DRIVER, BoardLost, PlcBoard
from jp_firmware.model.connector import EvCommand, EvStatus, PilotState, Stage
from jp_firmware.model.ids import ConnectorId, PlcId
from jp_firmware.model.plc import PlcIdentity, PlcMode, PlcStatus
from jp_firmware.model.signals import Quality
from tests.hw.faults import Faults
from tests.hw.lifelines import Counted, Lifelines, counted
from tests.hw.modbus.slave import connected

ONE, TWO = ConnectorId(1), ConnectorId(2)
CONFIG = schema.PlcBoard(id=PlcId("plc-1"), wire="wire", connectors=(ONE, TWO))
CHARGING = EvCommand(stage=Stage.CHARGING, authorized=True, close_contactors=True, offered_power_w=60_000)
IDENTITY = PlcIdentity(
    map_version=protocol.map_version(), vendor="JP", model="test", serial="7", firmware="1.0", connectors=2
)
RUNNING = PlcStatus(mode=PlcMode.RUN, cpu_load_percent=12.0, last_scan_ms=1.0)
CARS = (EvStatus(pilot=PilotState.C), EvStatus())


@attrs.define
class Emulated:
    """The board's side: a scan counter that runs with time, a status to tell, and the commands it was given."""

    identity: PlcIdentity = IDENTITY
    status: PlcStatus = RUNNING
    connectors: tuple[EvStatus, ...] = CARS
    heard: list[protocol.Commands] = attrs.field(factory=list)
    heard_at_s: list[float] = attrs.field(factory=list)
    frozen_at: int | None = None
    delay: Callable[[int], float] = lambda _: 0.002
    corrupt: bool = False

    def wrote(self, unit: int, address: int, registers: list[int]) -> None:
        assert address == protocol.COMMAND_ADDRESS
        self.heard.append(protocol.decode_commands(registers, len(self.connectors)))
        self.heard_at_s.append(trio.current_time())

    def values(self, unit: int, address: int, count: int) -> tuple[int, ...]:
        if address == protocol.IDENTITY_ADDRESS:
            return tuple(protocol.encode_identity(self.identity))
        scan = self.frozen_at if self.frozen_at is not None else int(trio.current_time() * 100) & 0xFFFF
        registers = protocol.encode_status(attrs.evolve(self.status, heartbeat=scan), self.connectors)
        return tuple([0] * len(registers) if self.corrupt else registers)

    def freeze(self) -> None:
        self.frozen_at = int(trio.current_time() * 100) & 0xFFFF

    @property
    def last(self) -> protocol.Commands:
        return self.heard[-1]


@attrs.define
class Bench:
    board: PlcBoard
    emulated: Emulated
    faults: Faults
    lifeline: Counted

    @property
    def qualities(self) -> set[Quality]:
        sources = [self.board.status, *(one.status for one in self.board.connectors.values())]
        return {source.signal.quality for source in sources}


@asynccontextmanager
async def bench(emulated: Emulated | None = None) -> AsyncIterator[Bench]:
    emulated, faults = emulated or Emulated(), Faults()
    async with connected(values=emulated.values, wrote=emulated.wrote, delay_s=lambda n: emulated.delay(n)) as (
        master,
        _,
    ):
        board = DRIVER.board(CONFIG, master, faults)
        async with trio.open_nursery() as nursery:
            lifeline = await nursery.start(Lifelines().run, board.run)
            yield Bench(board, emulated, faults, lifeline)
            nursery.cancel_scope.cancel(reason="test over")


@asynccontextmanager
async def losing(at: dict[str, Any]) -> AsyncIterator[Bench]:
    """A board that will be lost: the test's body runs beside its task, and the task must end with BoardLost."""
    emulated, faults = Emulated(), Faults()
    async with connected(values=emulated.values, wrote=emulated.wrote, delay_s=lambda n: emulated.delay(n)) as (
        master,
        _,
    ):
        board = DRIVER.board(CONFIG, master, faults)
        lifeline = counted(board.run)

        async def run() -> None:
            with pytest.raises(BoardLost) as raised:
                await board.run(lifeline)
            at["lost_at_s"], at["why"] = trio.current_time(), str(raised.value)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            await trio.sleep(1)
            yield Bench(board, emulated, faults, lifeline)


@asynccontextmanager
async def connected_board() -> AsyncIterator[tuple[PlcBoard, Emulated, Faults]]:
    emulated, faults = Emulated(), Faults()
    async with connected(values=emulated.values, wrote=emulated.wrote) as (master, _):
        yield DRIVER.board(CONFIG, master, faults), emulated, faults
