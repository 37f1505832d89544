"""The reader's task on a real PTY."""

from __future__ import annotations

import math
import os
import tty
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest
import trio

from jp_firmware.config import schema
from jp_firmware.hw.rfid.reader import RfidReader
from jp_firmware.hw.serial import WireError
from tests.hw.faults import Faults
from tests.hw.lifelines import Counted, Lifelines, counted
from tests.hw.pty_pair import PATIENCE_S


@attrs.define
class Bench:
    """A reader's task on one end of a PTY, and the reader's own end."""

    reader: RfidReader
    far: trio.lowlevel.FdStream
    swiped: trio.MemoryReceiveChannel[str]
    faults: Faults
    lifeline: Counted
    ended: trio.Event

    async def next_swipe(self) -> str:
        with trio.fail_after(PATIENCE_S):
            return await self.swiped.receive()


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    """The task may end in the test's body, with the WireError of a port that has gone, and in no other way."""
    far_fd, near_fd = os.openpty()
    tty.setraw(near_fd)
    path, faults, ended = Path(os.ttyname(near_fd)), Faults(), trio.Event()
    told, swiped = trio.open_memory_channel[str](math.inf)
    reader = RfidReader(schema.Reader(id="reader-0", port=path.name), path.parent, told.send_nowait, faults)

    async def run(task_status: trio.TaskStatus[Counted]) -> None:
        try:
            await Lifelines().run(reader.run, task_status=task_status)
        except WireError:
            ended.set()

    async with trio.lowlevel.FdStream(far_fd) as far, trio.open_nursery() as nursery:
        lifeline = await nursery.start(run)
        os.close(near_fd)
        yield Bench(reader, far, swiped, faults, lifeline, ended)
        nursery.cancel_scope.cancel(reason="test over")


async def test_each_swipe_is_told_once_in_upper_case() -> None:
    async with bench() as at:
        await at.far.send_all(b"04a1b2c3d4e5f6\r\n04a1b2c3d4e5f6\r\n")
        await at.far.send_all(b"noise\n88C9B379")
        await at.far.send_all(b"\n")

        assert [await at.next_swipe(), await at.next_swipe()] == ["04A1B2C3D4E5F6", "88C9B379"]
        assert at.reader.lines.garbage == 1
        assert len(at.lifeline.fed) == 3  # a card that is still there is a sign of life too


async def test_a_reader_that_is_unplugged_is_lost() -> None:
    async with bench() as at:
        assert at.faults.history == []
        await at.far.aclose()
        with trio.fail_after(PATIENCE_S):
            await at.ended.wait()

        assert "the port has gone" in at.faults.active["AUT-01", "reader-0"]


async def test_a_reader_that_is_not_there_is_told_and_found_when_it_comes(tmp_path: Path) -> None:
    faults = Faults()
    reader = RfidReader(schema.Reader(id="reader-0", port="reader"), tmp_path, print, faults)
    with pytest.raises(WireError, match="no such port"):
        await reader.run(counted(reader.run))
    assert "no such port" in faults.active["AUT-01", "reader-0"]

    far_fd, near_fd = os.openpty()
    tty.setraw(near_fd)
    (tmp_path / "reader").symlink_to(os.ttyname(near_fd))
    async with trio.open_nursery() as nursery:
        await nursery.start(Lifelines().run, reader.run)
        assert faults.history == ["+AUT-01 reader-0", "-AUT-01 reader-0"]
        nursery.cancel_scope.cancel()
    os.close(near_fd)
    os.close(far_fd)


async def test_a_stopped_reader_gives_its_port_back() -> None:
    """The port is locked while it is open: a second run can only have it if the first let go."""
    far_fd, near_fd = os.openpty()
    tty.setraw(near_fd)
    path = Path(os.ttyname(near_fd))
    for _ in range(2):
        reader = RfidReader(schema.Reader(id="reader-0", port=path.name), path.parent, print, Faults())
        async with trio.open_nursery() as nursery:
            await nursery.start(Lifelines().run, reader.run)
            with pytest.raises(WireError, match="in use"):
                await reader.run(counted(reader.run))
            nursery.cancel_scope.cancel()
    os.close(near_fd)
    os.close(far_fd)
