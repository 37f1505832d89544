"""Claims about a guard that is itself kept waiting, on a clock of the test's own: it neither errs nor falls short."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

from jp_firmware.nursery.guard_process import guardian, messages
from jp_firmware.nursery.guard_process.act import GONE, Act, Record
from jp_firmware.nursery.guard_process.guardian import Guardian
from jp_firmware.nursery.guard_process.meeting import Successors
from jp_firmware.nursery.guard_process.watched import Watched
from jp_firmware.nursery.guard_process.wire import ENOUGH

DEADLINE_S = 1.0
FOR_LONG_S = 10.0
WORDS = b"OFF\r"


@attrs.define(eq=False)
class Clock:
    now_s: float = 1000.0

    def monotonic(self) -> float:
        return self.now_s


@attrs.define(eq=False)
class Kept(Successors):
    """Where its guard is kept waiting, between what it hears and what it does about it."""

    meanwhile: Callable[[], None]
    meeting: None = None
    waiting: list[socket.socket] = attrs.field(factory=list)

    def look(self) -> None:
        self.meanwhile()


@attrs.define(eq=False)
class Bench:
    """A guard with one wire, and the loop's end of its socket."""

    guard: Guardian
    loop: socket.socket
    clock: Clock
    far: int

    def beat(self) -> None:
        self.loop.send(messages.BEAT + messages.BEAT_FORMAT.pack(1, int(self.clock.now_s * 1e9)))

    def heard(self) -> int:
        """How often the words were said."""
        try:
            return os.read(self.far, 65_536).count(WORDS)
        except BlockingIOError:
            return 0


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    clock = Clock()
    monkeypatch.setattr(guardian, "time", clock)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    far, near = os.pipe()
    for fd in (far, near):
        os.set_blocking(fd, False)
    theirs.setblocking(False)
    watched = Watched(os.getpid(), "1", -1, 0)
    with ours, theirs:
        guard = Guardian(theirs, DEADLINE_S, watched, Record(""), Kept(lambda: None))
        socket.send_fds(ours, [messages.pack_hold("wire", (WORDS,))], [near])
        yield Bench(guard, ours, clock, far)
    os.close(far)
    os.close(near)


def test_one_that_is_kept_waiting_takes_no_loop_for_still_whose_beats_it_has_not_read(bench: Bench) -> None:
    def kept_waiting() -> None:
        bench.clock.now_s += FOR_LONG_S
        bench.beat()
        bench.loop.send(messages.BYE)

    bench.guard.successors = Kept(kept_waiting)
    bench.beat()
    bench.guard.run()

    assert bench.guard.act is None
    assert bench.heard() == 0


def test_one_that_is_kept_waiting_says_its_words_often_enough_all_the_same(bench: Bench) -> None:
    def kept_waiting() -> None:
        bench.clock.now_s += FOR_LONG_S

    bench.guard.successors = Kept(kept_waiting)
    bench.beat()
    bench.loop.close()
    bench.guard.run()

    assert bench.guard.act is not None
    assert bench.guard.act.why == GONE
    assert bench.heard() == ENOUGH


def test_a_record_is_there_as_a_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next life of the loop's process reads it whenever it starts, also while it is being written."""
    path = tmp_path / "record"
    found: list[bytes | None] = []
    write = os.write

    def look_before(fd: int, data: bytes) -> int:
        found.append(path.read_bytes() if path.exists() else None)
        return write(fd, data)

    line = Act(GONE, 0.0, 0.0, 2.0, "1").line(1.0, {}, b"stack")
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", look_before)
        Record(str(path)).write(b"of an earlier act")
        Record(str(path)).write(line)

    assert found == [None, b"of an earlier act"]
    assert path.read_bytes() == line
    assert list(tmp_path.iterdir()) == [path]
