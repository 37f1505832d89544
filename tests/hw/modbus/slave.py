"""A Modbus slave inside the test, over pymodbus' own framers, with every bad habit a slave can have.

A register's value tells its unit and its address, so that an answer taken for another's cannot hide.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable

import attrs
import trio
from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersResponse,
    ReadInputRegistersResponse,
    ReadWriteMultipleRegistersRequest,
    ReadWriteMultipleRegistersResponse,
    WriteMultipleRegistersResponse,
)

ILLEGAL_ADDRESS = 9000  # from here on


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
    mangle: Callable[[int, bytes], bytes] = lambda _, frame: frame
    values: Callable[[int, int, int], tuple[int, ...]] = values_at
    wrote: Callable[[int, int, list[int]], None] = lambda *_: None
    requests: list[ModbusPDU] = attrs.field(factory=list)
    heard_at_s: list[float] = attrs.field(factory=list)

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
        delay_s = self.delay_s(number)
        answer = self.answer_to(request)
        if math.isinf(delay_s):
            return
        await trio.sleep(delay_s)
        answer.dev_id, answer.transaction_id = request.dev_id, request.transaction_id
        frame = self.mangle(number, framer.buildFrame(answer))
        with contextlib.suppress(trio.BrokenResourceError):  # nobody listens any more
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
