"""The Modbus master of one wire: a connection held by a supervised task, and exchanges that any device may ask for.

Exchanges queue in order of asking, one at a time. Whoever is cancelled in the middle of one leaves the wire in order
for the next (the rules stand in `line`). The master knows registers; it refuses to know what they mean.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import attrs
import trio
from pymodbus.pdu import ExceptionResponse

from jp_firmware.config.schema import Wire
from jp_firmware.hw import serial
from jp_firmware.hw.modbus import adu
from jp_firmware.hw.modbus.faults import ModbusFault, ModbusGarbled, ModbusRefused, ModbusTimeout, WireDown
from jp_firmware.hw.modbus.line import Line, RtuLine, TcpLine
from jp_firmware.hw.modbus.link import LOST, ByteStream, Link
from jp_firmware.nursery.supervisor import Lifeline

__all__ = [
    "ModbusFault",
    "ModbusGarbled",
    "ModbusMaster",
    "ModbusRefused",
    "ModbusTimeout",
    "WireDown",
    "master_for",
    "rtu_master",
    "tcp_master",
]

log = logging.getLogger(__name__)

# pymodbus reports what it cannot decode; we report it ourselves, with the device's name and a remedy.
logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)

DEFAULT_TIMEOUT_S = 0.5  # for a device to answer, wire time aside
DEFAULT_ATTEMPTS = 2  # a disturbed frame is asked for again once before anybody hears of it
CONNECT_TIMEOUT_S = 3.0  # TCP
FRUITLESS = 3  # TCP connections in a row without a single answer: whatever listens there does not speak Modbus
SILENCES = 3  # timeouts in a row after which a TCP connection is renewed: its peer may be gone without a word


@attrs.define(eq=False, kw_only=True)
class ModbusMaster:
    """One wire. `run` is its supervised child; the other methods are for the devices on it.

    The wire has no sign of life of its own: on Modbus nothing comes unasked, and an idle wire is a healthy one. Each
    answer feeds `run`'s lifeline, so that the tree shows when the wire was last heard; give the child no watchdog.
    A device that does not answer is that device's failure; the wire fails when its tty or its connection is gone.
    """

    name: str  # of the wire, "rs485-0"
    where: str  # for people: "/dev/jp/rs485-0", "10.0.0.7 port 502"
    connect: Callable[[], Awaitable[ByteStream]]  # raises OSError or serial.WireError
    new_line: Callable[[], Line]
    down_because: str = ""  # "" while up
    answered: int = 0
    unanswered: int = 0
    _silences: int = 0
    _fruitless: int = 0  # connections in a row on which nothing was answered
    _lock: trio.Lock = attrs.field(factory=trio.Lock, repr=False)
    _link: Link | None = attrs.field(default=None, repr=False)
    _lifeline: Lifeline | None = attrs.field(default=None, repr=False)

    def configure(self, wire: Wire, device_dir: Path) -> None:
        """The same wire at another place or speed, from its next start on: to be called while it is down."""
        other = master_for(wire, device_dir)
        self.where, self.connect, self.new_line = other.where, other.connect, other.new_line

    async def run(self, lifeline: Lifeline) -> None:
        """Holds the connection: ready once open. Raises WireDown when it cannot be opened or is lost.

        A TCP connection that got out of step is closed and opened anew in here, as long as it is of some use.
        Cancelling closes it; exchanges under way then end with WireDown.
        """
        self._lifeline, self._fruitless = lifeline, 0
        try:
            while True:
                await self._serve(await self._open(), lifeline)
        finally:
            self._replace(None)

    async def _serve(self, stream: ByteStream, lifeline: Lifeline) -> None:
        """One connection, from its opening until it is to be renewed. Raises WireDown when it is lost."""
        link, answered = Link(stream, self.new_line()), self.answered
        self._replace(link)
        self._silences, self.down_because = 0, ""
        lifeline.ready()
        try:
            why = await link.receive()
        except serial.WireDown as error:
            raise self._down(f"{self.name}: {error}") from error
        except LOST as error:
            raise self._lost(str(error)) from error
        finally:
            link.fail(self._down(self.down_because or self._closed))
            with trio.CancelScope() as at_once:
                at_once.cancel(reason="nothing to wait for")
                await stream.aclose()
        self._fruitless = self._fruitless + 1 if self.answered == answered else 0
        if self._fruitless >= FRUITLESS:
            raise self._lost(why)
        log.warning("%s: opened anew: %s", self.name, why)

    def _replace(self, link: Link | None) -> None:
        old, self._link = self._link, link
        if old:
            old.replaced.set()

    @property
    def up(self) -> bool:
        """Whether there is a connection now."""
        return self._link is not None and not self._link.done

    async def read_holding(
        self,
        unit: int,
        address: int,
        count: int,
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        attempts: int = DEFAULT_ATTEMPTS,
    ) -> tuple[int, ...]:
        """Function 3. Raises ModbusTimeout, ModbusGarbled, ModbusRefused or WireDown; ValueError before any I/O."""
        return await self.exchange(adu.read_holding(unit, address, count), timeout_s, attempts)

    async def read_input(
        self,
        unit: int,
        address: int,
        count: int,
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        attempts: int = DEFAULT_ATTEMPTS,
    ) -> tuple[int, ...]:
        """Function 4; otherwise as `read_holding`."""
        return await self.exchange(adu.read_input(unit, address, count), timeout_s, attempts)

    async def write_registers(
        self,
        unit: int,
        address: int,
        values: Sequence[int],
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        attempts: int = DEFAULT_ATTEMPTS,
    ) -> None:
        """Function 16. A cancelled or failed write may have been carried out, and more than one attempt may be."""
        await self.exchange(adu.write_registers(unit, address, values), timeout_s, attempts)

    async def read_write(
        self,
        unit: int,
        read_address: int,
        read_count: int,
        write_address: int,
        values: Sequence[int],
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        attempts: int = DEFAULT_ATTEMPTS,
    ) -> tuple[int, ...]:
        """Function 23: writes, then reads, in one exchange; otherwise as `write_registers`."""
        request = adu.read_write(unit, read_address, read_count, write_address, values)
        return await self.exchange(request, timeout_s, attempts)

    async def exchange(self, request: adu.Request, timeout_s: float, attempts: int) -> tuple[int, ...]:
        """Asks, up to `attempts` times; the registers answered. Waits its turn first, which no timeout limits."""
        async with self._lock:
            for left in range(attempts - 1, -1, -1):
                try:
                    pdu = await self._once(request, timeout_s)
                    break
                except (ModbusTimeout, ModbusGarbled) as error:
                    self.unanswered += 1
                    if not left:
                        raise
                    log.debug("%s, asked again", error)
        self.answered += 1
        self._silences = 0
        if self._lifeline:
            self._lifeline.feed()
        answer = request.answer(pdu)
        if isinstance(answer, ExceptionResponse):
            meaning = adu.EXCEPTIONS.get(answer.exception_code, "unknown")
            raise ModbusRefused(
                f"{self._who(request)} refused {request.text}: exception {answer.exception_code} ({meaning}): "
                "the device's map and its profile do not agree",
                answer.exception_code,
            )
        return tuple(answer.registers)

    async def _once(self, request: adu.Request, timeout_s: float) -> bytes:
        link = await self._present_link(timeout_s)
        if not await link.clear(request, timeout_s):
            raise ModbusGarbled(f"{self.name} ({self.where}) is never quiet: is there another master, or a wrong baud?")
        now_s = trio.current_time()
        link.answer = None
        frame = link.line.begin(request, now_s, timeout_s)
        try:
            await link.send(frame)
            pdu = await link.wait_answer()
        except LOST as error:
            raise WireDown(f"{self._who(request)}: the wire was lost while {request.text}") from error
        finally:
            garbled = link.line.give_up(trio.current_time())
        if pdu is not None:
            return pdu
        if garbled:
            raise ModbusGarbled(
                f"{self._who(request)} answered {request.text} with garbage: check wiring, termination, baud and parity"
            )
        self._silences += 1
        if self._silences >= SILENCES:
            link.renew_if_possible("no answers: the peer may be gone")
        raise ModbusTimeout(
            f"{self._who(request)} did not answer {request.text} within {timeout_s:g} s: "
            "check its supply, address, baud and wiring"
        )

    async def _present_link(self, timeout_s: float) -> Link:
        """The connection; the next one, if the present one is just being opened anew."""
        if self._link and self._link.done:
            with trio.move_on_after(timeout_s):
                await self._link.replaced.wait()
        if self._link is None or self._link.done:
            raise WireDown(self.down_because or self._closed)
        return self._link

    async def _open(self) -> ByteStream:
        try:
            return await self.connect()
        except serial.WireError as error:
            raise self._down(f"{self.name}: {error}") from error
        except (OSError, UnicodeError) as error:  # the latter of a host that can be no name
            why = (isinstance(error, OSError) and error.strerror) or str(error)
            raise self._down(f"{self.name}: cannot open {self.where}: {why}: is it there, and named right?") from error

    @property
    def _closed(self) -> str:
        return f"{self.name} ({self.where}) is not open"

    def _lost(self, why: str) -> WireDown:
        return self._down(f"{self.name}: {self.where} was lost ({why}): check the adapter and its cable")

    def _down(self, why: str) -> WireDown:
        self.down_because = why
        return WireDown(why)

    def _who(self, request: adu.Request) -> str:
        return f"{self.name} unit {request.unit}"


def master_for(wire: Wire, device_dir: Path) -> ModbusMaster:
    """The master of a configured Modbus wire; a tty's name is taken below `device_dir`."""
    if wire.kind == "modbus-tcp":
        return tcp_master(wire.name, wire.host, int(wire.port))
    return rtu_master(wire.name, device_dir / wire.port, wire.baud, wire.parity, wire.stop_bits)


def tcp_master(name: str, host: str, port: int) -> ModbusMaster:
    """A master on Modbus/TCP."""

    async def connect() -> ByteStream:
        with trio.move_on_after(CONNECT_TIMEOUT_S):
            return await trio.open_tcp_stream(host, port)
        raise TimeoutError(f"no connection within {CONNECT_TIMEOUT_S:g} s")

    return ModbusMaster(name=name, where=f"{host} port {port}", connect=connect, new_line=TcpLine)


def rtu_master(name: str, path: Path, baud: int, parity: str = "N", stop_bits: int = 1) -> ModbusMaster:
    """A master on a tty of its own."""

    async def connect() -> ByteStream:
        return await serial.SerialPort.open(path, baud=baud, parity=parity, stop_bits=stop_bits)

    return ModbusMaster(name=name, where=str(path), connect=connect, new_line=lambda: RtuLine(baud))
