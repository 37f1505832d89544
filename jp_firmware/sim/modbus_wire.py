"""A Modbus wire of the emulated cabinet: pymodbus's own server behind a relay that stands for the line.

The server listens where nobody else looks: on a pseudo-terminal of its own, or on a TCP port the machine gives it.
Between it and the outer tty or port a relay moves the bytes, takes the time they would take, and can be cut. What one
unit says wrong on purpose is done to its answers as they leave the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
import tty
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs
from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer

from jp_firmware.config.schema import Wire
from jp_firmware.sim.modbus_units import Unit
from jp_firmware.sim.tty import Tty, garbled

QUIET_S = 0.02
"""A pause after which a slave forgets a torn request. Real ones: 3.5 characters; a PTY's user may be scheduled away."""

_UNIT_AT_RTU = 0
_UNIT_AT_TCP = 6


@attrs.define(eq=False)
class Answers:
    """What leaves the server: knows whose answer it is, and damages or withholds it if it shall."""

    units: Sequence[Unit]
    unit_at: int
    damage_at: tuple[int, ...]  # places of a byte whose change a master must notice, tried by turns
    _left: list[Unit] = attrs.field(factory=list)
    _damaged: int = 0

    def trace(self, sending: bool, data: bytes) -> bytes:
        """pymodbus's hook on its own bytes. An empty answer is none."""
        if not sending or len(data) <= self.unit_at:
            return data
        unit = next((unit for unit in self.units if unit.unit == data[self.unit_at]), None)
        # A unit that does not exist says nothing; pymodbus would answer with an exception in its name.
        if unit is None or unit.misbehaviour.silent:
            return b""
        self._left.append(unit)
        if not unit.misbehaviour.corrupt:
            return data
        self._damaged += 1
        place = self.damage_at[self._damaged % len(self.damage_at)] % len(data)
        return data[:place] + bytes((data[place] ^ 0x5A,)) + data[place + 1 :]

    def delivered(self, now_s: float) -> None:
        """What left the server reached its reader, no earlier than `now_s`."""
        for unit in self._left:
            unit.answered(now_s)
        self._left.clear()


@attrs.define(eq=False)
class Line:
    """One direction of a serial line: bytes arrive in order, each after its own time."""

    deliver: Callable[[bytes], None]
    seconds_per_byte: float
    _free_at_s: float = 0.0

    def send(self, data: bytes) -> None:
        if not self.seconds_per_byte:
            self.deliver(data)
            return
        loop = asyncio.get_running_loop()
        self._free_at_s = max(loop.time(), self._free_at_s) + len(data) * self.seconds_per_byte
        loop.call_at(self._free_at_s, self.deliver, data)


@attrs.define(eq=False, kw_only=True)
class RtuWire:
    """A Modbus RTU line on a pseudo-terminal, with any number of units on it."""

    wire: Wire
    device_dir: Path
    units: Sequence[Unit]
    wire_time: bool = True
    _answers: Answers = attrs.field(init=False)
    _tty: Tty = attrs.field(init=False)
    _to_server: Line = attrs.field(init=False)
    _to_user: Line = attrs.field(init=False)
    _server: ModbusSerialServer | None = None
    _inner: int = -1
    _heard_at_s: float = 0.0

    def __attrs_post_init__(self) -> None:
        wire = self.wire
        bits = 1 + 8 + (wire.parity != "N") + wire.stop_bits
        per_byte_s = bits / wire.baud if self.wire_time else 0.0
        self._answers = Answers(self.units, _UNIT_AT_RTU, (1, 2, -1))
        self._tty = Tty(self.device_dir / wire.port, self._from_user)
        self._to_server = Line(self._into_server, per_byte_s)
        self._to_user = Line(self._into_user, per_byte_s)

    async def start(self) -> None:
        """Raises OSError if the tty cannot be made."""
        self._tty.open()
        self._inner, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(self._inner, False)
        self._server = ModbusSerialServer(
            [unit.device for unit in self.units],
            framer=FramerType.RTU,
            port=os.ttyname(slave),
            baudrate=self.wire.baud,
            trace_packet=self._answers.trace,
        )
        await self._server.serve_forever(background=True)
        os.close(slave)
        asyncio.get_running_loop().add_reader(self._inner, self._from_server)

    async def stop(self) -> None:
        self._tty.close()
        if self._server is not None:
            await self._server.shutdown()  # type: ignore[no-untyped-call]  # as pymodbus has it
            self._server = None
        if self._inner >= 0:
            asyncio.get_running_loop().remove_reader(self._inner)
            os.close(self._inner)
            self._inner = -1

    def cut(self) -> None:
        self._tty.close()

    async def restore(self) -> None:
        self._tty.open()

    def report(self) -> dict[str, object]:
        speed = self._tty.speed
        return {
            "kind": self.wire.kind,
            "port": self.wire.port,
            "up": self._tty.is_open,
            "baud": self.wire.baud,
            "speed": speed,
            "units": [unit.unit for unit in self.units],
        }

    def _at_line_speed(self, data: bytes) -> bytes:
        return data if self._tty.speed == self.wire.baud else garbled(data)

    def _from_user(self, data: bytes) -> None:
        now_s = time.monotonic()
        if now_s - self._heard_at_s > QUIET_S and self._server is not None:
            for connection in self._server.active_connections.values():
                connection.recv_buffer = b""
        self._heard_at_s = now_s
        self._to_server.send(self._at_line_speed(data))

    def _into_server(self, data: bytes) -> None:
        if self._inner >= 0:
            with contextlib.suppress(BlockingIOError):
                os.write(self._inner, data)

    def _from_server(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._to_user.send(os.read(self._inner, 4096))

    def _into_user(self, data: bytes) -> None:
        if self._tty.is_open:
            now_s = time.monotonic()
            self._tty.write(self._at_line_speed(data))
            self._answers.delivered(now_s)


@attrs.define(eq=False, kw_only=True)
class TcpWire:
    """A Modbus TCP port."""

    wire: Wire
    units: Sequence[Unit]
    _answers: Answers = attrs.field(init=False)
    _inner: ModbusTcpServer | None = None
    _inner_port: int = 0
    _outer: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = attrs.field(factory=set)

    def __attrs_post_init__(self) -> None:
        # A changed protocol number or function code: TCP's own checksum would catch what happens to data.
        self._answers = Answers(self.units, _UNIT_AT_TCP, (2, 7))

    async def start(self) -> None:
        """Raises OSError if the port is taken."""
        self._inner = ModbusTcpServer(
            [unit.device for unit in self.units], address=("127.0.0.1", 0), trace_packet=self._answers.trace
        )
        await self._inner.serve_forever(background=True)
        listener = self._inner.transport
        assert isinstance(listener, asyncio.Server)
        self._inner_port = listener.sockets[0].getsockname()[1]
        await self.restore()

    async def stop(self) -> None:
        self.cut()
        if self._inner is not None:
            await self._inner.shutdown()  # type: ignore[no-untyped-call]  # as pymodbus has it
            self._inner = None

    def cut(self) -> None:
        """Closes the port and every connection."""
        if self._outer is not None:
            self._outer.close()
            self._outer = None
        for writer in tuple(self._open):
            writer.transport.abort()

    async def restore(self) -> None:
        if self._outer is None:
            host = self.wire.host or "127.0.0.1"
            self._outer = await asyncio.start_server(self._connected, host, int(self.wire.port))

    def report(self) -> dict[str, object]:
        return {
            "kind": self.wire.kind,
            "port": f"{self.wire.host}:{self.wire.port}",
            "up": self._outer is not None,
            "connections": len(self._open),
            "units": [unit.unit for unit in self.units],
        }

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._outer is None:  # cut between its arrival and its turn
            writer.transport.abort()
            return
        self._open.add(writer)
        inner: asyncio.StreamWriter | None = None
        try:
            server, inner = await asyncio.open_connection("127.0.0.1", self._inner_port)
            answers = asyncio.create_task(_pump(server, writer, self._answers.delivered))
            await _pump(reader, inner, lambda _now_s: None)
            answers.cancel()
            await asyncio.wait([answers])
        except OSError:
            pass  # the user or the cabinet is gone; so is this connection
        finally:
            self._open.discard(writer)
            for one in (writer, inner):
                if one is not None:
                    one.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, moved: Callable[[float], None]) -> None:
    """Moves bytes until one side ends. `moved` is called after each piece, with the time before it."""
    with contextlib.suppress(ConnectionError):
        while data := await source.read(4096):
            now_s = time.monotonic()
            sink.write(data)
            moved(now_s)
            await sink.drain()
