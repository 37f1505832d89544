"""Boards that cannot be driven, and mistakes in what names them."""

from __future__ import annotations

import math

import attrs
import pytest
import trio
import trio.testing

from jp_firmware.config.schema import ConfigError
from jp_firmware.hw.plc.board import DRIVER, BoardRefused
from jp_firmware.hw.plc.driver import load_driver
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.signals import Quality
from tests.hw.faults import Faults
from tests.hw.lifelines import counted
from tests.hw.modbus.slave import connected
from tests.hw.plc.board_bench import (
    CONFIG,
    IDENTITY,
    ONE,
    TWO,
    Emulated,
    bench,
    connected_board,
)


@pytest.mark.parametrize(
    ("change", "says"),
    [({"map_version": 0x0200}, "update the controller"), ({"connectors": 1}, "serves 1 connectors")],
)
async def test_a_board_that_does_not_fit_is_refused_and_never_written_to(
    autojump_clock: trio.testing.MockClock, change: dict[str, int], says: str
) -> None:
    async with connected_board() as (board, emulated, faults):
        emulated.identity = attrs.evolve(emulated.identity, **change)
        with pytest.raises(BoardRefused, match=says):
            await board.run(counted(board.run))
        await board.safe()

        assert says in faults.active["PLC-05", "plc-1"]
        assert emulated.heard == []

        emulated.identity = IDENTITY
        with trio.move_on_after(1):
            await board.run(counted(board.run))
        assert faults.codes == set()


async def test_a_device_that_is_no_board_is_refused(autojump_clock: trio.testing.MockClock) -> None:
    async with connected() as (master, slave):
        board = DRIVER.board(CONFIG, master, Faults())
        with pytest.raises(BoardRefused, match="no board of the JP PLC link"):
            await board.run(counted(board.run))

        assert {request.function_code for request in slave.requests} == {3}


async def test_a_board_that_does_not_answer_at_first_is_waited_for(autojump_clock: trio.testing.MockClock) -> None:
    emulated = Emulated(delay=lambda _: math.inf if trio.current_time() < 4 else 0.002)
    async with bench(emulated) as at:
        assert at.faults.history == ["+PLC-01 plc-1"]
        assert at.qualities == {Quality.GOOD}
        await trio.sleep(3)

        assert at.faults.history == ["+PLC-01 plc-1", "-PLC-01 plc-1"]


def test_the_driver_is_found_by_the_name_of_the_configuration() -> None:
    assert load_driver("jp-plc-link").name == "jp-plc-link"


def test_an_unknown_driver_is_told_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"no PLC board driver 'x' is installed; there are: .*jp-plc-link"):
        load_driver("x")


def test_more_connectors_than_a_board_has_are_a_mistake_in_the_configuration() -> None:
    config = attrs.evolve(CONFIG, connectors=(ONE, TWO, ConnectorId(3)))
    with pytest.raises(ConfigError, match="connectors names 3"):
        DRIVER.board(config, None, Faults())  # type: ignore[arg-type]
