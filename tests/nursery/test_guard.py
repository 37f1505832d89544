"""Claims about the guard, with real processes and pseudo-terminals: blocked, stopped, killed, and nothing of it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest
import trio
from trio.testing import MockClock

from jp_firmware.nursery import guard_process
from jp_firmware.nursery.guard import FORMER_S, STEADY_S, Acted, Guard
from jp_firmware.nursery.guard_process import HeldWire, pack_hold, unpack_hold
from jp_firmware.nursery.supervisor import Child, Lifeline, State, Supervisor

DEADLINE_S = 0.5
PATIENCE_S = 8.0  # ours: on a busy machine, and still below the 10 s after which modules switch off by themselves


@attrs.define(eq=False)
class Wire:
    """A pseudo-terminal; `far` is where a device would listen."""

    far: int
    near: int
    heard: bytes = b""

    def listen(self) -> bytes:
        while select.select([self.far], [], [], 0)[0]:
            try:
                self.heard += os.read(self.far, 4096)
            except OSError:
                break
        return self.heard

    @property
    def word(self) -> bytes:
        return b"\rOFF %d\r" % self.near


@attrs.define(eq=False)
class Loop:
    """A process with a guarded loop."""

    process: subprocess.Popen[bytes]
    wires: list[Wire]
    said: str = ""

    def order(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def end(self) -> None:
        """In order if it can, by force else."""
        with contextlib.suppress(BrokenPipeError, subprocess.TimeoutExpired):
            self.order("end")
            self.process.wait(0.5)
        self.process.kill()
        self.process.wait()

    def listen(self) -> str:
        assert self.process.stdout is not None
        fd = self.process.stdout.fileno()
        while select.select([fd], [], [], 0)[0] and (data := os.read(fd, 65536)):
            self.said += data.decode()
        return self.said

    def guards(self) -> list[int]:
        """Process ids of the guards that it has had."""
        return [int(line.split()[1]) for line in self.listen().splitlines() if line.startswith("guarded")]

    def acts(self) -> int:
        return self.listen().count("acted ")

    def all_off(self) -> bool:
        return all(wire.word in wire.listen() for wire in self.wires)


def until(condition: Callable[[], object], what: str) -> None:
    give_up_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < give_up_s, f"waited for {what}"
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def fill(fd: int) -> None:
    while select.select([], [fd], [], 0)[1]:
        try:
            os.write(fd, b"x")
        except BlockingIOError:
            return


Start = Callable[..., Loop]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    loops: list[Loop] = []

    def starting(wires: int = 1, deadline_s: float = DEADLINE_S) -> Loop:
        pairs = [Wire(*os.openpty()) for _ in range(wires)]
        for wire in pairs:
            tty.setraw(wire.near)
        with (tmp_path / "stderr").open("ab") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.nursery.guarded", str(deadline_s), str(tmp_path / "record")]
                + [str(wire.near) for wire in pairs],
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                pass_fds=[wire.near for wire in pairs],
                cwd=Path(__file__).parents[2],
            )
        loop = Loop(process, pairs)
        loops.append(loop)
        until(loop.guards, "a guard")
        return loop

    yield starting
    for loop in loops:
        guards = loop.guards()
        loop.end()
        for pid in guards:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)  # it would end by itself, after some more words
        for wire in loop.wires:
            os.close(wire.far)
            os.close(wire.near)
        assert loop.process.stdin is not None
        assert loop.process.stdout is not None
        loop.process.stdin.close()
        loop.process.stdout.close()


def test_a_loop_that_blocks_for_a_part_of_the_deadline_is_left_alone(start: Start) -> None:
    loop = start(deadline_s=2.0)
    loop.order("block 0.2")
    until(lambda: "unblocked" in loop.listen(), "the loop to go on")
    loop.order("block 0.2")
    until(lambda: loop.listen().count("unblocked") == 2, "the loop to go on")

    assert loop.wires[0].listen() == b""
    assert loop.acts() == 0
    assert "stood" not in loop.listen()


def test_a_loop_that_stands_still_has_its_wires_told_again_and_again_and_its_stack_taken(
    start: Start, tmp_path: Path
) -> None:
    loop = start()
    loop.order("block 60")
    until(lambda: loop.wires[0].listen().count(loop.wires[0].word) >= 3, "OFF, repeated")
    until((tmp_path / "record").exists, "the record")
    acted = Acted.parse((tmp_path / "record").read_bytes())

    assert acted.why == "still"
    assert acted.said_to == (f"wire-{loop.wires[0].near}",)
    assert "has not turned for 0.5 s" in (tmp_path / "stderr").read_text()


def test_a_loop_that_comes_back_is_told_what_happened_and_where_it_stood(start: Start, tmp_path: Path) -> None:
    loop = start()
    loop.order("block 1.5")
    until(loop.acts, "the loop to hear of it")

    assert loop.all_off()
    until(lambda: not (tmp_path / "record").exists(), "the record to be gone, for this life was told")
    told = next(line for line in loop.listen().splitlines() if line.startswith("acted"))
    assert "the control loop stood still for 1." in told
    assert "tests/nursery/guarded.py" in told
    assert "in the_culprit" in told
    assert loop.said.index("stood 1.") < loop.said.index("acted"), "the loop knows by itself, and at once"
    loop.order("block 0")  # the loop obeys, and a second time counts anew
    until(lambda: loop.listen().count("unblocked") == 2, "the loop to go on")
    loop.order("block 1.2")
    until(lambda: loop.acts() == 2, "the second act")


def test_python_that_never_lets_go_is_no_obstacle(start: Start) -> None:
    loop = start()
    loop.order("spin")
    until(loop.all_off, "OFF")


def test_kill_9_has_the_last_words_said_and_the_next_life_told(start: Start, tmp_path: Path) -> None:
    loop = start(wires=2)
    loop.process.kill()
    loop.process.wait()
    until(loop.all_off, "OFF on both wires")
    until((tmp_path / "record").exists, "the record")
    (guard,) = loop.guards()
    second = start()

    assert "former the controller's process was gone without a goodbye" in second.listen()
    assert not (tmp_path / "record").exists()
    until(lambda: not is_running(guard), "the guard to end by itself")


def killed(loop: Loop) -> int:
    """The guard of a loop that was killed, when its first words are said."""
    (guard,) = loop.guards()
    loop.process.kill()
    loop.process.wait()
    until(loop.all_off, "OFF")
    return guard


def times_said(loop: Loop) -> list[int]:
    return [wire.listen().count(wire.word) for wire in loop.wires]


def test_a_guard_whose_ports_nobody_wants_says_its_words_for_two_seconds(start: Start) -> None:
    loop = start(wires=2)
    guard = killed(loop)
    until(lambda: not is_running(guard), "the guard to end by itself")

    assert min(times_said(loop)) >= 2 * guard_process.ENOUGH


def test_a_successor_is_let_in_when_enough_was_said_and_no_earlier(start: Start, tmp_path: Path) -> None:
    loop = start(wires=2)
    successor = Guard(deadline_s=1.0, record=tmp_path / "record")
    guard = killed(loop)
    successor.ask_former()
    former = successor._former
    assert former is not None
    with former:
        until(lambda: not is_running(guard), "the guard to end")

    assert times_said(loop) == [guard_process.ENOUGH] * 2


def test_one_who_came_too_early_and_left_is_no_successor(start: Start, tmp_path: Path) -> None:
    loop = start()
    visitor = Guard(deadline_s=1.0, record=tmp_path / "record")
    visitor.ask_former()
    assert visitor._former is not None
    visitor._former.close()
    guard = killed(loop)
    until(lambda: not is_running(guard), "the guard to end by itself")

    assert times_said(loop)[0] >= 2 * guard_process.ENOUGH


def test_a_wire_that_takes_nothing_keeps_no_successor_from_the_others(start: Start, tmp_path: Path) -> None:
    loop = start(wires=2)
    full, free = loop.wires
    os.set_blocking(full.near, False)
    for _ in range(3):
        fill(full.near)
        time.sleep(0.03)  # the kernel moves what it took on to the far end a little later, and tells nobody
    successor = Guard(deadline_s=1.0, record=tmp_path / "record")
    (guard,) = loop.guards()
    loop.process.kill()
    successor.ask_former()
    former = successor._former
    assert former is not None
    with former:
        until(lambda: not is_running(guard), "the guard to end")

    assert free.listen().count(free.word) == guard_process.ENOUGH, "let go of, while the other was tried again"


@pytest.mark.parametrize("before", [False, True], ids=["after the kill", "before it"])
def test_sigterm_lets_the_guard_end_when_its_process_is_gone_and_enough_was_said(start: Start, before: bool) -> None:
    """A service manager ends what is left of a service before it starts it again."""
    loop = start(wires=2)
    if before:
        os.kill(loop.guards()[0], signal.SIGTERM)
    guard = killed(loop)
    if not before:
        os.kill(guard, signal.SIGTERM)
    until(lambda: not is_running(guard), "the guard to end")

    assert times_said(loop) == [guard_process.ENOUGH] * 2


async def test_the_next_guard_waits_for_the_former_one_and_tells_when_the_wires_are_free(
    start: Start, tmp_path: Path, nursery: trio.Nursery
) -> None:
    loop = start()
    former = killed(loop)
    successor = Guard(deadline_s=10.0, record=tmp_path / "record")
    successor.ask_former()
    tree = Supervisor(name="tree", children=[Child(name="guard", run=successor.run)])
    nursery.start_soon(tree.run)
    with trio.fail_after(PATIENCE_S):
        await successor.wires_free()
        assert times_said(loop) == [guard_process.ENOUGH]
        while is_running(former) or tree.lifelines[0].state is not State.UP:  # noqa: ASYNC110 - the real clock and a real process
            await trio.sleep(0.01)
    again = Guard(deadline_s=10.0, record=tmp_path / "record")
    again.ask_former()
    assert again._former is not None, "the successor has taken the meeting over"
    again._former.close()
    nursery.cancel_scope.cancel()


async def test_without_a_former_guard_the_wires_are_free_at_once(autojump_clock: MockClock, tmp_path: Path) -> None:
    guard = Guard(deadline_s=1.0, record=tmp_path / "record")
    guard.ask_former()
    before_s = trio.current_time()
    await guard.wires_free()

    assert trio.current_time() == before_s


async def test_a_former_guard_that_hangs_is_waited_for_no_longer_than_it_may_need(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    guard = Guard(deadline_s=1.0, record=tmp_path / "record")
    before_s = trio.current_time()
    with guard_process.meet_at(guard._meeting):  # type: ignore[union-attr]
        guard.ask_former()
        assert guard._former is not None
        await guard.wires_free()
        guard._former.close()

    assert trio.current_time() == pytest.approx(before_s + FORMER_S)


def test_a_stopped_process_has_its_wires_told_and_hears_of_it_when_it_is_continued(start: Start) -> None:
    loop = start()
    loop.process.send_signal(signal.SIGSTOP)
    until(loop.all_off, "OFF")
    loop.process.send_signal(signal.SIGCONT)
    until(loop.acts, "the loop to hear of it")

    assert "the controller's process was stopped for" in loop.listen()


def test_after_a_goodbye_the_guard_is_gone_and_no_word_was_said(start: Start, tmp_path: Path) -> None:
    loop = start()
    (guard,) = loop.guards()
    loop.order("end")

    assert loop.process.wait(PATIENCE_S) == 0
    assert not is_running(guard)
    assert loop.wires[0].listen() == b""
    assert not (tmp_path / "record").exists()
    assert "trouble the" not in loop.said


@pytest.mark.parametrize("how", ["kill", "freeze"])
def test_a_guard_that_dies_or_freezes_is_a_trouble_and_has_a_successor_that_knows_the_wires(
    start: Start, how: str
) -> None:
    loop = start(wires=2)
    loop.order(f"{how} guard")
    until(lambda: len(loop.guards()) == 2, "a second guard")

    assert "trouble the guard's process is gone" in loop.listen()
    assert loop.listen().rindex("trouble None") > loop.listen().index("trouble the")
    assert not is_running(loop.guards()[0])
    loop.process.kill()
    until(loop.all_off, "OFF by the second guard")


def test_signals_that_stop_a_service_or_a_terminal_do_not_end_the_guard(start: Start) -> None:
    loop = start()
    (guard,) = loop.guards()
    for number in guard_process.IGNORED:
        os.kill(guard, number)
    loop.process.kill()
    until(loop.all_off, "OFF")


def test_many_wires_are_told_though_one_is_full_and_another_is_gone(start: Start, tmp_path: Path) -> None:
    loop = start(wires=12)
    full, gone, *rest = loop.wires
    os.set_blocking(full.near, False)
    fill(full.near)
    os.close(gone.far)
    loop.process.kill()
    until(lambda: all(wire.word in wire.listen() for wire in rest), "OFF on ten wires")
    record = tmp_path / "record"
    until(lambda: record.exists() and record.stat().st_size, "the record")
    acted = Acted.parse(record.read_bytes())

    assert {f"wire-{wire.near}" for wire in rest} <= set(acted.said_to)
    assert f"wire-{gone.near}: Input/output error" in acted.failed
    until(lambda: full.word in full.listen(), "OFF on the wire that was full, once somebody reads it")
    gone.far = os.open(os.devnull, os.O_RDONLY)


def test_a_wire_that_was_dropped_hears_nothing(start: Start) -> None:
    loop = start(wires=2)
    closed, held = loop.wires
    loop.order(f"close {closed.near}")
    until(lambda: "closed" in loop.listen(), "the loop to close it")
    loop.process.kill()
    until(lambda: held.word in held.listen(), "OFF on the other")

    assert closed.listen() == b""


def test_a_descriptor_that_blocks_is_refused() -> None:
    far, near = os.pipe()
    try:
        with pytest.raises(ValueError, match="non-blocking"):
            Guard(deadline_s=1.0).hold("wire", near, [b"OFF"])
    finally:
        os.close(far)
        os.close(near)


def test_what_is_held_survives_its_message() -> None:
    words = (b"\rT029A00F08\r", b"", bytes(range(256)))

    assert ("can0 ü", words) == unpack_hold(pack_hold("can0 ü", words))


def test_a_word_that_is_begun_is_finished_and_no_other_is_begun() -> None:
    """When the loop comes back in the middle of a word."""
    far, near = os.pipe()
    os.set_blocking(near, False)
    os.set_blocking(far, False)
    words = (b"a" * 40_000, b"b" * 40_000)
    wire = HeldWire(near, words)
    wire.say()
    wire.write()  # a pipe takes 64 kB
    assert wire.torn
    wire.stop()
    heard = os.read(far, 1_000_000)
    wire.write()
    heard += os.read(far, 1_000_000)
    os.close(far)
    os.close(near)

    assert heard == b"".join(words)
    assert not wire.left


async def test_a_loop_counts_as_recovered_when_it_has_turned_for_a_while_since_the_last_act(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    told: list[float] = []
    guard = Guard(deadline_s=1.0, on_steady=lambda: told.append(trio.current_time() - zero_s))
    act = guard_process.ACTED + b"still\t1763617000.0\t1.5\t3\tcan0\t\t0\n"
    lifeline = Lifeline(child=Child(name="guard", run=guard.run))
    zero_s = trio.current_time()
    nursery.start_soon(guard._tell_steady)
    for _ in range(2):
        await trio.sleep(4)
        guard._take(act, lifeline)
    await trio.sleep(100)
    nursery.cancel_scope.cancel()

    assert told == [4 + 4 + STEADY_S]


def test_the_guards_process_needs_little(start: Start) -> None:
    loop = start()
    (guard,) = loop.guards()
    maps = Path(f"/proc/{guard}/maps").read_text()
    private_kb = sum(
        int(line.split()[1])
        for line in Path(f"/proc/{guard}/smaps_rollup").read_text().splitlines()
        if line.startswith(("Private_Clean:", "Private_Dirty:"))
    )

    assert "site-packages" not in maps
    assert private_kb < 20_000
