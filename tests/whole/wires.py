"""The wires of a cabinet in memory, between the charger's real buses and the emulated devices' real bytes and frames.

A wire outlives the charger; an *end* is what one life of the charger has opened of it. Cut, a wire takes all its ends
with it; severed, one life of the charger loses all its ends, as a killed process does. Requests reach a device at
once, answers take their time: what a line loses in between is what the charger must live with.
"""

from __future__ import annotations

import math
import struct
from collections import deque
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

import attrs
import trio

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.can.link import USEFUL_S
from jp_firmware.hw.modbus.adu import EXCEPTION_BIT, TcpFrames, crc16, rtu_frame, tcp_frame
from jp_firmware.hw.modbus.line import BITS_PER_CHARACTER, Line, RtuLine, TcpLine
from jp_firmware.hw.plc import protocol
from jp_firmware.hw.plc.fields import MapError
from jp_firmware.hw.serial import WireDown, WireError
from jp_firmware.nursery.bell import Bell
from jp_firmware.sim.meter import Meter
from jp_firmware.sim.misbehaviour import Misbehaviour
from jp_firmware.sim.modules.node import ModuleBus
from jp_firmware.sim.plc_board import PlcBoard
from jp_firmware.sim.site_meter import SiteMeter

CAN_LATENCY_S = 0.003  # question and answer on a bus at 125 kbit/s
TCP_LATENCY_S = 0.002
TURNAROUND_S = 0.002  # of a slave on a serial line, wire time aside

READ_HOLDING, READ_WRITE = 3, 23
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3

T = TypeVar("T")


@attrs.define(eq=False)
class Life:
    """All ends that one life of the charger holds."""

    ends: list[End] = attrs.field(factory=list)  # type: ignore[type-arg]  # of frames and of bytes
    is_over: bool = False

    def sever(self) -> None:
        """From now on nothing of it reaches a wire, and no wire reaches it."""
        self.is_over = True
        for end in self.ends:
            end.lose()


@attrs.define(eq=False)
class End(Generic[T]):
    """What arrives at the charger's side, each thing after its time."""

    lost: bool = False
    _arriving: deque[tuple[float, T]] = attrs.field(factory=deque)
    _bell: Bell = attrs.field(factory=Bell)

    def lose(self) -> None:
        self.lost = True
        self._bell.ring()

    def arrive(self, what: T, after_s: float) -> None:
        at_s = trio.current_time() + after_s
        if self._arriving:
            at_s = max(at_s, self._arriving[-1][0])  # nothing overtakes on a wire
        self._arriving.append((at_s, what))
        self._bell.ring()

    async def next(self) -> list[T]:
        """Waits until something has arrived; all of it. Empty once the end is lost."""
        await trio.lowlevel.checkpoint()
        while not self.lost:
            here: list[T] = []
            while self._arriving and self._arriving[0][0] <= trio.current_time():
                here.append(self._arriving.popleft()[1])
            if here:
                return here
            with trio.move_on_at(self._arriving[0][0] if self._arriving else math.inf):
                await self._bell.wait()
        return []


@attrs.define(eq=False)
class Wire:
    """What the emulation's verbs ask of a wire."""

    name: str
    is_up: bool = True
    _ends: list[End] = attrs.field(factory=list)  # type: ignore[type-arg]

    def cut(self) -> None:
        self.is_up = False
        for end in self._ends:
            end.lose()
        self._ends.clear()

    async def restore(self) -> None:
        self.is_up = True

    @property
    def is_open(self) -> bool:
        """Whether a charger holds an end of it now."""
        return any(not end.lost for end in self._ends)

    def report(self) -> dict[str, object]:
        return {"up": self.is_up}

    def _join(self, end: End[T], life: Life) -> None:
        end.lost = life.is_over
        self._ends = [one for one in self._ends if not one.lost] + [end]
        life.ends.append(end)


# --- CAN -------------------------------------------------------------------------------------------------------------


@attrs.define(eq=False)
class CanWire(Wire):
    modules: ModuleBus = attrs.field(kw_only=True)

    def speak(self, now_s: float) -> None:
        """What the modules say by themselves arrives at whoever listens."""
        for frame in self.modules.speak(now_s):
            for end in self._ends:
                end.arrive(frame, CAN_LATENCY_S)

    async def open(self, life: Life) -> CanEnd:
        """A new end. Raises WireError while the wire is cut, as an adapter that is not there."""
        await trio.lowlevel.checkpoint()
        if not self.is_up or life.is_over:
            raise WireError(f"{self.name}: no such port")
        end = CanEnd(wire=self)
        self._join(end, life)
        return end


@attrs.define(eq=False)
class CanEnd(End[Frame]):
    """Fulfils `CanLink`."""

    wire: CanWire = attrs.field(kw_only=True)
    refused: int = 0
    malformed: int = 0

    async def receive(self) -> list[Frame]:
        frames = await self.next()
        if not frames:
            raise WireDown(f"{self.wire.name}: unplugged")
        return frames

    async def send(self, frame: Frame, useful_s: float = USEFUL_S) -> bool:
        await trio.lowlevel.checkpoint()
        if self.lost:
            raise WireDown(f"{self.wire.name}: unplugged")
        self._take(frame)
        return True

    def send_now(self, *frames: Frame) -> None:
        for frame in frames:
            self._take(frame)

    async def pump(self) -> None:
        await trio.sleep_forever()

    async def aclose(self) -> None:
        self.lost = True
        await trio.lowlevel.checkpoint()

    def _take(self, frame: Frame) -> None:
        if not self.lost:
            for answer in self.wire.modules.hear(frame, trio.current_time()):
                self.arrive(answer, CAN_LATENCY_S)


# --- Modbus ----------------------------------------------------------------------------------------------------------


@attrs.frozen
class Unit:
    """A device on a Modbus wire. `read(address, count)` and `write(address, values)` raise `Refused`."""

    misbehaviour: Misbehaviour
    read: Callable[[int, int], list[int]]
    write: Callable[[int, list[int]], None]


class Refused(Exception):
    """An exception response; its code."""


def meter_unit(meter: Meter | SiteMeter) -> Unit:
    def read(address: int, count: int) -> list[int]:
        return meter.registers()[address : address + count]

    def write(address: int, values: list[int]) -> None:
        raise Refused(ILLEGAL_FUNCTION)

    return Unit(meter.misbehaviour, read, write)


def board_unit(board: PlcBoard) -> Unit:
    def read(address: int, count: int) -> list[int]:
        if address == protocol.IDENTITY_ADDRESS:
            return protocol.encode_identity(board.identity)[:count]
        if address == protocol.STATUS_ADDRESS:
            return board.read()[:count]
        raise Refused(ILLEGAL_ADDRESS)

    def write(address: int, values: list[int]) -> None:
        if address != protocol.COMMAND_ADDRESS:
            raise Refused(ILLEGAL_ADDRESS)
        try:
            board.write(values, trio.current_time())
        except MapError as error:
            raise Refused(ILLEGAL_VALUE) from error

    return Unit(board.misbehaviour, read, write)


@attrs.define(eq=False)
class ModbusWire(Wire):
    """A line with units on it. `baud` None is Modbus/TCP, else RTU whose bytes take their time."""

    units: Mapping[int, Unit] = attrs.field(kw_only=True)
    baud: int | None = attrs.field(kw_only=True)

    def new_line(self) -> Line:
        """The charger's half of the framing."""
        return TcpLine() if self.baud is None else RtuLine(self.baud)

    async def open(self, life: Life) -> ModbusEnd:
        """A new end. Raises OSError while the wire is cut."""
        await trio.lowlevel.checkpoint()
        if not self.is_up or life.is_over:
            raise FileNotFoundError(2, "No such file or directory")
        end = ModbusEnd(wire=self)
        self._join(end, life)
        return end

    def answer(self, unit_number: int, pdu: bytes) -> bytes | None:
        """What the unit says to one request; None is nothing."""
        unit = self.units.get(unit_number)
        if unit is None:
            return None
        try:
            registers = _carry_out(unit, pdu)
        except Refused as refusal:
            answer = bytes((pdu[0] | EXCEPTION_BIT, refusal.args[0]))
        else:
            answer = bytes((pdu[0], 2 * len(registers))) + struct.pack(f">{len(registers)}H", *registers)
        return None if unit.misbehaviour.silent else answer

    def is_corrupt(self, unit_number: int) -> bool:
        return self.units[unit_number].misbehaviour.corrupt

    def latency_s(self, characters: int) -> float:
        return TURNAROUND_S + characters * BITS_PER_CHARACTER / self.baud if self.baud else TCP_LATENCY_S


def _carry_out(unit: Unit, pdu: bytes) -> list[int]:
    address, count = struct.unpack_from(">HH", pdu, 1)
    if pdu[0] == READ_WRITE:
        write_address, write_count = struct.unpack_from(">HH", pdu, 5)
        unit.write(write_address, list(struct.unpack_from(f">{write_count}H", pdu, 10)))
    elif pdu[0] != READ_HOLDING:
        raise Refused(ILLEGAL_FUNCTION)
    return unit.read(address, count)


@attrs.define(eq=False)
class ModbusEnd(End[bytes]):
    """Fulfils the master's `ByteStream`. Frames come whole, one a call, as the charger sends them."""

    wire: ModbusWire = attrs.field(kw_only=True)
    _frames: TcpFrames = attrs.field(factory=TcpFrames)

    async def receive_some(self, max_bytes: int = 1024, /) -> bytes:
        data = b"".join(await self.next())
        if not data:
            raise trio.BrokenResourceError(f"{self.wire.name}: unplugged")
        return data

    async def send_all(self, data: bytes, /) -> None:
        await trio.lowlevel.checkpoint()
        if self.lost:
            raise trio.BrokenResourceError(f"{self.wire.name}: unplugged")
        if self.wire.baud is None:
            for transaction, unit, pdu in self._frames.feed(data):
                answer = self.wire.answer(unit, pdu)
                if answer is not None:
                    self._say(unit, tcp_frame(transaction, unit, answer), len(data))
        else:
            assert crc16(data[:-2]) == int.from_bytes(data[-2:], "little"), "the charger sends good frames only"
            answer = self.wire.answer(data[0], data[1:-2])
            if answer is not None:
                self._say(data[0], rtu_frame(data[0], answer), len(data))

    async def aclose(self) -> None:
        self.lost = True
        await trio.lowlevel.checkpoint()

    def _say(self, unit: int, frame: bytes, asked: int) -> None:
        if self.wire.is_corrupt(unit):
            frame = bytes((frame[0], frame[1] ^ 0x5A)) + frame[2:]
        self.arrive(frame, self.wire.latency_s(asked + len(frame)))
