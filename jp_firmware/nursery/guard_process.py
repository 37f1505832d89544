"""The guard's own process: says the last words on wires when the loop that it watches stands still, or is gone.

Started by `guard.Guard` as a script, without the package and with the standard library only, so that it is up within
milliseconds and small. It knows file descriptors and bytes, nothing of what they mean, and never opens a device.

Rules

1. A beat tells when it was sent. Late by its own clock is late, however long this process itself was kept waiting.
2. What came in is read before anything is judged; words are written before anything is told.
3. Nothing here waits for a wire, a terminal or a full pipe. A wire that fails does not keep another from its words.
4. It ends after a goodbye, or some time after the other end is gone; no signal but SIGKILL ends it before.
5. The other end gone, it lets go of a wire as soon as its words were said often enough, if somebody waits for that: a
   successor that has come to the meeting (a socket by a name they both know), or who sent SIGTERM. Else it goes on.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal
import socket
import struct
import sys
import termios
import time

# One message of the socket each; the first byte says which.
HOLD, DROP, BEAT, BYE = b"H", b"D", b"B", b"G"  # to the guard
HEARD, ACTED = b"h", b"A"  # from the guard

LARGEST_MESSAGE = 65_536
BEAT_FORMAT = struct.Struct("=QQ")  # a number that grows, monotonic nanoseconds
_LENGTH = struct.Struct("=I")

REPEAT_S = 0.2  # ours: the words are said again, for a frame may be lost to noise
STILL_S = 5.0  # ours: how long they are repeated to the wires of a loop that stands still
GONE_S = 2.0  # ours: the same after its process is gone, if nobody wants its ports before
ENOUGH = 3  # ours: how often they are said at least before a successor is let in, whose own first word is the same
MOST_SUCCESSORS = 8  # ours: there is one, or two for a moment
DRAIN_LOOK_S = 0.02  # ours: the kernel tells nobody that a tty has sent all
RETRY_S = 0.005  # ours: a full wire is tried again after this; the kernel has no event for every kind of full
LARGEST_STACK = 16_384

STILL, STOPPED, GONE = "still", "stopped", "gone"  # why it acted

IGNORED = (
    signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGABRT, signal.SIGPIPE, signal.SIGUSR1,
    signal.SIGUSR2, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU,
)  # fmt: skip


def pack_hold(name: str, words: tuple[bytes, ...]) -> bytes:
    """The message that goes with a wire's descriptor. Each of `words` is written by one call where the kernel can."""
    return HOLD + b"".join(_LENGTH.pack(len(part)) + part for part in (name.encode(), *words))


def unpack_hold(message: bytes) -> tuple[str, tuple[bytes, ...]]:
    """The inverse of `pack_hold`."""
    parts, at = [], 1
    while at < len(message):
        (length,) = _LENGTH.unpack_from(message, at)
        at += _LENGTH.size
        parts.append(message[at : at + length])
        at += length
    return parts[0].decode(), tuple(parts[1:])


class HeldWire:
    """A descriptor, its last words, and what of them is not yet written."""

    def __init__(self, fd: int, words: tuple[bytes, ...]) -> None:
        self.fd = fd
        self.words = words
        self.left: list[bytes] = []
        self.torn = False  # the first of `left` is begun
        self.said = False
        self.times = 0  # said, or failed to be
        self.error = ""

    def say(self) -> None:
        """Has the words said once more, unless the last time is not over."""
        if not self.left:
            self.left = list(self.words)

    def stop(self) -> None:
        """No more than what is begun."""
        self.left = self.left[:1] if self.torn else []

    def write(self) -> None:
        """Gives the kernel what it takes. Never waits and never raises."""
        if not self.left:
            return  # nothing to say is not said
        while self.left:
            try:
                count = os.write(self.fd, self.left[0])
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:  # the queue of a CAN interface is full, for a moment
                    self.error = error.strerror or str(error)
                    self.left, self.torn = [], False
                    self.times += 1
                return
            self.torn = count < len(self.left[0])
            if self.torn:
                self.left[0] = self.left[0][count:]
            else:
                del self.left[0]
        self.said, self.error = True, ""
        self.times += 1

    def is_done(self) -> bool:
        """Whether the words were said often enough, and have left the kernel: closing a tty may wait for that."""
        if self.left or self.times < ENOUGH:
            return False
        try:
            waiting = fcntl.ioctl(self.fd, termios.TIOCOUTQ, bytes(4))
        except OSError:
            return True  # a socket, or gone
        return not any(waiting)


class Act:
    """What the guard does when a loop stands still, from its first word to the loop's return."""

    def __init__(self, why: str, now_s: float, last_beat_s: float, for_s: float, thread: str) -> None:
        self.why = why
        self.thread = thread  # the loop's, by the name that the stack gives it
        self.at = time.time()
        self.last_beat_s = last_beat_s
        self.next_s = now_s
        self.until_s = now_s + for_s
        self.rounds = 0
        self.recorded = False

    def line(self, stood_s: float, wires: dict[str, HeldWire], stack: bytes) -> bytes:
        """The act for the record and for the loop: a line of fields, then the stack."""
        said = ",".join(name for name, wire in wires.items() if wire.said)
        failed = ",".join(f"{name}: {wire.error or 'takes nothing'}" for name, wire in wires.items() if not wire.said)
        fields = (self.why, f"{self.at:.3f}", f"{stood_s:.3f}", str(self.rounds), said, failed, self.thread)
        return "\t".join(fields).encode() + b"\n" + stack


class Guardian:
    """One loop's guard."""

    def __init__(
        self,
        control: socket.socket,
        deadline_s: float,
        parent: int,
        thread: str,
        record: str,
        stack_fd: int,
        stack_signal: int,
        meeting: socket.socket | None = None,
    ) -> None:
        self.control = control
        self.deadline_s = deadline_s
        self.parent = parent
        self.thread = thread
        self.record = record
        self.stack_fd, self.stack_signal = stack_fd, stack_signal
        self.poll = select.poll()
        self.wires: dict[str, HeldWire] = {}
        self.beat_at_s: float | None = None
        self.act: Act | None = None
        self.closed = False
        self.done = False
        self.meeting = meeting
        self.successors: list[socket.socket] = []
        self.told_to_end = False

    def run(self) -> None:
        """Watches until it is told goodbye, or until the last words after the other end's death are said."""
        self.poll.register(self.control, select.POLLIN)
        if self.meeting is not None:
            self.poll.register(self.meeting, select.POLLIN)
        while not self.done:
            timeout_s = self.next_s() - time.monotonic()
            self.poll.poll(max(0, int(timeout_s * 1000) + 1) if timeout_s > 0 else 0)
            self.listen()
            self.meet()
            if not self.done:
                self.let_go()
                self.judge(time.monotonic())
                self.write()
        for name in list(self.wires):
            self.drop(name)  # before successors hear of the end: they take it for this

    def next_s(self) -> float:
        """When there is something to do, if nothing comes in."""
        now_s = time.monotonic()
        next_s = now_s + 60.0
        if self.act is None and self.beat_at_s is not None:
            next_s = self.beat_at_s + self.deadline_s
        elif self.act is not None and (self.closed or self.act.next_s <= self.act.until_s):
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
                be_as_urgent_as(self.parent)
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

    def meet(self) -> None:
        """Takes note of successors that have come, and of those that have left again."""
        try:
            while self.meeting is not None:
                one, _ = self.meeting.accept()
                one.setblocking(False)
                self.successors.append(one)
                if len(self.successors) > MOST_SUCCESSORS:
                    self.successors.pop().close()
        except OSError:
            pass  # no more of them
        for one in list(self.successors):
            try:
                left = not one.recv(1)
            except BlockingIOError:
                continue
            except OSError:
                left = True
            if left:
                self.successors.remove(one)
                one.close()

    def is_awaited(self) -> bool:
        """Whether somebody waits for the wires of a loop that is gone."""
        return self.closed and (self.told_to_end or bool(self.successors))

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
                self.act = Act(GONE, now_s, self.beat_at_s or now_s, GONE_S, self.thread)
        elif self.act is None and stood_s >= self.deadline_s:
            why = STOPPED if self.is_parent_stopped() else STILL
            self.act = Act(why, now_s, self.beat_at_s or now_s, STILL_S, self.thread)
        elif self.act is not None and stood_s < self.deadline_s:
            self.end_act(self.act)
        if self.act is not None:
            self.go_on(self.act, now_s)

    def go_on(self, act: Act, now_s: float) -> None:
        """The next round of words, when it is due. The record follows the first, or the stack."""
        if now_s < act.next_s or self.done:
            return
        if act.next_s > act.until_s:
            self.done = self.closed
            return
        for wire in self.wires.values():
            wire.say()
        self.write()
        act.rounds += 1
        act.next_s = now_s + REPEAT_S
        if act.rounds == 1:
            self.tell_people(act)
            if act.why == STILL and self.ask_for_stack():
                return
        if not act.recorded:
            act.recorded = True
            self.write_record(act.line(now_s - act.last_beat_s, self.wires, self.read_stack()))

    def end_act(self, act: Act) -> None:
        """The loop turns again."""
        for wire in self.wires.values():
            wire.stop()
        stood_s = (self.beat_at_s or act.last_beat_s) - act.last_beat_s
        if self.tell_loop(ACTED + act.line(stood_s, self.wires, self.read_stack())) and act.recorded:
            self.remove_record()
        say(f"the loop turns again; it had stood for {stood_s:.1f} s")
        self.act = None
        for wire in self.wires.values():
            wire.said = False
        if self.stack_fd >= 0:
            os.ftruncate(self.stack_fd, 0)

    def write(self) -> None:
        for wire in self.wires.values():
            wire.write()

    # --- telling -----------------------------------------------------------------------------------------------------

    def tell_people(self, act: Act) -> None:
        what = {
            STILL: f"the loop of process {self.parent} has not turned for {self.deadline_s:g} s",
            STOPPED: f"process {self.parent} is stopped",
            GONE: f"process {self.parent} is gone without a goodbye",
        }[act.why]
        said = ", ".join(name for name, wire in self.wires.items() if wire.said) or "no wire"
        say(f"{what}; last words to {said}")

    def write_record(self, data: bytes) -> None:
        """For the next life of the loop's process."""
        if not self.record:
            return
        try:
            fd = os.open(self.record, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
            try:
                os.write(fd, data)
            finally:
                os.close(fd)
        except OSError as error:
            say(f"{self.record}: {error.strerror}")

    def remove_record(self) -> None:
        """This life was told; the next need not be."""
        try:
            os.unlink(self.record)
        except OSError:
            return

    def ask_for_stack(self) -> bool:
        """Has the process write down where it stands; it needs no interpreter of its own for that."""
        if self.stack_signal == 0 or self.stack_fd < 0 or os.getppid() != self.parent:
            return False
        try:
            os.kill(self.parent, self.stack_signal)
        except OSError:
            return False
        return True

    def read_stack(self) -> bytes:
        try:
            return os.pread(self.stack_fd, LARGEST_STACK, 0) if self.stack_fd >= 0 else b""
        except OSError:
            return b""

    def is_parent_stopped(self) -> bool:
        try:
            with open(f"/proc/{self.parent}/stat", "rb") as stat:
                return stat.read().rpartition(b")")[2].split()[0] in (b"T", b"t")
        except (OSError, IndexError):
            return False


def be_as_urgent_as(pid: int) -> None:
    """One step above a real-time process, or beside it: it could keep this one from the processor for ever."""
    try:
        policy = os.sched_getscheduler(pid) & ~os.SCHED_RESET_ON_FORK
        if policy not in (os.SCHED_RR, os.SCHED_FIFO):
            return
        priority = os.sched_getparam(pid).sched_priority
        for allowed in (priority + 1, priority):
            try:
                os.sched_setscheduler(0, policy, os.sched_param(allowed))
                return
            except OSError:
                continue  # the limit of the service may end at its own priority
    except OSError:
        return


def meet_at(name: str) -> socket.socket | None:
    """Where a successor may come to. The name is in the kernel, not on a disk, and goes with this process."""
    if not name:
        return None
    meeting = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        meeting.setblocking(False)
        meeting.bind(f"\0{name}")
        meeting.listen(8)
    except OSError as error:
        say(f"a successor will have to try again and again: {error.strerror}")
        meeting.close()
        return None
    return meeting


def say(text: str) -> None:
    """A line on stderr, if that takes it at once."""
    poll = select.poll()
    try:
        poll.register(2, select.POLLOUT)
        if any(events & select.POLLOUT for _, events in poll.poll(0)):
            os.write(2, f"guard: {text}\n".encode())
    except OSError:
        return


def main(arguments: list[str]) -> None:
    """`control_fd deadline_s parent_pid thread stack_fd stack_signal record meeting`"""
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    control_fd, deadline_s, parent, thread, stack_fd, stack_signal, record, meeting = arguments
    with socket.socket(fileno=int(control_fd)) as control:
        control.setblocking(False)
        guardian = Guardian(
            control, float(deadline_s), int(parent), thread, record, int(stack_fd), int(stack_signal), meet_at(meeting)
        )

        def end(*_: object) -> None:
            guardian.told_to_end = True  # obeyed when the other end is gone, and enough is said

        signal.signal(signal.SIGTERM, end)
        try:
            guardian.run()
        finally:
            if guardian.act is not None and not guardian.done:  # a defect of ours: at least once more, with no ado
                for wire in guardian.wires.values():
                    wire.say()
                    wire.write()


if __name__ == "__main__":
    main(sys.argv[1:])
