"""pymodbus' own servers over real transports, in another process, and masters for them.

Between the two is a wire that can hold back what the server says, so that an answer is late by as much as a test wants,
and not by as much as the machine likes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tty
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
import trio.testing

from jp_firmware.hw.modbus.master import ModbusMaster, rtu_master, tcp_master
from tests.hw.lifelines import Lifelines

ROOT = Path(__file__).parents[3]
BAUD = 115_200


@attrs.define(eq=False)
class Wire:
    """`where` is what a master opens."""

    where: Any = None
    kept: bytes = b""  # what the server said since it is held back
    _news: trio.Condition = attrs.field(factory=trio.Condition)
    _open: trio.Event = attrs.field(factory=trio.Event)

    def __attrs_post_init__(self) -> None:
        self.release()

    def hold_back(self) -> None:
        self.kept, self._open = b"", trio.Event()

    def release(self) -> None:
        self._open.set()

    async def until_said(self, length: int) -> None:
        """Returns when so many bytes are held back."""
        async with self._news:
            while len(self.kept) < length:
                await self._news.wait()

    async def join(self, ours: trio.abc.Stream, theirs: trio.abc.Stream) -> None:
        """Moves bytes both ways until one end is closed."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._to_server, ours, theirs)
            async for data in theirs:
                async with self._news:
                    self.kept += data
                    self._news.notify_all()
                await self._open.wait()
                await ours.send_all(data)
            nursery.cancel_scope.cancel(reason="the server has hung up")

    async def _to_server(self, ours: trio.abc.Stream, theirs: trio.abc.Stream) -> None:
        async for data in ours:
            await theirs.send_all(data)


@pytest.fixture
async def tcp_wire(nursery: trio.Nursery) -> AsyncIterator[Wire]:
    """To pymodbus' TCP server, by way of a port of ours."""
    wire = Wire()

    with serving("tcp", "127.0.0.1") as port:

        async def meet(ours: trio.abc.Stream) -> None:
            async with await trio.open_tcp_stream("127.0.0.1", int(port)) as theirs:
                await wire.join(ours, theirs)

        [listener] = await nursery.start(partial(trio.serve_tcp, meet, 0, host="127.0.0.1"))
        wire.where = listener.socket.getsockname()[1]
        yield wire
        nursery.cancel_scope.cancel(reason="test over")


@pytest.fixture
async def rtu_wire(nursery: trio.Nursery) -> AsyncIterator[Wire]:
    """To pymodbus' serial server on one PTY, by way of a second PTY for us to open."""
    far, far_tty = os.openpty()
    near, near_tty = os.openpty()
    for fd in (far_tty, near_tty):
        tty.setraw(fd)
    wire = Wire(os.ttyname(near_tty))
    async with trio.lowlevel.FdStream(far) as theirs, trio.lowlevel.FdStream(near) as ours:
        with serving("rtu", os.ttyname(far_tty)):
            nursery.start_soon(wire.join, ours, theirs)
            yield wire
            nursery.cancel_scope.cancel(reason="test over")
    os.close(far_tty)
    os.close(near_tty)


@contextmanager
def serving(kind: str, where: str) -> Iterator[str]:
    """The server's port, or tty."""
    command = [sys.executable, "-m", "tests.hw.modbus.real_server", kind, where]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().decode().strip()
        finally:
            process.kill()


async def running(nursery: trio.Nursery, master: ModbusMaster) -> ModbusMaster:
    await nursery.start(Lifelines().run, master.run)
    return master


def tcp(port: int) -> ModbusMaster:
    return tcp_master("wire", "127.0.0.1", port)


def rtu(path: str) -> ModbusMaster:
    return rtu_master("wire", Path(path), BAUD)
