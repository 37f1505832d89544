"""Claims about the guard, with real processes and pseudo-terminals: blocked, stopped, killed, and nothing of it."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from jp_firmware.nursery.guard import STEADY_S, Acted, Guard
from jp_firmware.nursery.guard_process import messages
from jp_firmware.nursery.guard_process.guardian import REPEAT_S
from jp_firmware.nursery.guard_process.process import IGNORED
from jp_firmware.nursery.supervisor import Child, Lifeline
from tests.hw.pty_pair import fill
from tests.nursery.loops import DEADLINE_S, PATIENCE_S, Loop, Start, is_running, recorded, until

CULPRIT = " in the_culprit"


def test_a_loop_that_blocks_for_a_part_of_the_deadline_is_left_alone(start: Start) -> None:
    loop = start(deadline_s=10.0)
    loop.order("block 1")
    until(lambda: "unblocked" in loop.listen(), "the loop to go on")
    loop.order("block 1")
    until(lambda: loop.listen().count("unblocked") == 2, "the loop to go on")

    assert loop.wires[0].listen() == b""
    assert loop.acts() == 0
    assert "stood" not in loop.listen()


def test_a_loop_that_stands_still_has_its_wires_told_again_and_again_and_its_stack_taken(
    start: Start, tmp_path: Path
) -> None:
    loop = start(deadline_s=DEADLINE_S)
    loop.order("block 3600")
    acted = recorded(tmp_path / "record", has_culprit)
    until(lambda: loop.wires[0].listen().count(loop.wires[0].word) >= 3, "OFF, repeated")

    assert acted.why == "still"
    assert acted.said_to == (f"wire-{loop.wires[0].near}",)
    assert "has not turned for 0.5 s" in (tmp_path / "stderr").read_text()


def test_a_loop_that_comes_back_is_told_what_happened_and_where_it_stood(start: Start, tmp_path: Path) -> None:
    began_s = time.monotonic()
    loop = start(deadline_s=DEADLINE_S)
    told, stood_s = stands_for_a_while(loop, tmp_path / "record")
    lasted_s = time.monotonic() - began_s

    assert loop.all_off()
    until(lambda: not (tmp_path / "record").exists(), "the record to be gone, for this life was told")
    assert told.startswith("acted the control loop stood still for ")
    assert "tests/nursery/guarded.py" in told
    assert DEADLINE_S + REPEAT_S <= stood_s + 0.05, "until it came back, not until the guard spoke"
    assert stood_s <= lasted_s + 0.05
    word, itself_s = loop.said[: loop.said.index(told)].splitlines()[-1].split()
    assert (word, float(itself_s)) == ("stood", pytest.approx(stood_s, abs=0.051)), (
        "the loop knows by itself, and at once"
    )
    stands_for_a_while(loop, tmp_path / "record")  # the loop obeys, and a second time counts anew


def stands_for_a_while(loop: Loop, record: Path) -> tuple[str, float]:
    """Until the guard has acted and left word of it. What the loop is told then, and for how many seconds it stood."""

    def told() -> list[tuple[str, float]]:
        return [act for act in loop.acts_told() if CULPRIT in act[0]]

    before = len(told())
    loop.order("block 3600")
    recorded(record, has_culprit)
    loop.order("go on")
    until(lambda: len(told()) > before, "the loop to hear of it")
    return told()[-1]


def has_culprit(acted: Acted) -> bool:
    return any(line.endswith(CULPRIT) for line in acted.stack)


def test_python_that_never_lets_go_is_no_obstacle(start: Start) -> None:
    loop = start(deadline_s=DEADLINE_S)
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


def test_a_stopped_process_has_its_wires_told_and_hears_of_it_when_it_is_continued(
    start: Start, tmp_path: Path
) -> None:
    loop = start(deadline_s=2.0)
    loop.process.send_signal(signal.SIGSTOP)
    recorded(tmp_path / "record", lambda acted: acted.why == "stopped")
    until(loop.all_off, "OFF")
    loop.process.send_signal(signal.SIGCONT)
    until(lambda: "acted the controller's process was stopped for" in loop.listen(), "the loop to hear of it")


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
    until(lambda: len(loop.guards()) > 1, "a second guard")

    assert "trouble the guard's process is gone" in loop.listen()
    assert loop.listen().rindex("trouble None") > loop.listen().index("trouble the")
    assert not is_running(loop.guards()[0])
    loop.process.kill()
    until(loop.all_off, "OFF by the second guard")


def test_signals_that_stop_a_service_or_a_terminal_do_not_end_the_guard(start: Start) -> None:
    loop = start()
    (guard,) = loop.guards()
    for number in IGNORED:
        os.kill(guard, number)
    loop.process.kill()
    until(loop.all_off, "OFF")


def test_many_wires_are_told_though_one_is_full_and_another_is_gone(start: Start, tmp_path: Path) -> None:
    loop = start(wires=12)
    full, gone, *rest = loop.wires
    os.set_blocking(full.near, False)
    fill(partial(os.write, full.near), full.far)
    os.close(gone.far)
    loop.process.kill()
    until(lambda: all(wire.word in wire.listen() for wire in rest), "OFF on ten wires")
    acted = recorded(tmp_path / "record")

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


async def test_a_loop_counts_as_recovered_when_it_has_turned_for_a_while_since_the_last_act(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    told: list[float] = []
    guard = Guard(deadline_s=1.0, on_steady=lambda: told.append(trio.current_time() - zero_s))
    act = messages.ACTED + b"still\t1763617000.0\t1.5\t3\tcan0\t\t0\n"
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
