"""pymodbus' own servers over real transports, in another process, and masters for them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tty
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio
import trio.testing

from jp_firmware.hw.modbus.master import ModbusMaster, rtu_master, tcp_master
from tests.hw.lifelines import Lifelines

ROOT = Path(__file__).parents[3]
BAUD = 115_200


@pytest.fixture
def tcp_server() -> Iterator[int]:
    """pymodbus' TCP server in another process; its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with serving("tcp", str(port)):
        yield port


@pytest.fixture
async def rtu_server(nursery: trio.Nursery) -> AsyncIterator[str]:
    """pymodbus' serial server in another process on one PTY; a second PTY, wired to the first, for us to open."""
    far, far_tty = os.openpty()
    near, near_tty = os.openpty()
    for fd in (far_tty, near_tty):
        tty.setraw(fd)
    async with trio.lowlevel.FdStream(far) as theirs, trio.lowlevel.FdStream(near) as ours:
        with serving("rtu", os.ttyname(far_tty)):
            nursery.start_soon(pump, theirs, ours)
            nursery.start_soon(pump, ours, theirs)
            yield os.ttyname(near_tty)
            nursery.cancel_scope.cancel(reason="test over")
    os.close(far_tty)
    os.close(near_tty)


async def pump(source: trio.abc.ReceiveStream, sink: trio.abc.SendStream) -> None:
    async for data in source:
        await sink.send_all(data)


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


def rtu(path: str) -> ModbusMaster:
    return rtu_master("wire", Path(path), BAUD)
