"""What a CAN link is to the bus above it, and the outgoing queue that every link shares.

A link moves frames between the kernel and the bus; it knows no device and decides nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import attrs
import trio

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.serial import WireDown
from jp_firmware.nursery.bell import Bell

USEFUL_S = 0.5
"""Age at which a frame that the kernel would not take is dropped: by then its sender has sent the next one."""

MAX_WAITING = 64
"""Frames that wait at most for a kernel that takes none. Beyond that the oldest is dropped."""


class CanLink(Protocol):
    """An open link. All methods but `send_now` and `aclose` raise `WireDown` once it is gone."""

    refused: int  # frames the adapter would not send
    malformed: int  # pieces of input that were no frames

    async def receive(self) -> list[Frame]:
        """Waits for at least one frame, then gives all that are there. Cancellation loses none."""

    async def send(self, frame: Frame, useful_s: float = USEFUL_S) -> bool:
        """Waits until the kernel has the whole frame. False if it had not within `useful_s`: then it was dropped.

        Cancelled, the frame is either not sent at all, or sent whole.
        """

    def send_now(self, *frames: Frame) -> None:
        """Puts the frames into the kernel before it returns, as far as that has room. Never waits and never raises."""

    async def pump(self) -> None:
        """Writes what the kernel had no room for. Runs beside `receive` until it is cancelled."""

    async def aclose(self) -> None: ...

    def fileno(self) -> int:
        """The link's descriptor, which never blocks, for a guard that writes in our place."""

    def last_words(self, frames: Sequence[Frame]) -> tuple[bytes, ...]:
        """What to write to it, each part at once, to send `frames` whatever state a dead writer left the line in."""


@attrs.define(eq=False)
class _Waiting:
    data: bytes
    useful_until_s: float
    begun: bool = False
    given_up: bool = False  # begun, and its rest dropped
    gone: trio.Event = attrs.field(factory=trio.Event)  # taken whole, or dropped

    @property
    def whole(self) -> bool:
        return self.begun and not self.data and not self.given_up


@attrs.define(eq=False)
class Outgoing:
    """Frames as bytes on their way to the kernel, in the order they were given: none overtakes, none is torn.

    `write(data)` gives the kernel bytes and returns how many it took, 0 when it is full. `wait_room` waits until it
    may take more. A frame of which a part is written is completed first; one that has grown too old to be useful is
    dropped. With `clear`, bytes that spoil a torn frame, one that is begun is dropped as well: in so long a time a
    guard may have said its words in the middle of it, and what is left of it would then be a line by itself.
    """

    write: Callable[[bytes], int]
    wait_room: Callable[[], Awaitable[None]]
    clear: bytes = b""
    _queue: deque[_Waiting] = attrs.field(factory=deque)
    _bell: Bell = attrs.field(factory=Bell)

    def push(self, data: bytes, useful_s: float = USEFUL_S) -> None:
        """Queues `data` and writes what the kernel takes. Raises `WireDown`."""
        self._put(data, useful_s)
        self._flush()

    async def send(self, data: bytes, useful_s: float) -> bool:
        """As `CanLink.send`."""
        await trio.lowlevel.checkpoint_if_cancelled()
        waiting = self._put(data, useful_s)
        self._flush()
        if not waiting.gone.is_set():
            try:
                with trio.move_on_after(useful_s):
                    await waiting.gone.wait()
            finally:
                if not waiting.begun and not waiting.gone.is_set():
                    self._queue.remove(waiting)
        else:
            await trio.lowlevel.cancel_shielded_checkpoint()
        return waiting.whole

    async def pump(self) -> None:
        """As `CanLink.pump`."""
        while True:
            await self._bell.wait()
            while self._queue:
                await self.wait_room()
                self._flush()

    def _put(self, data: bytes, useful_s: float) -> _Waiting:
        waiting = _Waiting(data, trio.current_time() + useful_s)
        if len(self._queue) >= MAX_WAITING:
            oldest = self._queue[1] if self._queue[0].begun else self._queue[0]
            self._queue.remove(oldest)
            oldest.gone.set()
        self._queue.append(waiting)
        return waiting

    def _flush(self) -> None:
        now_s = trio.current_time()
        while self._queue:
            first = self._queue[0]
            if self.clear and first.begun and not first.given_up and first.useful_until_s < now_s:
                first.data, first.given_up = self.clear, True
            if first.begun or first.useful_until_s >= now_s:
                count = self.write(first.data)
                if count == 0:
                    self._bell.ring()
                    return
                first.begun = True
                first.data = first.data[count:]
                if first.data:
                    continue
            self._queue.popleft()
            first.gone.set()


def push_all(outgoing: Outgoing, frames: tuple[bytes, ...]) -> None:
    """`CanLink.send_now` on a queue."""
    try:
        for data in frames:
            outgoing.push(data)
    except WireDown:
        return  # the reader meets the same end, and it may raise
