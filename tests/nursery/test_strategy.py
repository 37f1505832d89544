"""What a supervision tree promises of order: who is stopped after whom, and who is restarted with whom."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from jp_firmware.nursery.supervisor import (
    Child,
    Lifeline,
    Strategy,
    Supervisor,
)
from tests.nursery.parts import (
    Log,
    feeding,
    logs_safe,
    run_for,
)


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


def test_the_stop_budget_is_the_sum_over_the_tree() -> None:
    def part(name: str, safe: Callable[[], Any] | None) -> Child:
        return Child(name=name, run=feeding, safe=safe, stop_within_s=2.0, safe_within_s=0.5)

    inner = Supervisor(name="inner", children=[part("a", trio.sleep_forever), part("b", None)])
    root = Supervisor(name="root", children=[part("c", None), inner.as_child()])

    assert inner.as_child().stop_within_s == math.inf
    assert root.stop_budget_s == pytest.approx(2.5 + 2.0 + 2.0)
