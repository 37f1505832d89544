"""One CAN bus: holds the link while it is up, hands frames to the devices on it, and keeps polls from filling it.

The composition root creates it once; its `run` is a child of the tree and comes and goes with the wire. It knows no
device and no protocol above the frame.
"""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import attrs
import trio

from jp_firmware.charging.ports import FaultSink
from jp_firmware.config import schema
from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.can.link import USEFUL_S, CanLink
from jp_firmware.hw.can.slcan_link import SlcanLink
from jp_firmware.hw.can.socketcan import SocketCanLink
from jp_firmware.hw.serial import WireDown, WireError
from jp_firmware.nursery.bell import Bell
from jp_firmware.nursery.guard import Guard
from jp_firmware.nursery.supervisor import Lifeline

log = logging.getLogger(__name__)

BUS_FAULT = "PM-14"

MAX_LOAD = 0.4
"""Share of the bitrate that polling may use, with the answers (public drivers plan 30-40 % at 125 kbit/s)."""

MAX_POLL_DELAY_S = 0.02
"""Longest time that commands put off a poll: answers are the evidence the watchdogs live on."""

FRAME_BITS = 157
"""Longest extended frame of 8 bytes on the wire: 131 bits and worst-case stuffing."""

SILENCE_S = 3.0
"""Time with questions and without any answer after which the bus itself is suspected (ours)."""

ECHO_S = 1.0
"""How long a frame of ours may take to come back from an adapter that echoes (ours)."""


@attrs.define(eq=False, repr=False)
class CanBus:
    """One bus by its wire's name. `open_link` opens the link anew each time `run` starts."""

    name: str
    bitrate: int
    _open_link: Callable[[], Awaitable[CanLink]]
    _faults: FaultSink
    _link: CanLink | None = attrs.field(init=False, default=None)
    _subscribers: list[tuple[Callable[[Frame], bool], Callable[[Frame], None]]] = attrs.field(init=False, factory=list)
    _sent: OrderedDict[Frame, float] = attrs.field(init=False, factory=OrderedDict)  # for telling echoes
    _free_at_s: float = attrs.field(init=False, default=-math.inf)  # when the next poll fits into the budget
    _polls: dict[Frame, None] = attrs.field(init=False, factory=dict)  # in the order they were asked
    _polls_bell: Bell = attrs.field(init=False, factory=Bell)
    _asked_at_s: float | None = attrs.field(init=False, default=None)  # first frame sent since one was heard
    _silent: bool = attrs.field(init=False, default=False)  # told as PM-14, until a frame is heard
    _guard: Guard | None = attrs.field(init=False, default=None)
    _last_frames: tuple[Frame, ...] = attrs.field(init=False, default=())

    @classmethod
    def of_wire(cls, wire: schema.Wire, device_dir: Path, faults: FaultSink) -> CanBus:
        """The bus of a wire of kind `slcan` (port below `device_dir`) or `socketcan` (port is the interface)."""
        return cls(wire.name, wire.bitrate, _opener(wire, device_dir), faults)

    def configure(self, wire: schema.Wire, device_dir: Path) -> None:
        """The same bus at another port or speed, from its next start on: to be called while it is down."""
        self.bitrate, self._open_link = wire.bitrate, _opener(wire, device_dir)

    def guard_with(self, guard: Guard, last_frames: Sequence[Frame]) -> None:
        """Has `guard` hold the wire while it is up, to send `last_frames` when this process no longer can."""
        self._guard, self._last_frames = guard, tuple(last_frames)
        if self._link is not None:
            guard.hold(self.name, self._link.fileno(), self._link.last_words(self._last_frames))

    @property
    def up(self) -> bool:
        """Whether frames can be sent now."""
        return self._link is not None

    def subscribe(self, match: Callable[[Frame], bool], handler: Callable[[Frame], None]) -> Callable[[], None]:
        """Calls `handler` for each received frame that `match` accepts; returns the function that ends it.

        The handler runs in the bus's own task: it must return quickly and must not raise. Subscriptions outlive the
        link. Frames of ours that an adapter echoes are handed on as well; only the lifeline does not count them.
        """
        entry = (match, handler)
        self._subscribers.append(entry)
        return lambda: self._subscribers.remove(entry)

    async def send(self, frame: Frame, useful_s: float = USEFUL_S) -> bool:
        """Sends a command, ahead of all waiting polls. False if the kernel would not take it within `useful_s`.

        Raises `WireDown` while the bus is down. Cancelled, the frame is sent whole or not at all.
        """
        link = self._require_link()
        self._account(frame)
        return await link.send(frame, useful_s)

    def poll(self, frame: Frame) -> None:
        """Has a question sent as soon as the bus has room for it and its answer, in the order they were asked.

        One that still waits is not queued again. Raises `WireDown` while the bus is down.
        """
        self._require_link()
        self._polls[frame] = None
        self._polls_bell.ring()

    def settle(self) -> None:
        """No answer is waited for any longer: what stayed silent until now says nothing about the bus."""
        self._asked_at_s = None

    def send_now(self, *frames: Frame) -> None:
        """Puts commands on the wire before it returns; drops them while the bus is down. Never raises."""
        if self._link is None:
            return
        for frame in frames:
            self._account(frame)
        self._link.send_now(*frames)

    async def run(self, lifeline: Lifeline) -> None:
        """Opens the link and serves it until it goes down. Ready as soon as the adapter has taken the channel.

        Fed by any frame of another node. Raises `WireError` if the wire cannot be had, `WireDown` when it is lost;
        then PM-14 is raised at this wire, and cleared when it is up again.
        """
        if self._guard is not None:
            await self._guard.wires_free()  # one of a controller that was killed says its last words, and lets go
        try:
            link = await self._open_link()
        except WireError as error:
            self._tell_down(error)
            raise
        self._link, self._asked_at_s = link, None
        self._polls.clear()
        if not self._silent:  # one that nobody answered on is no better for being opened anew
            self._faults.clear(BUS_FAULT, self.name)
        log.info("%s: up at %d kbit/s", self.name, self.bitrate // 1000)
        lifeline.ready()
        try:
            if self._guard is not None:
                self._guard.hold(self.name, link.fileno(), link.last_words(self._last_frames))
            await self._serve(link, lifeline)
        except WireDown as error:
            self._tell_down(error)
            raise
        finally:
            self._link = None
            if self._guard is not None:
                self._guard.drop(self.name)  # first of all: it must not write into a channel that is being closed
            with trio.CancelScope(shield=True):  # bounded by the link's own drain time
                await link.aclose()

    def _tell_down(self, error: WireError) -> None:
        self._silent = False  # down is more than silent, and clears when it is up
        self._faults.raise_(BUS_FAULT, self.name, str(error))

    async def _serve(self, link: CanLink, lifeline: Lifeline) -> None:
        """Reads for ever. What ends it comes out bare, not in a group."""
        lost: BaseException | None = None
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(link.pump)
                nursery.start_soon(self._send_polls, link)
                nursery.start_soon(self._watch_silence, link)
                while True:
                    for frame in await link.receive():
                        self._dispatch(frame, lifeline)
        except* WireDown as group:
            lost = group.exceptions[0]
        if lost is not None:
            raise lost

    def _dispatch(self, frame: Frame, lifeline: Lifeline) -> None:
        sent_at_s = self._sent.get(frame, -math.inf)
        if trio.current_time() - sent_at_s > ECHO_S:
            lifeline.feed()
            self._asked_at_s = None
            if self._silent:
                self._silent = False
                self._faults.clear(BUS_FAULT, self.name)
        for match, handler in tuple(self._subscribers):
            if match(frame):
                handler(frame)

    async def _send_polls(self, link: CanLink) -> None:
        while True:
            await self._polls_bell.wait()
            while self._polls:
                await trio.sleep_until(self._free_at_s)
                frame = next(iter(self._polls))
                del self._polls[frame]
                self._account(frame)
                await link.send(frame)

    async def _watch_silence(self, link: CanLink) -> None:
        """Raises PM-14 while questions stay without any answer at all, so that a bad cable has a name."""
        while True:
            await trio.sleep(SILENCE_S / 10)
            asked_at_s = self._asked_at_s
            if not self._silent and asked_at_s is not None and trio.current_time() - asked_at_s >= SILENCE_S:
                self._silent = True
                refused = f", {link.refused} frames refused by the adapter" if link.refused else ""
                noise = f", {link.malformed} pieces of noise" if link.malformed else ""
                self._faults.raise_(
                    BUS_FAULT,
                    self.name,
                    f"open, but nothing was heard for {SILENCE_S:.0f} s{refused}{noise}; check the supply of the "
                    f"devices, CAN-H and CAN-L, 120 Ω at both ends, and {self.bitrate // 1000} kbit/s on all of them",
                )

    def _account(self, frame: Frame) -> None:
        """Notes a frame of ours: its share of the budget, and that an equal one soon after is an echo."""
        now_s = trio.current_time()
        if self._asked_at_s is None:
            self._asked_at_s = now_s
        with_answer_s = 2 * FRAME_BITS / self.bitrate
        free_at_s = max(self._free_at_s, now_s) + with_answer_s / MAX_LOAD
        self._free_at_s = min(free_at_s, now_s + MAX_POLL_DELAY_S)
        self._sent[frame] = now_s
        self._sent.move_to_end(frame)
        while now_s - next(iter(self._sent.values())) > ECHO_S:
            self._sent.popitem(last=False)

    def _require_link(self) -> CanLink:
        if self._link is None:
            raise WireDown(f"{self.name}: the bus is down")
        return self._link


def _opener(wire: schema.Wire, device_dir: Path) -> Callable[[], Awaitable[CanLink]]:
    async def open_link() -> CanLink:
        if wire.kind == "slcan":
            return await SlcanLink.open(device_dir / wire.port, wire.bitrate)
        return await SocketCanLink.open(wire.port)

    return open_link
