"""One loop's guard: listens to its beats, judges them, and acts."""

from __future__ import annotations

import os
import select
import socket
import time

from .act import GONE, STILL, STOPPED, Act, Record
from .meeting import Successors
from .messages import ACTED, BEAT, BEAT_FORMAT, BYE, DROP, HEARD, HOLD, LARGEST_MESSAGE, unpack_hold
from .stderr import say
from .watched import Watched, be_as_urgent_as
from .wire import ENOUGH, HeldWire

REPEAT_S = 0.2  # ours: the words are said again, for a frame may be lost to noise
STACK_ROUNDS = 10  # ours: rounds of words that the record waits for the stack; a busy machine takes its time
STILL_S = 5.0  # ours: how long they are repeated to the wires of a loop that stands still
GONE_S = 2.0  # ours: the same after its process is gone, if nobody wants its ports before
DRAIN_LOOK_S = 0.02  # ours: the kernel tells nobody that a tty has sent all
RETRY_S = 0.005  # ours: a full wire is tried again after this; the kernel has no event for every kind of full


class Guardian:
    """One loop's guard."""

    def __init__(
        self,
        control: socket.socket,
        deadline_s: float,
        watched: Watched,
        record: Record,
        successors: Successors,
    ) -> None:
        self.control = control
        self.deadline_s = deadline_s
        self.watched = watched
        self.record = record
        self.successors = successors
        self.poll = select.poll()
        self.wires: dict[str, HeldWire] = {}
        self.beat_at_s: float | None = None
        self.act: Act | None = None
        self.closed = False
        self.done = False
        self.told_to_end = False

    def run(self) -> None:
        """Watches until it is told goodbye, or until the last words after the other end's death are said."""
        self.poll.register(self.control, select.POLLIN)
        if self.successors.meeting is not None:
            self.poll.register(self.successors.meeting, select.POLLIN)
        while not self.done:
            timeout_s = self.next_s() - time.monotonic()
            self.poll.poll(max(0, int(timeout_s * 1000) + 1) if timeout_s > 0 else 0)
            now_s = time.monotonic()  # before it listens: kept waiting after that, it would not know the latest beats
            self.listen()
            self.successors.look()
            if not self.done:
                self.let_go()
                self.judge(now_s)
                self.write()
        for name in list(self.wires):
            self.drop(name)  # before successors hear of the end: they take it for this

    def next_s(self) -> float:
        """When there is something to do, if nothing comes in."""
        now_s = time.monotonic()
        next_s = now_s + 60.0
        if self.act is None and self.beat_at_s is not None:
            next_s = self.beat_at_s + self.deadline_s
        elif self.act is not None and (self.closed or not self.act.is_over()):
            next_s = self.act.next_s
        if any(wire.left for wire in self.wires.values()):
            next_s = min(next_s, now_s + RETRY_S)
        if self.is_awaited() and any(wire.times >= ENOUGH for wire in self.wires.values()):
            next_s = min(next_s, now_s + DRAIN_LOOK_S)
        return next_s

    # --- listening ---------------------------------------------------------------------------------------------------

    def listen(self) -> None:
        """Takes all that has come in."""
        while not (self.closed or self.done):
            try:
                message, fds, _, _ = socket.recv_fds(self.control, LARGEST_MESSAGE, 4)
            except BlockingIOError:
                return
            except OSError:
                message, fds = b"", []
            if not message:
                self.closed = True
                self.poll.unregister(self.control)  # a closed socket is always readable
                return
            self.take(message, fds)

    def take(self, message: bytes, fds: list[int]) -> None:
        """One message."""
        kind = message[:1]
        if kind == BEAT:
            _, sent_ns = BEAT_FORMAT.unpack_from(message, 1)
            if self.beat_at_s is None:
                be_as_urgent_as(self.watched.pid)
            self.beat_at_s = max(self.beat_at_s or 0.0, sent_ns / 1e9)
            self.tell_loop(HEARD + message[1:])
        elif kind == HOLD and fds:
            name, words = unpack_hold(message)
            self.drop(name)
            self.wires[name] = HeldWire(fds[0], words)
        elif kind == DROP:
            self.drop(message[1:].decode())
        elif kind == BYE:
            self.done = True

    def drop(self, name: str) -> None:
        """Lets go of a wire."""
        wire = self.wires.pop(name, None)
        if wire is not None:
            os.close(wire.fd)

    # --- parting -----------------------------------------------------------------------------------------------------

    def is_awaited(self) -> bool:
        """Whether somebody waits for the wires of a loop that is gone."""
        return self.closed and (self.told_to_end or bool(self.successors.waiting))

    def let_go(self) -> None:
        """Of those wires on which enough was said, if somebody waits for them; of itself, when none is left."""
        if self.is_awaited():
            for name in [name for name, wire in self.wires.items() if wire.is_done()]:
                self.drop(name)
        if self.act is not None and self.act.why == GONE and self.act.recorded and not self.wires:
            self.done = True

    def tell_loop(self, message: bytes) -> bool:
        """Answers, if there is room: a loop that reads nothing shall not fill memory here."""
        try:
            return self.control.send(message, socket.MSG_DONTWAIT) > 0
        except OSError:
            return False

    # --- acting ------------------------------------------------------------------------------------------------------

    def judge(self, now_s: float) -> None:
        """Begins, goes on with, or ends an act."""
        stood_s = now_s - self.beat_at_s if self.beat_at_s is not None else 0.0
        if self.closed:
            if self.act is None or self.act.why != GONE:
                for wire in self.wires.values():
                    wire.times = 0  # what was said to a loop that stood still does not count
                self.act = Act(GONE, now_s, self.beat_at_s or now_s, GONE_S, self.watched.thread)
        elif self.act is None and stood_s >= self.deadline_s:
            why = STOPPED if self.watched.is_stopped() else STILL
            self.act = Act(why, now_s, self.beat_at_s or now_s, STILL_S, self.watched.thread)
        elif self.act is not None and stood_s < self.deadline_s:
            self.end_act(self.act)
        if self.act is not None:
            self.go_on(self.act, now_s)

    def go_on(self, act: Act, now_s: float) -> None:
        """The next round of words, when it is due. The record follows the first, or the stack if there is to be one."""
        if now_s < act.next_s or self.done:
            return
        if act.is_over():
            self.done = self.closed
            return
        for wire in self.wires.values():
            wire.say()
        self.write()
        act.rounds += 1
        act.next_s = now_s + REPEAT_S
        if act.rounds == 1:
            self.tell_people(act)
            act.awaits_stack = act.why == STILL and self.watched.ask_for_stack()
        if act.recorded or (act.awaits_stack and act.rounds == 1):
            return
        stack = self.watched.read_stack()
        if stack or not act.awaits_stack or act.rounds >= STACK_ROUNDS:
            act.recorded = True
            self.record.write(act.line(now_s - act.last_beat_s, self.wires, stack))

    def end_act(self, act: Act) -> None:
        """The loop turns again."""
        for wire in self.wires.values():
            wire.stop()
        stood_s = (self.beat_at_s or act.last_beat_s) - act.last_beat_s
        if self.tell_loop(ACTED + act.line(stood_s, self.wires, self.watched.read_stack())) and act.recorded:
            self.record.remove()
        say(f"the loop turns again; it had stood for {stood_s:.1f} s")
        self.act = None
        for wire in self.wires.values():
            wire.said = False
        self.watched.forget_stack()

    def write(self) -> None:
        for wire in self.wires.values():
            wire.write()

    # --- telling -----------------------------------------------------------------------------------------------------

    def tell_people(self, act: Act) -> None:
        what = {
            STILL: f"the loop of process {self.watched.pid} has not turned for {self.deadline_s:g} s",
            STOPPED: f"process {self.watched.pid} is stopped",
            GONE: f"process {self.watched.pid} is gone without a goodbye",
        }[act.why]
        said = ", ".join(name for name, wire in self.wires.items() if wire.said) or "no wire"
        say(f"{what}; last words to {said}")
