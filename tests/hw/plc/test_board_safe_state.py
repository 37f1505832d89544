"""A board brought to its safe state by another than its own task."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import pytest
import trio
import trio.testing

from jp_firmware.hw.plc.board import DRIVER, PlcBoard, StillClosed
from jp_firmware.model.connector import EvCommand
from tests.hw.faults import Faults
from tests.hw.lifelines import counted
from tests.hw.modbus.slave import connected
from tests.hw.plc.board_bench import (
    CARS,
    CONFIG,
    Emulated,
)


@asynccontextmanager
async def driven(emulated: Emulated) -> AsyncIterator[PlcBoard]:
    """A board that was driven for a second, and whose task has ended; the wire is still there."""
    async with connected(values=emulated.values, wrote=emulated.wrote, delay_s=lambda n: emulated.delay(n)) as (
        master,
        _,
    ):
        board = DRIVER.board(CONFIG, master, Faults())
        with trio.move_on_after(1):
            await board.run(counted(board.run))
        yield board


CLOSED = tuple(attrs.evolve(car, contactors_closed=True) for car in CARS)
OPEN = tuple(attrs.evolve(car, contactors_closed=False) for car in CARS)


async def test_the_safe_state_is_asked_for_again_until_the_feedback_says_open(
    autojump_clock: trio.testing.MockClock,
) -> None:
    emulated = Emulated(connectors=CLOSED)
    async with driven(emulated) as board, trio.open_nursery() as nursery:
        began_s, before = trio.current_time(), len(emulated.heard)
        nursery.start_soon(board.safe)
        await trio.sleep(0.31)
        emulated.connectors = OPEN
    assert trio.current_time() - began_s < 0.5
    assert len(emulated.heard) - before >= 6
    assert emulated.last.connectors == (EvCommand(), EvCommand())


async def test_a_contactor_that_stays_closed_is_no_safe_state(autojump_clock: trio.testing.MockClock) -> None:
    emulated = Emulated(connectors=(OPEN[0], CLOSED[1]))
    async with driven(emulated) as board:
        began_s = trio.current_time()
        with pytest.raises(StillClosed, match="plc-1: told to open, and contactors of connector 2 are still closed"):
            await board.safe()
        assert trio.current_time() - began_s < board.safe_within_s


@pytest.mark.parametrize("how", ["frozen", "silent", "garbage"])
async def test_a_board_that_nobody_can_ask_opens_by_itself_and_does_not_latch(
    autojump_clock: trio.testing.MockClock, how: str
) -> None:
    emulated = Emulated(connectors=CLOSED)
    async with driven(emulated) as board:
        match how:
            case "frozen":
                emulated.freeze()
            case "silent":
                emulated.delay = lambda _: 3600.0
            case _:
                emulated.corrupt = True
        began_s = trio.current_time()
        await board.safe()
        assert 0.4 <= trio.current_time() - began_s < board.safe_within_s


async def test_a_safe_state_that_was_confirmed_costs_nothing_the_next_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    emulated = Emulated(connectors=OPEN)
    async with driven(emulated) as board:
        await board.safe()
        exchanges = len(emulated.heard)
        await board.safe()
        assert len(emulated.heard) == exchanges
