"""A CAN bus in memory for `conformance_bench`: what the driver's task says reaches emulated modules, and the other way.

A frame takes two milliseconds. Nothing of it is a real wire, and nothing outside a conformance check uses it.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Sequence

import attrs
import trio

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.can.link import USEFUL_S
from jp_firmware.nursery.bell import Bell

FRAME_S = 0.002


@attrs.define(eq=False)
class MemoryLink:
    """Fulfils `CanLink`. `hear` is the other side; `cut` has nothing of ours reach it."""

    hear: Callable[[Frame], list[Frame]]
    cut: bool = False
    refused: int = 0
    malformed: int = 0
    _arriving: list[tuple[float, int, Frame]] = attrs.field(factory=list)
    _order: itertools.count[int] = attrs.field(factory=itertools.count)
    _bell: Bell = attrs.field(factory=Bell)

    def arrive(self, frames: Sequence[Frame]) -> None:
        """The other side says this, now."""
        for frame in frames:
            heapq.heappush(self._arriving, (trio.current_time() + FRAME_S, next(self._order), frame))
        self._bell.ring()

    async def open(self) -> MemoryLink:
        await trio.lowlevel.checkpoint()
        return self

    async def receive(self) -> list[Frame]:
        while True:
            await trio.lowlevel.checkpoint()
            frames = []
            while self._arriving and self._arriving[0][0] <= trio.current_time():
                frames.append(heapq.heappop(self._arriving)[2])
            if frames:
                return frames
            with trio.move_on_at(self._arriving[0][0] if self._arriving else float("inf")):
                await self._bell.wait()

    async def send(self, frame: Frame, useful_s: float = USEFUL_S) -> bool:
        del useful_s
        await trio.lowlevel.checkpoint()
        self.send_now(frame)
        return True

    def send_now(self, *frames: Frame) -> None:
        for frame in frames:
            if not self.cut:
                self.arrive(self.hear(frame))

    async def pump(self) -> None:
        await trio.sleep_forever()

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()

    def fileno(self) -> int:
        raise OSError("a bus in memory has no descriptor")

    def last_words(self, frames: Sequence[Frame]) -> tuple[bytes, ...]:
        del frames
        return ()
