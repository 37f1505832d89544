"""One Modbus connection while it lasts: moves bytes between its stream and its line, for the one exchange under way.

Who asks, in which order and how often, is the master's business; what the bytes mean is the line's.
"""

from __future__ import annotations

from typing import Protocol

import attrs
import trio

from jp_firmware.hw import serial
from jp_firmware.hw.modbus.adu import FramingError, Request
from jp_firmware.hw.modbus.faults import ModbusFault, ModbusGarbled
from jp_firmware.hw.modbus.line import Line, TcpLine
from jp_firmware.nursery.bell import Bell

# What a stream raises when the other end, or the adapter, has gone.
LOST = (trio.BrokenResourceError, trio.ClosedResourceError, serial.WireDown)


class ByteStream(Protocol):
    """What a connection must offer: a Trio stream, or a `serial.SerialPort`."""

    async def receive_some(self, max_bytes: int, /) -> bytes | bytearray: ...

    async def send_all(self, data: bytes, /) -> None: ...

    async def aclose(self) -> None: ...


@attrs.define(eq=False)
class Link:
    """One connection while it lasts: its stream, its line, and the one exchange that may be under way."""

    stream: ByteStream
    line: Line
    answer: bytes | None = None
    done: bool = False  # closed, or about to be
    replaced: trio.Event = attrs.field(factory=trio.Event)  # there is a new one, or there will be none
    _error: ModbusFault | None = None
    _bell: Bell = attrs.field(factory=Bell)
    _scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    _why: str = ""

    async def receive(self) -> str:
        """Moves bytes from the stream to the line. Returns why the connection should be renewed."""
        with self._scope:
            while True:
                data = await self.stream.receive_some(1024)
                if not data:
                    raise trio.BrokenResourceError("end of file")
                try:
                    self.answer = self.line.feed(bytes(data), trio.current_time()) or self.answer
                except FramingError as error:
                    self.fail(ModbusGarbled(f"{error}: the connection is opened anew"))
                    return str(error)
                self._bell.ring()
        return self._why

    async def clear(self, request: Request, patience_s: float) -> bool:
        """Waits until the request may be sent. False if the line does not fall quiet for `patience_s` too long."""
        until_s = max(trio.current_time(), self.line.clear_at_s(request)) + patience_s
        while (clear_at_s := self.line.clear_at_s(request)) > trio.current_time():
            if clear_at_s > until_s:
                return False
            with trio.move_on_at(clear_at_s):
                await self._wait_for_bytes()
        return True

    async def send(self, frame: bytes) -> None:
        """Sends within the exchange's deadline. What was cut off in the middle spoils a TCP connection."""
        sent = False
        try:
            with trio.move_on_at(self.line.give_up_at_s()):
                await self.stream.send_all(frame)
                sent = True
        finally:
            if not sent:
                self.renew_if_possible("a request was cut off in the middle")

    async def wait_answer(self) -> bytes | None:
        """The answer's PDU; None when it is time to give up."""
        while self.answer is None:
            give_up_at_s = self.line.give_up_at_s()
            with trio.move_on_at(give_up_at_s):
                await self._wait_for_bytes()
            if trio.current_time() >= give_up_at_s and self.answer is None:
                # After a stall the answer may lie in the reader's hands: it runs before we do again.
                await trio.lowlevel.cancel_shielded_checkpoint()
                if self._error:
                    raise self._error
                if trio.current_time() >= self.line.give_up_at_s():
                    break
        return self.answer

    async def _wait_for_bytes(self) -> None:
        if self._error:
            raise self._error
        await self._bell.wait()
        if self._error:
            raise self._error

    def fail(self, error: ModbusFault) -> None:
        """Ends the exchange under way, and any that should still be tried on this connection, with `error`."""
        self.done = True
        self._error = self._error or error
        self._bell.ring()

    def renew_if_possible(self, why: str) -> None:
        """Asks `receive` to return. A tty is not renewed: it has no connection that could be out of step."""
        if isinstance(self.line, TcpLine):
            self.done = True
            self._why = why
            self._scope.cancel(reason=why)
