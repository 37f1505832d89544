"""A guard outside the process: says last words on wires when the loop stands still, or its process is gone or stopped.

Here is the loop's side: it starts the guard's process (`guard_process`), hands it descriptors of wires with the bytes
to be written to each, and beats for as long as the loop turns. It decides nothing about wires and knows no protocol.
"""

from __future__ import annotations

import faulthandler
import fcntl
import hashlib
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from subprocess import DEVNULL
from time import monotonic_ns

import attrs
import trio

from jp_firmware.nursery.child import Lifeline, State
from jp_firmware.nursery.guard_process import act, messages
from jp_firmware.nursery.stuck import stack_in_dump

log = logging.getLogger(__name__)

BEAT_S = 0.05  # ours: a fraction of the shortest deadline, for 0.1 % of a core
GOODBYE_S = 1.0  # ours: how long a guard that was told goodbye may take to end
FORMER_S = 3.0  # ours: how long a guard of a former life is waited for; it needs 2 s at most
UNANSWERED = 30  # ours: beats without any answer after which the guard is given up; a busy machine answers late
STEADY_S = 10.0  # ours: beats for this long after an act, and the loop counts as recovered

# The guard's process, as a package of its own: by its full name the packages around it would come with it.
PROGRAM = "import sys; sys.path.append(sys.argv[1]); from guard_process.process import main; main(sys.argv[2:])"

WORDS = {
    act.STILL: "the control loop stood still",
    act.STOPPED: "the controller's process was stopped",
    act.GONE: "the controller's process was gone without a goodbye",
}


class GuardLost(Exception):
    """The guard's process has ended, or takes no messages any more."""


@attrs.frozen(kw_only=True)
class Acted:
    """What a guard did, and when."""

    why: str  # "still", "stopped" or "gone"
    at: datetime  # wall time of the first word
    stood_s: float  # since the last beat; for one who is gone, until the first word
    rounds: int
    said_to: tuple[str, ...]  # wires that took the words
    failed: tuple[str, ...]  # wires that did not, and why
    stack: tuple[str, ...] = ()  # where the loop stood, outermost first

    @property
    def cause(self) -> str:
        """Why it acted, and for how long that lasted, in words."""
        words = WORDS.get(self.why, self.why)
        return words if self.why == act.GONE else f"{words} for {self.stood_s:.1f} s"

    def __str__(self) -> str:
        parts = [self.cause, f"the guard said the last words to {', '.join(self.said_to) or 'no wire'}"]
        parts += [f"not to {one}" for one in self.failed]
        if self.stack:
            parts.append(f"it stood at {' > '.join(self.stack)}")
        return "; ".join(parts)

    @classmethod
    def parse(cls, record: bytes) -> Acted:
        """What the guard wrote. Raises ValueError for anything else."""
        line, _, stack = record.decode(errors="replace").partition("\n")
        why, at, stood_s, rounds, said, failed, thread = line.split("\t")
        return cls(
            why=why,
            at=datetime.fromtimestamp(float(at), UTC),
            stood_s=float(stood_s),
            rounds=int(rounds),
            said_to=tuple(filter(None, said.split(","))),
            failed=tuple(filter(None, failed.split(","))),
            stack=stack_in_dump(stack, int(thread)),
        )


@attrs.define(eq=False, kw_only=True)
class Guard:
    """A child of the tree: its lifeline is fed by the guard's own answers to beats.

    Its silence is counted in beats, not in seconds: a loop that stood still has not listened either, and must not end
    the guard that did its work meanwhile. Give the child a `watchdog_s` well above the longest block to be survived.

    `on_stood` is called, with the seconds, in the first turn of a loop that stood for the deadline: what the guard said
    holds, whatever the loop's tasks believe. `on_acted` follows, milliseconds later, when the guard has told what it
    did; `on_steady` once the loop has turned for `STEADY_S` since. `on_trouble` is told a sentence while there is
    no guard, and with None when there is one. With `record`, a path, the guard leaves word there for the next life of
    this process (`recall`). With `stack_signal` the guard asks where the loop stands: one signal that nothing else in
    the process uses.
    """

    deadline_s: float
    on_stood: Callable[[float], None] = lambda _: None
    on_acted: Callable[[Acted], None] = lambda _: None
    on_steady: Callable[[], None] = lambda: None
    on_trouble: Callable[[str | None], None] = lambda _: None
    record: Path | None = None
    stack_signal: int = 0
    pid: int | None = attrs.field(init=False, default=None)  # of the guard, while there is one

    _wires: dict[str, tuple[int, bytes]] = attrs.field(init=False, factory=dict, repr=False)
    _control: socket.socket | None = attrs.field(init=False, default=None, repr=False)
    _refusal: str = attrs.field(init=False, default="", repr=False)  # why the guard took no message
    _number: int = attrs.field(init=False, default=0, repr=False)  # of the last beat
    _heard: int = attrs.field(init=False, default=0, repr=False)  # of the last answer
    _steady: trio.CancelScope = attrs.field(init=False, factory=trio.CancelScope, repr=False)
    _acted: trio.Event = attrs.field(init=False, factory=trio.Event, repr=False)
    _former: socket.socket | None = attrs.field(init=False, default=None, repr=False)  # closed when it is gone
    _former_gone: trio.Event = attrs.field(init=False, factory=trio.Event, repr=False)

    # --- wires -------------------------------------------------------------------------------------------------------

    def hold(self, name: str, fd: int, words: Sequence[bytes]) -> None:
        """Has the guard say `words` on a wire when it must: each part whole, in this order. Replaces what `name` was.

        `fd` must be non-blocking; the guard gets a duplicate, so that no lock on the device keeps it out, and `drop`
        must come before the device is opened anew. Works with no guard running, which is told when it starts. Never
        waits. Raises ValueError for a descriptor that blocks, or more words than one message takes (60 kB).
        """
        if os.get_blocking(fd):
            raise ValueError(f"{name}: its descriptor must be non-blocking, or the guard could hang on it")
        message = messages.pack_hold(name, tuple(words))
        if len(message) > messages.LARGEST_MESSAGE - 4096:
            raise ValueError(f"{name}: {len(message)} bytes of last words are too many")
        self.drop(name)
        self._wires[name] = os.dup(fd), message
        self._hand_over(name)

    def drop(self, name: str) -> None:
        """Withdraws a wire. Never waits, never fails for one that is not held."""
        held = self._wires.pop(name, None)
        if held is not None:
            os.close(held[0])
            self._send(messages.DROP + name.encode())

    def recall(self) -> Acted | None:
        """What a guard did after a former life of this process, once. Reads a file: call it at start."""
        if self.record is None:
            return None
        try:
            acted = Acted.parse(self.record.read_bytes())
            self.record.unlink()
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            log.warning("%s: what the guard left cannot be read: %s", self.record, error)
            return None
        return acted

    def ask_former(self) -> None:
        """Asks the guard of a former life, if it still says its words, to let go of the wires as soon as it may.

        Call it at start, as early as can be. Needs `record`, by which the two find each other. Never waits.
        """
        if self.record is None:
            return
        former = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        former.setblocking(False)
        try:
            former.connect(f"\0{self._meeting}")
        except OSError:  # there is none
            former.close()
            return
        self._former = former

    async def wires_free(self) -> None:
        """Returns when no guard of a former life holds wires, within `FORMER_S`. Before it, a port may seem in use."""
        if self._former is not None:
            with trio.move_on_after(FORMER_S):
                await self._former_gone.wait()

    @property
    def _meeting(self) -> str:
        """A name in the kernel that is the same in each life of this process."""
        if self.record is None:
            return ""
        return f"guard-{hashlib.blake2b(os.fsencode(self.record.absolute()), digest_size=16).hexdigest()}"

    # --- the child ---------------------------------------------------------------------------------------------------

    async def run(self, lifeline: Lifeline) -> None:
        """Starts the guard's process and beats for ever. Ready with the guard's first answer.

        Raises `GuardLost` when it has ended or takes no messages. Stopped, it says goodbye; ended otherwise, the guard
        is killed, for one that does not answer must not hold the wires beside its successor.
        """
        try:
            await self._see_former_off()
            with self._stack_file() as stack_fd:
                await self._watch(lifeline, stack_fd)
        finally:
            if lifeline.state is not State.STOPPING:
                self.on_trouble("the guard's process is gone; it is being started again")

    async def _see_former_off(self) -> None:
        """Two guards would say their words into each other's, and have the one name."""
        if self._former is None:
            return
        try:
            with trio.move_on_after(FORMER_S) as scope:
                await trio.lowlevel.wait_readable(self._former)  # it says nothing: this is its end
            if scope.cancelled_caught:
                log.warning("a guard of another life is still there after %.0f s; going on beside it", FORMER_S)
        finally:
            self._former.close()
            self._former = None
            self._former_gone.set()

    async def _watch(self, lifeline: Lifeline, stack_fd: int) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            ours.setblocking(False)
            with theirs:
                process = await self._start(theirs, stack_fd)
            self.pid = process.pid
            self._control, self._refusal, self._heard = ours, "", self._number
            for name in self._wires:
                self._hand_over(name)
            lost = ""
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._tell_steady)
                    nursery.start_soon(self._beat)
                    await self._listen(ours, lifeline)
            except* GuardLost as group:
                lost = str(group.exceptions[0])
            finally:
                self._control = self.pid = None
                await self._part(ours, process, goodbye=lifeline.state is State.STOPPING)
            raise GuardLost(lost)

    async def _start(self, control: socket.socket, stack_fd: int) -> trio.Process:
        thread = threading.get_ident()  # the loop's, for its stack among those of all threads
        arguments = [control.fileno(), self.deadline_s, os.getpid(), thread, stack_fd, self.stack_signal]
        with trio.CancelScope(shield=True):  # a process that is started must be known to be ended; takes milliseconds
            process = await trio.lowlevel.open_process(
                # Isolated and without site: neither the environment nor an installed package can slow or break it.
                [
                    sys.executable,
                    "-I",
                    "-S",
                    "-B",
                    "-c",
                    PROGRAM,
                    str(Path(__file__).parent),
                    *map(str, arguments),
                    str(self.record or ""),
                    self._meeting,
                ],
                stdin=DEVNULL,
                stdout=DEVNULL,
                pass_fds=[control.fileno(), *([stack_fd] if stack_fd >= 0 else [])],
                start_new_session=True,  # a Ctrl-C at the terminal is not for it
            )
        return process  # noqa: RET504 - a scope may swallow what it holds, says mypy of a return inside it

    async def _part(self, control: socket.socket, process: trio.Process, *, goodbye: bool) -> None:
        """Ends the guard's process, with a goodbye if this end is meant."""
        with trio.CancelScope(shield=True):
            if goodbye:
                try:
                    control.send(messages.BYE)
                except OSError as error:
                    log.warning("the guard could not be told goodbye: %s", error)
                with trio.move_on_after(GOODBYE_S):
                    await process.wait()
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def _beat(self) -> None:
        """The evidence that the loop turns: a task of the loop, and no thread, or it would prove nothing."""
        last_ns = monotonic_ns()
        while True:
            now_ns = monotonic_ns()
            stood_s, last_ns = (now_ns - last_ns) / 1e9, now_ns
            if stood_s >= self.deadline_s:
                self._note_act()
                self.on_stood(stood_s)
            self._number += 1
            self._send(messages.BEAT + messages.BEAT_FORMAT.pack(self._number, now_ns))
            if self._refusal:
                raise GuardLost(self._refusal)
            if self._number - self._heard > UNANSWERED:
                raise GuardLost(f"the guard has not answered {UNANSWERED} beats")
            await trio.sleep(BEAT_S)

    async def _listen(self, control: socket.socket, lifeline: Lifeline) -> None:
        while True:
            await trio.lowlevel.wait_readable(control)
            try:
                message = control.recv(messages.LARGEST_MESSAGE)
            except OSError as error:
                raise GuardLost(f"the guard's process is gone ({error.strerror})") from error
            if not message:
                raise GuardLost("the guard's process has ended")
            self._take(message, lifeline)

    def _take(self, message: bytes, lifeline: Lifeline) -> None:
        if message.startswith(messages.ACTED):
            self._note_act()
            self.on_acted(Acted.parse(message[1:]))
            return
        number, _ = messages.BEAT_FORMAT.unpack_from(message, 1)
        if self._heard < number <= self._number:  # an answer that does not move on is no evidence
            self._heard = number
            if lifeline.state is State.STARTING:
                self.on_trouble(None)
            lifeline.ready()

    def _note_act(self) -> None:
        self._acted.set()
        self._steady.cancel()

    async def _tell_steady(self) -> None:
        while True:
            await self._acted.wait()
            self._acted = trio.Event()
            with trio.CancelScope() as self._steady:
                await trio.sleep(STEADY_S)
                self.on_steady()

    # --- below -------------------------------------------------------------------------------------------------------

    def _hand_over(self, name: str) -> None:
        fd, message = self._wires[name]
        self._send(message, fd)

    def _send(self, message: bytes, *fds: int) -> None:
        """Gives the guard a message. One it does not take ends its run: it would not know of a wire, or of the loop."""
        if self._control is None:
            return
        try:
            socket.send_fds(self._control, [message], list(fds)) if fds else self._control.send(message)
        except OSError as error:
            self._refusal = f"the guard takes no messages ({error.strerror or error})"

    @contextmanager
    def _stack_file(self) -> Iterator[int]:
        """A file in memory that the interpreter writes its stacks to when it gets `stack_signal`; -1 without one."""
        if not self.stack_signal:
            yield -1
            return
        fd = os.memfd_create("stack", os.MFD_CLOEXEC)
        try:
            fcntl.fcntl(fd, fcntl.F_SETFL, os.O_APPEND)  # so that the guard can empty it
            faulthandler.register(self.stack_signal, file=fd, all_threads=True)
            yield fd
        finally:
            # From now on nobody asks; ignored all the same, for the signal's default is the end of the process.
            faulthandler.unregister(self.stack_signal)
            signal.signal(self.stack_signal, signal.SIG_IGN)
            os.close(fd)
