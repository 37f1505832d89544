"""What a supervision tree promises: naming of ends, isolation, order, deadlines, escalation, latches."""

from __future__ import annotations

import itertools
import json
import math
import time
from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from jp_firmware.nursery.backoff import Backoff
from jp_firmware.nursery.supervisor import Child, End, Escalated, Lifeline, Restart, State, Strategy, Supervisor
from tests.nursery.parts import (
    Log,
    failing_after,
    failing_once_after,
    feeding,
    logs_safe,
    never_ready,
    starving,
)


class Ends:
    """Collects what `on_event` is told: path, end, rounded time."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, End, float]] = []

    def __call__(self, path: str, lifeline: Lifeline, end: End) -> None:
        self.seen.append((path, end, round(trio.current_time() - self.zero_s, 3)))

    def start(self) -> Ends:
        self.zero_s = trio.current_time()
        return self


async def run_for(supervisor: Supervisor, seconds: float) -> None:
    with trio.move_on_after(seconds):
        await supervisor.run()


# --- naming of ends, isolation --------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("restart", "runs"), [(Restart.ALWAYS, 3), (Restart.ON_FAILURE, 2), (Restart.NEVER, 1)], ids=lambda x: str(x)
)
async def test_restart_says_which_ends_are_followed_by_another_run(
    autojump_clock: MockClock, restart: Restart, runs: int
) -> None:
    born = 0

    async def run(lifeline: Lifeline) -> None:
        nonlocal born
        born += 1
        lifeline.ready()
        if born == 1:
            raise ValueError
        if born >= 3:
            await feeding(lifeline)

    await run_for(Supervisor(name="s", children=[Child(name="a", run=run, restart=restart)]), 5)

    assert born == runs


async def test_back_off_grows_with_failures_and_is_forgotten_after_a_healthy_run(autojump_clock: MockClock) -> None:
    ends = Ends().start()
    lives = iter([0.0, 0.0, 0.0, 5.0, 0.0, 100.0])

    async def run(lifeline: Lifeline) -> None:
        lifeline.ready()
        await trio.sleep(next(lives))
        raise OSError

    child = Child(name="a", run=run, backoff=Backoff(first_s=1, cap_s=100, healthy_after_s=4))
    await run_for(Supervisor(name="s", children=[child], intensity=None, on_event=ends), 30)

    assert [at_s for _, end, at_s in ends.seen if end is End.CRASH] == [0.0, 1.0, 3.0, 12.0, 13.0]


async def test_a_run_that_was_never_ready_is_not_healthy_however_long_it_took(autojump_clock: MockClock) -> None:
    ends = Ends().start()
    child = Child(
        name="a", run=never_ready, ready_within_s=10, backoff=Backoff(first_s=1, cap_s=100, healthy_after_s=4)
    )
    await run_for(Supervisor(name="s", children=[child], intensity=None, on_event=ends), 34)

    assert [at_s for _, end, at_s in ends.seen if end is End.WATCHDOG] == [10.0, 21.0, 33.0]


# --- order ----------------------------------------------------------------------------------------------------------


async def test_children_stop_leaf_first_in_reverse_order_of_their_start_with_slow_safe_states(
    autojump_clock: MockClock,
) -> None:
    log = Log()

    def part(name: str) -> Child:
        return Child(name=name, run=feeding, safe=logs_safe(log, name, 0.1))

    power = Supervisor(name="power", children=[part("ac contactor"), part("module 1"), part("module 2")])
    outlet = Supervisor(name="outlet", children=[part("isolation"), part("dc contactor"), part("pilot")])
    root = Supervisor(name="root", children=[part("can"), power.as_child(), outlet.as_child()])
    zero_s = trio.current_time()
    await run_for(root, 1)

    assert [name for name, _ in log] == [
        "pilot",
        "dc contactor",
        "isolation",
        "module 2",
        "module 1",
        "ac contactor",
        "can",
    ]
    assert trio.current_time() - zero_s == pytest.approx(1.7)


@pytest.mark.parametrize(
    ("strategy", "fails", "expected"),
    [
        (Strategy.ONE, "b", ["b"]),
        (Strategy.REST, "b", ["c", "b", "c"]),
        (Strategy.ALL, "b", ["c", "a", "a", "b", "c"]),
        (Strategy.HUB, "b", ["b"]),
        (Strategy.HUB, "a", ["c", "b", "a", "b", "c"]),
    ],
)
async def test_a_strategy_says_who_is_restarted_in_which_order(
    autojump_clock: MockClock, strategy: Strategy, fails: str, expected: list[str]
) -> None:
    log: list[str] = []

    def part(name: str) -> Child:
        first = True

        async def run(lifeline: Lifeline) -> None:
            nonlocal first
            log.append(name)
            lifeline.ready()
            if name == fails and first:
                first = False
                await trio.sleep(1)
                raise ValueError
            try:
                await feeding(lifeline)
            finally:
                log.append(name)

        return Child(name=name, run=run)

    supervisor = Supervisor(name="s", children=[part(name) for name in "abc"], strategy=strategy)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(supervisor.run)
        await trio.sleep(2)
        seen = log[3:]
        nursery.cancel_scope.cancel()

    assert seen == expected


@pytest.mark.parametrize(
    ("strategy", "up"), [(Strategy.ONE, {"b"}), (Strategy.REST, set()), (Strategy.ALL, set()), (Strategy.HUB, set())]
)
async def test_a_child_that_fails_before_it_is_ready_holds_back_only_its_dependants(
    autojump_clock: MockClock, strategy: Strategy, up: set[str]
) -> None:
    children = [
        Child(name="a", run=failing_without_ready, backoff=Backoff(first_s=10)),
        Child(name="b", run=feeding),
    ]
    supervisor = Supervisor(name="s", children=children, strategy=strategy)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(supervisor.run)
        await trio.sleep(1)
        seen = {one.name for one in supervisor.lifelines if one.state is State.UP}
        nursery.cancel_scope.cancel()

    assert seen == up


async def test_an_absent_spoke_holds_back_neither_the_hub_nor_its_siblings(autojump_clock: MockClock) -> None:
    children = [
        Child(name="hub", run=feeding),
        Child(name="absent", run=failing_without_ready, backoff=Backoff(first_s=10)),
        Child(name="spoke", run=feeding),
    ]
    supervisor = Supervisor(name="s", children=children, strategy=Strategy.HUB)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(supervisor.run)
        await trio.sleep(1)
        seen = {one.name for one in supervisor.lifelines if one.state is State.UP}
        nursery.cancel_scope.cancel()

    assert seen == {"hub", "spoke"}


async def failing_without_ready(lifeline: Lifeline) -> None:
    raise OSError("no port")


async def test_an_absent_device_delays_later_siblings_only_by_the_patience_of_the_start(
    autojump_clock: MockClock,
) -> None:
    ends, born = Ends().start(), Log()
    zero_s = trio.current_time()

    async def later(lifeline: Lifeline) -> None:
        born.append(("later", trio.current_time() - zero_s))
        await feeding(lifeline)

    supervisor = Supervisor(
        name="s",
        children=[
            Child(name="absent 1", run=never_ready, ready_within_s=3),
            Child(name="absent 2", run=never_ready, ready_within_s=3),
            Child(name="later", run=later),
        ],
        start_patience_s=0.5,
        on_event=ends,
    )
    await run_for(supervisor, 3.6)

    assert born == [("later", 1.0)]
    assert ends.seen[:2] == [("s/absent 1", End.WATCHDOG, 3.0), ("s/absent 2", End.WATCHDOG, 3.5)]


async def test_a_child_is_restarted_while_later_siblings_are_still_waited_for(autojump_clock: MockClock) -> None:
    supervisor = Supervisor(
        name="s",
        children=[
            Child(name="flaky", run=failing_once_after(0.1, OSError("gone")), backoff=Backoff(first_s=0.1)),
            Child(name="absent", run=never_ready),
            Child(name="last", run=feeding),
        ],
        start_patience_s=2.0,
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(supervisor.run)
        await trio.sleep(1)
        states = [one.state for one in supervisor.lifelines]
        nursery.cancel_scope.cancel()

    assert states == [State.UP, State.STARTING, State.IDLE]


async def test_dependants_wait_for_ready_as_long_as_it_takes_under_rest(autojump_clock: MockClock) -> None:
    born = Log()
    zero_s = trio.current_time()

    async def slow(lifeline: Lifeline) -> None:
        await trio.sleep(5)
        await feeding(lifeline)

    async def dependant(lifeline: Lifeline) -> None:
        born.append(("dependant", trio.current_time() - zero_s))
        await feeding(lifeline)

    children = [Child(name="slow", run=slow), Child(name="dependant", run=dependant)]
    await run_for(Supervisor(name="s", children=children, strategy=Strategy.REST), 6)

    assert born == [("dependant", 5.0)]


async def test_a_step_that_is_done_lets_its_dependants_start(autojump_clock: MockClock) -> None:
    async def once(lifeline: Lifeline) -> None:
        await trio.sleep(1)

    children = [Child(name="once", run=once, restart=Restart.NEVER), Child(name="next", run=feeding)]
    supervisor = Supervisor(name="s", children=children, strategy=Strategy.REST)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(supervisor.run)
        await trio.sleep(2)
        states = [one.state for one in supervisor.lifelines]
        nursery.cancel_scope.cancel()

    assert states == [State.DONE, State.UP]


async def test_a_step_that_failed_for_good_keeps_its_dependants_from_starting(autojump_clock: MockClock) -> None:
    born: list[str] = []

    async def dependant(lifeline: Lifeline) -> None:
        born.append("dependant")
        await feeding(lifeline)

    children = [
        Child(name="before", run=feeding),
        Child(name="once", run=failing_without_ready, restart=Restart.NEVER),
        Child(name="next", run=dependant),
    ]
    supervisor = Supervisor(name="s", children=children, strategy=Strategy.REST)
    await run_for(supervisor, 5)

    assert born == []


async def test_a_supervisor_without_anything_left_to_run_returns(autojump_clock: MockClock) -> None:
    async def once(lifeline: Lifeline) -> None:
        lifeline.ready()

    with trio.fail_after(1):
        await Supervisor(name="s", children=[Child(name="a", run=once, restart=Restart.ON_FAILURE)]).run()


async def test_a_supervisor_is_ready_once_its_children_are(autojump_clock: MockClock) -> None:
    async def slow(lifeline: Lifeline) -> None:
        await trio.sleep(20)
        await feeding(lifeline)

    inner = Supervisor(name="inner", children=[Child(name="slow", run=slow, ready_within_s=30)], strategy=Strategy.REST)
    root = Supervisor(name="root", children=[inner.as_child(), Child(name="last", run=feeding)], strategy=Strategy.REST)
    states: list[State] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(root.run)
        for _ in range(2):
            await trio.sleep(15)
            states.append(root.lifelines[1].state)
        nursery.cancel_scope.cancel()

    assert states == [State.IDLE, State.UP]


# --- safe states, stuck tasks, latches ------------------------------------------------------------------------------


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


# --- escalation, everything off -------------------------------------------------------------------------------------


async def test_too_many_restarts_escalate_bare_and_the_parent_restarts_the_subtree(autojump_clock: MockClock) -> None:
    born: list[float] = []

    async def run(lifeline: Lifeline) -> None:
        born.append(trio.current_time())
        lifeline.ready()
        await trio.sleep(0.01)
        raise RuntimeError("again")

    inner = Supervisor(
        name="inner",
        children=[Child(name="c", run=run, backoff=Backoff(first_s=0.01, cap_s=0.01))],
        intensity=2,
        period_s=10,
    )
    root = Supervisor(name="root", children=[inner.as_child(backoff=Backoff(first_s=1))], intensity=1, period_s=100)
    with pytest.raises(Escalated) as caught:
        await root.run()

    assert isinstance(caught.value.__cause__, Escalated)
    assert isinstance(caught.value.__cause__.__cause__, RuntimeError)
    assert len(born) == 6


async def test_without_intensity_a_device_may_be_gone_for_days(autojump_clock: MockClock) -> None:
    day_s = 86_400.0
    child = Child(name="a", run=failing_without_ready, backoff=Backoff(first_s=0.5, cap_s=30))
    supervisor = Supervisor(name="s", children=[child], intensity=None, period_s=3600)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(supervisor.run)
        await trio.sleep(2 * day_s)
        state, falls = supervisor.lifelines[0].state, supervisor.tree()["falls"]
        nursery.cancel_scope.cancel()

    assert state is State.BACKOFF
    assert supervisor.lifelines[0].restarts > 5000
    assert falls <= 3600 / 30 + 1


@pytest.mark.parametrize("why", ["cancelled", "escalated"])
async def test_everything_off_comes_before_the_first_child_is_stopped(autojump_clock: MockClock, why: str) -> None:
    log: list[str] = []

    def off() -> None:
        log.append("everything off")
        raise OSError("wire is gone")

    async def feeding_then_logging(lifeline: Lifeline) -> None:
        try:
            await feeding(lifeline)
        finally:
            log.append("b stops")

    a = failing_after(0.5, OSError()) if why == "escalated" else feeding
    supervisor = Supervisor(
        name="s",
        children=[Child(name="a", run=a), Child(name="b", run=feeding_then_logging)],
        intensity=0,
        everything_off=off,
    )
    if why == "escalated":
        with pytest.raises(Escalated):
            await supervisor.run()
    else:
        await run_for(supervisor, 1)

    assert log == ["everything off", "b stops"]
    assert supervisor.tree()["off_error"] == "OSError: wire is gone"


async def test_everything_off_comes_before_a_restart_of_all(autojump_clock: MockClock) -> None:
    log: list[str] = []

    async def b(lifeline: Lifeline) -> None:
        try:
            await feeding(lifeline)
        finally:
            log.append("b stops")

    supervisor = Supervisor(
        name="s",
        children=[Child(name="a", run=failing_once_after(0.5, OSError())), Child(name="b", run=b)],
        strategy=Strategy.ALL,
        everything_off=lambda: log.append("off"),
    )
    await run_for(supervisor, 5)

    assert log == ["off", "b stops", "off", "b stops"]


async def test_a_listener_that_fails_changes_nothing(autojump_clock: MockClock) -> None:
    def on_event(path: str, lifeline: Lifeline, end: End) -> None:
        raise KeyError(path)

    child = Child(name="a", run=failing_once_after(0.1, OSError()))
    supervisor = Supervisor(name="s", children=[child], on_event=on_event)
    await run_for(supervisor, 2)

    assert supervisor.lifelines[0].restarts == 1


async def test_a_supervisor_without_listener_tells_its_parents_by_full_path(autojump_clock: MockClock) -> None:
    ends = Ends().start()
    inner = Supervisor(name="wires", children=[Child(name="can0", run=failing_once_after(0.5, OSError()))])
    root = Supervisor(name="controller", children=[inner.as_child()], on_event=ends)
    await run_for(root, 0.55)

    assert ends.seen[0] == ("controller/wires/can0", End.CRASH, 0.5)
    assert ends.seen[-1] == ("controller/wires", End.STOPPED, 0.55)


async def test_keyboard_interrupt_passes_and_leaves_siblings_safe(autojump_clock: MockClock) -> None:
    log = Log()
    children = [
        Child(name="a", run=failing_after(0.1, KeyboardInterrupt()), safe=logs_safe(log, "a")),
        Child(name="b", run=feeding, safe=logs_safe(log, "b")),
    ]
    with pytest.raises(BaseExceptionGroup) as caught:
        await Supervisor(name="s", children=children).run()

    assert caught.group_contains(KeyboardInterrupt)
    assert {name for name, _ in log} == {"a", "b"}


# --- the picture ------------------------------------------------------------------------------------------------------


async def test_the_tree_is_json_without_infinities_and_tells_each_childs_state(autojump_clock: MockClock) -> None:
    inner = Supervisor(
        name="wires",
        children=[
            Child(name="can0", run=feeding, watchdog_s=2.0),
            Child(name="rs485-0", run=failing_without_ready, backoff=Backoff(first_s=8)),
        ],
    )
    root = Supervisor(name="controller", children=[Child(name="journal", run=feeding), inner.as_child()])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(root.run)
        await trio.sleep(3.02)
        tree = json.loads(json.dumps(root.tree(), allow_nan=False))
        nursery.cancel_scope.cancel()

    journal, wires = tree["children"]
    can0, rs485 = wires["children"]
    assert (tree["kind"], tree["state"], tree["strategy"]) == ("supervisor", "up", "one for one")
    assert (wires["kind"], wires["state"], wires["restarts"]) == ("supervisor", "up", 0)
    assert (journal["kind"], journal["state"], journal["watchdog_s"]) == ("child", "up", None)
    assert (can0["state"], can0["watchdog_s"]) == ("up", 2.0)
    assert can0["gap_s"] == pytest.approx(0.02)
    assert can0["worst_gap_s"] == pytest.approx(0.05)
    assert can0["up_for_s"] == pytest.approx(3.02)
    assert (rs485["state"], rs485["last_end"], rs485["error"]) == ("backoff", "crash", "OSError: no port")
    assert rs485["backoff_s"] == pytest.approx(8 - 3.02)
    assert rs485["gap_s"] is None


async def test_a_tree_that_has_not_run_yet_is_told_too(autojump_clock: MockClock) -> None:
    inner = Supervisor(name="inner", children=[Child(name="a", run=feeding)])
    tree = Supervisor(name="root", children=[inner.as_child()]).tree()

    assert [tree["state"], tree["children"][0]["state"], tree["children"][0]["children"][0]["state"]] == ["idle"] * 3


async def test_a_group_of_errors_is_told_by_its_members(autojump_clock: MockClock) -> None:
    error = ExceptionGroup("Exceptions from Trio nursery", [OSError("a"), ExceptionGroup("inner", [ValueError("b")])])
    child = Child(name="a", run=failing_after(0, error), restart=Restart.NEVER)
    supervisor = Supervisor(name="s", children=[child])
    await supervisor.run()

    assert supervisor.tree()["children"][0]["error"] == "OSError: a; ValueError: b"


def test_the_stop_budget_is_the_sum_over_the_tree() -> None:
    def part(name: str, safe: Callable[[], Any] | None) -> Child:
        return Child(name=name, run=feeding, safe=safe, stop_within_s=2.0, safe_within_s=0.5)

    inner = Supervisor(name="inner", children=[part("a", trio.sleep_forever), part("b", None)])
    root = Supervisor(name="root", children=[part("c", None), inner.as_child()])

    assert inner.as_child().stop_within_s == math.inf
    assert root.stop_budget_s == pytest.approx(2.5 + 2.0 + 2.0)


@pytest.mark.parametrize(
    ("strategy", "turns", "last"), [(Strategy.ONE, 1, "abc"), (Strategy.HUB, 2, "a"), (Strategy.REST, 3, "a")]
)
async def test_equals_may_be_stopped_at_once_and_what_carries_them_after_them(
    autojump_clock: MockClock, strategy: Strategy, turns: int, last: str
) -> None:
    log = Log()

    def part(name: str) -> Child:
        return Child(name=name, run=feeding, safe=logs_safe(log, name, 0.3), stop_within_s=2.0, safe_within_s=0.5)

    supervisor = Supervisor(name="s", children=[part("a"), part("b"), part("c")], strategy=strategy, stop_together=True)
    zero_s = trio.current_time()
    await run_for(supervisor, 1)

    assert trio.current_time() - zero_s == pytest.approx(1 + 0.3 * turns)
    assert sorted(name for name, _ in log) == ["a", "b", "c"]
    assert log[-1][0] in last
    assert supervisor.stop_budget_s == pytest.approx(2.5 * turns)


async def test_stopped_at_once_a_stuck_one_is_left_only_when_all_had_their_time(autojump_clock: MockClock) -> None:
    log = Log()
    told: list[tuple[str, float]] = []

    async def resists(lifeline: Lifeline) -> None:
        lifeline.ready()
        with trio.CancelScope(shield=True):
            await trio.sleep(10)

    supervisor = Supervisor(
        name="s",
        children=[
            Child(name="slow", run=feeding, safe=logs_safe(log, "slow", 0.4), stop_within_s=0.1, safe_within_s=0.5),
            Child(name="stuck", run=resists, safe=logs_safe(log, "stuck"), stop_within_s=0.1, safe_within_s=0.1),
        ],
        stop_together=True,
        on_event=lambda path, one, end: told.append((f"{path} {end.value}", trio.current_time())),
    )
    zero_s = trio.current_time()
    await run_for(supervisor, 1)

    assert [what for what, _ in told] == ["s/slow stopped", "s/stuck stuck"]
    assert told[1][1] - zero_s == pytest.approx(1.4)


def test_two_children_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two children share a name"):
        Supervisor(name="s", children=[Child(name="a", run=feeding), Child(name="a", run=feeding)])


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
        with trio.fail_after(5):
            await supervisor.run()

    trio.run(main)

    [(end, worst_gap_s)] = ends
    assert end is End.WATCHDOG
    assert worst_gap_s >= 0.1
