"""Claims about tasks that cannot be ended: each is given up on, made safe from outside, and its stack is taken."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import MockClock

from jp_firmware.nursery.stuck import MOST_TASKS, short_path, stack_in_dump, stack_of
from jp_firmware.nursery.supervisor import Child, End, Escalated, Lifeline, State, Supervisor
from tests.nursery.parts import Log, feeding, logs_safe

HERE = "tests/nursery/test_stuck.py"


async def shields(lifeline: Lifeline) -> None:
    lifeline.ready()
    with trio.CancelScope(shield=True):
        await trio.sleep(100)


async def swallows_cancelled(lifeline: Lifeline) -> None:
    lifeline.ready()
    give_up_s = trio.current_time() + 100
    while trio.current_time() < give_up_s:
        try:
            await trio.sleep(1)
        except trio.Cancelled:
            with trio.CancelScope(shield=True):
                await trio.sleep(1)


async def has_a_shielded_helper(lifeline: Lifeline) -> None:
    lifeline.ready()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(shields, lifeline)
        await trio.sleep_forever()


async def safe_state_is_shielded() -> None:
    with trio.CancelScope(shield=True):
        await trio.sleep(100)


def ends_of(seen: list[tuple[str, End, float]]) -> Callable[[str, Lifeline, End], None]:
    zero_s = trio.current_time()
    return lambda path, _, end: seen.append((path, end, trio.current_time() - zero_s))


@pytest.mark.parametrize("run", [shields, swallows_cancelled, has_a_shielded_helper])
async def test_one_that_does_not_end_when_stopped_is_made_safe_and_its_stack_names_the_culprit(
    autojump_clock: MockClock, run: Callable[[Lifeline], Awaitable[None]]
) -> None:
    log: Log = []
    seen: list[tuple[str, End, float]] = []
    stack: tuple[str, ...] = ()
    supervisor = Supervisor(
        name="s",
        children=[Child(name="stuck", run=run, safe=logs_safe(log, "stuck"), stop_within_s=0.5)],
        on_event=ends_of(seen),
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(supervisor.run)
        await trio.sleep(1.25)
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            await trio.sleep(5)
            stack = supervisor.lifelines[0].stuck_stack

    assert seen[:1] == [("s/stuck", End.STUCK, 2.25)]
    assert log[0][0] == "stuck"
    culprit = "shields" if run is has_a_shielded_helper else run.__name__
    assert any(line.startswith(HERE) and line.endswith(f" in {culprit}") for line in stack), stack


@pytest.mark.parametrize("run", [shields, swallows_cancelled, has_a_shielded_helper])
async def test_one_that_does_not_end_when_its_watchdog_expires_is_made_safe_and_escalates(
    autojump_clock: MockClock, run: Callable[[Lifeline], Awaitable[None]]
) -> None:
    log: Log = []
    seen: list[tuple[str, End, float]] = []
    child = Child(name="stuck", run=run, safe=logs_safe(log, "stuck"), watchdog_s=1.0, stop_within_s=0.5)
    supervisor = Supervisor(name="s", children=[child, Child(name="b", run=feeding)], on_event=ends_of(seen))
    with pytest.raises(Escalated, match="stuck could not be made safe"):
        await supervisor.run()

    assert seen[:2] == [("s/stuck", End.STUCK, 2.0), ("s/b", End.STOPPED, 2.0)]
    assert log[0][0] == "stuck"
    assert supervisor.lifelines[0].history[-1].why == "its watchdog expired, and its task did not end"


@pytest.mark.parametrize("run", [shields, swallows_cancelled])
async def test_the_first_word_of_the_safe_state_waits_for_no_task_that_resists(
    autojump_clock: MockClock, run: Callable[[Lifeline], Awaitable[None]]
) -> None:
    log: Log = []
    began_s = trio.current_time()
    said_s: list[float] = []
    child = Child(
        name="stuck",
        run=run,
        safe=logs_safe(log, "stuck"),
        safe_now=lambda: said_s.append(trio.current_time() - began_s),
        watchdog_s=1.0,
        stop_within_s=3.0,
    )
    with pytest.raises(Escalated):
        await Supervisor(name="s", children=[child]).run()

    assert said_s == [pytest.approx(1.0, abs=0.11)]
    assert log[0][1] - began_s > 3.0


async def test_a_first_word_that_fails_changes_nothing(autojump_clock: MockClock) -> None:
    log: Log = []

    async def starves(lifeline: Lifeline) -> None:
        lifeline.ready()
        await trio.sleep_forever()

    def fails() -> None:
        raise OSError("no wire")

    child = Child(name="one", run=starves, safe=logs_safe(log, "one"), safe_now=fails, watchdog_s=1.0)
    seen: list[tuple[str, End, float]] = []
    with trio.move_on_after(1.05):
        await Supervisor(name="s", children=[child], on_event=ends_of(seen)).run()

    assert seen[:1] == [("s/one", End.WATCHDOG, 1.0)]
    assert log[0] == ("one", pytest.approx(1.0))


async def test_one_that_only_takes_its_time_to_end_after_its_watchdog_is_not_given_up_on(
    autojump_clock: MockClock,
) -> None:
    seen: list[tuple[str, End, float]] = []

    async def ends_slowly(lifeline: Lifeline) -> None:
        lifeline.ready()
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(0.4)

    child = Child(name="slow", run=ends_slowly, watchdog_s=1.0, stop_within_s=0.5)
    with trio.move_on_after(2.0):
        await Supervisor(name="s", children=[child], on_event=ends_of(seen)).run()

    assert seen[:1] == [("s/slow", End.WATCHDOG, pytest.approx(1.4))]


async def test_a_safe_state_that_cannot_be_cancelled_is_given_up_on_too(autojump_clock: MockClock) -> None:
    seen: list[tuple[str, End, float]] = []

    async def starves(lifeline: Lifeline) -> None:
        lifeline.ready()
        await trio.sleep_forever()

    stuck = Child(name="stuck", run=starves, safe=safe_state_is_shielded, watchdog_s=1.0, stop_within_s=0.5)
    supervisor = Supervisor(name="s", children=[stuck], on_event=ends_of(seen))
    with pytest.raises(Escalated):
        await supervisor.run()
    stack = supervisor.lifelines[0].stuck_stack

    assert supervisor.lifelines[0].state is State.STUCK
    assert seen == [("s/stuck", End.STUCK, 2.5)]  # what ends its watchdog, its safe state, and that once more
    assert any(line.endswith(" in safe_state_is_shielded") for line in stack), stack


def sits_there(release: threading.Event) -> None:
    release.wait(120)


async def test_the_stack_of_a_task_that_sits_in_a_thread_goes_on_in_the_thread() -> None:
    release = threading.Event()
    task: list[trio.lowlevel.Task] = []

    async def waits_for_a_thread() -> None:
        task.append(trio.lowlevel.current_task())
        await trio.to_thread.run_sync(sits_there, release)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(waits_for_a_thread)
        await trio.testing.wait_all_tasks_blocked()
        with trio.fail_after(60):
            while not any("sits_there" in line for line in stack_of(task[0])):  # noqa: ASYNC110 - a thread's progress
                await trio.sleep(0.01)
        stack = stack_of(task[0])
        release.set()

    names = [line.rpartition(" in ")[2] for line in stack]
    assert stack[0].startswith("task: ")
    assert any(name.endswith("waits_for_a_thread") for name in names)
    assert names.index("sits_there") > next(at for at, name in enumerate(names) if name.endswith("waits_for_a_thread"))
    assert any(line.startswith(HERE) for line in stack)


async def test_a_crowd_of_stuck_tasks_is_told_by_the_first_of_them(nursery: trio.Nursery) -> None:
    task: list[trio.lowlevel.Task] = []

    async def crowd() -> None:
        task.append(trio.lowlevel.current_task())
        async with trio.open_nursery() as inner:
            for _ in range(100):
                inner.start_soon(trio.sleep_forever)

    nursery.start_soon(crowd)
    await trio.testing.wait_all_tasks_blocked()
    stack = stack_of(task[0])
    nursery.cancel_scope.cancel()

    assert MOST_TASKS == sum(line.startswith("task: ") for line in stack)
    assert stack[-1] == "(more tasks)"


def test_the_right_thread_is_taken_out_of_a_dump() -> None:
    dump = (
        'Thread 0x00007f00000000aa (most recent call first):\n  File "/x/writer.py", line 5 in write\n\n'
        'Current thread 0x00007f00000000bb (most recent call first):\n  File "/x/deep.py", line 7 in inner\n'
        '  File "/x/a b.py", line 9 in <module>\n'
    )

    assert stack_in_dump(dump + dump, 0x7F00000000BB) == ("a b.py:9 in <module>", "deep.py:7 in inner")
    assert stack_in_dump(dump, 0x7F00000000AA) == ("writer.py:5 in write",)
    assert stack_in_dump(dump, 1) == ()
    assert stack_in_dump("", 1) == ()


def test_paths_begin_at_their_package() -> None:
    assert short_path(trio.__file__) == "trio/__init__.py"
    assert short_path("/nowhere/at/all.py") == "all.py"
