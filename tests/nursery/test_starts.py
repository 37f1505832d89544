"""What a supervision tree promises of the start: who waits for whom, and for how long."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from jp_firmware.nursery.backoff import Backoff
from jp_firmware.nursery.supervisor import (
    Child,
    End,
    Lifeline,
    Restart,
    State,
    Strategy,
    Supervisor,
)
from tests.nursery.parts import (
    Ends,
    Log,
    failing_once_after,
    failing_without_ready,
    feeding,
    never_ready,
    run_for,
)


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
