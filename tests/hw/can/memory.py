"""A CAN bus in memory, for tests under a mock clock: a link, whatever answers on the other side, and a record."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

import attrs
import trio

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.can.link import USEFUL_S
from jp_firmware.hw.serial import WireDown, WireError
from jp_firmware.nursery.bell import Bell

LATENCY_S = 0.002


def off(address: int) -> Frame:
    """To one module, as InfyPower has it."""
    return Frame(0x029A00F0 | address << 8, b"\1" + bytes(7))


def on(address: int) -> Frame:
    return Frame(0x029A00F0 | address << 8, bytes(8))


@attrs.define(eq=False)
class MemoryBus:
    """`devices` answer each frame of the host after `LATENCY_S`. `plugged` False is an adapter pulled out."""

    devices: list[Callable[[Frame], list[Frame]]] = attrs.field(factory=list)
    sent: list[tuple[float, Frame]] = attrs.field(factory=list)
    plugged: bool = True
    opened: int = 0
    _arriving: list[tuple[float, int, Frame]] = attrs.field(factory=list)
    _order: itertools.count[int] = attrs.field(factory=itertools.count)
    _bell: Bell = attrs.field(factory=Bell)

    async def open(self) -> MemoryLink:
        await trio.lowlevel.checkpoint()
        if not self.plugged:
            raise WireError("memory: no such port")
        self.opened += 1
        self._arriving.clear()
        return MemoryLink(self)

    def unplug(self) -> None:
        self.plugged = False
        self._bell.ring()

    def arrive(self, *frames: Frame, after_s: float = LATENCY_S) -> None:
        for frame in frames:
            heapq.heappush(self._arriving, (trio.current_time() + after_s, next(self._order), frame))
        self._bell.ring()

    def texts(self) -> list[str]:
        """What the host sent, in candump's form."""
        return [str(frame) for _, frame in self.sent]

    def take(self, frame: Frame) -> None:
        if not self.plugged:
            raise WireDown("memory: unplugged")
        self.sent.append((trio.current_time(), frame))
        for device in self.devices:
            self.arrive(*device(frame))


@attrs.define(eq=False)
class MemoryLink:
    """Fulfils `CanLink`."""

    bus: MemoryBus
    refused: int = 0
    malformed: int = 0

    async def receive(self) -> list[Frame]:
        arriving = self.bus._arriving
        while True:
            await trio.lowlevel.checkpoint()
            if not self.bus.plugged:
                raise WireDown("memory: unplugged")
            frames = []
            while arriving and arriving[0][0] <= trio.current_time():
                frames.append(heapq.heappop(arriving)[2])
            if frames:
                return frames
            with trio.move_on_at(arriving[0][0] if arriving else float("inf")):
                await self.bus._bell.wait()

    async def send(self, frame: Frame, useful_s: float = USEFUL_S) -> bool:
        await trio.lowlevel.checkpoint()
        self.bus.take(frame)
        return True

    def send_now(self, *frames: Frame) -> None:
        if self.bus.plugged:
            for frame in frames:
                self.bus.take(frame)

    async def pump(self) -> None:
        await trio.sleep_forever()

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


@attrs.define(eq=False)
class FaultList:
    """Fulfils `FaultSink`; remembers what stands and what was ever raised."""

    standing: dict[tuple[str, str], str] = attrs.field(factory=dict)
    raised: list[tuple[str, str, str]] = attrs.field(factory=list)

    def raise_(self, code: str, source: str, detail: str = "") -> None:
        self.standing[code, source] = detail
        self.raised.append((code, source, detail))

    def clear(self, code: str, source: str) -> None:
        self.standing.pop((code, source), None)
