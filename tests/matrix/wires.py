"""Wires in memory that a fault can be put on: a CAN bus and a Modbus line, with real framing, under a mock clock."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable

import attrs
import trio
import trio.testing
from pymodbus.pdu import ModbusPDU

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.can.link import CanLink
from jp_firmware.hw.modbus.adu import rtu_frame
from jp_firmware.hw.modbus.line import RtuLine
from jp_firmware.hw.modbus.master import ModbusMaster
from jp_firmware.hw.serial import WireError
from tests.hw.can.memory import LATENCY_S, MemoryBus, MemoryLink
from tests.hw.modbus.slave import BAUD, Slave

Device = Callable[[Frame], list[Frame]]
Values = Callable[[int, int, int], tuple[int, ...]]


@attrs.define(eq=False)
class CanWire:
    """A CAN bus whose devices can be held up, replaced or drowned in noise."""

    memory: MemoryBus = attrs.field(factory=MemoryBus)
    late_s: dict[int, float] = attrs.field(factory=dict)  # by the place of the device
    instead: dict[int, Device] = attrs.field(factory=dict)
    deaf: bool = False  # no device hears anything
    echoes: bool = False
    links: list[MemoryLink] = attrs.field(factory=list)
    _devices: list[Device] = attrs.field(factory=list)

    def add(self, device: Device) -> None:
        place = len(self._devices)
        self._devices.append(device)

        def hear(frame: Frame) -> list[Frame]:
            if self.deaf:
                return []
            answers = self.instead.get(place, device)(frame)
            self.memory.arrive(*answers, after_s=self.late_s.get(place, LATENCY_S))
            return []

        self.memory.devices.append(hear)

    async def open(self) -> CanLink:
        if not self.memory.devices or self.memory.devices[-1] != self._echo:
            self.memory.devices.append(self._echo)
        self.links.append(await self.memory.open())
        return self.links[-1]

    def plug_in(self) -> None:
        self.memory.plugged = True

    def noise(self) -> None:
        """Something is on the wire that is no frame."""
        self.deaf = True
        self.links[-1].malformed += 100

    def _echo(self, frame: Frame) -> list[Frame]:
        return [frame] if self.echoes else []


@attrs.define
class Habits:
    """How one unit of a Modbus line answers."""

    values: Values
    wrote: Callable[[int, int, list[int]], None] = lambda *_: None
    delay_s: float = 0.002
    mangle: Callable[[ModbusPDU, bytes], bytes] = lambda _, answer: answer

    def heal(self) -> None:
        self.delay_s, self.mangle = 0.002, lambda _, answer: answer

    def fall_silent(self) -> None:
        self.delay_s = math.inf

    def echo(self) -> None:
        self.mangle = lambda request, _: rtu_frame(request.dev_id, bytes((request.function_code,)) + request.encode())

    def talk_garbage(self) -> None:
        """As many bytes as the answer has, and none of them right."""
        self.mangle = lambda _, answer: bytes((byte * 7 + at) & 0xFF ^ 0x55 for at, byte in enumerate(answer))

    def lag(self) -> None:
        """Each answer is the one to the question before."""
        last: list[bytes] = []

        def mangle(_: ModbusPDU, answer: bytes) -> bytes:
            last.append(answer)
            return last[-2] if len(last) > 1 else b""

        self.mangle = mangle


@attrs.define(eq=False)
class ModbusWire:
    """A Modbus RTU line and the units on it."""

    name: str
    nursery: trio.Nursery
    units: dict[int, Habits] = attrs.field(factory=dict)
    plugged: bool = True
    _ends: trio.StapledStream | None = None  # type: ignore[type-arg]

    def master(self) -> ModbusMaster:
        return ModbusMaster(name=self.name, where="memory", connect=self._connect, new_line=lambda: RtuLine(BAUD))

    def unplug(self) -> None:
        self.plugged = False
        assert self._ends is not None
        self._ends.send_stream.close()

    def plug_in(self) -> None:
        self.plugged = True

    async def _connect(self) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        if not self.plugged:
            raise WireError("memory: no such port")
        ours, self._ends = trio.testing.memory_stream_pair()
        slave = Slave(
            self._ends,
            delay_of=lambda request: self.units[request.dev_id].delay_s,
            mangle=lambda number, answer: self.units[slave.requests[number].dev_id].mangle(
                slave.requests[number], answer
            ),
            values=lambda unit, address, count: self.units[unit].values(unit, address, count),
            wrote=lambda unit, address, registers: self.units[unit].wrote(unit, address, registers),
        )
        self.nursery.start_soon(self._serve, slave)
        return ours

    async def _serve(self, slave: Slave) -> None:
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):  # unplugged
            await slave.run()
