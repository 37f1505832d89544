"""Claims about guards of former lives: how long they hold their wires, and for whom they let go of them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from jp_firmware.nursery.guard import FORMER_S, Guard
from jp_firmware.nursery.guard_process.guardian import GONE_S, REPEAT_S
from jp_firmware.nursery.guard_process.meeting import meet_at
from jp_firmware.nursery.guard_process.wire import ENOUGH
from jp_firmware.nursery.supervisor import Child, State, Supervisor
from tests.hw.pty_pair import fill
from tests.nursery.loops import PATIENCE_S, Loop, Start, is_running, killed, times_said, until


@contextmanager
def waiting_successor(record: Path) -> Iterator[None]:
    """It comes before the guard has anything to say: how late another would come is the machine's affair."""
    successor = Guard(deadline_s=1.0, record=record)
    successor.ask_former()
    former = successor._former
    assert former is not None
    with former:
        yield


def says_its_words_for_two_seconds(loop: Loop) -> bool:
    """Once its loop is killed, and then ends by itself."""
    before_s = time.monotonic()
    guard = killed(loop)
    until(lambda: not is_running(guard), "the guard to end by itself")
    lasted_s = time.monotonic() - before_s
    assert min(times_said(loop)) >= ENOUGH
    return lasted_s >= GONE_S - REPEAT_S


def test_a_guard_whose_ports_nobody_wants_says_its_words_for_two_seconds(start: Start) -> None:
    assert says_its_words_for_two_seconds(start(wires=2))


def test_a_successor_is_let_in_when_enough_was_said_and_no_earlier(start: Start, tmp_path: Path) -> None:
    loop = start(wires=2)
    with waiting_successor(tmp_path / "record"):
        guard = killed(loop)
        until(lambda: not is_running(guard), "the guard to end")

    assert times_said(loop) == [ENOUGH] * 2


def test_one_who_came_too_early_and_left_is_no_successor(start: Start, tmp_path: Path) -> None:
    loop = start()
    with waiting_successor(tmp_path / "record"):
        pass

    assert says_its_words_for_two_seconds(loop)


def test_a_wire_that_takes_nothing_keeps_no_successor_from_the_others(start: Start, tmp_path: Path) -> None:
    loop = start(wires=2)
    full, free = loop.wires
    os.set_blocking(full.near, False)
    fill(partial(os.write, full.near), full.far)
    (guard,) = loop.guards()
    with waiting_successor(tmp_path / "record"):
        loop.process.kill()
        until(lambda: not is_running(guard), "the guard to end")

    assert free.listen().count(free.word) == ENOUGH, "let go of, while the other was tried again"


@pytest.mark.parametrize("before", [False, True], ids=["after the kill", "before it"])
def test_sigterm_lets_the_guard_end_when_its_process_is_gone_and_enough_was_said(start: Start, before: bool) -> None:
    """A service manager ends what is left of a service before it starts it again."""
    loop = start(wires=2)
    if before:
        os.kill(loop.guards()[0], signal.SIGTERM)
    guard = killed(loop)
    at_most = ENOUGH
    if not before:
        os.kill(guard, signal.SIGTERM)
        at_most = max(
            ENOUGH, *(times + 2 for times in times_said(loop))
        )  # a round is being said, and one is on its way
    until(lambda: not is_running(guard), "the guard to end")

    assert all(ENOUGH <= times <= at_most for times in times_said(loop))


async def test_the_next_guard_waits_for_the_former_one_and_tells_when_the_wires_are_free(
    start: Start, tmp_path: Path, nursery: trio.Nursery
) -> None:
    loop = start()
    successor = Guard(deadline_s=3600.0, record=tmp_path / "record")
    successor.ask_former()  # before there is anything to say: how long a start takes is the machine's affair
    former = killed(loop)
    tree = Supervisor(name="tree", children=[Child(name="guard", run=successor.run)])
    nursery.start_soon(tree.run)
    with trio.fail_after(PATIENCE_S):
        await successor.wires_free()
        assert times_said(loop) == [ENOUGH]
        while is_running(former) or tree.lifelines[0].state is not State.UP:  # noqa: ASYNC110 - the real clock and a real process
            await trio.sleep(0.01)
    again = Guard(deadline_s=3600.0, record=tmp_path / "record")
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
    with meet_at(guard._meeting):  # type: ignore[union-attr]
        guard.ask_former()
        assert guard._former is not None
        await guard.wires_free()
        guard._former.close()

    assert trio.current_time() == pytest.approx(before_s + FORMER_S)
