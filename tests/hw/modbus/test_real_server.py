"""The master against code that is not ours: pymodbus' servers, in another process, over TCP and over a PTY."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from socket import socket
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from jp_firmware.hw.modbus.master import ModbusMaster, ModbusRefused, ModbusTimeout, WireDown
from tests.hw.modbus.conftest import Wire, rtu, running, tcp

RATE = 0.02  # of the clock: half a second to answer is half a minute of a busy machine's
WIRE_S = 0.1  # more than any of these exchanges needs on the wire alone
TIMEOUT_S = 0.2


def value(unit: int, address: int, count: int) -> tuple[int, ...]:
    return tuple(unit * 10_000 + address + at for at in range(count))


async def exercise(master_of: Callable[[Any], ModbusMaster], wire: Wire, clock: MockClock) -> None:
    clock.rate = RATE
    async with trio.open_nursery() as nursery:
        master = await running(nursery, master_of(wire.where))

        assert await master.read_holding(1, 0, 125) == value(1, 0, 125)
        assert await master.read_input(2, 7, 2) == value(2, 7, 2)
        await master.write_registers(1, 8000, [1, 2, 3])
        assert await master.read_holding(1, 7999, 5) == (17999, 1, 2, 3, 18003)
        assert await master.read_write(2, 8000, 3, 8000, [7, 8]) == (7, 8, 28002)
        with pytest.raises(ModbusRefused) as refused:
            await master.read_holding(1, 9000, 1)
        assert refused.value.code == 2

        # The answer to a cancelled and to a timed-out exchange comes while, or after, the next is asked.
        wire.hold_back()
        with trio.CancelScope() as scope:
            nursery.start_soon(once_said, wire, scope.cancel)
            await master.read_holding(1, 20, 2)
        assert scope.cancelled_caught
        nursery.start_soon(once_said, wire, wire.release)
        assert await master.read_holding(1, 40, 2, attempts=1) == value(1, 40, 2)

        wire.hold_back()
        nursery.start_soon(once_said, wire, partial(clock.jump, TIMEOUT_S + WIRE_S))
        with pytest.raises(ModbusTimeout):
            await master.read_holding(1, 30, 2, timeout_s=TIMEOUT_S, attempts=1)
        nursery.start_soon(once_said, wire, wire.release)
        assert await master.read_holding(1, 60, 2, attempts=1) == value(1, 60, 2)
        nursery.cancel_scope.cancel()


async def once_said(wire: Wire, do: Callable[[], object]) -> None:
    """When the server's answer of two registers is on the wire, and held back."""
    await wire.until_said(9)
    do()


async def test_over_tcp(tcp_wire: Wire, mock_clock: MockClock) -> None:
    await exercise(tcp, tcp_wire, mock_clock)


async def test_over_a_pty(rtu_wire: Wire, mock_clock: MockClock) -> None:
    await exercise(rtu, rtu_wire, mock_clock)


async def test_a_tty_that_is_not_there_is_told() -> None:
    with pytest.raises(ExceptionGroup) as raised:
        async with trio.open_nursery() as nursery:
            await running(nursery, rtu("/dev/jp/no-such-port"))

    assert raised.group_contains(WireDown, match="wire: /dev/jp/no-such-port: no such port; is the adapter plugged in")


async def test_nobody_listening_is_told() -> None:
    with socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused, and nobody else can take it meanwhile
        port = taken.getsockname()[1]
        with pytest.raises(ExceptionGroup) as raised:
            async with trio.open_nursery() as nursery:
                await running(nursery, tcp(port))

    assert raised.group_contains(WireDown, match=f"cannot open 127.0.0.1 port {port}")
