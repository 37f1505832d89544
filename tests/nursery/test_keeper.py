"""What a supervision tree promises of one child: how its end is named, that it is made safe, and when it is latched."""

from __future__ import annotations

import itertools
import time

import pytest
import trio
from trio.testing import MockClock

from jp_firmware.nursery.backoff import Backoff
from jp_firmware.nursery.supervisor import (
    Child,
    End,
    Escalated,
    Lifeline,
    Restart,
    State,
    Strategy,
    Supervisor,
)
from tests.nursery.parts import (
    Ends,
    Log,
    failing_after,
    feeding,
    logs_safe,
    never_ready,
    run_for,
    starving,
)


async def test_watchdog_crash_and_exit_are_told_apart_and_siblings_never_notice(autojump_clock: MockClock) -> None:
    ends, log, ticks = Ends().start(), Log(), []
    errors: list[str] = []
    runs = itertools.count(1)

    async def ticker(lifeline: Lifeline) -> None:
        lifeline.ready()
        while True:
            ticks.append(trio.current_time())
            await trio.sleep(0.01)

    async def meter(lifeline: Lifeline) -> None:
        lifeline.ready()
        match next(runs):
            case 1:
                await trio.sleep_forever()
            case 2:
                raise ValueError("bus off")
            case 3:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(trio.sleep_forever)
                    await trio.sleep(0.01)
                    raise OSError("gone")
            case 4:
                return
        await feeding(lifeline)

    def on_event(path: str, lifeline: Lifeline, end: End) -> None:
        ends(path, lifeline, end)
        errors.append(type(lifeline.last_error).__name__)

    supervisor = Supervisor(
        name="root",
        children=[
            Child(name="tick", run=ticker),
            Child(
                name="meter",
                run=meter,
                safe=logs_safe(log, "meter"),
                watchdog_s=0.2,
                backoff=Backoff(first_s=0.1),
            ),
        ],
        intensity=4,
        on_event=on_event,
    )
    await run_for(supervisor, 5)

    assert ends.seen[:4] == [
        ("root/meter", End.WATCHDOG, 0.2),
        ("root/meter", End.CRASH, 0.3),
        ("root/meter", End.CRASH, 0.51),
        ("root/meter", End.EXIT, 0.91),
    ]
    assert errors[:4] == ["NoneType", "ValueError", "ExceptionGroup", "NoneType"]
    assert max(later - earlier for earlier, later in itertools.pairwise(ticks)) < 0.0101
    assert len(log) == 5, "the safe state is reached after every end, the stop included"
    assert supervisor.lifelines[1].restarts == 4


@pytest.mark.parametrize("how", ["raises", "returns"])
async def test_a_task_that_turns_its_cancellation_into_something_else_is_still_named_right(
    autojump_clock: MockClock, how: str
) -> None:
    ends = Ends().start()

    async def run(lifeline: Lifeline) -> None:
        lifeline.ready()
        try:
            await trio.sleep_forever()
        finally:
            if how == "raises":
                raise ValueError("in clean-up")
            return  # noqa: B012 - this is the misbehaviour under test

    child = Child(name="a", run=run, watchdog_s=0.1, restart=Restart.NEVER)
    await Supervisor(name="s", children=[child], on_event=ends).run()

    assert ends.seen == [("s/a", End.WATCHDOG, 0.1)]


async def test_not_ready_in_time_is_a_watchdog_end(autojump_clock: MockClock) -> None:
    ends = Ends().start()
    child = Child(name="slow", run=never_ready, ready_within_s=3, restart=Restart.NEVER)
    await Supervisor(name="s", children=[child], on_event=ends).run()

    assert ends.seen == [("s/slow", End.WATCHDOG, 3.0)]


async def test_feeding_before_ready_buys_no_time(autojump_clock: MockClock) -> None:
    ends = Ends().start()

    async def run(lifeline: Lifeline) -> None:
        while True:
            lifeline.feed()
            await trio.sleep(0.1)

    child = Child(name="a", run=run, ready_within_s=1, restart=Restart.NEVER)
    await Supervisor(name="s", children=[child], on_event=ends).run()

    assert ends.seen == [("s/a", End.WATCHDOG, 1.0)]


async def test_the_worst_gap_between_feeds_is_recorded(autojump_clock: MockClock) -> None:
    async def run(lifeline: Lifeline) -> None:
        lifeline.ready()
        for pause_s in (0.1, 0.7, 0.2):
            await trio.sleep(pause_s)
            lifeline.feed()
        await trio.sleep_forever()

    supervisor = Supervisor(name="s", children=[Child(name="a", run=run)])
    with trio.move_on_after(1.3):
        await supervisor.run()

    assert supervisor.lifelines[0].worst_gap_s == pytest.approx(0.7)


async def test_a_watchdog_end_counts_as_a_gap(autojump_clock: MockClock) -> None:
    child = Child(name="a", run=starving, watchdog_s=0.4, restart=Restart.NEVER)
    supervisor = Supervisor(name="s", children=[child])
    await supervisor.run()

    assert supervisor.lifelines[0].worst_gap_s == pytest.approx(0.4)


async def test_a_safe_state_that_takes_too_long_latches_and_escalates(autojump_clock: MockClock) -> None:
    ends = Ends().start()
    children = [
        Child(name="a", run=failing_after(0.1, RuntimeError()), safe=trio.sleep_forever, safe_within_s=0.3),
        Child(name="b", run=feeding),
    ]
    supervisor = Supervisor(name="s", children=children, on_event=ends)
    with pytest.raises(Escalated, match="s/a could not be made safe"):
        await supervisor.run()

    assert ends.seen == [("s/a", End.UNSAFE, 0.4), ("s/b", End.STOPPED, 0.4)]
    assert supervisor.lifelines[0].state is State.UNSAFE
    assert isinstance(supervisor.lifelines[0].last_error, TimeoutError)


async def test_a_safe_state_that_fails_keeps_its_error(autojump_clock: MockClock) -> None:
    async def safe() -> None:
        raise OSError("relay does not answer")

    supervisor = Supervisor(name="s", children=[Child(name="a", run=failing_after(0, ValueError()), safe=safe)])
    with pytest.raises(Escalated) as caught:
        await supervisor.run()

    assert isinstance(caught.value.__cause__, OSError)


async def test_no_restart_of_a_parent_starts_a_latched_child_until_it_is_released(autojump_clock: MockClock) -> None:
    broken, born = True, 0

    async def run(lifeline: Lifeline) -> None:
        nonlocal born
        born += 1
        lifeline.ready()
        await trio.sleep(0.1)
        if broken:
            raise OSError
        await feeding(lifeline)

    async def safe() -> None:
        if broken:
            raise OSError("welded")

    inner = Supervisor(name="inner", children=[Child(name="a", run=run, safe=safe), Child(name="b", run=feeding)])
    root = Supervisor(name="root", children=[inner.as_child(backoff=Backoff(first_s=1))])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(root.run)
        await trio.sleep(30)
        latched = [one.state for one in inner.lifelines]
        assert not inner.release("b")
        born_before = born
        broken = False
        assert inner.release("a")
        await trio.sleep(1)
        released = [one.state for one in inner.lifelines]
        nursery.cancel_scope.cancel()

    assert latched == [State.UNSAFE, State.UP]
    assert born_before == 1
    assert released == [State.UP, State.UP]


async def test_dependants_of_a_latched_child_do_not_start(autojump_clock: MockClock) -> None:
    async def safe() -> None:
        raise OSError("welded")

    async def run(lifeline: Lifeline) -> None:
        lifeline.ready()
        await trio.sleep(0.1)
        raise OSError

    inner = Supervisor(
        name="inner",
        children=[
            Child(name="before", run=feeding),
            Child(name="a", run=run, safe=safe),
            Child(name="after", run=feeding),
        ],
        strategy=Strategy.REST,
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Supervisor(name="root", children=[inner.as_child()]).run)
        await trio.sleep(10)
        states = [one.state for one in inner.lifelines]
        nursery.cancel_scope.cancel()

    assert states == [State.UP, State.UNSAFE, State.IDLE]


async def test_a_stuck_task_cannot_block_the_safe_state(autojump_clock: MockClock) -> None:
    ends, log = Ends().start(), Log()
    zero_s = trio.current_time()

    async def eats_cancellation(lifeline: Lifeline) -> None:
        lifeline.ready()
        with trio.CancelScope(shield=True):
            await trio.sleep(100)

    children = [
        Child(name="stuck", run=eats_cancellation, safe=logs_safe(log, "stuck"), stop_within_s=0.5),
        Child(name="b", run=feeding, safe=logs_safe(log, "b")),
    ]
    supervisor = Supervisor(name="s", children=children, on_event=ends)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(supervisor.run)
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            await trio.sleep(5)
            state_after_5_s = supervisor.lifelines[0].state

    assert state_after_5_s is State.STUCK
    assert [(name, at_s - zero_s) for name, at_s in log[:2]] == [("b", 1.0), ("stuck", 2.0)]
    assert ends.seen == [("s/b", End.STOPPED, 1.0), ("s/stuck", End.STUCK, 2.0)]


async def test_a_group_restart_escalates_when_a_member_is_stuck(autojump_clock: MockClock) -> None:
    async def eats_cancellation(lifeline: Lifeline) -> None:
        lifeline.ready()
        with trio.CancelScope(shield=True):
            await trio.sleep(20)

    children = [
        Child(name="a", run=failing_after(1, OSError("gone"))),
        Child(name="b", run=eats_cancellation, stop_within_s=0.5),
    ]
    supervisor = Supervisor(name="s", children=children, strategy=Strategy.REST)
    with pytest.raises(Escalated, match="b could not be stopped safely"):
        await supervisor.run()

    assert supervisor.lifelines[1].state is State.STUCK


async def test_a_member_that_turns_unsafe_in_a_group_restart_is_not_started_again(autojump_clock: MockClock) -> None:
    born = 0

    async def run(lifeline: Lifeline) -> None:
        nonlocal born
        born += 1
        await feeding(lifeline)

    async def safe() -> None:
        raise OSError("welded")

    children = [Child(name="a", run=failing_after(1, OSError("gone"))), Child(name="b", run=run, safe=safe)]
    with pytest.raises(Escalated, match="b could not be stopped safely"):
        await Supervisor(name="s", children=children, strategy=Strategy.REST).run()

    assert born == 1


@pytest.mark.parametrize("then", ["waits", "returns"])
def test_a_blocking_step_cannot_save_itself_by_feeding_late(then: str) -> None:
    """On the real clock, which a mock would hide."""
    ends: list[tuple[End, float]] = []

    async def blocks(lifeline: Lifeline) -> None:
        lifeline.ready()
        time.sleep(0.1)  # noqa: ASYNC251 - a step that blocks is what this is about
        lifeline.feed()
        if then == "waits":
            await trio.sleep(10)

    async def main() -> None:
        child = Child(name="a", run=blocks, watchdog_s=0.05, restart=Restart.NEVER)
        supervisor = Supervisor(
            name="s", children=[child], on_event=lambda path, one, end: ends.append((end, one.worst_gap_s))
        )
        with trio.fail_after(60):
            await supervisor.run()

    trio.run(main)

    [(end, worst_gap_s)] = ends
    assert end is End.WATCHDOG
    assert worst_gap_s >= 0.1
