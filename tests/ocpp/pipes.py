"""Two ends of a link in memory, with the faults that a real one has."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import attrs
import trio

from jp_firmware.ocpp.transport import Kind, LinkFailure


@attrs.define(eq=False)
class PipeEnd:
    """One end. `before_send` and `after_send` see each text that goes out and may cut the link there and then."""

    _outbox: trio.MemorySendChannel[str]
    _inbox: trio.MemoryReceiveChannel[str]
    _cut: trio.Event
    before_send: Callable[[str], None] = lambda _: None
    after_send: Callable[[str], None] = lambda _: None
    on_probe: Callable[[], None] = lambda: None
    sent: list[str] = attrs.field(factory=list)
    silent: bool = False  # takes what it gets and passes nothing on, as a dead peer's socket does

    @property
    def is_cut(self) -> bool:
        return self._cut.is_set()

    def cut(self) -> None:
        self._cut.set()

    async def send(self, text: str) -> None:
        self.before_send(text)
        self._check()
        self.sent.append(text)
        if not self.silent:
            self._outbox.send_nowait(text)
        self.after_send(text)
        await trio.lowlevel.checkpoint()
        self._check()

    async def receive(self) -> str:
        self._check()
        received: list[str] = []
        async with trio.open_nursery() as nursery:

            async def wait_for_the_cut() -> None:
                await self._cut.wait()
                nursery.cancel_scope.cancel()

            nursery.start_soon(wait_for_the_cut)
            received.append(await self._inbox.receive())
            nursery.cancel_scope.cancel()
        if not received:
            self._check()
        return received[0]

    async def probe(self) -> None:
        """A ping that is answered at once by whoever is not silent."""
        self.on_probe()
        await trio.lowlevel.checkpoint()
        self._check()
        if self.silent:
            await trio.sleep(10)
            self.cut()
            raise LinkFailure(Kind.DEAD, "no answer to a ping")

    def _check(self) -> None:
        if self._cut.is_set():
            raise LinkFailure(Kind.CLOSED, "cut by the test")


def pipe() -> tuple[PipeEnd, PipeEnd]:
    """The two ends of a link."""
    there, from_here = trio.open_memory_channel[str](math.inf)
    back, from_there = trio.open_memory_channel[str](math.inf)
    cut = trio.Event()
    return PipeEnd(there, from_there, cut), PipeEnd(back, from_here, cut)


def frames(end: PipeEnd, action: str | None = None) -> list[list]:
    """What an end has sent, as lists; only the CALLs of `action` if one is given."""
    sent = [json.loads(text) for text in end.sent]
    return sent if action is None else [one for one in sent if one[0] == 2 and one[2] == action]
