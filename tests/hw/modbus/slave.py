"""A Modbus slave inside the test, over pymodbus' own framers, with every bad habit a slave can have.

A register's value tells its unit and its address, so that an answer taken for another's cannot hide.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio
import trio.testing
from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersResponse,
    ReadInputRegistersResponse,
    ReadWriteMultipleRegistersRequest,
    ReadWriteMultipleRegistersResponse,
    WriteMultipleRegistersResponse,
)

from jp_firmware.hw.modbus.line import RtuLine, TcpLine
from jp_firmware.hw.modbus.master import ModbusMaster
from tests.hw.lifelines import Lifelines

BAUD = 115_200
ILLEGAL_ADDRESS = 40_000  # from here on


def value_at(unit: int, address: int) -> int:
    return (unit * 10_000 + address) & 0xFFFF


def values_at(unit: int, address: int, count: int) -> tuple[int, ...]:
    return tuple(value_at(unit, address + at) for at in range(count))


@attrs.define
class Slave:
    """Answers for all units. `delay_s(n)` is how long the n-th answer takes, `mangle` what becomes of its bytes."""

    stream: trio.abc.Stream
    rtu: bool = True
    delay_s: Callable[[int], float] = lambda _: 0.001
    delay_of: Callable[[ModbusPDU], float] | None = None  # instead, where the request decides
    mangle: Callable[[int, bytes], bytes] = lambda _, frame: frame
    values: Callable[[int, int, int], tuple[int, ...]] = values_at
    wrote: Callable[[int, int, list[int]], None] = lambda *_: None
    requests: list[ModbusPDU] = attrs.field(factory=list)
    heard_at_s: list[float] = attrs.field(factory=list)
    _sending: trio.Lock = attrs.field(factory=trio.Lock)

    async def run(self) -> None:
        framer = (FramerRTU if self.rtu else FramerSocket)(DecodePDU(is_server=True))
        buffer = b""
        async with trio.open_nursery() as nursery:
            while data := await self.stream.receive_some(1024):
                buffer += data
                while buffer:
                    used, pdu = framer.handleFrame(buffer, 0, 0)
                    if not used:
                        break
                    buffer = buffer[used:]
                    if pdu is not None:
                        self.requests.append(pdu)
                        self.heard_at_s.append(trio.current_time())
                        nursery.start_soon(self._answer, framer, pdu, len(self.requests) - 1)

    async def _answer(self, framer: FramerRTU | FramerSocket, request: ModbusPDU, number: int) -> None:
        delay_s = self.delay_of(request) if self.delay_of else self.delay_s(number)
        answer = self.answer_to(request)
        if math.isinf(delay_s):
            return
        await trio.sleep(delay_s)
        answer.dev_id, answer.transaction_id = request.dev_id, request.transaction_id
        frame = self.mangle(number, framer.buildFrame(answer))
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):  # nobody listens any more
            async with self._sending:
                await self.stream.send_all(frame)

    def answer_to(self, request: ModbusPDU) -> ModbusPDU:
        unit, function = request.dev_id, request.function_code
        if isinstance(request, ReadWriteMultipleRegistersRequest):
            self.wrote(unit, request.write_address, list(request.write_registers))
            registers = self.values(unit, request.read_address, request.read_count)
            return ReadWriteMultipleRegistersResponse(registers=registers)
        if request.address >= ILLEGAL_ADDRESS:
            return ExceptionResponse(function, 2)
        if function == 16:
            self.wrote(unit, request.address, list(request.registers))
            return WriteMultipleRegistersResponse(address=request.address, count=request.count)
        answer = ReadHoldingRegistersResponse if function == 3 else ReadInputRegistersResponse
        return answer(registers=self.values(unit, request.address, request.count))


@asynccontextmanager
async def connected(*, rtu: bool = True, **habits: Any) -> AsyncIterator[tuple[ModbusMaster, Slave]]:
    """A master that is up, and the slave at the other end of its wire."""
    slaves: list[Slave] = []
    async with trio.open_nursery() as nursery:

        async def connect() -> trio.abc.Stream:
            ours, theirs = trio.testing.memory_stream_pair()
            slaves.append(Slave(theirs, rtu=rtu, **habits))
            nursery.start_soon(slaves[-1].run)
            return ours

        master = ModbusMaster(
            name="wire", where="memory", connect=connect, new_line=lambda: RtuLine(BAUD) if rtu else TcpLine()
        )
        await nursery.start(Lifelines().run, master.run)
        yield master, slaves[-1]
        nursery.cancel_scope.cancel(reason="test over")
