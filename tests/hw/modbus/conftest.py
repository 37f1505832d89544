"""Masters with a slave at the other end: in memory, and over real transports to pymodbus in another process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tty
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path

import pytest
import trio
import trio.testing

from jp_firmware.hw.modbus.line import RtuLine, TcpLine
from jp_firmware.hw.modbus.master import ModbusMaster, rtu_master, tcp_master
from tests.hw.lifelines import Lifelines
from tests.hw.modbus.slave import Slave

ROOT = Path(__file__).parents[3]
BAUD = 115_200

Pair = tuple[ModbusMaster, Slave]
Connected = Callable[..., AbstractAsyncContextManager[Pair]]


@pytest.fixture
def connected() -> Connected:
    """`async with connected(rtu=True, **habits) as (master, slave)`: a master that is up and a slave in memory."""

    @asynccontextmanager
    async def connected(*, rtu: bool = True, **habits: object) -> AsyncIterator[Pair]:
        slaves: list[Slave] = []
        async with trio.open_nursery() as nursery:

            async def connect() -> trio.abc.Stream:
                ours, theirs = trio.testing.memory_stream_pair()
                slaves.append(Slave(theirs, rtu=rtu, **habits))  # type: ignore[arg-type]
                nursery.start_soon(slaves[-1].run)
                return ours

            master = ModbusMaster(
                name="wire", where="memory", connect=connect, new_line=lambda: RtuLine(BAUD) if rtu else TcpLine()
            )
            lifelines = Lifelines()
            await nursery.start(lifelines.run, master.run)
            yield master, slaves[-1]
            nursery.cancel_scope.cancel(reason="test over")

    return connected


@pytest.fixture
def tcp_server() -> Iterator[int]:
    """pymodbus' TCP server in another process; its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with serving("tcp", str(port)):
        yield port


@pytest.fixture
def rtu_server() -> Iterator[int]:
    """pymodbus' serial server in another process on one end of a PTY; the other end."""
    ours, theirs = os.openpty()
    tty.setraw(ours)
    tty.setraw(theirs)
    with serving("rtu", os.ttyname(theirs)):
        yield ours
    os.close(theirs)
    os.close(ours)


@contextmanager
def serving(kind: str, where: str) -> Iterator[None]:
    command = [sys.executable, "-m", "tests.hw.modbus.real_server", kind, where]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"serving\n"
            yield
        finally:
            process.kill()


async def running(nursery: trio.Nursery, master: ModbusMaster) -> ModbusMaster:
    await nursery.start(Lifelines().run, master.run)
    return master


def tcp(port: int) -> ModbusMaster:
    return tcp_master("wire", "127.0.0.1", port)


def rtu(fd: int) -> ModbusMaster:
    async def connect() -> trio.abc.Stream:
        return trio.lowlevel.FdStream(os.dup(fd))

    return rtu_master("wire", "a PTY", BAUD, connect)
